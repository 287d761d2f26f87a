const options = {
  hostname: 'www.mspace.co.ke',
  port: 80,
  path: '/mspaceservice/wr/sms/subusers/username=' + u + '/password=' + p,
  method: 'GET',
};
http.request(options, read).end();
