const http = require('http');
const options = {
  host: 'api.mspace.co.ke',
  path: '/mspaceservice/wr/sms/sendtext/username=' + user + '/password=' + pass + '/senderid=' + sid + '/recipient=' + to + '/message=' + encodeURIComponent(msg),
  method: 'GET'
};
http.request(options, cb);
let url = 'http://api.mspace.co.ke/mspaceservice/wr/sms/'
url = url + 'sendtext/username=' + user
url = url + '/password=' + pass + '/senderid=' + sid
url += `/recipient=${to}`
url += `/message=${msg}`
$.get("http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=kiosk/password=Nzige77", function (d) { alert(d); });
const u2 = new URL(`login/username=${encodeURIComponent(user)}/password=${encodeURIComponent(pass)}`, BASE);
const urls = {
  send: (to, m) => `${host}/mspaceservice/wr/sms/sendtext/username=${enc(user)}/password=${enc(pass)}/senderid=${enc(sid)}/recipient=${enc(to)}/message=${enc(m)}`,
  bal: () => `${host}/mspaceservice/wr/sms/balance/username=${enc(user)}/password=${enc(pass)}`,
};
const enc = encodeURIComponent;
