# -*- coding: utf-8 -*-
import os, urllib2, urllib

class SMS(object):
    BASE_URL = 'http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=%s/password=%s/senderid=%s/recipient=%s/message=%s'

    def __init__(self):
        self.username = os.environ.get('MSPACE_USERNAME', 'kiosk')
        self.password = os.environ.get('MSPACE_PASSWORD', 'Twiga-88')

    def send(self, to, message):
        url = self.BASE_URL % (self.username, self.password, self.sender, to, message)
        return urllib2.urlopen(url).read()

    def balance(self):
        return float(urllib2.urlopen('http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username={}/password={}'.format(self.username, self.password)).read())
