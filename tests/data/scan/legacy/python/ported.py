from mspace_legacy import MSpaceClient

with MSpaceClient("https://sms.example") as client:
    print(client.getBalance("kioskdemo", "Sungura-1"))
    print(client.subUsers_JSON(str, "kioskdemo", load_password()))
    client.sendText_JSON(str, "kioskdemo", load_password(), "KIOSK", "0700000000", "Hi")
