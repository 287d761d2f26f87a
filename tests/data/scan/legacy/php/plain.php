<?php
// Sends the day's reminders.
$username = "kioskdemo";
$password = "Tembo-4417";
$senderid = "KIOSK";
$message = rawurlencode($_POST["message"]);
$recipient = $_POST["phone"];

$url = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=" . $username . "/password=" . $password
     . "/senderid=" . $senderid
     . "/recipient=" . $recipient
     . "/message=" . $message;
$reply = file_get_contents($url);
echo "Sent: " . $reply;
