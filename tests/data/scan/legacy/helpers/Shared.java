import javax.ws.rs.client.*;
public class Shared {
    private WebTarget target;
    public Shared(String base) { target = ClientBuilder.newClient().target(base).path("mspaceservice/wr/sms"); }
    public String send(String to, String text) {
        return target.path("sendtext")
                .path("username=" + user()).path("password=" + password())
                .path("senderid=KUKU").path("recipient=" + to).path("message=" + text)
                .request().get(String.class);
    }
    public String balance(String username, String password) {
        return target.path(java.text.MessageFormat.format("balance/username={0}/password={1}", new Object[]{username, password})).request().get(String.class);
    }
}
