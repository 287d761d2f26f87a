func send(to: String, text: String) {
    let message = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
    let address = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=\(user)/password=\(password)/senderid=KIOSK/recipient=\(to)/message=\(message)"
    URLSession.shared.dataTask(with: URL(string: address)!).resume()
}
