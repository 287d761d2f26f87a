<?php
namespace App\Services;

use Illuminate\Support\Facades\Http;

class SmsService
{
    public function send(string $phone, string $message): string
    {
        $response = Http::timeout(30)->get(
            config('services.sms.url') . '/sendtext'
            . '/username=' . config('services.sms.username')
            . '/password=' . config('services.sms.password')
            . '/senderid=' . config('services.sms.sender')
            . '/recipient=' . $phone
            . '/message=' . rawurlencode($message)
        );
        return $response->body();
    }
}
