def report(response):
    print("sendtext failed, message=" + response.text)
    log.info("balance/%s", response.balance)
    raise ValueError("password=" + "hidden")
