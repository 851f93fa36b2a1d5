"""state - the seven states by posternctl and by signals; what is kept over a restart; reload under load"""

import signal
import socket
import threading

from checks import check, equal
from patience import until
from processes import signal_value
from smtp import Smtp, mail


def is_open(server):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", server.port)) == 0


def words(service, name):
    """The states of one virtual server so far, as events told them."""
    return [e["state"] for e in service.events.all("state", server=name)]


# shows 1.3a, 1.3b, 1.3c, 1.3e, 7.2c
def test_states_in_order(t):
    service = t.postern()
    service.ctl("pause", "default")
    service.ctl("continue", "default")
    service.ctl("stop", "default")
    service.ctl("start", "default")
    equal(words(service, "default"), ["starting", "started", "pausing", "paused", "continuing", "started", "stopping", "stopped",
                                      "starting", "started"])
    numbers = [e["number"] for e in service.events.all("state", server="default")]
    equal(numbers, ["1", "2", "5", "6", "7", "2", "3", "4", "1", "2"])
    check("started" in service.ctl("status").stdout, service.ctl("status").stdout)


# shows 1.4a, 1.4b, 1.4c
def test_pause_refuses_new_and_keeps_old(t):
    service = t.postern()
    with service.default.connect(ehlo="c.example") as session:
        service.ctl("pause", "default")
        check(not is_open(service.default), "a paused server takes connections")
        session.message(ehlo=None)
        service.home.wait_drops()       # delivery goes on
        service.home.put("one", "x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n")
        service.home.wait_drops(2)
        service.ctl("continue", "default")
        check(is_open(service.default), "a continued server refuses")
        session.message(ehlo=None)
    service.home.wait_drops(3)


# shows 1.3a, 1.4d, 1.4f
def test_stop_says_421_and_stops_everything(t):
    service = t.postern({"one": {}, "two": {}})
    with service["one"].connect(ehlo="c.example") as session, service["two"].connect(ehlo="c.example") as other:
        service.ctl("stop", "one")
        session.expect(421)
        check(session.is_closed(), "open after 421")
        equal(service.children(server="one"), [], "workers of a stopped server")
        check(not is_open(service["one"]), "a stopped server takes connections")
        other.message(to="b@two.example", ehlo=None)
    service["one"].home.put("one", "x-sender: a@s.example\nx-receiver: b@one.example\n\nhello\n")
    service["two"].home.wait_drops()
    equal(len(list(service["one"].home.pickup.glob("*"))), 1, "a stopped server takes no pickup files")
    service.ctl("start", "one")
    service["one"].home.wait_drops()


# shows 2.2h
def test_stop_finishes_a_transaction(t):
    """A session in the middle of its data may finish within the grace time."""
    service = t.postern()
    with service.default.connect(ehlo="c.example") as session:
        session.expect(250, "MAIL FROM:<a@s.example>")
        session.expect(250, "RCPT TO:<b@default.example>")
        session.expect(354, "DATA")
        session.send(b"Subject: half\r\n\r\n")
        mark = service.events.mark()
        service.signal(signal.SIGTERM)
        service.events.wait("state", state="stopping", since=mark)
        session.send(b"rest\r\n.\r\n")
        session.expect(250)
        session.expect(421)
    equal(service.wait_end(), 0)
    service.start()
    service.home.wait_drops()


# shows 1.6a, 1.6b, 2.3a
def test_signals(t):
    service = t.postern({"one": {"general": {"id": "3"}}, "two": {"general": {"id": "7"}}})
    service.signal(signal.SIGUSR1)
    service.wait_state("one", "paused")
    service.wait_state("two", "paused")
    mark = service.events.mark()
    service.signal(signal.SIGUSR2)
    service.wait_state("one", "started", since=mark)
    service.wait_state("two", "started", since=mark)
    mark = service.events.mark()
    signal_value(service.process.pid, signal.SIGUSR1, 7)
    service.wait_state("two", "paused", since=mark)
    check(is_open(service["one"]) and not is_open(service["two"]), "only number 7 pauses")
    equal(service.events.all("state", since=mark, server="one"), [], "one is left alone")
    mark = service.events.mark()
    signal_value(service.process.pid, signal.SIGUSR2, 7)
    service.wait_state("two", "started", since=mark)
    signal_value(service.process.pid, signal.SIGUSR1, 99)      # nobody's number: nothing happens
    service["one"].send(to="b@one.example")
    mark = service.events.mark()
    service.signal(signal.SIGHUP)
    service.events.wait("config", since=mark)
    equal(service.stop(), 0, "exit status after TERM")


# shows 1.5b, 1.5c
def test_stopped_stays_stopped(t):
    service = t.postern({"one": {}, "two": {}, "three": {}})
    service.ctl("stop", "two")
    service.ctl("pause", "three")
    equal(service.stop(), 0)
    mark_two = len(words(service, "two"))
    service.start(wait=("one", "three"))
    equal([w for w in words(service, "two")[mark_two:] if w != "stopped"], [], "a stopped server after a restart")
    check(is_open(service["one"]) and not is_open(service["two"]), "who listens")
    service.kill()
    service.start(wait=("one", "three"))
    check(not is_open(service["two"]), "stopped over a crash")
    service.ctl("start", "two")
    service.stop()
    service.start()


# shows 1.5d
def test_start_one_from_stopped_service(t):
    """-S NAME starts that one and all that had been running, not the others."""
    service = t.postern({"one": {}, "two": {}, "three": {}})
    service.ctl("stop", "two")
    service.ctl("stop", "three")
    service.stop()
    service.start("-S", "two", wait=("one", "two"))
    check(not is_open(service["three"]), "three had been stopped")
    service.stop()
    service.start(wait=("one", "two"))


# shows 1.5a, S1.5
def test_service_orders(t):
    """Without a name all are meant."""
    service = t.postern({"one": {}, "two": {}})
    service.ctl("pause")
    check(not is_open(service["one"]) and not is_open(service["two"]), "pause")
    service.ctl("continue")
    check(is_open(service["one"]) and is_open(service["two"]), "continue")
    service.ctl("stop")
    equal(service.wait_end(), 0, "exit status")
    check(service.ctl("status", ok=False).returncode in (2, 69), "status of a service that is down")


# shows 1.13a, 1.13b
def test_status_check(t):
    service = t.postern({"one": {}, "two": {}})
    done = service.ctl("status", "--check")
    equal((done.returncode, len(done.stdout.splitlines())), (0, 1))
    service.ctl("pause", "one")
    check(service.ctl("status", "--check", "one", ok=False).returncode in (0, 1), "paused")
    service.ctl("stop", "one")
    equal(service.ctl("status", "--check", "two").returncode, 0)
    service.stop()
    equal(service.ctl("status", "--check", ok=False).returncode, 2, "service down")


def test_wrong_orders(t):
    service = t.postern()
    check(service.ctl("pause", "nobody", ok=False).returncode in (3, 64), "unknown name")
    equal(service.ctl("explode", ok=False).returncode, 64, "unknown command")
    equal(service.ctl("pause", "default", "extra", ok=False).returncode, 64, "too many words")
    service.ctl("stop", "default")
    check(service.ctl("pause", "default", ok=False).returncode != 0, "a stopped server cannot pause")
    service.ctl("start", "default")
    service.default.send()


# shows 1.2b, 1.13b
def test_same_address_twice(t):
    service = t.postern({"aaa": {}, "bbb": {}, "ccc": {}}, start=False)
    service["bbb"].set("general", listen=f"127.0.0.1:{service['aaa'].port}")
    service.start(wait=("aaa", "ccc"))
    text = service.ctl("status", ok=False).stdout
    until(lambda: "stopped" in service.ctl("status", "bbb", ok=False).stdout, what="bbb to be stopped")
    equal([e for e in service.events.all("state", server="bbb") if e["state"] == "started"], [], "bbb")
    lines = [line for line in service.events.lines if "bbb" in line and str(service["aaa"].port) in line]
    check(lines, "a line that says why:", text, *service.events.lines)
    done = service.ctl("status", "--check", ok=False)
    equal((done.returncode, done.stdout.count("\n")), (2, 1), done.stdout)
    check(done.stdout.startswith("CRITICAL: ") and "bbb stopped" in done.stdout, done.stdout)
    service["aaa"].send(to="b@aaa.example")
    service["ccc"].send(to="b@ccc.example")


def test_port_in_use_by_another_program(t):
    holder = socket.create_server(("127.0.0.1", t.port()))
    service = t.postern({"one": {"general": {"listen": f"127.0.0.1:{holder.getsockname()[1]}"}}, "two": {}}, start=False)
    service.start(wait=("two",))
    until(lambda: "stopped" in service.ctl("status", "one", ok=False).stdout, what="one to be stopped")
    holder.close()
    service.ctl("start", "one")
    with Smtp(holder_address := ("127.0.0.1", int(service["one"].sections["general"]["listen"].split(":")[1]))) as client:
        check(client.banner.code == 220, holder_address, client.banner)


class Load:
    """Sessions that send without end, each message acknowledged; any other reply or a refused connection is a failure."""
    def __init__(self, server, threads=4):
        self.server, self.failures, self.sent = server, [], 0
        self.lock, self.done = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(n,), daemon=True) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def work(self, number):
        try:
            while not self.done.is_set():
                with self.server.connect(ehlo="load.example") as client:
                    for _ in range(5):
                        client.message(ehlo=None, data=mail(f"load {number}"))
                        with self.lock:
                            self.sent += 1
                    client.expect(221, "QUIT")
        except Exception as error:
            self.failures.append(repr(error))

    def end(self):
        self.done.set()
        for thread in self.threads:
            thread.join(30)
        equal(self.failures, [], "failures under load")
        return self.sent


# shows 1.12a
def test_reload_under_load(t):
    """Ten reloads that each change the virtual server: no session dropped, no connection refused, nothing lost."""
    service = t.postern({"default": {"messages": {"max-session-size": "unlimited"}}})
    with service.default.connect(ehlo="old.example") as old:
        load = Load(service.default)
        for number in range(10):
            mark = service.events.mark()
            sent = load.sent
            service.default.set("general", description=f"turn {number}")
            service.ctl("reload")
            service.events.wait("config", since=mark)
            until(lambda: load.sent > sent + 10 or load.failures, 30, "mail to go on")
        sent = load.end()
        old.message(ehlo=None)
        old.expect(221, "QUIT")
    service.home.wait_drops(sent + 1, 60)
    equal(len(service.home.drops()), sent + 1, "drop files")
    check(not service.events.all("crash"), "a crash:", service.events.all("crash"))
    until(lambda: len(service.children("listener")) == 1, what="the old listeners to end")


def test_reload_that_fails_keeps_the_old(t):
    service = t.postern()
    service.default.set("general", lisen="127.0.0.1:1")
    done = service.ctl("reload", ok=False)
    check(done.returncode != 0, "a bad reload says 0")
    check("lisen" in done.stdout + done.stderr and "listen" in done.stdout + done.stderr, done.stdout, done.stderr)
    service.default.send()
    service.default.set("general", lisen=None, banner="new words")
    service.ctl("reload")

    def turned():
        with service.default.connect() as client:
            return "new words" in client.banner.text
    until(turned, what="the new banner")


def test_reload_adds_and_removes(t):
    service = t.postern({"one": {}})
    with service["one"].connect(ehlo="c.example") as session:
        service.add("two")
        service.own()
        service.ctl("reload")
        service.wait_state("two", "started")
        service["two"].send(to="b@two.example")
        service["two"].home.wait_drops()
        service["two"].file.unlink()
        service.ctl("reload")
        service.wait_state("two", "stopped")
        check(not is_open(service["two"]), "a removed server listens")
        session.message(to="b@one.example", ehlo=None)
    equal(len(service["two"].home.drops()), 1, "its mail stays")


def test_reload_moves_the_port(t):
    service = t.postern()
    new = t.port()
    with service.default.connect(ehlo="c.example") as session:
        service.default.set("general", listen=f"127.0.0.1:{new}")
        service.ctl("reload")

        def there():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", new)) == 0
        until(there, what="the new port")
        until(lambda: not is_open(service.default), what="the old port to close")
        session.message(ehlo=None)
