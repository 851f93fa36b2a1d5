"""access - who may connect and relay by name; the PROXY protocol, also behind HAProxy; connections per client"""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

from checks import Failure, Skip, check, equal
from patience import until
from smtp import Smtp

RECORDS = ("mail.partner A 10.1.2.3", "liar A 10.9.9.9", "two A 10.1.2.5", "six AAAA 2001:db8::5")
REVERSE = {
    "2.1.10.in-addr.arpa.": ["3 PTR mail.partner.example.", "4 PTR liar.example.", "5 PTR liar.example.", "5 PTR two.example."],
    "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.": ["5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR six.example."],
}
V2 = b"\r\n\r\n\0\r\nQUIT\n"


class Proxied(Smtp):
    """A client that comes with a PROXY header, so from any address."""
    def __init__(self, server, client, banner=True, header=None):
        family = "TCP6" if ":" in client else "TCP4"
        reached = "2001:db8::25" if ":" in client else "10.0.0.25"
        self.header = f"PROXY {family} {client} {reached} 40000 25\r\n".encode() if header is None else header
        super().__init__(("127.0.0.1", server.port), banner=False)
        self.send(self.header)
        self.banner = self.reply() if banner else None


def service(t, dns=None, access=None, **more):
    keys = {"proxy": "yes", "proxy-trusted": "127.0.0.1", **(access or {})}
    sections = {"access": keys, **more}
    return t.postern({"default": sections}, service={"dns-server": dns} if dns else None)


def named(t):
    return t.dns(*RECORDS, zones=REVERSE).address


def silent_dns(t):
    """A name server that hears everything and says nothing."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", t.port()))
    t.cleanup(server.close)
    return server, f"127.0.0.1:{server.getsockname()[1]}"


def start_mail(client):
    client.expect(250, "EHLO client.example")
    client.expect(250, "MAIL FROM:<a@sender.example>")


# shows 2.3i
def test_derived_limit_is_told(t):
    """Whoever set no limit per client learns once that there is one, and which key it is."""
    s = service(t, general={"memory-limit": "1M"})
    clients = [Proxied(s.default, "192.0.2.1") for _ in range(22)]
    equal([client.banner.code for client in clients], [220] * 20 + [421] * 2)
    told = s.events.wait("trouble", doing="accept", client="192.0.2.1")
    check("20 connections" in told["reason"] and "connection-limit-per-client" in told["reason"], told)
    equal(len(s.events.all("trouble", doing="accept")), 1)
    equal(Proxied(s.default, "192.0.2.2").banner.code, 220)
    for client in clients:
        client.close()


# --- names -----------------------------------------------------------------------------------------------------

# shows 2.4p
def test_connection_only_by_name(t):
    s = service(t, named(t), {"connection-control": "only", "connection-list": "partner.example, 10.7.0.0/16"})
    with Proxied(s.default, "10.1.2.3") as client:
        equal(client.banner.code, 220, "a confirmed name")
    with Proxied(s.default, "10.7.1.1") as client:
        equal(client.banner.code, 220, "an address beside the names")
    for other in ("10.1.2.4", "10.1.2.9"):
        with Proxied(s.default, other) as client:
            equal(client.banner.code, 554, other)
            check(client.is_closed(), "open after the refusal")
        s.events.wait("refused", client=other)


# shows 2.4p
def test_connection_all_except_by_name(t):
    s = service(t, named(t), {"connection-list": "two.example"})
    with Proxied(s.default, "10.1.2.5") as client:
        equal(client.banner.code, 554, "one of its names is listed")
    for other in ("10.1.2.3", "10.1.2.4", "10.1.2.9"):
        with Proxied(s.default, other) as client:
            equal(client.banner.code, 220, other)


# shows 2.4q
def test_relay_by_name(t):
    s = service(t, named(t), {"relay-list": "partner.example, six.example"})
    for address, code in (("10.1.2.3", 250), ("2001:db8::5", 250), ("10.1.2.4", 550), ("2001:db8::6", 550)):
        with Proxied(s.default, address) as client:
            start_mail(client)
            client.expect(code, "RCPT TO:<x@elsewhere.example>")
            client.expect(250, "RCPT TO:<x@default.example>")


def test_dns_trouble_is_temporary(t):
    """No client is refused for good, and none may relay, while the DNS fails."""
    dead = f"127.0.0.1:{t.port()}"
    s = service(t, dead, {"relay-list": "partner.example", "connection-list": "partner.example"})
    with Proxied(s.default, "10.1.2.3") as client:
        equal(client.banner.code, 220, "all-except")
        start_mail(client)
        client.expect("451 4.4.3", "RCPT TO:<x@elsewhere.example>")
        client.expect(250, "RCPT TO:<x@default.example>")
    s = service(t, dead, {"connection-control": "only", "connection-list": "partner.example"})
    with Proxied(s.default, "10.1.2.3") as client:
        check(client.banner.code == 421 and client.banner.text.startswith("4.4.3"), client.banner)


def test_slow_dns_has_a_bound(t):
    """A name server that never answers: five seconds where the name decides, none where it does not."""
    _, address = silent_dns(t)
    s = service(t, address, {"relay-list": "partner.example"}, delivery={"reverse-dns": "yes"})
    with Proxied(s.default, "10.1.2.3") as client:
        start_mail(client)
        client.expect(250, "RCPT TO:<x@default.example>")
        client.expect(250, "RSET")
        client.expect(250, "MAIL FROM:<a@sender.example>")
        client.expect("451 4.4.3", "RCPT TO:<x@elsewhere.example>")
        client.expect(250, "RCPT TO:<x@default.example>")
        client.content()
    check(b"(10.1.2.3" not in s.home.wait_drops()[0].message, "no name")
    check(b"([10.1.2.3] RDNS failed)" in s.home.drops()[0].message, s.home.drops()[0].message)


def test_refused_by_name_gives_its_place_back(t):
    """A client that waits for its name holds a place in both limits; when it is refused by its name, the place is free again."""
    s = service(t, named(t), {"connection-control": "only", "connection-list": "partner.example"},
                general={"connection-limit": "1", "connection-limit-per-client": "1"})
    for _ in range(3):
        with Proxied(s.default, "10.1.2.4") as client:
            check(client.banner.code == 554, client.banner)
    with Proxied(s.default, "10.1.2.3") as client:
        check(client.banner.code == 220, client.banner)


def test_client_gone_while_its_name_is_asked(t):
    server, address = silent_dns(t)
    s = service(t, address, {"connection-control": "only", "connection-list": "partner.example", "relay-list": "partner.example"})
    for _ in range(5):
        client = Proxied(s.default, "10.1.2.3", banner=False)
        server.settimeout(20)
        server.recv(512)
        client.close()
    until(lambda: "inbound_connections_current 0" in s.ctl("counters").stdout, what="nobody connected")


def test_killed_helper_is_asked_again(t):
    """The question goes to the next helper; the client notices nothing but the time."""
    server, address = silent_dns(t)
    server.settimeout(20)
    s = service(t, address, {"relay-list": "partner.example"})
    with Proxied(s.default, "10.1.2.3") as client:
        asked = server.recv(512)
        check(b"\x013\x012\x011\x0210\x07in-addr\x04arpa" in asked, asked)
        first = s.child("resolver")
        os.kill(first, signal.SIGKILL)
        s.events.wait("crash")
        until(lambda: [pid for pid in s.children("resolver") if pid != first], what="another helper")
        while b"in-addr" not in server.recv(512):
            pass
        start_mail(client)
        client.expect(250, "RCPT TO:<x@default.example>")
        client.expect("451 4.4.3", "RCPT TO:<x@elsewhere.example>")


# shows 2.6o
def test_reverse_dns_in_received(t):
    s = service(t, named(t), delivery={"reverse-dns": "yes"})
    for address, comment in (("10.1.2.3", b"(mail.partner.example [10.1.2.3])"), ("10.1.2.4", b"([10.1.2.4] RDNS failed)"),
                             ("2001:db8::5", b"(six.example [IPv6:2001:db8::5])"), ("10.1.2.9", b"([10.1.2.9] RDNS failed)")):
        before = {d.path for d in s.home.drops()}
        with Proxied(s.default, address) as client:
            client.message()
        new = until(lambda: [d for d in s.home.drops() if d.path not in before], what="the drop file")
        check(b"Received: from client.example " + comment + b"\r\n\tby " in new[0].message, new[0].message)


def test_no_lookup_unless_wanted(t):
    server, address = silent_dns(t)
    s = service(t, address)
    with Proxied(s.default, "10.1.2.3") as client:
        client.message()
    equal(s.children("resolver"), [], "resolver helpers")
    server.setblocking(False)
    try:
        raise Failure(f"a question came: {server.recv(512)}")
    except BlockingIOError:
        pass


def test_who_waits_is_listed(t):
    """Connections that wait for their PROXY header or for their name are among the sessions, in order, and can be ended."""
    server, address = silent_dns(t)
    s = service(t, address, {"connection-control": "only", "connection-list": "partner.example, 127.0.0.2"})

    def states():
        return [(row["client"], row["state"], row["messages"]) for row in json.loads(s.ctl("sessions", "--json").stdout)["sessions"]]
    headless = [Smtp(("127.0.0.1", s.default.port), banner=False) for _ in range(2)]
    with s.default.connect(source="127.0.0.2"), Smtp(("127.0.0.1", s.default.port), banner=False) as third:
        until(lambda: [state for _, state, _ in states()] == ["proxy", "proxy", "connected", "proxy"], what=lambda: states())
        s.ctl("sessions", "terminate", "--from", "127.0.0.1", "--yes")
        check(headless[0].is_closed() and headless[1].is_closed() and third.is_closed(), "ended while they were pending")
        equal(states(), [("127.0.0.2", "connected", 0)], "who is left")
    server.settimeout(20)
    asking = Proxied(s.default, "10.1.2.3", banner=False)
    server.recv(512)
    until(lambda: ("10.1.2.3", "lookup", 0) in states(), what="lookup")
    s.ctl("sessions", "terminate", "--from", "10.0.0.0/8")
    check(asking.is_closed(), "ended while its name is asked for")
    until(lambda: "inbound_connections_current 0" in s.ctl("counters").stdout, what="nobody connected")


# --- the PROXY protocol ----------------------------------------------------------------------------------------

def v2(client, reached, command=0x21, family=0x11, tail=b""):
    body = socket.inet_aton(client) + socket.inet_aton(reached) + (40000).to_bytes(2, "big") + (25).to_bytes(2, "big") + tail
    return V2 + bytes([command, family]) + len(body).to_bytes(2, "big") + body


# shows 2.4s
def test_proxied_address_is_the_client(t):
    """For the log, Received, relaying and the address literal of the server itself."""
    s = service(t, access={"relay-list": "10.1.2.3"})
    for number, header in enumerate((None, v2("10.1.2.3", "10.0.0.25", tail=b"\x04\x00\x02xy"))):
        with Proxied(s.default, "10.1.2.3", header=header) as client:
            start_mail(client)
            client.expect(250, "RCPT TO:<x@[10.0.0.25]>")
            client.expect(250, "RCPT TO:<x@elsewhere.invalid>")
            client.content()
        s.events.wait("accepted", count=number + 1, client="10.1.2.3")
        check(b"([10.1.2.3])" in s.home.wait_drops(number + 1)[-1].message, "Received")


def test_header_with_the_first_command(t):
    """Bytes behind the header belong to SMTP, in one packet or in many."""
    s = service(t)
    header = v2("10.1.2.3", "10.0.0.25")
    with Proxied(s.default, "10.1.2.3", header=header + b"EHLO early.example\r\n") as client:
        equal(client.reply().code, 250, "EHLO")
    with Proxied(s.default, "10.1.2.3", banner=False, header=b"") as client:
        for byte in header + b"NOOP\r\n":
            client.send(bytes([byte]))
        equal(client.reply().code, 220, "greeting")
        equal(client.reply().code, 250, "NOOP")


def test_local_and_unknown_speak_for_the_peer(t):
    s = service(t)
    for header in (b"PROXY UNKNOWN\r\n", V2 + b"\x20\x00\x00\x00"):
        with Proxied(s.default, "", header=header) as client:
            check("[127.0.0.1]" in client.expect(250, "EHLO x").text, "address")


def test_malformed_header_is_an_event(t):
    s = service(t)
    with Proxied(s.default, "", banner=False, header=b"EHLO client.example\r\n") as client:
        check(client.is_closed(), "no header")
    s.events.wait("refused", client="127.0.0.1", reason="no PROXY header")
    with Proxied(s.default, "", banner=False, header=b"PROXY TCP4 10.1.2.300 1.2.3.4 1 2\r\n") as client:
        check(client.is_closed(), "malformed")
    s.events.wait("refused", client="127.0.0.1", reason="malformed addresses")
    with Proxied(s.default, "", banner=False, header=b"PROXY TCP4 10.1") as client:
        check(client.is_closed(), "never finished")
    s.events.wait("refused", client="127.0.0.1", reason="no PROXY header in time")
    until(lambda: "inbound_connections_current 0" in s.ctl("counters").stdout, what="nobody connected")


# shows 2.4s
def test_untrusted_peer_is_itself(t):
    """From elsewhere a PROXY header is an unknown command, and no header is needed."""
    s = service(t, access={"proxy-trusted": "10.0.0.1"})
    with s.default.connect() as client:
        equal(client.cmd("PROXY TCP4 10.1.2.3 10.0.0.25 40000 25").code, 500, "PROXY")
        check("[127.0.0.1]" in client.expect(250, "EHLO x").text, "address")


def test_reload_waits_for_who_is_at_the_door(t):
    """A header that comes while the listener drains is still served; a stop does not wait for it."""
    s = service(t)
    first = s.child("listener")
    with Proxied(s.default, "10.1.2.3", banner=False, header=b"PROXY TCP4 10.1") as client:
        until(lambda: "inbound_connections_current 1" in s.ctl("counters").stdout, what="the connection")
        s.default.set("messages", max_recipients=7)
        s.ctl("reload")
        client.send(b".2.3 10.0.0.25 40000 25\r\n")
        equal(client.reply().code, 220, "greeting")
        client.message()
    until(lambda: first not in s.children("listener"), what="the old listener to end")
    with Proxied(s.default, "10.1.2.3", banner=False, header=b"PROXY"):
        until(lambda: "inbound_connections_current 1" in s.ctl("counters").stdout, what="the connection")
        equal(s.stop(15), 0, "exit status")


def certificate(t):
    """A self-signed pair; the [access] keys that name it."""
    pair = {"certificate": t.folder / "certificate.pem", "key": t.folder / "key.pem"}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=default.example", "-addext", "subjectAltName=DNS:default.example", "-keyout", pair["key"],
                    "-out", pair["certificate"]], check=True, capture_output=True)
    for path in pair.values():
        shutil.chown(path, t.uid, t.gid)
        path.chmod(0o600)
    return {k: str(v) for k, v in pair.items()}


def test_header_before_implicit_tls(t):
    """The header, the handshake, the session; the ClientHello may come in the same packet as the header's end."""
    port = t.port()
    s = service(t, access={"tls": "optional", **certificate(t)}, general={"tls-listen": f"127.0.0.1:{port}"})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    with socket.create_connection(("127.0.0.1", port), 20) as raw:
        raw.sendall(b"PROXY TCP4 10.1.2.3 10.0.0.25 40000 465")

        def through(call):
            while True:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    raw.sendall(through.prefix + outgoing.read())
                    through.prefix = b""
                    data = raw.recv(65536)
                    check(data, "closed in the handshake")
                    incoming.write(data)
        through.prefix = b"\r\n"
        through(tls.do_handshake)
        raw.sendall(outgoing.read())
        check(through(lambda: tls.read(4096)).startswith(b"220 "), "greeting")
        tls.write(b"EHLO x\r\n")
        check(b"[10.1.2.3]" in through(lambda: tls.read(4096)), "address")
        row = json.loads(s.ctl("sessions", "--json").stdout)["sessions"][0]
        equal([row["client"], row["tls"], row["helo"]], ["10.1.2.3", "TLSv1.3", "x"], "row")
        s.ctl("sessions", "terminate", row["id"])
        check(through(lambda: tls.read(4096)).startswith(b"421 4.3.2"), "end")


def haproxy(t, port, server, option):
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    if program is None:
        raise Skip("haproxy is not installed")
    config = t.folder / f"haproxy-{option}.cfg"
    config.write_text(f"global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n"
                      f"listen smtp\n  bind 127.0.0.1:{port}\n  server one 127.0.0.1:{server.port} {option} check inter 1000 check-send-proxy\n")
    process = subprocess.Popen([program, "-db", "-f", config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=open(t.folder / f"haproxy-{option}.log", "wb"))

    def end():
        process.terminate()
        process.wait(20)
    t.cleanup(end)

    def is_up():
        check(process.poll() is None, "haproxy ended")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    until(is_up, what="haproxy")


# shows 2.4s
def test_haproxy(t):
    """Both versions, with the checks of HAProxy, which say LOCAL or UNKNOWN; the client is who came to HAProxy."""
    s = service(t, access={"relay-list": "127.0.0.7"})
    for number, option in enumerate(("send-proxy", "send-proxy-v2")):
        port = t.port()
        haproxy(t, port, s.default, option)
        with Smtp(("127.0.0.1", port), source="127.0.0.7") as client:
            check("[127.0.0.7]" in client.expect(250, "EHLO client.example").text, "address")
            client.message(to=["b@default.example", "x@elsewhere.invalid"], ehlo=None)
        s.events.wait("accepted", count=number + 1, client="127.0.0.7")
        with Smtp(("127.0.0.1", port), source="127.0.0.8") as client:
            start_mail(client)
            client.expect(550, "RCPT TO:<x@elsewhere.invalid>")
    equal(s.events.all("refused", client="127.0.0.1"), [], "refused checks")


# --- connections per client ------------------------------------------------------------------------------------

# shows 2.3i
def test_per_client_over_all_processes(t):
    """Not one more in three processes; the proxied address counts; a killed process leaves nothing counted."""
    s = service(t, general={"processes": 3, "connection-limit-per-client": 6})
    until(lambda: len(s.children("listener")) == 3, what="three listeners")
    clients = [Proxied(s.default, "10.1.2.3") for _ in range(6)]
    for client in clients:
        equal(client.banner.code, 220, "within the limit")
    for _ in range(6):
        with Proxied(s.default, "10.1.2.3") as client:
            check(client.banner.code == 421 and client.banner.text.startswith("4.7.0"), client.banner)
    with Proxied(s.default, "10.1.2.4") as client:
        equal(client.banner.code, 220, "another client")
    clients.pop().close()

    def again():
        client = Proxied(s.default, "10.1.2.3")
        if client.banner.code == 220:
            clients.append(client)
            return True
        client.close()
        return False
    until(again, what="the place that was given back")
    for pid in s.children("listener"):
        subprocess.run(["kill", "-9", str(pid)], check=True)
    s.events.wait("crash", count=3)
    until(lambda: len(s.children("listener")) == 3, what="three listeners again")
    fresh = [Proxied(s.default, "10.1.2.3") for _ in range(6)]
    for client in fresh:
        equal(client.banner.code, 220, "after the crash")
        client.close()


def test_per_client_many_at_once(t):
    """Forty come at once to four processes: never more than the limit are in."""
    s = service(t, general={"processes": 4, "connection-limit-per-client": 5})
    until(lambda: len(s.children("listener")) == 4, what="four listeners")
    clients, lock = [], threading.Lock()

    def come():
        client = Proxied(s.default, "10.1.2.3")
        with lock:
            clients.append(client)
    threads = [threading.Thread(target=come) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    inside = [client for client in clients if client.banner.code == 220]
    check(0 < len(inside) <= 5, len(inside), "are in")
