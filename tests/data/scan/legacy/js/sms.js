const axios = require('axios');
const { SMS_USER, SMS_PASS } = process.env;
const BASE_URL = 'http://api.mspace.co.ke/mspaceservice/wr/sms';

async function send(to, text) {
  const url = `${BASE_URL}/sendtext/username=${SMS_USER}/password=${SMS_PASS}/senderid=${SENDER}/recipient=${to}/message=${encodeURIComponent(text)}`
  const { data } = await axios.get(url)
  return data
}

async function balance() {
  const res = await axios.get(BASE_URL + '/balance/username=' + encodeURIComponent(SMS_USER) + '/password=' + encodeURIComponent(SMS_PASS))
  return parseInt(res.data, 10)
}

module.exports = { send, balance }
