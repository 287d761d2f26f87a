const url = "https://sms.other.example.org/sendtext/username=" + u + "/password=" + p + "/senderid=" + s + "/recipient=" + r + "/message=" + m;
