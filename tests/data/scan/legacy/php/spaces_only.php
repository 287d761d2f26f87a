<?php
$msg = str_replace(' ', '%20', $msg);
$api = 'http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username='.rawurlencode($u).'/password='.rawurlencode($p).'/senderid=KIOSK/recipient='.rawurlencode($to).'/message='.$msg;
