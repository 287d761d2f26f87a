from mspace_legacy import Client
client = Client.legacy(main_url, username, password)
print(client.balance(), client.sub_users())
client.send_text("KIOSK", ["0700000000"], "Hello")
client.close()
