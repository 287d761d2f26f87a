import requests
from django.conf import settings

def a(to, text):
    url = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=" + settings.MSPACE_USER + "/password=" + settings.MSPACE_PASSWORD + \
        "/senderid=" + settings.SENDER + "/recipient=" + to + "/message=" + text
    r = requests.get(url)
    print("sendtext said", r.text)
    p = {"u": 1}
    url = "http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=%(u)s/password=%(p)s" % p
    url = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username={user}/password={pw}/senderid={s}/recipient={r}/message={m}".format(user=u, pw=w, s=s, r=to, m=text)
    x = "/".join([BASE, "subusers", "username=" + quote(u, safe=""), "password=" + quote(w, safe="")])
    y = urljoin(BASE, f"balance/username={u}/password={w}")
    return r.json()["balance"]
