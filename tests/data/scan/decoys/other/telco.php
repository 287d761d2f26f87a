<?php
$base = 'http://bulk.telco.example/smsapi/';
$r = file_get_contents($base . "balance/username=$u/password=Other-2718");
