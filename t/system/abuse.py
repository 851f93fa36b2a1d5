"""abuse - floods, slow, half-closed and reset connections: the service still answers; the listener has not grown

Memory is measured on the release build: a sanitizer keeps what was freed.
"""

import os
import random
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path

from checks import Skip, check, equal
from patience import until
from programs import ROOT
from smtp import mail

RELEASE = Path(ROOT) / "build" / "release"
SLACK = 4096        # KiB: arenas of the allocator, which it keeps in pieces; not what sessions keep


def service_of(t, start=True, **sections):
    if not (RELEASE / "postern-listener").exists():
        raise Skip("no release build")
    t.need_root()       # a listener of the release build cannot be traced: its own user may not look into /proc
    return t.postern({"default": sections}, build=RELEASE, start=start)


def memory(service):
    """KiB of the listener's own memory."""
    for line in Path(f"/proc/{service.child('listener')}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1])
    raise Skip("the kernel does not tell")


def address(service):
    with service.default.connect() as client:
        return client.socket.getpeername()


def warm(service):
    """What a first message and some sessions need once stays: it is no leak."""
    service.default.send(data=mail(size=100000))
    clients = [service.default.connect(ehlo="c.example") for _ in range(200)]
    for client in clients:
        client.close()
    until(lambda: sessions(service) == 0, what="the sessions to go")
    return memory(service)


def sessions(service):
    """Open descriptors of the listener that are connections."""
    folder, found = Path(f"/proc/{service.child('listener')}/fd"), 0
    port = service.default.connect().socket.getpeername()[1]
    inodes = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
              if line.split()[1].endswith(f":{port:04X}") and line.split()[3] != "0A"}
    for each in os.listdir(folder):
        try:
            name = os.readlink(folder / each)
        except OSError:
            continue
        found += name.startswith("socket:[") and name[8:-1] in inodes
    return max(0, found - 1)


def check_recovered(service, before, what):
    until(lambda: sessions(service) <= 0, 30, f"the connections to go after {what}")
    service.default.send(data=mail("afterwards"))
    until(lambda: memory(service) <= before + SLACK, 60, lambda: f"memory after {what}: {memory(service)} KiB, before {before}")


def open_one(where, data=b""):
    connection = socket.create_connection(where, 30)
    if data:
        connection.sendall(data)
    return connection


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def in_parallel(count, work, threads=8):
    def some(first):
        for number in range(first, count, threads):
            work(number)
    running = [threading.Thread(target=some, args=(first,)) for first in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()


def test_ten_thousand_connects(t):
    service = service_of(t)
    before, where = warm(service), address(service)

    def one(number):
        connection = open_one(where, b"EHLO flood\r\n" if number % 3 == 0 else b"")
        if number % 2:
            reset(connection)
        else:
            connection.close()
    in_parallel(10000, one)
    check_recovered(service, before, "10,000 connects")


def test_many_at_once(t):
    """Over a thousand that stay, silent; a mail gets through meanwhile."""
    service = service_of(t)
    before, where = warm(service), address(service)
    clients = [open_one(where, b"EHLO c.example\r\n") for _ in range(1500)]
    service.default.send(data=mail("among many"))
    for client in clients:
        client.close()
    check_recovered(service, before, "1,500 at once")


# shows 2.3h
def test_memory_limit_is_true(t):
    """Many messages that do not end: what the listener holds stays below memory-limit, the others hear 452, and one ends as usual."""
    service = service_of(t, general={"memory-limit": "32M"})
    before, where = warm(service), address(service)
    begin = b"HELO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<b@default.example>\r\nDATA\r\n"
    clients, codes = [], []
    for _ in range(200):
        clients.append(open_one(where, begin))
        text = b""
        while text.count(b"\r\n") < 5:
            text += clients[-1].recv(1000)
        codes.append(text.split(b"\r\n")[4][:3])
    taken = [client for client, code in zip(clients, codes) if code == b"354"]
    equal(set(codes), {b"354", b"452"})
    check(95 < len(taken) < 110, f"{len(taken)} messages were begun")
    piece = (b"x" * 70 + b"\r\n") * 10000
    in_parallel(len(taken), lambda number: taken[number].sendall(piece))
    check(memory(service) < before + (32 << 10), f"{memory(service)} KiB, {before} before")
    taken[0].sendall(b".\r\n")
    check(taken[0].recv(1000).startswith(b"250 "), "the end of one")
    for client in clients:
        client.close()
    check_recovered(service, before, "messages that did not end")


def test_memory_is_given_back(t):
    """Sessions that opened at the height of a rush, and stay, do not pin what the others left."""
    service = service_of(t)
    before, where = warm(service), address(service)
    begin = b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n"
    recipients = b"".join(b"RCPT TO:<%d@default.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;%s\r\n" % (n, b"y" * 400) for n in range(90))
    rush, stay = [], []
    for number in range(400):
        rush.append(open_one(where, begin + recipients))
        replies = rush[-1].makefile("rb")
        for line in replies:
            if b"DSN" not in line and b"250 2.1.5" in line:
                break
        for _ in range(89):
            equal(replies.readline()[:9], b"250 2.1.5")
        if number % 4 == 3:
            stay.append(service.default.connect(ehlo="late.example"))
    high = memory(service)
    check(high > before + 2 * SLACK, f"{high} KiB are held, {before} before")
    for client in rush:
        client.close()
    until(lambda: memory(service) <= before + SLACK, 60, lambda: f"memory: {memory(service)} KiB, before {before}, {high} at the height")
    for client in stay:
        client.expect(250, "NOOP")


def test_endless_lines(t):
    service = service_of(t)
    before, where = warm(service), address(service)

    def one(number):
        connection = open_one(where)
        try:
            for _ in range(40):
                connection.sendall(b"A" * 65536)
        except OSError:
            pass    # cut off, as it should be
        else:
            connection.settimeout(30)
            try:
                while connection.recv(65536):
                    pass
            except OSError:
                pass
        connection.close()
    in_parallel(40, one, 4)
    check_recovered(service, before, "endless lines")


def test_command_flood(t):
    """A million commands, and the client reads no answers: the server stops reading, and keeps little."""
    service = service_of(t, general={"connection-timeout": "3s"})
    before, where = warm(service), address(service)
    clients = [open_one(where, b"EHLO c.example\r\n") for _ in range(20)]
    for client in clients:
        client.setblocking(False)
        try:
            for _ in range(200):
                client.send(b"NOOP\r\n" * 10000)
        except BlockingIOError:
            pass
    check(memory(service) < before + 20 * 400, "memory while flooded", memory(service), before)
    service.default.send(data=mail("meanwhile"))
    for client in clients:
        reset(client)
    check_recovered(service, before, "a flood of commands")


def test_errors_end_the_session(t):
    service = service_of(t)
    with service.default.connect(ehlo="c.example") as client:
        client.send(b"BOGUS\r\n" * 50)
        codes = []
        while not codes or codes[-1] != 421:
            codes.append(client.reply().code)
        equal(codes, [500] * 20 + [421])
        check(client.is_closed(), "open after 421")


# shows 2.3k
def test_slow_drips(t):
    """A byte now and then keeps no session beyond the time of a command."""
    service = service_of(t, general={"connection-timeout": "2s"})
    before, where = warm(service), address(service)
    clients = [open_one(where) for _ in range(50)]
    stop = threading.Event()

    def drip():
        while not stop.wait(0.2):
            for client in clients:
                try:
                    client.send(b"E")
                except OSError:
                    pass
    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        for client in clients:
            client.settimeout(20)
            text = b""
            try:
                while more := client.recv(1000):
                    text += more
            except ConnectionResetError:
                pass
            check(b"421 4.4.2" in text, text)
    finally:
        stop.set()
        dripping.join()
    for client in clients:
        client.close()
    check_recovered(service, before, "slow drips")


def test_half_closed(t):
    """The client says end but reads on: it gets its answers, and the connection ends."""
    service = service_of(t)
    before, where = warm(service), address(service)

    def one(number):
        connection = open_one(where, b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n" + (b"RCPT TO:<b@default.example>\r\nDATA\r\nhalf" if number % 2 else b""))
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(30)
        text = b""
        while more := connection.recv(65536):
            text += more
        check(text.startswith(b"220 ") and b"250 2.1.0" in text, text)
        connection.close()
    in_parallel(300, one)
    equal(service.home.queued(), [])
    check_recovered(service, before, "half-closed connections")


def test_reset_in_content(t):
    """RST in the middle of DATA and of a chunk: nothing is queued, no draft stays."""
    service = service_of(t)
    before, where = warm(service), address(service)
    start = b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<b@default.example>\r\n"

    def one(number):
        connection = open_one(where, start + (b"DATA\r\n" if number % 2 else b"BDAT 1000000\r\n") + (b"x" * 70 + b"\r\n") * 5000)
        reset(connection)
    in_parallel(200, one)
    check_recovered(service, before, "resets in content")
    until(lambda: not [p for p in (service.home.queue / "new").iterdir() if not p.name.endswith(".lock")], what="the drafts to go")
    service.home.wait_drops(2)
    equal({d.email["Subject"] for d in service.home.drops()}, {"test", "afterwards"})


def first_word():
    """What a client of TLS says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(incoming, outgoing, server_hostname="mx.example.com").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def test_garbage_in_handshakes(t):
    """A flood of what is no handshake, behind STARTTLS and on a port of TLS: cut pieces, turned bits, lengths that lie, noise."""
    service = service_of(t, start=False)
    pair, port = (service.folder / "c.pem", service.folder / "c.key"), t.port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", pair[1], "-out", pair[0],
                    "-days", "9", "-subj", "/CN=mx.example.com"], check=True, capture_output=True)
    pair[1].chmod(0o600)
    service.own()
    service.default.set("access", certificate=pair[0], key=pair[1], client_certificate="ask")
    service.default.set("general", tls_listen=f"127.0.0.1:{port}")
    service.start()
    using = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    using.check_hostname, using.verify_mode = False, ssl.CERT_NONE

    def shake(_):
        with using.wrap_socket(socket.create_connection(("127.0.0.1", port), 60)) as connection:
            check(connection.recv(4) == b"220 ", "no greeting under TLS")
    in_parallel(60, shake)
    before, where, hello, chance = warm(service), address(service), first_word(), random.Random(7)

    def garbage(number):
        if number % 5 == 0:
            return hello[:chance.randrange(1, len(hello))]
        if number % 5 == 1:
            turned = bytearray(hello)
            for _ in range(chance.randrange(1, 9)):
                turned[chance.randrange(len(turned))] ^= 1 << chance.randrange(8)
            return bytes(turned)
        if number % 5 == 2:
            return bytes([chance.choice((20, 21, 22, 23, 24)), 3, chance.randrange(5)]) + b"\xff\xff" + chance.randbytes(chance.randrange(20000))
        if number % 5 == 3:
            return hello[:5] + b"\1\xff\xff\xff" + hello[9:] + hello * 20
        return chance.randbytes(chance.randrange(1, 3000))
    pieces = [garbage(number) for number in range(1500)]

    def one(number):
        connection = open_one(("127.0.0.1", port) if number % 2 else where)
        try:
            if number % 2 == 0:
                connection.sendall(b"STARTTLS\r\n")
                text = b""
                while text.count(b"\r\n") < 2:
                    text += connection.recv(1000)
            connection.sendall(pieces[number])
            if number % 3 == 0:
                reset(connection)
                return
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass
        connection.close()
    in_parallel(len(pieces), one)
    check_recovered(service, before, "garbage in handshakes")
    failed = int(next(line.split()[-1] for line in service.ctl("counters", "default").stdout.splitlines() if "tls_handshakes_failed" in line))
    check(failed > 1000, f"{failed} handshakes failed")
    in_parallel(20, shake)
