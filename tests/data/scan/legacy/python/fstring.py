"""Sends text messages. See http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=<user>/password=<password>."""
import requests
from urllib.parse import quote

BASE = "http://api.mspace.co.ke/mspaceservice/wr/sms"
PASSWORD = "Korongo-55"


def send(to, text):
    text = quote(text, safe="")
    url = (
        f"{BASE}/sendtext/username={USER}/password={PASSWORD}"
        f"/senderid={SENDER}/recipient={to}/message={text}"
    )
    return requests.get(url, timeout=10).text


def balance(user, password):
    return requests.get("%s/balance/username=%s/password=%s" % (BASE, quote(user, safe=""), quote(password, safe=""))).text


def topup(name, count):
    return requests.get("{}/resellerclienttopup/username={}/password={}/clientname={}/noofsms={}".format(BASE, USER, PASSWORD, name, count))
