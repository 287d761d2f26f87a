import urllib
BASE = 'http://www.mspace.co.ke/mspaceservice/wr/sms/%s/username=%s/password=%s'


def balance():
    return urllib.urlopen(BASE % ('balance', USER, secret()))


def send(to, text):
    url = BASE % ('sendtext', USER, secret())
    return urllib.urlopen(url + '/senderid=CHAMA/recipient=%s/message=%s' % (to, text))
