<?php
return [
    'mailgun' => [
        'domain' => env('MAILGUN_DOMAIN'),
        'secret' => env('MAILGUN_SECRET'),
    ],
    'sms' => [
        'url' => env('SMS_URL', 'http://api.mspace.co.ke/mspaceservice/wr/sms'),
        'username' => env('SMS_USERNAME', 'kioskdemo'),
        'password' => env('SMS_PASSWORD', 'Twiga#2210'),
    ],
];
