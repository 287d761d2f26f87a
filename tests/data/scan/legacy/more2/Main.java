import java.net.*;
public class Main {
    public static void main(String[] args) {
        try {
            String username = "kiosk";
            String password = "Ngamia@12";
            String senderId = "KIOSK";
            String recipient = "0700000000";
            String message = "Hello there";
            String encoded = URLEncoder.encode(message, "UTF-8");
            String requestUrl = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/" +
                    "username=" + username +
                    "/password=" + password +
                    "/senderid=" + senderId +
                    "/recipient=" + recipient +
                    "/message=" + encoded;
            URL url = new URL(requestUrl);
            HttpURLConnection uc = (HttpURLConnection) url.openConnection();
            System.out.println(uc.getResponseMessage());
            uc.disconnect();
        } catch (Exception ex) {
            System.out.println(ex.getMessage());
        }
    }
}
