public class Sms {
    string Url(string to, string text) {
        var sb = new StringBuilder();
        sb.Append("http://www.mspace.co.ke/mspaceservice/wr/sms/");
        sb.Append("sendtext/username=").Append(user);
        sb.Append("/password=");
        sb.Append(pass);
        sb.Append("/senderid=").Append(sender)
          .Append("/recipient=").Append(to);
        sb.AppendFormat("/message={0}", text);
        return sb.ToString();
    }
}
