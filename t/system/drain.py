"""drain - a node is emptied: no new mail, the queue goes out or stays, then it stops and stays so; what is begun can be ended or taken back"""

import os
import signal
import socket
import subprocess

from checks import check, equal
from patience import until

HOUR = {"retry": "1h"}


def node(t, port, **keys):
    return t.postern({"one": {"delivery": {"smart-host": f"[127.0.0.1]:{port}", **HOUR}, **keys}})


def state(service):
    return service.ctl("status", "one").stdout.split()[1]


def begin(service, *args):
    """posternctl drain in the background."""
    return subprocess.Popen([service.bin / "posternctl", "-c", service.config, "drain", *args], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=service.environment(), **service.account())


def is_refused(service):
    try:
        socket.create_connection(("127.0.0.1", service.default.port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def put_file(t, service):
    path = service.home.pickup / "late.eml"
    path.write_text("x-sender: p@a.example\nx-receiver: q@one.example\n\nlate\n")
    if os.geteuid() == 0:
        os.chown(path, t.uid, t.gid)
    return path


# shows 9c.2
def test_goes_out(t):
    """Connections are refused, a session hears 421, a file stays; what was deferred goes out at once; then it is stopped for good."""
    sink = t.sink(answers={"RCPT": lambda session, line: "450 4.2.0 later"})
    service = node(t, sink.port)
    for i in range(3):
        service.default.send(f"s{i}@a.example", "b@remote.example")
    service.events.wait("deferred", count=3)
    held = service.default.send("held@a.example", "b@remote.example")
    service.ctl("queue", "one", "hold", held)
    with service.default.connect(ehlo="c.example") as client:
        process = begin(service)
        equal(client.reply().code, 421)
    service.wait_state("one", "paused")
    check(is_refused(service), "a connection is taken")
    path = put_file(t, service)
    service.ctl("reload")
    equal(service.children("listener") + service.children("pickup"), [], "a reload starts none of them")
    check("it drains" in service.ctl("status", "one").stdout, "the status says so")
    sink.answers.clear()
    service.ctl("retry", "one")
    out, err = process.communicate(timeout=60)
    equal((process.returncode, sorted(message.sender for message in sink.messages)), (0, [f"s{i}@a.example" for i in range(3)]), err)
    check("one is drained and stopped: 1 message is left in its queue, which rest there" in out and "to go" in err, out + err)
    equal((state(service), path.exists()), ("stopped", True))
    service.stop()
    service.spawn()
    service.events.wait("service", state="started")
    equal(state(service), "stopped", "after a restart")
    service.ctl("start", "one")
    service.home.wait_drops()
    equal(service.ctl("drain", "one", "--keep").returncode, 0)
    equal(service.ctl("drain").stdout, "one is stopped, and was not drained: 1 message is in its queue, which rest there\n", "again, of all")


# shows 9c.2
def test_time_over(t):
    """The time is over: what is left stays in the queue, and the exit status says so. With --keep nothing is tried."""
    service = node(t, t.port())
    message = service.default.send("a@a.example", "b@remote.example")
    service.events.wait("deferred")
    done = service.ctl("drain", "--timeout", "2s", ok=False)
    equal((done.returncode, state(service)), (75, "stopped"), done)
    check("1 message is left" in done.stdout, done.stdout)
    check(message in service.ctl("queue", "one", "list").stdout, "it is in the queue")
    done = service.ctl("drain", "one", ok=False)
    equal((done.returncode, done.stdout), (75, "one is stopped, and was not drained: 1 message is in its queue\n"), done)
    service.ctl("start", "one")
    mark = service.events.mark()
    done = service.ctl("drain", "--keep", "one")
    check("1 message is left" in done.stdout, done.stdout)
    equal(service.events.all("deferred", since=mark), [])
    equal(service.ctl("drain", "none", ok=False).returncode, 3)
    equal(service.ctl("drain", "--timeout", "x", ok=False).returncode, 64)


# shows 9c.2
def test_taken_back(t):
    """The command is interrupted: the node drains on, also over an upgrade; continue takes it back."""
    service = node(t, t.port())
    service.default.send("a@a.example", "b@remote.example")
    service.events.wait("deferred")
    process = begin(service, "one")
    service.wait_state("one", "paused")
    until(lambda: not service.children("listener") and not service.children("pickup"), what="the end of those that take mail")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    equal(state(service), "paused")
    service.ctl("upgrade")
    equal((service.children("listener") + service.children("pickup"), state(service), is_refused(service)), ([], "paused", True))
    path = put_file(t, service)
    service.ctl("continue", "one")
    equal(state(service), "started")
    service.default.send("c@a.example", "d@one.example")
    service.home.wait_drops(2)
    check(not path.exists(), "the file was taken")
    service.stop()
    service.start()
