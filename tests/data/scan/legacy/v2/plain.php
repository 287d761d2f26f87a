<?php
$ch = curl_init('http://api.mspace.co.ke/smsapi/v2/sendtext');
curl_setopt($ch, CURLOPT_HTTPHEADER, array('apikey: ' . $key, 'Content-Type: application/json'));
