INSERT INTO settings (name, value) VALUES ('sms_url', 'http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=kiosk/password=Chura-71/senderid=K/recipient=%s/message=%s');
