module.exports = {
  apps: [{ name: 'a', env: { SMS_URL: 'http://api.mspace.co.ke/mspaceservice/wr/sms', SMS_USER: 'kiosk', SMS_PASSWORD: 'Kereng-33', DB_PASSWORD: 'database-pass-1' } }]
};
