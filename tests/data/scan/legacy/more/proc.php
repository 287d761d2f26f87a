<?php
function send_sms($phone, $msg, $username = 'kiosk', $password = 'Panya-500') {
    $api = 'http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/';
    $msg = trim($msg);
    $curl = curl_init();
    curl_setopt_array($curl, [
        CURLOPT_URL => $api . "username=$username/password=$password/senderid=KIOSK/recipient=$phone/message=$msg",
        CURLOPT_RETURNTRANSFER => true,
    ]);
    return curl_exec($curl);
}
if ($ok) { $u = "http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=".urlencode($a)."/password=".urlencode($b); } else { $u = ''; }
$fields = ['username' => $a, 'password' => $b];
$url = $base_url."sendtext/username=".$a."/password=".$b."/senderid=".$c."/recipient=".$d."/message=".str_replace("+", "%20", urlencode($e));
