use LWP::UserAgent;
my $url = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=$user/password=$pass/senderid=$sender/recipient=$to/message=" . uri_escape($text);
my $reply = LWP::UserAgent->new->get($url);
