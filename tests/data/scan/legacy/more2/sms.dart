class SmsRepository {
  final Dio dio = Dio(BaseOptions(baseUrl: 'http://api.mspace.co.ke/mspaceservice/wr/sms'));
  Future<String> sendSms({required String phone, required String text}) async {
    final user = dotenv.env['SMS_USER'];
    final pass = dotenv.env['SMS_PASS'];
    final res = await dio.get('/sendtext/username=$user/password=$pass/senderid=${dotenv.env['SENDER']}/recipient=$phone/message=${Uri.encodeComponent(text)}');
    if (res.data.toString().contains('Insufficient Balance')) throw Exception('balance');
    return res.data.toString();
  }
}
