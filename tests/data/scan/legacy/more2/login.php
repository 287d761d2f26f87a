<?php
session_start();
$conn = mysqli_connect("localhost", "root", "database-pass-1", "shop");
$username = $_POST['username'];
$password = $_POST['password'];
$q = "SELECT * FROM users WHERE username='$username' AND password='$password'";
$text = "Dear $username, your password=reset";
$api = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=kiosk/password=Tai.2023/senderid=KIOSK/recipient=".$phone."/message=".rawurlencode($text);
file_get_contents($api);
