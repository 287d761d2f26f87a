class A {
  String u(String to, String text) throws Exception {
    String url = String.format("http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=%s/password=%s"
        + "/senderid=%s/recipient=%s/message=%s",
        enc(user), enc(pass), enc(sid), enc(to), URLEncoder.encode(text, StandardCharsets.UTF_8));
    StringBuilder b = new StringBuilder("http://api.mspace.co.ke/mspaceservice/wr/sms/")
        .append("subusers/username=").append(user).append("/password=").append(pass);
    String q = base.concat("/resellerclients/username=").concat(user).concat("/password=").concat(pass);
    return url;
  }
  static String enc(String v) throws Exception { return URLEncoder.encode(v, "UTF-8").replaceAll("\\+", "%20"); }
}
