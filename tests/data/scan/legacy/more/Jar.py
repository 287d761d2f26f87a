import jpype
from ke.co.mspace import Client

client = Client()
USER, PASS = "kiosk", "Popo-1212"
print(client.resellerClients_JSON(String, USER, PASS))
print(client.getBalance(USER, PASS))
