<?php
$base = "https://api.othersms.example.com/rest";
$url = $base . "/sendtext/username=" . $user . "/password=" . $pass . "/to=" . $to . "/text=" . $m;
$direct = "http://api.othersms.example.com/send/username=joe/password=Other-1234/sender=ME/to=0700/text=hello";
