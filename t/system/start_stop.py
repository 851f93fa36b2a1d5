"""start_stop - who may start the service; what a stop and a change wait for"""

import os
import re
import shutil
import subprocess
import threading
import time

from checks import check, equal
from patience import until
from processes import descendants_of
from programs import PROGRAMS
from terminal import Terminal


# shows 1.8e
def test_start_by_another_user(t):
    """One line that says who may, and the exit status of missing rights."""
    t.need_root()
    service = t.postern(start=False, as_root=True)
    for folder in (service.run, service.state):
        os.chown(folder, 0, 0)
        folder.chmod(0o755)
    done = service.ctl("start", ok=False, account={"user": t.uid, "group": t.gid, "extra_groups": []})
    equal((done.returncode, done.stdout, done.stderr),
          (77, "", "posternctl: the service is not running, and only root may start it\n"))


def test_stop_says_what_it_waits_for(t):
    """A client in the middle of a message: the stop names sessions, processes and the time that is left; a quick stop says nothing."""
    service = t.postern({"one": {}, "two": {}}, service={"grace": "20s"})
    begin = time.monotonic()
    done = service.ctl("stop", "two")
    equal(done.stdout, "two is stopped\n")
    check(done.stderr == "" or time.monotonic() - begin > 1, done.stderr)
    client = service["one"].connect(ehlo="c.example")
    client.expect(250, "MAIL FROM:<a@sender.example>")
    client.expect(250, "RCPT TO:<b@one.example>")
    client.expect(354, "DATA")
    client.send(b"Subject: half\r\n\r\n")
    with subprocess.Popen([service.bin / "posternctl", "-c", service.config, "stop"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=service.environment(), **service.account()) as stop:
        line = stop.stderr.readline()
        match = re.fullmatch(r"posternctl: waits for one: 1 session, 0 deliveries \((?:\w+ \d+, )*listener (\d+)(?:, \w+ \d+)*\); (\d+) s at the most\n", line)
        check(match and 15 <= int(match[2]) <= 20, line)
        client.send(b".\r\n")
        equal(client.reply().code, 250)
        out, rest = stop.communicate(timeout=40)
        equal((stop.returncode, out), (0, "the service has stopped\n"), rest)
    service.wait_end()


def test_change_says_what_it_waits_for(t):
    """A delivery that hangs keeps the old process, and so the command that changed a key: it says so, on a terminal in one line."""
    begun, gate = threading.Event(), threading.Event()

    def content(*_):
        begun.set()
        gate.wait(60)
    sink = t.sink(answers={"DOT": content})
    t.cleanup(gate.set)
    service = t.postern({"one": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}}, service={"grace": "30s"})
    service["one"].send(to="b@far.example")
    until(begun.is_set, what="the delivery")
    with Terminal([service.bin / "posternctl", "-c", service.config, "set", "one", "delivery.hop-limit=50"], columns=200,
                  env=service.environment(), **service.account()) as person:
        person.expect("waits for one: 0 sessions, 1 delivery (", "deliver ", " s at the most")
        gate.set()
        person.expect("one is started", "this is change 1").end()


def test_stop_counts_down(t):
    """Each session that ends is told, without asking again and again."""
    service = t.postern(service={"grace": "20s"})
    clients = []
    for _ in range(3):
        client = service.default.connect(ehlo="c.example")
        client.expect(250, "MAIL FROM:<a@sender.example>")
        client.expect(250, "RCPT TO:<b@default.example>")
        client.expect(354, "DATA")
        clients.append(client)
    with subprocess.Popen([service.bin / "posternctl", "-c", service.config, "stop"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=service.environment(), **service.account()) as stop:
        for left in (3, 2, 1):
            line = stop.stderr.readline()
            while f"default: {left} session{'s' if left > 1 else ''}," not in line:
                check(line, "the stop ended")
                line = stop.stderr.readline()
            client = clients.pop()
            client.send(b"\r\n.\r\n")
            equal(client.reply().code, 250)
            client.close()
        stop.communicate(timeout=40)
    service.wait_end()


GATED = """#!/bin/bash
[ -p {gate} ] && read -r _ <{gate}
exec -a "$0" {real} "$@"
"""


def test_many_start_in_turn(t):
    """At most 32 processes start at a time (ROSTER_AT_A_TIME); the others follow, and all virtual servers come."""
    service = t.postern({f"s{number}": {} for number in range(12)}, start=False)
    gate, folder = t.folder / "gate", t.folder / "bin"
    os.mkfifo(gate)
    gate.chmod(0o666)
    folder.mkdir()
    for name in PROGRAMS:
        path = folder / name
        if name in ("postern-listener", "postern-pickup", "postern-deliver"):
            path.write_text(GATED.format(gate=gate, real=service.bin / name))
            path.chmod(0o755)
        elif name == "postern":
            shutil.copy(service.bin / name, path)   # it finds the others beside itself
        else:
            path.symlink_to(service.bin / name)
    service.bin = folder
    service.start(wait=False)

    def started():
        return len(descendants_of(service.process.pid))
    until(lambda: started() == 32, what=lambda: f"32 processes, there are {started()}")
    for _ in range(3):
        service.ctl("status", ok=False)     # the supervisor has had its turns
    equal(started(), 32)
    with open(gate, "r+b", buffering=0):     # who waits there has a writer, and sees its end
        gate.rename(gate.with_name("old"))
    for name in service.servers:
        service.wait_started(name)
    equal(started(), 36)
