import os, requests
BASE = "https://api.mspace.co.ke/smsapi/v2"

def call(operation, body):
    return requests.post(f"{BASE}/{operation}", json=body, headers={"apikey": os.environ["MSPACE_API_KEY"]}).json()

def send(to, message):
    return call("sendtext", {"username": USER, "senderId": SENDER, "recipient": to, "message": message})

def balance():
    return call("balance", {"username": USER})
