using System;
namespace Shop.Services
{
    public class SmsService : ISmsService
    {
        private readonly IConfiguration _config;
        public async Task<bool> SendAsync(string phone, string message)
        {
            var baseUrl = _config["Mspace:BaseUrl"];
            var username = _config["Mspace:Username"];
            var password = _config["Mspace:Password"];
            var encodedMessage = Uri.EscapeDataString(message);
            var requestUri = $"{baseUrl}/mspaceservice/wr/sms/sendtext/" +
                $"username={username}/password={password}/senderid={_config["Mspace:SenderId"]}/" +
                $"recipient={phone}/message={encodedMessage}";
            using (var client = new HttpClient())
            {
                var response = await client.GetAsync(requestUri);
                return response.IsSuccessStatusCode;
            }
        }
        public string Balance()
        {
            HttpWebRequest req = (HttpWebRequest)WebRequest.Create("http://www.mspace.co.ke/mspaceservice/wr/sms/balance/username=" + Properties.Settings.Default.user + "/password=" + Properties.Settings.Default.pass + "");
            req.Method = "GET";
            return new StreamReader(req.GetResponse().GetResponseStream()).ReadToEnd();
        }
    }
}
