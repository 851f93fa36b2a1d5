"""smtp - an SMTP client that says exactly what it is told, and the messages that it sends

Smtp owns its connection; used in a `with` statement it closes it. An unexpected reply raises Failure, a closed connection EOFError.
"""

import re
import socket

from checks import Failure, check
from patience import WAIT, Patience


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3])
        self.texts = [line[4:] for line in lines]
        self.text = " ".join(self.texts)

    def __repr__(self):
        return f"<{self.code} {self.text}>"


class Smtp:
    """A client that sends exactly what the test says, and reads whole replies."""
    def __init__(self, address, timeout=WAIT, source=None, banner=True, ehlo=None):
        self.socket = socket.create_connection(address, timeout, source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.banner = self.reply() if banner else None
        if ehlo:
            self.expect(250, f"EHLO {ehlo}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def more(self):
        """The next bytes from the server; the time limit of the socket is counted as Patience."""
        limit = self.socket.gettimeout()
        patience = Patience(limit)
        self.socket.settimeout(min(limit, Patience.LOOK))
        try:
            while True:
                over = patience.is_over()
                try:
                    return self.socket.recv(65536)
                except TimeoutError:
                    if over:
                        raise
        finally:
            self.socket.settimeout(limit)

    def line(self):
        while b"\n" not in self.buffer:
            more = self.more()
            if not more:
                raise EOFError(f"connection closed after {self.buffer!r}")
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        check(line.endswith(b"\r"), "reply line without CR:", line)
        return line[:-1].decode("utf-8", "backslashreplace")

    def reply(self):
        lines = []
        while True:
            line = self.line()
            check(re.match(r"^[2-5]\d\d[ -]", line) or re.match(r"^[2-5]\d\d$", line), "no reply:", line)
            lines.append(line)
            if line[3:4] != "-":
                return Reply(lines)

    def cmd(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def expect(self, code, line=None):
        """Sends `line` (None: sends nothing); the reply must have `code`, a number or the beginning of the whole reply."""
        reply = self.reply() if line is None else self.cmd(line)
        got = f"{reply.code} {reply.text}"
        if not (reply.code == code if isinstance(code, int) else got.startswith(code)):
            raise Failure(f"after {line!r}: got {got!r}, wanted {code!r}")
        return reply

    def message(self, sender="a@sender.example", to="b@default.example", data=None, ehlo="client.example", params="", rcpt=""):
        """EHLO to the final dot. `to` is one address or a list. Returns the id in the last reply, or its text if it has none."""
        if ehlo:
            self.expect(250, f"EHLO {ehlo}")
        self.expect(250, f"MAIL FROM:<{sender}>{params}")
        for each in [to] if isinstance(to, str) else to:
            self.expect(250, f"RCPT TO:<{each}>{rcpt}")
        return self.content(data)

    def content(self, data=None):
        self.expect(354, "DATA")
        self.send(stuff(data if data is not None else mail()) + b".\r\n")
        reply = self.expect(250)
        found = re.search(r"\b([0-9a-z]{16})\b", reply.text)
        return found[1] if found else reply.text

    def is_closed(self, timeout=WAIT):
        """Waits for the end of the connection; True if no byte comes before it."""
        self.socket.settimeout(timeout)
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def stuff(data):
    """Dot-stuffed, with CRLF at the end."""
    data = re.sub(rb"(?m)^\.", b"..", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def mail(subject="test", body="Hello\r\n", size=0, **fields):
    """A small message; with `size` padded to about that many bytes."""
    head = {"From": "a@sender.example", "To": "b@default.example", "Subject": subject, **fields}
    text = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in head.items()) + "\r\n" + body
    line = "x" * 70 + "\r\n"
    if size > len(text):
        text += line * ((size - len(text)) // len(line))
    return text.encode()
