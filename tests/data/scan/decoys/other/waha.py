import requests
requests.post("http://localhost:3000/api/sendText", json={"chatId": chat, "text": "hello", "session": "default"})
