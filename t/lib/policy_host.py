"""policy_host - the HTTPS host of an MTA-STS policy (RFC 8461 3.3), and texts of policies

PolicyHost ends with its test.
"""

import http.server
import random
import threading

from checks import check
from patience import WAIT, wait_for


class PolicyHost:
    """mta-sts.DOMAIN at port 443 of an address of its own; `policy` is the text, or a function(handler) that answers."""
    def __init__(self, t, context, policy):
        t.need_root()       # port 443
        self.policy, self.asked, self.news = policy, [], threading.Condition()
        self.address = f"127.{random.randint(10, 250)}.{random.randint(0, 250)}.{random.randint(2, 250)}"
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with host.news:
                    host.asked.append((self.headers["Host"], self.path))
                    host.news.notify_all()
                if callable(host.policy):
                    host.policy(self)
                else:
                    reply(self, host.policy)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass

        self.server = Server((self.address, 443), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        t.cleanup(self.end)

    def wait(self, count):
        check(wait_for(self.news, lambda: len(self.asked) >= count, WAIT), self.asked)

    def end(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None


def reply(handler, text, status=200, kind="text/plain; charset=utf-8", **fields):
    data = text.encode()
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **fields}.items():
        if value is not None:
            handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


def policy(*hosts, mode="enforce", age=86400):
    return f"version: STSv1\r\nmode: {mode}\r\n" + "".join(f"mx: {host}\r\n" for host in hosts) + f"max_age: {age}\r\n"
