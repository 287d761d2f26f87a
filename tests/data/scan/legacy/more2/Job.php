<?php
namespace App\Jobs;
class SendSms implements ShouldQueue {
    public function handle() {
        $data = [
            'username' => config('sms.username'),
            'password' => config('sms.password'),
            'senderid' => config('sms.senderid'),
            'recipient' => $this->phone,
            'message' => rawurlencode($this->message),
        ];
        $path = collect($data)->map(fn ($v, $k) => "$k=$v")->implode('/');
        $response = Http::get("http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/{$path}");
        Log::info('sendtext/username response', ['body' => $response->body()]);
    }
}
