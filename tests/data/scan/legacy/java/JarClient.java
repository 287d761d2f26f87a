package com.kiosk.sms;

import ke.co.mspace.MSpaceClient;

public class JarClient {
    private static final String USER = "kioskdemo";
    private static final String PASSWORD = "Chui.5519";

    public static void main(String[] args) {
        MSpaceClient client = new MSpaceClient();
        String balance = client.getBalance(USER, PASSWORD);
        System.out.println(client.login_TEXT(USER, PASSWORD));
        String users = client.subUsers_JSON(String.class, USER, PASSWORD);
        Response sent = client.subUsers_XML(Response.class, USER, PASSWORD,
                "KIOSK", "0700000000", "Hello / world");
        client.resellerClientTopup_XML(String.class, USER, PASSWORD, "client1", "10");
        client.subAccTopup_JSON(String.class, "kioskdemo", "Other-7712", "sub1", "10");
        client.close();
    }
}
