DATABASES = {"default": {"PASSWORD": "database-pass-1"}}
EMAIL_HOST_PASSWORD = "mail-pass-1"
MSPACE_URL = "http://api.mspace.co.ke/mspaceservice/wr/sms/"
MSPACE_USERNAME = "kiosk"
MSPACE_PASSWORD = "Kipepeo-61"
SMS = {"MSPACE": {"USER": "kiosk", "PASSWORD": os.environ.get("X", "Mjusi-909")}}
