<?php
$parts = array(
    'http://api.mspace.co.ke/mspaceservice/wr/sms',
    'resellerclienttopup',
    'username=' . rawurlencode($reseller),
    'password=' . rawurlencode($secret),
    'clientname=' . rawurlencode($client),
    'noofsms=' . (int) $count,
);
$reply = file_get_contents(implode('/', $parts));
