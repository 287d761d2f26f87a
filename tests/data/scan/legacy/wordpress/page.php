<html><body>
<p>Don't forget: it's the owner's page</p>
<?php $bal = file_get_contents("http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=" . urlencode(get_option('u')) . "/password=" . urlencode(get_option('p'))); ?>
<p>You've <?= $bal ?> credits, haven't you?</p>
</body></html>
