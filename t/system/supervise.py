"""supervise - readiness as init systems see it; crashes and reloads in unusual states; processes of others"""

import os
import queue
import signal
import socket
import subprocess
import threading

from checks import check, equal
from patience import until
from smtp import Smtp


def is_open(port, address="127.0.0.1"):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((address, port)) == 0


# shows 1.7b
def test_notify(t):
    """systemd's protocol: ready, reloading and ready again, stopping."""
    service = t.postern(start=False)
    path = t.folder / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notes:
        notes.bind(str(path))
        path.chmod(0o777)
        notes.settimeout(20)
        service.env["NOTIFY_SOCKET"] = str(path)
        service.start()
        equal(notes.recv(100), b"READY=1")
        service.signal(signal.SIGHUP)
        check(notes.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC="), "reloading")
        equal(notes.recv(100), b"READY=1")
        equal(service.stop(), 0)
        check(notes.recv(100).startswith(b"STOPPING=1\nEXTEND_TIMEOUT_USEC="), "stopping, with the grace, which the unit does not know")


class Notes:
    """What systemd would be told; it is read at once, as the queue of a socket is short."""

    def __init__(self, path):
        self.path = path
        self.said = queue.Queue()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o777)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while (note := self.socket.recv(200)) != b"end":
            self.said.put(note)

    def wait_for(self, *wanted):
        """Each of these comes, in this order, with at most a few thousand others between them."""
        for message in wanted:
            check(any(self.said.get(timeout=20).startswith(message) for _ in range(5000)), message, "did not come")

    def close(self):
        """What was said and not waited for."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(b"end", str(self.path))
        self.thread.join()
        self.socket.close()
        self.path.unlink()
        return list(self.said.queue)


def test_watchdog(t):
    """Pings come from the loop; a start and a reload that take long ask for more time while they get on; no ping for others."""
    service = t.postern({"one": {}, "two": {}}, start=False)
    path = t.folder / "notify.sock"
    more = b"WATCHDOG=1\nEXTEND_TIMEOUT_USEC="
    notes = Notes(path)
    service.env.update({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "3000"})
    service.start()
    notes.wait_for(more, b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1")
    service.signal(signal.SIGHUP)
    notes.wait_for(b"RELOADING=1", b"READY=1", b"WATCHDOG=1")
    equal(service.stop(), 0)
    notes.wait_for(b"STOPPING=1")
    notes.close()
    for words in ({"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "-5"}, {"WATCHDOG_USEC": "3000x"}):
        notes = Notes(path)
        service.env.pop("WATCHDOG_PID", None)
        service.env.update({"WATCHDOG_USEC": "3000", **words})
        service.start()
        equal(service.stop(), 0)
        equal(notes.said.get(timeout=20), b"READY=1", words)
        check(notes.said.get(timeout=20).startswith(b"STOPPING=1"), words)
        equal(notes.close(), [], words)


def test_background_says_what_was_refused(t):
    """The command returns 0 when all that should run does or was refused; the refusal is on its standard error."""
    service = t.postern({"aaa": {}, "bbb": {}}, start=False, service={"syslog": "no"})
    service["bbb"].set("general", listen=f"127.0.0.1:{service['aaa'].port}")
    done = subprocess.run([service.bin / "postern", "-c", service.config], capture_output=True, text=True, timeout=40, check=False,
                          env=service.environment(), stdin=subprocess.DEVNULL, **service.account())
    equal(done.returncode, 0, done.stderr)
    check("bbb: address" in done.stderr and "in use by virtual server aaa" in done.stderr, done.stderr)
    equal(service.ctl("status", "--check", ok=False).returncode, 2)
    service.ctl("stop")
    check(not (service.run / "postern.pid").exists() and not (service.run / "control.sock").exists(), "left behind")


# shows 1.5a, 1.5d
def test_start_of_a_service_that_is_down(t):
    """posternctl start NAME starts the service, that one and all that had been running."""
    service = t.postern({"one": {}, "two": {}, "three": {}}, service={"syslog": "no"})
    service.ctl("stop", "two")
    service.ctl("stop", "three")
    service.ctl("stop")
    equal(service.wait_end(), 0)
    service.ctl("start", "two")
    equal([is_open(service[name].port) for name in ("one", "two", "three")], [True, True, False], "who listens")
    service.ctl("stop")


def test_crash_while_paused(t):
    """A listener that comes back into a paused virtual server takes nothing; after `continue` it does."""
    service = t.postern()
    service.ctl("pause")
    pid = service.child("listener")
    os.kill(pid, signal.SIGKILL)
    service.events.wait("crash", role="listener")
    until(lambda: [p for p in service.children("listener") if p != pid], 30, "a new listener")
    check(not is_open(service.default.port), "it listens")
    check(service.ctl("status").stdout.startswith("default paused "), "its state")
    service.ctl("continue")
    service.default.send()


def test_reload_while_paused(t):
    service = t.postern()
    more = t.port()
    service.ctl("pause")
    service.default.set("general", listen=f"127.0.0.1:{service.default.port}, 127.0.0.1:{more}")
    service.ctl("reload")
    check(not is_open(service.default.port) and not is_open(more), "it listens")
    service.ctl("continue")
    check(is_open(service.default.port) and is_open(more), "it does not listen")
    service.default.send()


# shows 1.3a
def test_reload_leaves_the_others_alone(t):
    """Neither an unchanged virtual server nor one whose new file is bad gets new processes."""
    service = t.postern({"one": {}, "two": {}, "three": {}})
    before = {name: service.children(server=name) for name in service.servers}
    service["two"].set("general", description="changed")
    service["three"].set("general", nonsense="1")
    equal(service.ctl("reload", ok=False).returncode, 78)
    until(lambda: not set(service.children(server="two")) & set(before["two"]), what="two to be renewed")
    for name in ("one", "three"):
        equal(service.children(server=name), before[name], f"processes of {name}")
        service[name].send(to=f"b@{name}.example")
    check(service.ctl("status", "two").stdout.count("changed") == 1)


# shows 2.3c
def test_reload_widens_an_address(t):
    """127.0.0.1:N becomes *:N, and a second virtual server with *:N is then refused."""
    service = t.postern({"one": {}, "two": {}})
    port = service["one"].port
    service["one"].set("general", listen=f"*:{port}")
    service.ctl("reload")
    check(is_open(port, "127.0.0.2"), "not wider")
    service["two"].set("general", listen=f"*:{port}")
    done = service.ctl("reload", ok=False)
    check(done.returncode == 1 and "in use by virtual server one" in done.stdout, done.stdout)
    service["two"].send(to="b@two.example")
    service["one"].send(to="b@one.example")


# shows 2.3l
def test_more_and_fewer_listeners(t):
    """As the key says; auto: as many as fit the machine."""
    service = t.postern()
    for count in (3, 1):
        service.default.set("general", processes=str(count))
        service.ctl("reload")
        until(lambda n=count: len(service.children("listener")) == n, what=f"{count} listeners")
        service.default.send()
    check(service.ctl("set", "default", "general.processes=3").returncode == 0, "set")
    until(lambda: len(service.children("listener")) == 3, what="3 listeners")
    check(service.ctl("set", "default", "general.processes=auto").returncode == 0, "set auto")
    most = min(4, max(1, len(os.sched_getaffinity(0)) // 4))     # fewer where a group has a limit
    until(lambda: 1 <= len(service.children("listener")) <= most, what=f"at most {most} listeners")
    check("auto" in service.ctl("get", "default", "general.processes").stdout.split(), "the value")
    service.default.send()


def test_stop_frees_the_address_at_once(t):
    """Not only when the last session has ended."""
    service = t.postern(service={"grace": "30s"})
    with Smtp(("127.0.0.1", service.default.port), ehlo="c.example") as session:
        session.expect(250, "MAIL FROM:<a@s.example>")
        session.expect(250, "RCPT TO:<b@default.example>")
        session.expect(354, "DATA")
        stop = subprocess.Popen([service.bin / "posternctl", "-c", service.config, "stop", "default"], stdout=subprocess.DEVNULL,
                                env=service.environment(), **service.account())
        service.wait_state("default", "stopping")
        check(not is_open(service.default.port), "it listens")
        session.send(b"Subject: x\r\n\r\n.\r\n")
        session.expect(250)
        equal(stop.wait(40), 0)
