import com.mspace.sms.*;
public class Wrap {
    private MspaceSmsClient api = new MspaceSmsClient();
    public String getBalance(String username, String password) { return api.getBalance(username, password); }
    public String users() { return api.subUsers_XML(String.class, "kiosk", "Mende-808"); }
    void run() { new Wrap().getBalance("kiosk", "Mende-808"); }
}
