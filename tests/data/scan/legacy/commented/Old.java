package com.kiosk;

public class Old {
    // String url = "http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=kioskdemo/password=Kuku-3312";
    /* String link = "http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=" + user + "/password=" + pass; */
}
