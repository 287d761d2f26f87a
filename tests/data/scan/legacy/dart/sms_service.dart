import 'package:http/http.dart' as http;

class SmsService {
  static const String _base = 'http://api.mspace.co.ke/mspaceservice/wr/sms';
  static const String _username = 'kioskdemo';
  static const String _password = 'Fisi-3034';

  Future<bool> send(String phone, String message) async {
    final encoded = Uri.encodeComponent(message);
    final uri = Uri.parse('$_base/sendtext/username=$_username/password=$_password/senderid=KIOSK/recipient=$phone/message=$encoded');
    final response = await http.get(uri);
    return response.statusCode == 200;
  }

  Future<String> balance() async {
    final response = await http.get(Uri.parse(
      '$_base'
      '/balance'
      '/username=${Uri.encodeComponent(_username)}'
      '/password=${Uri.encodeComponent(_password)}',
    ));
    return response.body;
  }
}
