<?php
if (!function_exists('sendSMS')) {
    function sendSMS($mobile, $message)
    {
        $CI =& get_instance();
        $settings = $CI->db->get('settings')->row();
        // sending via mspace
        $message = str_replace(" ", "%20", $message);
        $url = 'http://www.mspace.co.ke/mspaceservice/wr/sms/sendtext/username='.$settings->sms_username.'/password='.$settings->sms_password.'/senderid='.$settings->sms_sender.'/recipient='.$mobile.'/message='.$message.'';
        $ch = curl_init();
        curl_setopt($ch, CURLOPT_URL, $url);
        curl_setopt($ch, CURLOPT_RETURNTRANSFER, true);
        $output = curl_exec($ch);
        if (strpos($output, 'Insufficient Balance') !== false) { return 'balance'; }
        $log = array('message' => $message, 'recipient' => $mobile, 'username' => 'x');
        $CI->db->insert('sms_log', $log);
        return $output;
    }
}
