<?php
/*
Plugin Name: Kiosk SMS
Description: Sends order messages. Uses http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=YOUR_USERNAME/password=YOUR_PASSWORD
*/
add_action('woocommerce_order_status_completed', 'kiosk_notify');

function kiosk_notify($order_id) {
    $order = wc_get_order($order_id);
    $opts = get_option('kiosk_sms');
    $text = sprintf("Dear %s, your order #%d is complete. Total: %s", $order->get_billing_first_name(), $order_id, $order->get_total());
    $endpoint = esc_url_raw("http://{$opts['host']}/mspaceservice/wr/sms/sendtext/username={$opts['username']}/password={$opts['password']}/senderid={$opts['sender']}/recipient={$order->get_billing_phone()}/message={$text}");
    $res = wp_remote_get($endpoint, array('timeout' => 20));
    if (is_wp_error($res)) {
        error_log('SMS failed: ' . $res->get_error_message());
    }
}
