"""limits - every limit of the INI files at its value, one above it, and unlimited; time-outs"""

import select
import socket
import threading
import time

from checks import check, equal
from patience import until
from smtp import mail


def exactly(size):
    head = b"Subject: size\r\n\r\n"
    lines = b"x" * 62 + b"\r\n"
    body = lines * ((size - len(head)) // len(lines))
    rest = size - len(head) - len(body)
    if rest in (0, 1):
        body, rest = body[:-len(lines)], rest + len(lines)
    data = head + body + b"y" * (rest - 2) + b"\r\n"
    assert len(data) == size
    return data


def try_size(service, size, declared=None):
    """The code that ends a message of `size` bytes."""
    with service.default.connect(ehlo="c.example") as client:
        reply = client.cmd("MAIL FROM:<a@s.example>" + (f" SIZE={declared}" if declared is not None else ""))
        if reply.code != 250:
            return f"{reply.code} {reply.text}"
        client.expect(250, "RCPT TO:<b@default.example>")
        client.expect(354, "DATA")
        client.send(exactly(size) + b".\r\n")
        reply = client.reply()
        if reply.code == 552:
            client.expect(250, "NOOP")      # the session goes on
        return f"{reply.code} {reply.text}"


# shows 2.5a, 9.7
def test_message_size(t):
    service = t.postern({"default": {"messages": {"max-message-size": "20K"}}})
    with service.default.connect() as client:
        check("SIZE 20480" in client.expect(250, "EHLO c.example").texts, "SIZE")
    check(try_size(service, 20480).startswith("250"), "at the limit")
    check(try_size(service, 20481).startswith("552 5.3.4"), "limit + 1")
    check(try_size(service, 300000).startswith("552 5.3.4"), "far beyond")
    check(try_size(service, 100, declared=20480).startswith("250"), "declared at the limit")
    check(try_size(service, 100, declared=20481).startswith("552 5.3.4"), "declared limit + 1")
    equal(len(service.home.wait_drops(2)), 2, "drops")


def test_message_size_unlimited(t):
    service = t.postern({"default": {"messages": {"max-message-size": "unlimited", "max-session-size": "unlimited"}}})
    check(try_size(service, 3 << 20).startswith("250"), "unlimited")
    equal(len(service.home.wait_drops()[0].body) + len(b"Subject: size\r\n\r\n"), 3 << 20, "size that came out")


# shows 2.5b
def test_session_size(t):
    service = t.postern({"default": {"messages": {"max-session-size": "10K"}}})
    with service.default.connect(ehlo="c.example") as client:
        for number in range(2):
            client.expect(250, "MAIL FROM:<a@s.example>")
            client.expect(250, "RCPT TO:<b@default.example>")
            client.expect(354, "DATA")
            client.send(exactly(5120) + b".\r\n")
            client.expect(250)
        reply = client.cmd("MAIL FROM:<a@s.example>")
        if reply.code == 250:
            client.expect(250, "RCPT TO:<b@default.example>")
            reply = client.cmd("DATA")
            if reply.code == 354:
                client.send(b"Subject: x\r\n\r\n.\r\n")
                reply = client.reply()
        check(reply.code == 552 and reply.text.startswith("5.3.4"), reply)
    check(try_size(service, 10240).startswith("250"), "a new session begins at nothing")


def test_session_size_unlimited(t):
    service = t.postern({"default": {"messages": {"max-message-size": "2M", "max-session-size": "unlimited"}}})
    with service.default.connect(ehlo="c.example") as client:
        for number in range(6):
            client.expect(250, "MAIL FROM:<a@s.example>")
            client.expect(250, "RCPT TO:<b@default.example>")
            client.expect(354, "DATA")
            client.send(exactly(2 << 20) + b".\r\n")
            client.expect(250)
    equal(len(service.home.wait_drops(6)), 6, "drops")


def recipients(service, count):
    codes = []
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@s.example>")
        for number in range(count):
            reply = client.cmd(f"RCPT TO:<r{number}@default.example>")
            codes.append(f"{reply.code} {reply.text}")
        client.content()
    return codes


# shows 2.5d
def test_recipients(t):
    service = t.postern({"default": {"messages": {"max-recipients": "5"}}})
    codes = recipients(service, 7)
    check(all(c.startswith("250") for c in codes[:5]), codes)
    check(all(c.startswith("452 4.5.3") for c in codes[5:]), codes)
    equal(service.home.wait_drops()[0].receivers, [f"r{n}@default.example" for n in range(5)])


def test_recipients_unlimited(t):
    service = t.postern({"default": {"messages": {"max-recipients": "unlimited"}}})
    check(all(c.startswith("250") for c in recipients(service, 1500)), "unlimited")
    until(lambda: sum(len(d.receivers) for d in service.home.drops()) == 1500, what="1500 receivers in drop files")


# shows 2.3g
def test_connection_limit(t):
    service = t.postern({"default": {"general": {"connection-limit": "3"}}})
    clients = [service.default.connect(ehlo="c.example") for _ in range(3)]
    with service.default.connect() as beyond:
        equal(beyond.banner.code, 421, "limit + 1")
        check(beyond.is_closed(), "open after 421")
    clients[0].expect(221, "QUIT")
    check(clients[0].is_closed(), "open after QUIT")

    def free():
        with service.default.connect() as client:
            return client.banner.code == 220
    until(free, what="the place that became free")
    for client in clients:
        client.close()


# shows 2.3i
def test_connection_limit_per_client(t):
    service = t.postern({"default": {"general": {"connection-limit-per-client": "2"}}})
    clients = [service.default.connect(ehlo="c.example") for _ in range(2)]
    with service.default.connect() as beyond:
        equal(beyond.banner.code, 421, "limit + 1")
    with service.default.connect(source="127.0.0.2") as other:
        equal(other.banner.code, 220, "another client")
    for client in clients:
        client.close()


# shows 2.3g
def test_connections_unlimited(t):
    service = t.postern({"default": {"general": {"connection-limit": "unlimited", "connection-limit-per-client": "unlimited"}}})
    clients = [service.default.connect(ehlo="c.example") for _ in range(150)]
    clients[-1].message(ehlo=None)
    for client in clients:
        client.close()


def quota(service, size):
    """The code of RCPT once a message of about `size` bytes lies in the drop folder."""
    service.default.send(data=mail("first", size=size))
    service.home.wait_drops()

    def asked():
        with service.default.connect(ehlo="c.example") as client:
            client.expect(250, "MAIL FROM:<a@s.example>")
            reply = client.cmd("RCPT TO:<b@default.example>")
            client.expect(250, "RCPT TO:<x@remote.example>")
            return f"{reply.code} {reply.text}"
    return asked


# shows 2.8d
def test_drop_quota(t):
    """452 4.2.2 for the default domain's mail once the folder is full; others go on, and emptying it opens it again."""
    service = t.postern({"default": {"domain default.example": {"type": "default", "drop-quota": "1K"}, "delivery": {"retry": "1s"}}}, start=False)
    service.start()
    asked = quota(service, 600)
    check(asked().startswith("250"), "below the quota")
    full = service.home.drop / "other.eml"
    full.write_bytes(b"x" * 1024)
    until(lambda: asked().startswith("452 4.2.2"), 20, "the full folder to be seen")
    full.unlink()
    until(lambda: asked().startswith("250"), 20, "room to be seen")


def test_drop_quota_unlimited(t):
    service = t.postern({"default": {"domain default.example": {"type": "default", "drop-quota": "unlimited"}}})
    check(quota(service, 3 << 20)().startswith("250"), "unlimited")


# shows 2.3l
def test_processes_at_the_limit(t):
    """As many listeners as may be start, and a reload finds room for as many again."""
    service = t.postern({"default": {"general": {"processes": "64"}}})
    equal(len(service.children("listener")), 64, "listeners")
    old = set(service.children("listener"))
    service.default.set("messages", max_recipients="50")
    service.ctl("reload")
    until(lambda: not old & set(service.children("listener")), what="the old listeners to end")
    equal(len(service.children("listener")), 64, "listeners after the reload")
    service.default.send()
    service.home.wait_drops()


# shows 2.3j
def test_idle_time(t):
    service = t.postern({"default": {"general": {"connection-timeout": "1s"}}})
    with service.default.connect(ehlo="c.example") as client:
        client.expect("421 4.4.2")
        check(client.is_closed(), "open after 421")
    with service.default.connect(ehlo="c.example") as client:     # in DATA, too
        client.expect(250, "MAIL FROM:<a@s.example>")
        client.expect(250, "RCPT TO:<b@default.example>")
        client.expect(354, "DATA")
        client.send(b"Subject: half\r\n")
        client.expect("421 4.4.2")
        check(client.is_closed(), "open after 421")
    equal(service.home.queued(), [])


def test_vanished_client_leaves_nothing(t):
    service = t.postern()
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@s.example>")
        client.expect(250, "RCPT TO:<b@default.example>")
        client.expect(354, "DATA")
        client.send(mail(size=400000))
    service.default.send(data=mail("whole"))
    equal([d.email["Subject"] for d in service.home.wait_drops()], ["whole"])
    until(lambda: not [p for p in (service.home.queue / "new").iterdir() if not p.name.endswith(".lock")], what="the draft to go")


def test_session_time(t):
    """A session that is old ends at the next command between two messages: a message under way is taken first."""
    service = t.postern({"default": {"general": {"session-time": "1s"}}})
    begin = time.monotonic()
    with service.default.connect() as young, service.default.connect() as old, service.default.connect() as busy:
        young.message()
        busy.expect(250, "HELO c")
        busy.expect(250, "MAIL FROM:<a@b.example>")
        busy.expect(250, "RCPT TO:<b@default.example>")
        until(lambda: time.monotonic() - begin > 1.5, what="a second to pass")
        for client in (young, old):
            client.expect("421 4.3.2", "NOOP")
            check(client.is_closed(), "open after 421")
        busy.expect(354, "DATA")
        busy.send("x\r\n.\r\n")
        busy.expect(250)
        busy.expect("421 4.3.2", "NOOP")
    service.home.wait_drops(2)


def test_session_time_unlimited(t):
    service = t.postern({"default": {"general": {"session-time": "unlimited"}}})
    with service.default.connect() as client:
        client.message()
        client.expect(221, "QUIT")


def test_idle_commands(t):
    """The limit that holds without a key hurts no sender of many messages; who sends none is told after 200 commands."""
    service = t.postern()
    with service.default.connect(ehlo="bulk.example") as client:
        for _ in range(220):
            client.message(ehlo=None)
            client.expect(250, "RSET")
            client.expect(250, "NOOP")
        client.expect(221, "QUIT")
    with service.default.connect() as client:
        for _ in range(100):
            client.expect(250, "HELO c")
            client.expect(250, "RSET")
        client.expect("421 4.7.0", "NOOP")
        check(client.is_closed(), "open after 421")
    service.events.wait("refused", client="127.0.0.1", recipient="-")


def begin_content(client):
    """A message that has only begun; the reply to DATA."""
    client.expect(250, "HELO c")
    client.expect(250, "MAIL FROM:<a@b.example>")
    client.expect(250, "RCPT TO:<b@default.example>")
    return client.cmd("DATA")


# shows 2.3h
def test_memory_limit_of_messages(t):
    """Messages that would hold more than memory-limit hear 452; those under way end, and then there is room again."""
    service = t.postern({"default": {"general": {"memory-limit": "1M"}}})
    clients = [service.default.connect() for _ in range(4)]
    equal([begin_content(client).code for client in clients], [354, 354, 354, 452])
    service.events.wait("refused", client="127.0.0.1", recipient="-")
    clients[0].send("x\r\n.\r\n")
    clients[0].expect(250)
    clients[3].expect(250, "MAIL FROM:<a@b.example>")
    clients[3].expect(250, "RCPT TO:<b@default.example>")
    clients[3].expect(354, "DATA")
    for client in clients[1:]:
        client.send("x" * 900 + "\r\n.\r\n")
        client.expect(250)
        client.expect(221, "QUIT")
    service.home.wait_drops(4)


def test_memory_limit_of_sessions_and_recipients(t):
    """A new connection hears 421, a further recipient 452; no session is cut, and the listener lives."""
    service = t.postern({"default": {"general": {"memory-limit": "1M", "connection-limit": "unlimited"}, "messages": {"max-recipients": "100000"}}})
    listener = service.child("listener")
    with service.default.connect(ehlo="c") as client:
        client.expect(250, "MAIL FROM:<a@b.example>")
        codes = []
        while 452 not in codes and len(codes) < 20000:
            client.send("".join(f"RCPT TO:<{len(codes) + n}@default.example>\r\n" for n in range(100)))
            codes += [client.reply().code for _ in range(100)]
        check(2000 < codes.index(452) < 8000, codes.index(452))
        equal(client.cmd("RSET").code, 250)
    clients, reply = [], None
    while reply is None and len(clients) < 2000:
        client = service.default.connect()
        if client.banner.code == 220:
            clients.append(client)
        else:
            reply = client.banner
    equal((len(clients) > 300, reply.code), (True, 421), len(clients))
    equal(begin_content(clients[0]).code, 354)    # idle sessions leave room for a message
    for client in clients:
        client.close()
    until(lambda: service.default.connect().banner.code == 220, what="room for a session")
    equal(service.child("listener"), listener)


def flood(client):
    """Recipients over the limit without end, whose replies are not read; until the server closes."""
    try:
        client.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<b@default.example>\r\n")
        while True:
            client.send("RCPT TO:<another@default.example>\r\n" * 1000)
    except OSError:
        pass


def memory_service(t):
    return t.postern({"default": {"general": {"memory-limit": "1M", "connection-limit": "unlimited"}, "messages": {"max-recipients": "1"}}})


def test_memory_limit_of_sessions_that_grow(t):
    """What existing sessions hold is bounded, too: the heaviest end with 421, the others and the mail go on."""
    service = memory_service(t)
    light = [service.default.connect() for _ in range(100)]
    for client in light:
        client.send("NOOP " + "x" * 1500)       # its line does not end yet
    heavy = [service.default.connect(ehlo="c") for _ in range(6)]
    for client in heavy:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        threading.Thread(target=flood, args=(client,), daemon=True).start()
    until(lambda: len([e for e in service.events.all("refused") if "421 4.3.1" in e["reply"]]) >= 4, 60, "the heavy ones to end")
    for client in light:
        equal(client.cmd("").code, 250)
    equal(begin_content(light[0]).code, 354)
    for client in heavy + light:
        client.close()


def test_memory_limit_of_lines_that_do_not_end(t):
    """Many that hold little each: so many end that the mail goes on."""
    service = memory_service(t)
    clients = [service.default.connect() for _ in range(300)]
    equal({client.banner.code for client in clients}, {220})
    for client in clients:
        client.send("NOOP " + "x" * 1500)

    def readable(some):
        return select.select([client.socket for client in some], [], [], 0)[0]
    until(lambda: len(readable(clients)) > 100, what="the end of some")
    codes = [client.reply().code if readable([client]) else client.cmd("").code for client in clients]
    check(100 < codes.count(421) < 200 and codes.count(250) == 300 - codes.count(421), codes)
    equal(begin_content(clients[codes.index(250)]).code, 354)
    for client in clients:
        client.close()


def test_time_of_content(t):
    """A byte now and then does not keep a session for ever: neither in a message, nor in content that is refused already."""
    service = t.postern(env={"POSTERN_CONTENT_TIME": "1000"})
    good, bare, misplaced = (service.default.connect(ehlo="c") for _ in range(3))
    for client in (good, bare):
        equal(begin_content(client).code, 354)
    bare.send("x\n")
    misplaced.send("BDAT 16000000\r\n")
    for client, code in ((good, 421), (bare, 554), (misplaced, 503)):
        limit = time.monotonic() + 8            # a silent one has 10 seconds
        while not select.select([client.socket], [], [], 0.1)[0]:
            client.send("x")
            check(time.monotonic() < limit, "it still reads", code)
        equal(client.reply().code, code)
        if code != 421:
            equal(client.reply().code, 421)
        client.close()
    service.default.send()


def test_memory_limit_unlimited(t):
    service = t.postern({"default": {"general": {"memory-limit": "unlimited"}}})
    clients = [service.default.connect() for _ in range(20)]
    equal({begin_content(client).code for client in clients}, {354})
    for client in clients:
        client.close()


def test_connection_limit_without_a_key(t):
    """Many connections of this host, and a limit for each client elsewhere that a bulk sender does not meet."""
    service = t.postern()
    clients = [service.default.connect() for _ in range(400)]
    equal({client.banner.code for client in clients}, {220})
    for client in clients:
        client.close()


def test_connection_limit_has_no_share(t):
    """A limit for all that is set is a limit for one, too: no share of it is taken."""
    service = t.postern({"default": {"general": {"connection-limit": "60"}, "access": {"proxy": "yes", "proxy-trusted": "127.0.0.1"}}})
    clients = [service.default.connect(banner=False) for _ in range(60)]
    for client in clients:
        client.send("PROXY TCP4 192.0.2.1 10.0.0.1 40000 25\r\n")
        equal(client.reply().code, 220)
    for client in clients:
        client.close()


def test_client_prefix(t):
    """With a prefix the addresses of a network are one client."""
    service = t.postern({"default": {"general": {"connection-limit-per-client": "2", "client-prefix-ipv4": "24", "client-prefix-ipv6": "48"}}})
    first, second = service.default.connect(source="127.0.9.1"), service.default.connect(source="127.0.9.2")
    equal(service.default.connect(source="127.0.9.3").banner.code, 421)
    equal(service.default.connect(source="127.0.8.1").banner.code, 220)
    first.close()
    until(lambda: service.default.connect(source="127.0.9.9").banner.code == 220, what="a free place")
    second.close()
