"""control - the control socket: who may use it, rubbish on it, and rubbish between processes"""

import os
import random
import socket
import struct
import subprocess
import sys
import time

from checks import check, equal
from patience import until
from processes import descriptors_of
from stand_in import TYPES, ctl_version


def connect_raw(service):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(str(service.run / "control.sock"))      # waits for a place in the backlog
    s.settimeout(10)
    return s


def test_rubbish(t):
    """Nothing an operator's program sends ends the master or keeps others from it."""
    service = t.postern()
    chance = random.Random(7)
    for turn in range(60):
        with connect_raw(service) as s:
            try:
                for _ in range(chance.randrange(1, 4)):
                    size = chance.choice((0, 1, 7, 8, 16, 17, 100, 4000, 32768, 60000))
                    head = struct.pack("=HHII", 1, chance.randrange(0, 25), chance.randrange(1 << 32), chance.choice((0, size, 1 << 31)))
                    s.send((head if turn % 2 else b"") + chance.randbytes(size))
            except OSError:
                pass
    service.ctl("status")
    service.default.send()
    equal(service.events.all("crash"), [])


def test_many_connections(t):
    service = t.postern()
    connections = []
    try:
        for _ in range(200):
            connections.append(connect_raw(service))
    except OSError:
        pass
    # All have been looked at once the last one is turned away: none of the rest takes the place of one that is closed below.
    connections[-1].settimeout(20)
    try:
        equal(connections[-1].recv(1), b"", "the last of so many")
    except ConnectionError:
        pass
    for s in connections[:100]:
        s.close()
    until(lambda: service.ctl("status", ok=False).returncode == 0, what="an answer")
    for s in connections:
        s.close()


def test_descriptors_are_not_leaked(t):
    service = t.postern()
    service.ctl("status")
    before = len(descriptors_of(service.process.pid))
    for _ in range(50):
        service.ctl("status")
    gift = os.open("/dev/null", os.O_RDONLY)
    heads = [struct.pack("=HHIII", 0x5043, version, kind, 1, 0) for version in (1, ctl_version()) for kind in (0, 9999)]
    command = struct.pack("=HHIII", 0x5043, ctl_version(), 13, 1, 7) + b"status\0"     # it may have one, and this one has no use for it
    for data in (b"x" * 20, b"x", b"", *heads, command):
        for count in (1, 4, 100):
            for _ in range(10):
                with connect_raw(service) as s:     # gifts nobody asked for; those of an empty message came with what reads as the end
                    try:
                        socket.send_fds(s, [data], [gift] * count)
                        s.recv(100)
                    except OSError:
                        pass
    os.close(gift)
    until(lambda: len(descriptors_of(service.process.pid)) <= before, what="the descriptors to be closed again")


# shows 1.8e
def test_strangers_are_refused(t):
    """Neither root nor an operator: a clear refusal, and an event."""
    t.need_root()
    service = t.postern(as_root=True)
    os.chmod(service.folder, 0o755)
    stranger = {"user": 12345, "group": 12345, "extra_groups": []}
    for words in (("stop", "default"), ("pause",), ("reload",)):
        done = service.ctl(*words, ok=False, account=stranger)
        equal(done.returncode, 77, f"exit status of {words}: {done.stdout}{done.stderr}")
        check(done.stderr or done.stdout, "a silent refusal")
    service.default.send()


STRANGER = """
import socket, sys, time
found = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(100)]
for s in found:
    s.connect(sys.argv[1])
    s.send(b"")             # reads as nothing more than the end: the place is free again
more = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(60)]
for s in more:
    s.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""


FLOOD = """
import socket, struct, sys
path, version, command, count = sys.argv[1], *map(int, sys.argv[2:])
for turn in range(count):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(path)
        try:
            if turn % 4 == 3:       # what another version may know
                s.send(struct.pack("=HHIII", 0x5043, version + 1, 9999, 1, 4) + b"more")
            elif turn % 4 == 0:
                words = b"stop\\0default\\0"
                s.send(struct.pack("=HHIII", 0x5043, version, command, 1, len(words)) + words)
            else:
                s.send(b"rubbish" if turn % 4 == 1 else struct.pack("=HHIII", 0x5043, version, command, 1, 1) + b"x")
            while s.recv(4096):
                if turn % 4 == 0:
                    break
        except OSError:
            pass
"""


def flood(service, uid, count):
    """Each of them is refused: a command, what is no message, what is no command, and a message of another version."""
    types = {}
    exec(TYPES, types)
    subprocess.run([sys.executable, "-c", FLOOD, str(service.run / "control.sock"), str(ctl_version()), str(types["COMMAND"]), str(count)],
                   check=True, timeout=120, user=uid, group=uid, extra_groups=[])


def test_refusals_do_not_fill_the_log(t):
    """A user of the host is refused as fast as it asks: some of that is events, and they count the rest; nor is another user left out."""
    t.need_root()
    service = t.postern(as_root=True)
    os.chmod(service.folder, 0o755)
    begun = time.monotonic()
    flood(service, 12345, 900)
    flood(service, 12346, 1)
    told = [event for event in service.events.all("operator", result="refused")]
    most = 25 + int(time.monotonic() - begun)
    check(20 <= len([e for e in told if e["uid"] == "12345"]) <= most, len(told))
    other = service.events.wait("operator", result="refused", uid="12346")
    equal(sum(int(e.get("unreported", 0)) for e in (*told, *(() if any(e["uid"] == "12346" for e in told) else (other,)))) +
          len([e for e in told if e["uid"] == "12345"]), 900)
    equal((other["command"], other["reason"]), ("stop", "no operator"))
    equal([e.line for e in service.events.all("trouble", doing="control")], [], "events that count none of them")
    service.ctl("status")


def test_places_of_one_user(t):
    """A user has so many connections, whatever else is free; the operators have theirs."""
    t.need_root()
    service = t.postern(as_root=True)
    os.chmod(service.folder, 0o755)
    before = len(descriptors_of(service.process.pid))
    strangers = [subprocess.Popen([sys.executable, "-c", STRANGER, str(service.run / "control.sock")], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, user=12345 + n, group=12345, extra_groups=[]) for n in range(2)]
    for process in strangers:
        equal(process.stdout.readline(), b"ready\n", "the stranger")
    until(lambda: len(descriptors_of(service.process.pid)) <= before + 32, what="at most 16 connections a user")
    service.ctl("status")
    for process in strangers:
        process.stdin.close()
        process.wait()


# shows 1.8a, 1.8d, 2.2e, 7.2c
def test_operators(t):
    """An account of [security] controls its virtual server and no other; one of [service] all."""
    t.need_root()
    service = t.postern({"one": {"security": {"operators": "daemon"}}, "two": {}}, service={"operators": "bin"}, as_root=True)
    os.chmod(service.folder, 0o755)
    import pwd

    def account(name):
        entry = pwd.getpwnam(name)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    service.ctl("pause", "one", account=account("daemon"))
    service.ctl("continue", "one", account=account("daemon"))
    equal(service.ctl("pause", "two", ok=False, account=account("daemon")).returncode, 77)
    service.ctl("pause", "two", account=account("bin"))
    service.ctl("continue", account=account("bin"))
    events = service.events.all("operator")
    check(any(e.get("result") == "refused" for e in events), [e.line for e in events])


def test_counters(t):
    service = t.postern()
    service.default.send()
    service.home.wait_drops()

    def numbers():
        return dict(line.rsplit(" ", 1) for line in service.ctl("counters", "default").stdout.splitlines() if " " in line)
    until(lambda: numbers().get("messages_received_total") == "1", what=lambda: f"one message: {numbers()}")
