class A {
  string U(string to, string text) {
    string pwd = "Nyuki-321";
    var url = $@"http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username={user}/password={pwd}/senderid={sid}/recipient={to}/message={Uri.EscapeUriString(text)}";
    var r = new RestRequest("balance/username={u}/password={p}");
    r.AddUrlSegment("u", user); r.AddUrlSegment("p", pwd);
    var all = string.Concat("http://www.mspace.co.ke/mspaceservice/wr/sms/login/username=", user, "/password=", pwd);
    return url;
  }
}
