"""fake_ldap - a directory server on loopback that answers each search as the test says: result codes, ranges, silence

Ends with its test. It speaks as much of RFC 4511 as a bind and a search need.
"""

import socket
import threading

SILENCE = "silence"


def ber(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    length = bytes([size]) if size < 128 else (lambda n: bytes([128 + len(n)]) + n)(size.to_bytes((size.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + length + body


def text(value, tag=0x04):
    return ber(tag, value.encode())


def number(value, tag=0x02):
    return ber(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def split(data):
    """(tag, body, rest) of the first element; None: it is not whole."""
    if len(data) < 2:
        return None
    size, at = data[1], 2
    if size >= 128:
        at = 2 + size - 128
        if len(data) < at:
            return None
        size = int.from_bytes(data[2:at], "big")
    return (data[0], data[at:at + size], data[at + size:]) if len(data) >= at + size else None


class FakeLdap:
    """
    `answer(base, attributes, request)` gives (code, entries) or SILENCE; base is a DN, entries are (DN, {attribute: [values]}). A code of
    None: the answer has no end.
    """
    def __init__(self, t, answer):
        self.answer, self.searches = answer, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.uri = f"ldap://127.0.0.1:{self.listener.getsockname()[1]}"
        t.cleanup(self.listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        data = b""
        with client:
            while True:
                whole = split(data)
                if whole is None:
                    try:
                        more = client.recv(65536)
                    except OSError:
                        return
                    if not more:
                        return
                    data += more
                    continue
                _, ident, rest = split(whole[1])
                tag, request, _ = split(rest)
                reply = self._reply(tag, request)
                if reply is None:
                    return
                client.sendall(b"".join(ber(0x30, ber(0x02, ident), part) for part in reply))
                data = whole[2]

    def _reply(self, tag, request):
        def result(kind, code):
            return ber(kind, number(code, 0x0a), text(""), text(f"code {code}" if code else ""), *([ber(0xa3, text("ldap://other.example/"))] if code == 10 else []))
        if tag == 0x60:
            return [result(0x61, 0)]
        if tag != 0x63:
            return None
        _, base, rest = split(request)
        for _ in range(6):
            _, _, rest = split(rest)
        names, attributes = split(rest)[1], []
        while names:
            _, name, names = split(names)
            attributes.append(name.decode())
        self.searches.append(base.decode())
        answer = self.answer(base.decode(), attributes, request)
        if answer == SILENCE:
            threading.Event().wait(60)
            return None
        code, entries = answer
        return [ber(0x64, text(dn), ber(0x30, *(ber(0x30, text(name), ber(0x31, *(text(v) for v in values))) for name, values in found.items())))
                for dn, found in entries] + ([result(0x65, code)] if code is not None else [])
