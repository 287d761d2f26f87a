const http = require('http');
let text = "Dear customer, visit us";
http.get(encodeURI("http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=kioskdemo/password=Twende.45/senderid=KIOSK/recipient=" + phone + "/message=" + text), res => {
  res.on('data', chunk => console.log(chunk.toString()));
});
