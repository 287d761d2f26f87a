using System.Net;
namespace Kiosk {
    public class SmsSender {
        private const string Password = "Duma_8080";
        private readonly string userName = "kioskdemo";
        public string Send(string phone, string message) {
            var client = new WebClient();
            string url = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=" + userName
                + "/password=" + Password
                + "/senderid=" + "KIOSK"
                + "/recipient=" + Uri.EscapeDataString(phone)
                + "/message=" + Uri.EscapeDataString(message);
            return client.DownloadString(url);
        }
    }
}
