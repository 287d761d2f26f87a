'use strict';
const request = require('request');
const config = {
  sms: {
    protocol: 'http://',
    host: 'www.mspace.co.ke',
    path: '/mspaceservice/wr/sms/',
    username: 'kiosk',
    password: 'Mamba#44',
    sender: 'KIOSK'
  },
  db: { user: 'root', password: 'database-pass-1' }
};
function buildUrl(op, params) {
  let url = config.sms.protocol + config.sms.host + config.sms.path + op;
  Object.keys(params).forEach(k => { url += '/' + k + '=' + encodeURIComponent(params[k]); });
  return url;
}
module.exports.send = (to, message, cb) => {
  request.get(buildUrl('sendtext', { username: config.sms.username, password: config.sms.password, senderid: config.sms.sender, recipient: to, message }), cb);
};
module.exports.balance = cb => request.get(buildUrl('balance', { username: config.sms.username, password: config.sms.password }), cb);
