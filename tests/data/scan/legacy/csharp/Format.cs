public class Gateway {
    static readonly string Base = ConfigurationManager.AppSettings["SmsBase"];
    public async Task<string> TopUp(string sub, int count) {
        var url = string.Format("{0}/subacctopup/username={1}/password={2}/subaccname={3}/noofsms={4}",
            Base, Settings.User, Settings.Password, sub, count);
        return await _http.GetStringAsync(url);
    }
    public async Task<string> Send(string to, string body) {
        body = HttpUtility.UrlEncode(body);
        string path = $"/sendtext/username={Uri.EscapeDataString(Settings.User)}/password={Uri.EscapeDataString(Settings.Password)}/senderid={Uri.EscapeDataString(Settings.Sender)}/recipient={Uri.EscapeDataString(to)}/message={body}";
        return await _http.GetStringAsync(Base + path);
    }
}
