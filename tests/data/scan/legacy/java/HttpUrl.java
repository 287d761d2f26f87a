package com.kiosk.sms;

import java.net.URLEncoder;

public class HttpUrlSms {
    public String send(String phone, String message) throws Exception {
        String encoded = URLEncoder.encode(message, "UTF-8").replace("+", "%20");
        String link = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=" + URLEncoder.encode(user, "UTF-8")
                + "/password=" + URLEncoder.encode(pass, "UTF-8") + "/senderid=KIOSK/recipient=" + phone
                + "/message=" + encoded;
        URL url = new URL(link);
        return read((HttpURLConnection) url.openConnection());
    }
    public String clients() {
        return rest.getForObject(String.format("%s/resellerclients/username=%s/password=%s", baseUrl, user, pass), String.class);
    }
}
