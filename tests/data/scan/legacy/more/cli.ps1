$password = "Konokono-1"
$r = Invoke-WebRequest "http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=$user/password=$password"
