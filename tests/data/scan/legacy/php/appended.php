<?php
$url = "http://api.mspace.co.ke";
$url .= "/mspaceservice/wr/sms";
$url .= "/sendtext";
$url .= "/username=" . $user;
$url .= "/password=" . $pass;
$url .= "/senderid=" . $sender;
foreach ($numbers as $n) { $list[] = $n; }
$url .= "/recipient=" . implode(',', $list);
$url .= "/message=";
$url .= $message;
$out = file_get_contents($url);
