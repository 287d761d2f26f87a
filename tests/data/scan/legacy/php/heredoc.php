<?php
$query = <<<URL
http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username={$cfg['user']}/password={$cfg['pass']}/senderid={$cfg['sender']}/recipient={$to}/message={$text}
URL;
file_get_contents(trim($query));
