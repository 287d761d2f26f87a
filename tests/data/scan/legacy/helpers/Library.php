<?php
class Mspace
{
    function ask($op, $args = array())
    {
        $url = $this->config->item('mspace_base') . $op
             . '/username=' . $this->config->item('mspace_user')
             . '/password=' . $this->config->item('mspace_pass');
        foreach ($args as $k => $v) { $url .= "/$k=" . rawurlencode($v); }
        return $this->curl->simple_get($url);
    }

    function check()   { return $this->ask('login'); }
    function balance() { return $this->ask('balance'); }
    function users()   { return $this->ask('subusers'); }
}
