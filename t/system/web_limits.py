"""web_limits - TLS of the manager, and what slow, large, broken and many requests may cost"""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time

from checks import check, equal
from patience import until
from processes import is_root
from sasl import verifier
from smtp import mail
from web_accounts import PASSWORD, log_in, start as start_accounts
from web_client import Browser, Stream, ask, ask_if_there, connect, forge, start_manager, wait_served


def make_pair(service, stem, name):
    certificate, key = service.folder / f"{stem}.pem", service.folder / f"{stem}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"], check=True, capture_output=True, timeout=60)
    key.chmod(0o600)
    if is_root() and not service.as_root:
        for path in (certificate, key):
            os.chown(path, service.test.uid, service.test.gid)
    return certificate, key


def common_name(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 20) as plain, context.wrap_socket(plain) as secured:
        return secured.getpeercert(True), secured.version()


def test_tls(t):
    port = t.port()
    service = t.postern(start=False)
    certificate, key = make_pair(service, "one", "one.example")
    service.shared["manager"] = {"listen": f"127.0.0.1:{port}", "certificate": certificate, "key": key, "hosts": "one.example"}
    service.write()
    equal(service.ctl("check").returncode, 0)
    service.start()
    wait_served(port, tls=True)
    first, version = common_name(port)
    equal(version, "TLSv1.3")
    equal(ask_if_there(port)[0], None, "without TLS")
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = old
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        try:
            with socket.create_connection(("127.0.0.1", port), 20) as plain, context.wrap_socket(plain):
                check(False, old, "was taken")
        except (ssl.SSLError, OSError):
            pass
    browser = Browser(port, tls=True)
    link = service.ctl("web", "login").stdout
    check(link.startswith(f"https://127.0.0.1:{port}/#login="), link)
    browser.log_in(link)
    check(browser.fields["Set-Cookie"].startswith("__Host-postern=") and "; Secure" in browser.fields["Set-Cookie"], browser.fields)
    equal(browser.command("status")["status"], 0)
    # as a scanner sees it
    said = subprocess.run(["sslscan", "--no-colour", "--no-check-certificate", f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=120, check=True).stdout
    for line in ("SSLv3     disabled", "TLSv1.0   disabled", "TLSv1.1   disabled", "TLSv1.2   enabled", "TLSv1.3   enabled"):
        check(line in said, line, said)
    ciphers = re.findall(r"^(?:Accepted|Preferred) +TLSv\S+ +\d+ bits +(\S+)", said, re.M)
    check(ciphers and all(re.match(r"(TLS_|ECDHE-).*(GCM|CHACHA20)", each) for each in ciphers), said)
    check("Session renegotiation not supported" in said, said)
    check(all(line.split()[1:2] == ["not"] for line in said.splitlines() if "vulnerable" in line), said)
    # the files change: a good pair is taken, a bad one is not
    pair = make_pair(service, "two", "two.example")
    for new, place in zip(pair, (certificate, key)):
        new.rename(place)
    service.ctl("reload")
    second = until(lambda: common_name(port)[0] != first and common_name(port)[0], what="the new certificate")
    certificate.write_text("rubbish")
    service.ctl("reload")
    service.events.wait("certificate", result="refused")
    equal(common_name(port)[0], second)
    check("certificate or key of [manager] cannot be used" in service.ctl("status").stdout, "the status says nothing")
    equal(service.ctl("check", ok=False).returncode, 78)
    equal(browser.command("status")["status"], 0)


def raw(port, text, wait=20):
    """What comes back until the end, and after how many seconds."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), wait) as plain:
        got = b""
        try:
            plain.sendall(text)
            while piece := plain.recv(65536):
                got += piece
        except OSError:
            pass
        return got, time.monotonic() - begin


def sockets(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_requests_and_connections(t):
    service, port = start_manager(t)
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login").stdout)
    # size: at the limit and beyond
    words = '{"words":["status"]' + " " * (65536 - 20) + "}"
    equal((len(words), browser.request("/api/command", words)["status"]), (65536, 0))
    equal(ask_if_there(port, "/api/command", "POST", words + " ", Cookie=browser.cookie, X_Postern_Token=browser.csrf,
                       Content_Type="application/json")[0] in (None, 413), True)
    equal(ask(port, X="a" * 7000)[0], 200)
    check(ask_if_there(port, X="a" * 9000)[0] in (None, 400, 413), "a long header")
    # broken
    for junk in (b"\x00" * 9000, b"GET " + b"/" * 100000 + b" HTTP/1.1\r\n\r\n", b"EHLO x\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n folded: x\r\n\r\n", b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
                 b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                 b"POST /api/command HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                 b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1200 + b"\r\n"):
        with socket.create_connection(("127.0.0.1", port), 20) as plain:
            try:
                plain.sendall(junk)
                plain.shutdown(socket.SHUT_WR)
                got = b""
                while piece := plain.recv(65536):
                    got += piece
            except OSError:
                pass
            check(b" 200 " not in got[:20], junk[:60], got[:60])
    # where one ends that says it in two ways is a guess: nothing behind it is taken for another
    for odd in (b"Content-Length: 2\r\nContent-Length: 44", b"Content-Length: +2", b"Content-Length : 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"):
        got, _ = raw(port, b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" + odd +
                     b"\r\n\r\n{}GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        equal(re.findall(rb"HTTP/1.1 (\d+)", got), [b"400"], odd)
    # sessions that are none: refused at once, and a good one is served meanwhile
    pid, seen = service.child("web"), {}
    connection = connect(port)
    for n in range(400):
        connection.request("GET", "/api/session", headers=forge(n))
        answer = connection.getresponse()
        answer.read()
        seen[answer.status] = seen.get(answer.status, 0) + 1
    connection.close()
    equal(seen, {401: 400})
    equal(browser.command("status")["status"], 0)
    # nor does that hold up logins, or another client
    equal(Browser(port).log_in(service.ctl("web", "login").stdout)["right"], "operator")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=("127.0.0.3", 0))
    connection.request("GET", "/api/session", headers=forge(1))
    equal(connection.getresponse().status, 401)
    connection.close()
    # many short ones, one after the other, are none of them too many
    equal({ask(port)[0] for _ in range(150)}, {200})
    # many: a client has so many connections, and others are served meanwhile
    idle = []
    try:
        for _ in range(100):
            idle.append(socket.create_connection(("127.0.0.1", port), 20))
        for each in idle:
            each.setblocking(False)

        def closed():
            n = 0
            for each in idle:
                try:
                    n += each.recv(1) == b""
                except BlockingIOError:
                    pass
                except OSError:
                    n += 1
            return n
        until(lambda: closed() >= 52, what="those beyond 48 to be closed")
        equal(browser.command("status")["status"], 0, "beside them")
        # and all clients together
        for last in range(2, 12):
            for _ in range(45):
                idle.append(socket.create_connection(("127.0.0.1", port), 20, source_address=(f"127.0.0.{last}", 0)))
        pid = service.child("web")
        check(sockets(pid) <= 280, sockets(pid))
        equal(browser.command("status")["status"], 0, "beside all of them")
        # beside them the service works, and does what the console says
        check("default started" in service.ctl("status").stdout, "no status")
        service.default.send(data=mail())
        service.home.wait_drops()
    finally:
        for each in idle:
            each.close()
    until(lambda: ask_if_there(port)[0] == 200, what="room again")
    equal(browser.command("status")["status"], 0)
    check(not service.events.all("crash"), "a crash")


def wait_for_ever(t):
    """The port of a host that takes a connection and says nothing."""
    silent = socket.create_server(("127.0.0.1", 0), backlog=200)
    t.cleanup(silent.close)
    return silent.getsockname()[1]


def send_command(port, browser, source, *words):
    """Not waited for."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
    connection.request("POST", "/api/command", json.dumps({"words": words}), {"Cookie": browser.cookie, "X-Postern-Token": browser.csrf,
                       "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"})
    return connection


def test_what_a_person_may_have(t):
    """Who operates one virtual server has its part in all of its sessions together, and takes none of those who operate the service."""
    names = [f"op{n}" for n in range(7)]
    service, port = start_accounts(t, {name: verifier(PASSWORD) for name in (*names, "eve")}, service={"viewers": "account:eve"},
                                   servers={"one": {"security": {"operators": ", ".join(f"account:{name}" for name in names)},
                                                    "delivery": {"smart-host": f"[127.0.0.1]:{wait_for_ever(t)}"}}})
    root = Browser(port)
    root.log_in(service.ctl("web", "login").stdout)
    sessions = {name: [log_in(port, name)[0] for _ in range(2 if name == "op0" else 1)] for name in names}
    probe = ("probe", "one", "b@remote.example")
    open_ones = [send_command(port, sessions["op0"][0], "127.0.0.2", *probe) for _ in range(16)]
    # the answer to what is one too many comes at once; of the others none does
    until(lambda: sessions["op0"][1].command("status") and sessions["op0"][1].status == 503, what="too many commands of one person")
    for n, name in enumerate(names[1:]):
        open_ones += [send_command(port, sessions[name][0], f"127.0.0.{3 + n}", *probe) for _ in range(16)]
    until(lambda: sessions["op6"][0].command("status") and sessions["op6"][0].status == 503, what="too many commands of all of them")
    for _ in range(20):
        equal((root.command("status", "one")["status"], root.status), (0, 200))
    for each in open_ones:
        each.close()
    # pages that stay open
    eve = [log_in(port, "eve")[0] for _ in range(3)]
    streams = [Stream(browser) for browser in (*eve, root) for _ in range(8)]
    equal([stream.status for stream in streams], [200] * 16 + [429] * 8 + [200] * 8)
    for stream in streams:
        stream.close()


def test_slow_requests(t):
    """A byte now and then does not keep a connection: the whole request has its time. All kinds at once, so that they take it together."""
    service, port = start_manager(t)
    head = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    body = b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    slow = {name: socket.create_connection(("127.0.0.1", port), 20) for name in ("nothing", "head", "body")}
    begin = time.monotonic()
    try:
        slow["head"].sendall(head)
        slow["body"].sendall(body)
        while slow and time.monotonic() - begin < 25:
            for name, each in list(slow.items()):
                each.settimeout(0.2)
                try:
                    if name != "nothing":
                        each.sendall(b"X: y\r\n" if name == "head" else b" ")
                    if each.recv(1000) == b"":
                        raise ConnectionError
                except TimeoutError:
                    continue
                except OSError:
                    each.close()
                    del slow[name]
        check(not slow, "still open:", sorted(slow))
        check(10 < time.monotonic() - begin < 22, time.monotonic() - begin)
    finally:
        for each in slow.values():
            each.close()
