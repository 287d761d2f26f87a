<?php
$main_url = "https://api.mspace.co.ke/mspaceservice/wr/sms/";
$data2 = array(
    'username' => 'kuku',
    'password' => 'Jogoo-3141',
);
$path = "sendtext/";
foreach ($data2 as $k => $v) { $path .= $k . "=" . rawurlencode($v) . "/"; }
echo file_get_contents($main_url . rtrim($path, "/"));
