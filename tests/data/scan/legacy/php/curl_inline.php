<?php
function balance() {
    $ch = curl_init();
    curl_setopt($ch, CURLOPT_URL, "http://www.mspace.co.ke/mspaceservice/wr/sms/balance/username=kioskdemo/password=Tembo-4417");
    curl_setopt($ch, CURLOPT_RETURNTRANSFER, 1);
    $balance = curl_exec($ch);
    curl_close($ch);
    return $balance;
}
