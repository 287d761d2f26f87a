"""What a team would write in place of the gateway: its balance, in Flask and requests, in a process of its own.

In the strongest form that is ordinary: behind waitress, with as many processes and threads as the gateway has, on one
socket, and a requests.Session in each thread. Run as `python -m tests.benchmarks.facade BASE_URL PROCESSES THREADS`.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import socket
import sys
import threading

import requests
import waitress
from flask import Flask
from flask import Response as FlaskResponse

__all__ = ["application"]

_ACCOUNTS = {"demo": ("demo-password", "demo-api-key-".ljust(128, "0"))}
"""The password and the API key of each user name."""


def application(base_url: str) -> Flask:
    """Answers the legacy balance from v2."""
    app = Flask(__name__)
    local = threading.local()

    @app.get("/mspaceservice/wr/sms/balance/username=<username>/password=<password>")
    def balance(username: str, password: str) -> FlaskResponse:
        right, api_key = _ACCOUNTS.get(username, ("", ""))
        if not right or not hmac.compare_digest(right.encode(), password.encode()):
            return FlaskResponse("Error 100: Authentication Failure", mimetype="text/plain")
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.headers["apikey"] = api_key
        answer = local.session.post(f"{base_url}/smsapi/v2/balance", json={"username": username}, timeout=(5, 30))
        return FlaskResponse(answer.text, answer.status_code, mimetype="text/plain")

    return app


def _main() -> None:
    base_url, processes, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    listener = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"main_url": f"http://127.0.0.1:{listener.getsockname()[1]}"}, indent=2), flush=True)
    children = []
    for _ in range(processes - 1):
        child = os.fork()
        if not child:
            break
        children.append(child)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
    try:
        waitress.serve(application(base_url), sockets=[listener], threads=threads, ident=None, _quiet=True)
    finally:
        for child in children:
            os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    _main()
