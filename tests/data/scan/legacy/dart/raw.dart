Future<void> notify(String to, String text) async {
  var url = 'http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=' + user + '/password=' + pass +
      '/senderid=KIOSK/recipient=' + to + '/message=' + text;
  await http.get(Uri.parse(Uri.encodeFull(url)));
}
