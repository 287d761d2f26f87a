package com.kiosk

class Sms(private val user: String, private val password: String) {
    companion object {
        const val HOST = "http://api.mspace.co.ke"
    }

    fun send(to: String, text: String): String {
        val message = URLEncoder.encode(text, "UTF-8")
        val url = "$HOST/mspaceservice/wr/sms/sendtext/username=$user/password=$password/senderid=KIOSK/recipient=$to/message=$message"
        return URL(url).readText()
    }

    fun balance(): String = URL("${HOST}/mspaceservice/wr/sms/balance/username=${Uri.encode(user)}/password=${Uri.encode(password)}").readText()
}
