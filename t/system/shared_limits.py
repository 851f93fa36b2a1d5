"""shared_limits - three nodes keep the limits of a host together, whatever becomes of a node or of the engine"""

import json
import os
import pathlib
import signal
import threading
import time

from checks import check, equal
from counted_sink import limited, live
from engine import Engine, HostileEngine, bulk
from patience import WAIT, until
from processes import status_of
from smtp import mail

LEASE = 5


def node(t, engine, sink, name, nodes=3, on_loss="share", rules=None, start=True, **limits):
    rules = rules or {"connections": "3"}
    return t.postern({"default": {
        "access": {"relay": "only", "relay-list": "127.0.0.1"}, "messages": {"max-session-size": "unlimited"},
        "delivery": {"retry": "1h"}, "domain x.example": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"}, "host 127.0.0.1": rules}},
        shared={"limits": {"engine": engine.place, "node": name, "nodes": str(nodes), "on-loss": on_loss, "lease": f"{LEASE}s", **limits}},
        start=start)


def send(service, count, name):
    with service.default.connect(ehlo="c.example") as client:
        for number in range(count):
            client.message("a@default.example", [f"{name}-{number}@x.example"], mail(), ehlo=None)


# shows 9c.5
def test_together(t):
    """Three nodes with mail for one host: three connections, never more, and all have their part of them."""
    engine, sink = Engine(t), limited(t, 3, {"CONNECT": "421 4.7.0 Too many connections"}, slow=0.1)
    nodes = [node(t, engine, sink, f"n{number}") for number in range(3)]
    threads = [threading.Thread(target=send, args=(each, 40, f"n{number}")) for number, each in enumerate(nodes)]
    for thread in threads:
        thread.start()
    until(lambda: engine.holders("127.0.0.1") == {"n0": 1, "n1": 1, "n2": 1}, what=lambda: f"a permit for each: {engine.holders('127')}")
    for thread in threads:
        thread.join()
    sink.wait(120)
    equal((sink.most, sink.refused), (3, 0), "connections at a time")
    for each in nodes:
        each.home.wait_queued(0)
    until(lambda: engine.holders("127.0.0.1") == {}, what="permits given back")
    check(all(number(each, "leases_asked_total") > 0 for each in nodes), "leases that were asked for")


def number(service, name):
    return int(dict(line.split() for line in service.ctl("counters").stdout.splitlines())[name])


def hold(sink, name):
    """The sink keeps back its answer to DATA of that node's mail, until the event that is returned."""
    over = threading.Event()

    def data(session, line):
        if session.recipients[0].startswith(name):
            over.wait(2 * WAIT)
    sink.answers["DATA"] = data
    return over


def processes(service):
    return [service.process.pid, *service.children()]


def test_killed_node(t):
    """What a node held that was killed is free when its lease has ended, and not before."""
    engine, sink = Engine(t), limited(t, 3, {"CONNECT": "421 4.7.0 Too many connections"})
    over = hold(sink, "first-")
    first, second = node(t, engine, sink, "first"), node(t, engine, sink, "second")
    send(first, 30, "first")
    until(lambda: engine.holders("127.0.0.1") == {"first": 3}, what=lambda: f"three permits: {engine.holders('127')}")
    send(second, 10, "second")
    first.kill()
    killed = time.monotonic()
    over.set()
    until(lambda: engine.holders("127.0.0.1").get("second"), what="a permit for the other node")
    passed = time.monotonic() - killed
    check(passed > LEASE / 2, "a permit before the lease had ended", passed)
    second.home.wait_queued(0)
    equal((sink.most, sink.refused), (3, 0), "connections at a time")


# shows 9c.5
def test_frozen_node(t):
    """A node that stands still longer than its lease: others have its permits, and when it goes on its connections say nothing more."""
    engine, sink = Engine(t), limited(t, 3, {"CONNECT": "421 4.7.0 Too many connections"})
    over = hold(sink, "first-")
    first, second = node(t, engine, sink, "first"), node(t, engine, sink, "second")
    send(first, 30, "first")
    until(lambda: engine.holders("127.0.0.1") == {"first": 3}, what="three permits")
    until(lambda: live(sink) == 3, what="three connections")
    frozen = processes(first)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    sessions, sink.limit = list(sink.sessions), 6       # three connections are left of the frozen node
    said = [len(session.lines) for session in sessions]
    send(second, 30, "second")
    second.home.wait_queued(0)
    check(4 <= sink.most <= 6, "connections of the other node, and three", sink.most)
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    first.events.wait("trouble", what="lease-over", count=3)
    until(lambda: number(first, "connections_ended_by_lease_total") == 3, what="three connections in the counter")
    until(lambda: engine.holders("127.0.0.1").get("first"), what="permits anew")
    equal([len(session.lines) for session in sessions], said, "what old connections said")
    over.set()
    first.home.wait_queued(0)
    equal((sink.refused, len(sink.messages)), (0, 60), "all mail, once")


def test_engine_restarted(t):
    """An engine that has forgotten everything gives nothing before all that was given has ended."""
    engine, sink = Engine(t), limited(t, 3, {"CONNECT": "421 4.7.0 Too many connections"}, slow=0.1)
    nodes = [node(t, engine, sink, f"n{number}") for number in range(3)]
    for number, each in enumerate(nodes):
        send(each, 60, f"n{number}")
    until(lambda: len(engine.holders("127.0.0.1")) == 3, what="permits for all")
    for _ in range(2):
        engine.kill()
        engine.start()
        sink.wait(len(sink.messages) + 20)
    for each in nodes:
        each.home.wait_queued(0)
    equal((sink.most, sink.refused, len(sink.messages)), (3, 0, 180))


def lost(each):
    done = each.ctl("status", "--check", ok=False)
    return done.returncode != 0 and "limits are not shared" in done.stdout + done.stderr


# shows 9c.5
def test_engine_gone_share(t):
    """Without the engine each node uses its share, and says so; with it again they share."""
    engine, sink = Engine(t), limited(t, 3, {"CONNECT": "421 4.7.0 Too many connections"}, slow=0.1)
    nodes = [node(t, engine, sink, f"n{number}") for number in range(3)]
    for number, each in enumerate(nodes[:2]):
        send(each, 60, f"n{number}")
    until(lambda: len(engine.holders("127.0.0.1")) == 2, what="permits for two")
    engine.kill()
    for each in nodes[:2]:
        each.home.wait_queued(0)
        until(lambda e=each: lost(e), what="the loss in status --check")
    send(nodes[2], 10, "n2")
    nodes[2].home.wait_queued(0)
    equal((sink.most <= 3, sink.refused, len(sink.messages)), (True, 0, 130))
    check("leases_without_engine" in nodes[0].ctl("counters").stdout, "no counter")
    engine.start()
    for each in nodes:
        until(lambda e=each: not lost(e), what="the end of the loss")


# shows 9c.5
def test_engine_gone_closed(t):
    """on-loss = closed: connections end with their leases, mail waits, and goes when the engine is back."""
    engine, sink = Engine(t), limited(t, 3, {"CONNECT": "421 4.7.0 Too many connections"}, slow=0.3)
    nodes = [node(t, engine, sink, f"n{number}", on_loss="closed") for number in range(2)]
    for number, each in enumerate(nodes):
        send(each, 60, f"n{number}")
    until(lambda: len(engine.holders("127.0.0.1")) == 2, what="permits for two")
    engine.kill()
    until(lambda: live(sink) == 0, what="the end of all connections")
    check(len(sink.messages) < 120, "too fast to see anything", len(sink.messages))
    check(lost(nodes[0]), "status --check says nothing")
    equal(live(sink), 0)
    engine.start()
    for each in nodes:
        each.home.wait_queued(0, 90)      # 120 messages of 0.3 s on three connections
    equal((sink.most, sink.refused), (3, 0))


def test_rate(t):
    """60 messages a minute of three nodes together: never more than in one minute may go, and most of that is used."""
    engine, times = Engine(t), []
    sink = limited(t, 30, {}, slow=0)
    usual = sink.answers["DOT"]

    def dot(session, line):
        times.append(time.monotonic())
        return usual(session, line)
    sink.answers["DOT"] = dot
    nodes = [node(t, engine, sink, f"n{number}", rules={"rate": "60"}) for number in range(3)]
    for number, each in enumerate(nodes):
        send(each, 12, f"n{number}")
    until(lambda: len(times) >= 12, what=lambda: f"twelve messages, not {len(times)}")
    passed = times[11] - times[0]
    check(9 < passed < 18, "seconds for eleven messages", passed)


def test_clients(t):
    """The connections of one client to two nodes: each has some of its own, the others go where they are wanted; never more than the limit."""
    engine = Engine(t)
    limits = {"engine": engine.place, "nodes": "2", "lease": f"{LEASE}s"}
    nodes = [t.postern({"default": {"general": {"connection-limit-per-client": "12"}}}, shared={"limits": {**limits, "node": f"n{number}"}})
             for number in range(2)]
    live = [[], []]

    def one_more(number):
        client = nodes[number].default.connect()
        code = client.banner.code
        if code == 220:
            live[number].append(client)
        else:
            client.close()
        check(len(live[0]) + len(live[1]) <= 12, "connections", live)
        return code

    def fill(number, most):
        until(lambda: len(live[number]) == most or (one_more(number) and False), what=lambda: f"{most}, not {len(live[number])}, at node {number}")
        equal(one_more(number), 421, "one more")
    fill(0, 9)      # 3 of its own, and the 6 that are leased
    fill(1, 3)
    for client in live[0]:
        client.close()
    live[0].clear()
    fill(1, 9)
    fill(0, 3)
    engine.kill()
    for client in live[1]:
        client.close()
    live[1].clear()
    fill(0, 6)      # its own, and its share of the others, when a lease is over


def password(t, word):
    path = t.folder / f"password{t.count('password')}"
    path.write_text(f"{word}\n")
    path.chmod(0o600)
    os.chown(path, t.uid, t.gid)
    return path


def test_password(t):
    """The engine wants a password, of its default user and of another; a wrong one is told by status --check."""
    port = t.port()
    engine = Engine(t, ["--user", *"default on >secret ~* +@all".split(), "--user", *"other on >word ~* +@all".split()], port=port)
    sink = limited(t, 3, {})
    for user, word in ((None, "secret"), ("other", "word")):
        service = node(t, engine, sink, "n0", on_loss="closed", **{"password-file": password(t, word), **({"user": user} if user else {})})
        send(service, 3, "a")
        service.home.wait_queued(0)
        check(not lost(service), service.ctl("status", "--check", ok=False).stdout)
    service = node(t, engine, sink, "n0", on_loss="closed", **{"password-file": password(t, "wrong")})
    send(service, 1, "a")
    until(lambda: lost(service), what="the loss")
    told = service.ctl("status", ok=False).stdout
    check("WRONGPASS" in told and "secret" not in told, told)
    pathlib.Path(service.shared["limits"]["password-file"]).chmod(0o644)
    told = service.ctl("check", ok=False)
    check(told.returncode != 0 and "password-file" in told.stdout + told.stderr and "everybody may read" in told.stdout + told.stderr, told)


def pids(service):
    return service.child("limits"), service.child("deliver")


# shows 9c.5
def test_waiting_is_said(t):
    """
    Mail that waits as other nodes have the connections says so, with the host and when it is tried again: in the queue, among the hosts, in
    a probe. Mail that waits without the engine says that.
    """
    engine, sink = Engine(t), limited(t, 1, {"CONNECT": "421 4.7.0 Too many connections"})
    over = hold(sink, "first-")
    first, second = (node(t, engine, sink, name, nodes=2, on_loss="closed", rules={"connections": "1"}) for name in ("first", "second"))
    send(first, 3, "first")
    until(lambda: engine.holders("127.0.0.1") == {"first": 1} and live(sink) == 1, what="a connection of the first node")
    send(second, 1, "second")

    def reason(*words):
        rows = json.loads(second.ctl(*words, "--json").stdout)
        (row,) = rows.get("messages") or rows.get("domains") or rows.get("hosts")
        return row
    used_up = f"{sink.port}, 1 connection for all nodes, is used up at other nodes; tried again within "
    until(lambda: used_up in (reason("queue", "default", "list")["reason"] or ""), what=lambda: reason("queue", "default", "list"))
    message = reason("queue", "default", "list")["id"]
    check(used_up in second.ctl("queue", "default", "show", message).stdout, "queue show says nothing")
    check(used_up in reason("queue", "default", "show", message)["waits"], "nor as JSON")
    until(lambda: used_up in (reason("queue", "default", "count")["reason"] or ""), what="queue count")
    until(lambda: (row := reason("hosts", "default"))["state"] == "used-up" and row["rest"] > 0 and used_up in row["said"], what="hosts")
    done = second.ctl("probe", "default", "--rcpt", "b@x.example", ok=False)
    check(done.returncode == 1 and used_up in done.stdout, done)
    engine.kill()
    lost_at = "and their engine does not answer; tried again within "
    until(lambda: lost_at in (reason("queue", "default", "list")["reason"] or ""), what=lambda: reason("queue", "default", "list"))
    equal(reason("hosts", "default")["state"], "no-engine")
    over.set()
    engine.start()
    for each in (first, second):
        each.home.wait_queued(0, 60)
    check(reason("hosts", "default")["state"] == "works", reason("hosts", "default"))
    equal(sink.refused, 0)


def test_reason_of_loss(t):
    """The status says why the engine is away now; another reason is another event, and the same one is none. The helper has its pid as a number."""
    engine = HostileEngine(t, lambda words: None, {"INFO": b"-NOAUTH the first\r\n"})
    service = node(t, engine, limited(t, 3, {}), "n0")
    send(service, 1, "n0")
    service.events.wait("trouble", part="limits", reason=lambda text: "NOAUTH the first" in text)
    until(lambda: lost(service), what="the loss in status --check")
    engine.greeting = {"INFO": b"-WRONGPASS the second\r\n"}
    until(lambda: "WRONGPASS the second" in service.ctl("status", "--check", ok=False).stdout, what="the newest reason in status --check")
    check("the first" not in service.ctl("status").stdout, "the reason of before in status")
    service.events.wait("trouble", part="limits", reason=lambda text: "WRONGPASS the second" in text)
    seen = engine.connections + 3
    until(lambda: engine.connections >= seen, what="more attempts")
    equal(len(service.events.all("trouble", part="limits")), 2, "events of the loss")
    helpers = {name: value for name, value in json.loads(service.ctl("status", "--json").stdout)["service"].items()
               if name not in ("name", "state", "right", "reason")}
    check(helpers.get("limits"), "no pid of the helper", helpers)
    check(all(value is None or isinstance(value, int) for value in helpers.values()), "pids that are no numbers", helpers)


def test_hostile_engine(t):
    """Whatever an engine says: no process ends, memory is bounded, no more than the limit is used, and mail goes with the share."""
    slow = threading.Event()
    t.cleanup(slow.set)
    answers = [b"-LOADING Redis is loading\r\n", b"-OOM command not allowed\r\n", b"-READONLY You can't write\r\n", b"-WRONGTYPE no\r\n",
               b"-NOSCRIPT none\r\n", b"+OK\r\n", b"$-1\r\n", b":5\r\n", b"*3\r\n:1\r\n$1\r\na\r\n:0\r\n", b"*3\r\n:-5\r\n:1\r\n:1\r\n",
               b"*2\r\n:1\r\n:1\r\n", b"*3\r\n:1000000000\r\n:1000000000\r\n:0\r\n", b"*3\r\n:99999999999999999999\r\n:1\r\n:1\r\n",
               b"*1000000000\r\n", b"$500000000\r\n" + b"x" * (1 << 20), b"*1\r\n" * 9, b"rubbish\r\n", b"-" + b"x" * 100000 + b"\r\n",
               b":1\r\n:1\r\n:1\r\n", b"*3\r\n:1\r\n", b"", None]
    now = [None]
    engine = HostileEngine(t, lambda words: now[0])
    sink = limited(t, 3, {"CONNECT": "421 4.7.0 Too many connections"})
    service = node(t, engine, sink, "n0", **{"password-file": password(t, "secret")})
    send(service, 1, "begin")
    before = pids(service)
    for number, answer in enumerate(answers):
        now[0] = answer
        asked = len(engine.asked) + 4
        send(service, 3, f"number{number}")
        until(lambda a=asked: len(engine.asked) >= a, what=lambda a=answer: f"questions, with {a and a[:40]}")
    for name, reply in (("AUTH", b"-ERR no\r\n"), ("INFO", b"-NOAUTH no\r\n"), ("INFO", bulk(b"nothing")), ("SCRIPT", b":1\r\n"),
                        ("INFO", bulk(b"run_id:1\r\nrole:slave\r\n")), ("INFO", b"$100000\r\n" + b"x" * 100002)):
        engine.greeting = {name: reply}
        now[0], connections = None, engine.connections + 2
        send(service, 1, "more")
        until(lambda c=connections: engine.connections >= c, what=f"connections, with {name}")
    service.home.wait_queued(0)
    equal(pids(service), before, "the same processes")
    equal((sink.refused, sink.most <= 3), (0, True))
    check(int(status_of(before[0])["VmHWM"].split()[0]) < 300000, "memory of the helper", status_of(before[0])["VmHWM"])
