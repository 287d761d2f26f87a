SELECT balance, username, password FROM accounts WHERE message = 'sendtext';
INSERT INTO settings VALUES ('smtp_password', 'Other-1234');
