"""many_servers - two hundred virtual servers in one service, what a worker knows of the others, and limits of the host that are used up"""

import os
import signal
import subprocess
import sys

from checks import check, equal
from patience import until
from programs import ROOT
from service import ini
from smtp import Smtp
from spool_files import Home

TAKE_ALL = """
import ctypes, sys
libc = ctypes.CDLL(None)
taken = 0
while libc.inotify_init1(0o2000000) != -1:
    taken += 1
print(taken, flush=True)
sys.stdin.read()
"""
ALONE = 64177       # a user that no other process of this host has
HEAD = b"x-sender: a@x.example\r\nx-receiver: b@default.example\r\n\r\nSubject: s\r\n\r\n"


def address(number):
    return f"127.78.0.{number + 1}"


class Many:
    """A service of the release build with so many virtual servers at one port, each at an address of its own."""
    def __init__(self, t, count):
        self.service = t.postern({}, build=ROOT / "build/release", start=False)
        self.service.default.file.unlink()
        self.count, self.port = count, t.port()
        for number in range(count):
            self.write(number)
        self.service.own()
        self.service.servers = {}

    def write(self, number, **delivery):
        path = self.service.folder / "servers" / f"s{number}.ini"
        path.write_text(ini({"general": {"listen": f"{address(number)}:{self.port}"}, "access": {"relay": "only", "relay-list": "127.0.0.0/8"},
                             "delivery": {"fqdn": "host.example", **delivery}, f"domain s{number}.example": {"type": "default"}}))

    def send_to_each(self, drops):
        for number in range(self.count):
            with Smtp((address(number), self.port)) as client:
                client.message(to=f"b@s{number}.example")
        for number in range(self.count):
            Home(self.service.spool / f"s{number}").wait_drops(drops)

    def reload(self):
        """When all is done: the events say so."""
        mark = self.service.events.mark()
        self.service.signal(signal.SIGHUP)
        self.service.events.wait("config", since=mark, result="reloaded")
        return mark


def test_two_hundred(t):
    """All start, each takes mail; a reload touches none without a change, renews the one that has one, and then all; all stop."""
    many = Many(t, 200)
    service = many.service.start(wait=False)
    service.events.wait("service", state="started", timeout=60)
    equal(len(service.children()), 600, "processes")
    many.send_to_each(1)
    before = set(service.children())
    mark = many.reload()
    equal((set(service.children()), service.events.all("config", since=mark, result="changed")), (before, []), "after a reload without a change")
    many.write(7, expire="3d")
    mark = many.reload()
    service.events.wait("config", since=mark, server="s7", result="renewed")
    equal([e["server"] for e in service.events.all("config", since=mark, result="changed")], ["s7"])
    until(lambda: len(service.children()) == 600, what="the processes of before to end")
    equal(len(before & set(service.children())), 597, "processes that stayed")
    for number in range(many.count):
        many.write(number, expire="4d")
    mark = many.reload()
    service.events.wait("config", since=mark, result="renewed", count=many.count, timeout=60)
    many.send_to_each(2)
    equal((service.events.all("crash"), service.stop()), ([], 0), "crashes, and the exit status")


def snapshot_of(pid):
    """What a process has of the configuration."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{name}"
        if "memfd:postern-config" in os.readlink(path):
            with open(path, encoding="utf-8") as text:
                return text.read()
    return None


def test_a_worker_knows_its_own(t):
    """A worker has [service] and its own virtual server; no section, name or domain of another one."""
    secret = {"domain hidden.example": {"type": "alias"}}
    service = t.postern({"default": secret, "other": {"general": {"description": "of the other"}}})
    for role in ("listener", "pickup", "deliver"):
        for name, own, foreign in (("default", "hidden.example", "of the other"), ("other", "of the other", "hidden.example")):
            text = snapshot_of(service.child(role, name))
            check("[service]" in text and own in text, role, name, text)
            check(foreign not in text and f"servers/{'other' if name == 'default' else 'default'}.ini" not in text, role, name, text)


def test_no_inotify_left(t):
    """All instances of inotify that a user may have are in use: pickup finds files by its scan, and says so; then one is free."""
    t.need_root()
    account = {"user": ALONE, "group": t.gid, "extra_groups": []}
    taker = subprocess.Popen([sys.executable, "-c", TAKE_ALL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **account)
    t.cleanup(taker.wait)
    t.cleanup(taker.stdin.close)
    taken = int(taker.stdout.readline())
    with open("/proc/sys/fs/inotify/max_user_instances", encoding="ascii") as most:
        if taken < int(most.read()):
            t.skip(f"this user has the files for {taken} instances, and may have more")
    service = t.postern(service={"user": ALONE}, as_root=True)
    trouble = service.events.wait("trouble", doing="watch")
    check("fs.inotify.max_user_instances" in trouble["reason"], trouble.line)
    for number in range(3):
        service.home.put(f"m{number}", HEAD + b"%d\r\n" % number)
    service.home.wait_drops(3)
    taker.stdin.close()
    taker.wait()
    service.events.wait("service", doing="watch", state="watched")
    service.home.put("later", HEAD + b"later\r\n")
    service.home.wait_drops(4)
