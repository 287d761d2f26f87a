<?php
$url = "http://sms.other.example/api/sendtext?username=" . $user . "&password=" . $pass . "&senderid=" . $s . "&recipient=" . $to . "&message=" . urlencode($m);
$password = "Other-1234";
file_get_contents($url);
