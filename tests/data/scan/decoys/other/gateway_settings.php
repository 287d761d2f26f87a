<?php
return [
    'default' => 'mspace',
    'mspace' => ['driver' => 'mspace', 'password' => env('MSPACE_PASSWORD'), 'username' => env('MSPACE_USERNAME')],
    'twilio' => ['token' => 'Other-1234', 'password' => 'Other-5678'],
];
