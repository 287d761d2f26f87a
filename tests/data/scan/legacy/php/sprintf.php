<?php
define('SMS_URL', 'http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=%s/password=%s/senderid=%s/recipient=%s/message=%s');
function sms($to, $text) {
    $url = sprintf(SMS_URL, rawurlencode(USER), rawurlencode(PASS), rawurlencode('KIOSK'), rawurlencode($to), rawurlencode($text));
    return file_get_contents($url);
}
