<?php
class Sms {
    private $base = 'http://api.mspace.co.ke/mspaceservice/wr/sms/';
    private $user;
    private $pass;
    public function __construct() {
        $this->user = getenv('SMS_USER');
        $this->pass = getenv('SMS_PASS');
    }
    public function send($to, $text) {
        $text = urlencode($text);
        $url = "{$this->base}sendtext/username={$this->user}/password={$this->pass}/senderid=KIOSK/recipient=$to/message=$text";
        return file_get_contents($url);
    }
    public function subusers() {
        return json_decode(file_get_contents($this->base . "subusers/username=" . rawurlencode($this->user) . "/password=" . rawurlencode($this->pass)), true);
    }
}
