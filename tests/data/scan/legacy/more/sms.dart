class Api {
  final String user; final String pass;
  Uri uri(String to, String m) => Uri.http('api.mspace.co.ke', '/mspaceservice/wr/sms/sendtext/username=$user/password=$pass/senderid=K/recipient=$to/message=$m');
  Uri b() {
    final sb = StringBuffer();
    sb.write('http://api.mspace.co.ke/mspaceservice/wr/sms/balance');
    sb.write('/username=$user');
    sb.write('/password=$pass');
    return Uri.parse(sb.toString());
  }
  Future<void> c() async {
    var url = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=$user/password=$pass/senderid=K/recipient=$to/message=Your%20code%20is%20$code";
    await dio.get(url);
    await dio.get("${Config.baseUrl}/subusers/username=${Config.user}/password=${Config.password}");
  }
}
