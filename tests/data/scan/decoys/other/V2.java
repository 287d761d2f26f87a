public class V2 {
    private static final String URL = "https://api.mspace.co.ke/smsapi/v2/";
    private final MspaceClient mspaceService = new MspaceClient(System.getenv("MSPACE_API_KEY"));
    public int balance() { return mspaceService.getBalance(); }
}
