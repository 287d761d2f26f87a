import requests
from urllib.parse import quote


class Gateway:
    def __init__(self, main_url):
        self.url = main_url + "/mspaceservice/wr/sms"

    def _call(self, operation, **values):
        path = "/".join(f"{key}={quote(str(value), safe='')}" for key, value in values.items())
        return requests.get(f"{self.url}/{operation}/{path}", timeout=30).text

    def send(self, to, text):
        return self._call("sendtext", username=self.user, password=self.password, senderid="KIOSK", recipient=to, message=text)

    def balance(self):
        return self._call("balance", username=self.user, password=self.password)
