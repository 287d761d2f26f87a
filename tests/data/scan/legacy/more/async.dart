static Future send({required String to, required String body, String password = 'Kumbi-73'}) async {
    final r = await http.get(Uri.parse("http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/"
        "username=$username/"
        "password=$password/"
        "senderid=$sender/"
        "recipient=$to/"
        "message=${Uri.encodeComponent(body)}"));
}
