<?php
namespace App\Services;
class MspaceService {
    public function send($to, $message) {
        return Http::withHeaders(['apikey' => config('services.mspace.key')])
            ->post('https://api.mspace.co.ke/smsapi/v2/sendtext', [
                'username' => config('services.mspace.username'),
                'senderId' => config('services.mspace.sender'),
                'recipient' => $to,
                'message' => $message,
            ])->json();
    }
    public function getBalance() { return $this->post('balance', ['username' => $this->username]); }
}
$service = app('mspaceservice');
