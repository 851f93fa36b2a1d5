"""web_client - a browser's part of the manager: requests as JSON, its cookie and the token of its session"""

import hashlib
import http.client
import json
import socket
import ssl

from checks import check
from patience import until


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def connect(where, tls=False):
    """`where`: a port of 127.0.0.1, or the path of a socket."""
    if not isinstance(where, int):
        return UnixConnection(where)
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", where, timeout=20)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", where, timeout=20, context=context)


def ask(where, target="/", method="GET", body=None, tls=False, **fields):
    """The status and the fields of the answer, and its body. A field None is not sent; an underscore is a hyphen."""
    connection = connect(where, tls)
    try:
        connection.request(method, target, body=body, headers={k.replace("_", "-"): v for k, v in fields.items() if v is not None})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def ask_if_there(*args, **options):
    try:
        return ask(*args, **options)
    except (OSError, http.client.HTTPException):
        return None, {}, ""


class Browser:
    def __init__(self, where, tls=False):
        self.where, self.tls, self.cookie, self.csrf = where, tls, None, None
        self.status = None

    def request(self, target, body=None, **fields):
        """The answer's object; its status is in self.status. `body` None: GET. Fields given here win."""
        sent = {"Cookie": self.cookie, "X_Postern_Token": self.csrf}
        if body is not None:
            sent.update({"Content_Type": "application/json", "Sec_Fetch_Site": "same-origin"})
        sent.update(fields)
        text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        self.status, self.fields, text = ask(self.where, target, "GET" if body is None else "POST", text, self.tls, **sent)
        return json.loads(text)

    def log_in(self, link):
        session = self.request("/api/login", {"token": link.strip().rpartition("#login=")[2]})
        if self.status == 200:
            self.cookie = self.fields["Set-Cookie"].split(";")[0]
            self.csrf = session["csrf"]
        return session

    def command(self, *words, **fields):
        return self.request("/api/command", {"words": list(words)}, **fields)


class Stream:
    """An open stream: next(kind) gives the next event of that kind."""
    def __init__(self, browser, **fields):
        self.connection = connect(browser.where, browser.tls)
        self.connection.request("GET", "/api/events", headers={
            "Cookie": browser.cookie, "X-Postern-Token": browser.csrf, "Sec-Fetch-Site": "same-origin", **{k.replace("_", "-"): v for k, v in fields.items()}})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def _line(self):
        """The next line; a failure when there is none, or when the answer is no stream."""
        check(self.status == 200, f"no stream: {self.status}")
        line = self.answer.readline()
        check(line != b"", "the stream has ended")
        return line.decode().rstrip("\n")

    def next(self, kind, wanted=lambda data: True):
        name = None
        while True:
            line = self._line()
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: ") and name == kind and wanted(json.loads(line[6:])):
                return json.loads(line[6:])

    def first(self, *kinds):
        """The first event of one of these kinds: which."""
        while True:
            line = self._line()
            if line.startswith("event: ") and line[7:] in kinds:
                return line[7:]

    def rest(self):
        return self.answer.read()

    def close(self):
        self.connection.close()


def forge(number):
    """A cookie and a token that go together, of a session that there is not: the fields of a request."""
    cookie = f"{number:064x}"
    mark = hashlib.sha256(b"postern-web cookie\n" + bytes.fromhex(cookie)).hexdigest()
    return {"Cookie": f"postern={cookie}", "X-Postern-Token": "0" * 64 + mark}


def wait_served(where, tls=False):
    until(lambda: ask_if_there(where, tls=tls)[0], what="the manager to answer")


def start_manager(t, servers=None, **options):
    """A service with the manager on a port of its own; both, when the page is there."""
    port = t.port()
    service = t.postern(servers, start=False, **options)
    service.shared["manager"] = {"listen": f"127.0.0.1:{port}"}
    service.write()
    service.start()
    wait_served(port)
    return service, port
