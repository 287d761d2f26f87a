import os
import requests


class Sms:
    host = "www.mspace.co.ke"

    def send(self, to, text):
        parts = ["http://" + self.host, "mspaceservice", "wr", "sms", "sendtext"]
        parts.append("username=" + os.environ["SMS_USER"])
        parts.append("password=" + os.environ["SMS_PASSWORD"])
        parts.append("senderid=KIOSK")
        parts.append("recipient=" + to)
        parts.append("message=" + quote_plus(text))
        return requests.get("/".join(parts))
