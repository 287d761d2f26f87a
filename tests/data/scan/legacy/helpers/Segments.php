<?php
class Segments
{
    function send($to, $text)
    {
        $segments = array('username=' . $this->u, 'password=' . rawurlencode($this->p), 'senderid=KUKU',
            'recipient=' . $to, 'message=' . rawurlencode($text));
        $response = $this->guzzle->get('sendtext/' . implode('/', $segments));
        return (string) $response->getBody();
    }
}
