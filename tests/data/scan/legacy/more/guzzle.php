<?php
class Sms {
    protected $client;
    public function __construct() {
        $this->client = new \GuzzleHttp\Client(['base_uri' => 'http://api.mspace.co.ke/mspaceservice/wr/sms/', 'timeout' => 5]);
    }
    public function send($to, $msg) {
        $res = $this->client->get("sendtext/username={$this->username}/password={$this->password}/senderid={$this->sender}/recipient={$to}/message=" . rawurlencode($msg));
        return $res->getBody();
    }
    public function balance() {
        return (string) $this->client->request('GET', 'balance/username=' . rawurlencode($this->username) . '/password=' . rawurlencode($this->password))->getBody();
    }
    public function generic($op, array $params) {
        $url = $this->config->item('sms_url') . '/mspaceservice/wr/sms/' . $op;
        foreach ($params as $k => $v) {
            $url .= '/' . $k . '=' . rawurlencode($v);
        }
        return file_get_contents($url);
    }
    public function topup($sub, $n) {
        return $this->generic('subacctopup', ['username' => $this->username, 'password' => $this->password, 'subaccname' => $sub, 'noofsms' => $n]);
    }
}
