<?php
define('MSPACE_HOST', 'www.mspace.co.ke');
define('MSPACE_USER', 'kiosk');
define('MSPACE_PASS', 'Nguchiro_8');
$config['sms_gateway']['url'] = 'http://api.mspace.co.ke/mspaceservice/wr/sms/';
$config['sms_gateway']['password'] = 'Kobe.4432';
$db['default']['password'] = 'database-pass-1';
