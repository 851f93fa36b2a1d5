"""many_servers [N...] - start, memory, reload and stop of N virtual servers; without a number 1, 10, 100, 300 and 1000

All listen on one port, each at a loopback address of its own. Times begin at exec of the master; "started" and the end of a reload
are what systemd is told (READY=1). Memory is Pss: what processes share is divided among them.
"""

import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import servers  # noqa: F401  (finds t/lib)
from checks import Failure
from harness import Test
from patience import until
from processes import adopt_orphans, descendants_of, is_root, program_of
from programs import ROLE_USERS, ROOT
from service import ini
from smtp import Smtp, mail

USERS = ("daemon", "bin", "sys", "games", "man", "lp", "mail", "news", "uucp")   # every host has them
PATIENCE = 300      # seconds
MEASURED = 40       # processes of a role whose memory is read
REST = 5            # seconds
CALM = 170          # after so many processes look seldom: see common/process/look_timer


def say(what, value):
    print(f"    {what:56} {value}", flush=True)


def address(number):
    return f"127.77.{number // 250}.{number % 250 + 1}"


class Readiness:
    """What systemd would be told: (time, line) of each."""
    def __init__(self, name):
        self.name = f"@{name}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{name}")

    def wait(self, word):
        self.socket.settimeout(PATIENCE)
        try:
            while word not in self.socket.recv(4096).decode().split("\n"):
                pass
        except TimeoutError as error:
            raise Failure(f"no {word} in {PATIENCE} s") from error
        return time.monotonic()


class Many:
    """A service of so many virtual servers."""
    def __init__(self, test, count):
        self.test, self.count, self.port = test, count, test.port()
        # an installed service finds its users in /etc/passwd, too: a number would be looked for everywhere
        self.service = test.postern({}, dict(zip(ROLE_USERS, USERS)), as_root=True, build=ROOT / "build/release", start=False)
        test.services.remove(self.service)      # its log is long
        self.service.default.file.unlink()
        for number in range(count):
            self.write(number)
        self.readiness = Readiness(f"postern-many-{os.getpid()}-{count}")
        self.process = None
        test.cleanup(self.kill)

    def write(self, number, fqdn="host.example"):
        (self.service.folder / "servers" / f"s{number}.ini").write_text(ini({
            "general": {"listen": f"{address(number)}:{self.port}"},
            "access": {"relay": "only", "relay-list": "127.0.0.0/8"},
            "delivery": {"fqdn": fqdn},
            f"domain s{number}.example": {"type": "default"}}))

    def start(self):
        """The time of exec."""
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [self.service.bin / "postern", "-f", "-c", self.service.config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(self.service.folder / "events.log", "ab"), cwd="/", start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": self.readiness.name})
        return begin

    def started(self, begin):
        return self.readiness.wait("READY=1") - begin

    def pids(self):
        return [self.process.pid] + descendants_of(self.process.pid)

    def cpu(self):
        return sum(map(cpu_of, self.pids()))

    def master_cpu(self):
        return cpu_of(self.process.pid)

    def reload(self):
        """Seconds, and CPU seconds of the master."""
        cpu, begin = self.master_cpu(), time.monotonic()
        os.kill(self.process.pid, signal.SIGHUP)
        seconds = self.readiness.wait("READY=1") - begin
        return seconds, self.master_cpu() - cpu

    def stop(self):
        begin = time.monotonic()
        self.process.terminate()
        self.process.wait(PATIENCE)
        return time.monotonic() - begin

    def kill(self):
        if self.process and self.process.poll() is None:
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()


def cpu_of(pid):
    """Seconds. Most of these processes use less than a tick."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[0])
        except OSError:
            pass
    return total / 1e9


def rollup_of(pid):
    """{"Pss": KiB, ...}"""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}


def inotify_instances(pids):
    found = 0
    for pid in pids:
        try:
            found += sum(os.readlink(each) == "anon_inode:inotify" for each in Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            pass
    return found


def say_memory(many):
    pids = many.pids()
    roles = {}
    for pid in pids:
        roles.setdefault(program_of(pid), []).append(pid)
    say("processes", ", ".join(f"{len(each)} {role}" for role, each in sorted(roles.items())))
    whole = 0
    for role, each in sorted(roles.items()):
        step = max(1, len(each) // MEASURED)
        found = [rollup_of(pid) for pid in each[::step]]
        pss, own = (statistics.mean(one[key] for one in found) for key in ("Pss", "Private_Dirty"))
        if role != "postern":
            whole += pss * len(each)
        say(f"    {role}: Pss, private and dirty, KiB", f"{pss:8.0f} {own:8.0f}")
    say("Pss of all workers for a virtual server, MiB", f"{whole / 1024 / many.count:8.2f}")
    say("inotify instances", f"{inotify_instances(pids):5}")


def first_mail(test):
    """
    Milliseconds from exec to the first 220 and to the first 250 of a message, and the CPU that all have used by then; the median of
    some starts.
    """
    many = Many(test, 1)
    rows = []
    for _ in range(7):
        begin = many.start()
        while True:
            try:
                client = Smtp((address(0), many.port))
                break
            except OSError:
                if time.monotonic() - begin > PATIENCE:
                    raise
        banner = time.monotonic() - begin
        with client:
            client.message(to="b@s0.example", data=mail("first"))
            taken = time.monotonic() - begin
        started = many.started(begin)
        rows.append((1000 * banner, 1000 * taken, 1000 * started, 1000 * many.cpu(), 1000 * many.master_cpu()))
        many.stop()
    banner, taken, started, cpu, master = (statistics.median(column) for column in zip(*rows))
    print("1 virtual server, medians of 7 starts", flush=True)
    say("first 220, ms after exec of the master", f"{banner:8.1f}")
    say("first message accepted", f"{taken:8.1f}")
    say("started is said", f"{started:8.1f}")
    say("CPU then, all and the master alone, ms", f"{cpu:8.1f} {master:8.1f}")


def rest_cpu(many, seconds=REST):
    begin, cpu = time.monotonic(), many.cpu()
    threading.Event().wait(seconds)
    return 100 * (many.cpu() - cpu) / (time.monotonic() - begin)


def measure(test, count):
    many = Many(test, count)
    print(f"{count} virtual servers", flush=True)
    seconds = many.started(many.start())
    say("all started, s after exec", f"{seconds:8.2f}")
    say("CPU, all and the master alone, s", f"{many.cpu():8.2f} {many.master_cpu():8.2f}")
    found = Counter(re.findall(r" event=(crash|trouble)", (many.service.folder / "events.log").read_text()))
    say("events", dict(found) or "no crash or trouble")
    say_memory(many)
    say("CPU in the seconds after the start, %", f"{rest_cpu(many):8.2f}")
    threading.Event().wait(CALM)
    say(f"CPU at rest, {CALM} s later, %", f"{rest_cpu(many, 60):8.2f}")
    for number in range(0, count, max(1, count // 10)):
        with Smtp((address(number), many.port)) as client:
            client.message(to=f"b@s{number}.example", data=mail("first"))
    say("reload, none changed: s, CPU of the master", "%8.2f %8.2f" % many.reload())
    many.write(0, "other.example")
    say("reload, one changed", "%8.2f %8.2f" % many.reload())
    for number in range(count):
        many.write(number, "another.example")
    say("reload, all changed", "%8.2f %8.2f" % many.reload())
    until(lambda: len(many.pids()) <= 3 * count + 3, PATIENCE, "the listeners of before to end")
    say("stop, s", f"{many.stop():8.2f}")


def main():
    if not is_root():
        raise SystemExit("bench-servers: roles have users of their own, which needs root: sudo make bench-servers")
    adopt_orphans()
    print(f"{os.cpu_count()} cores; release build", flush=True)
    for count in map(int, sys.argv[1:] or ("1", "10", "100", "300", "1000")):
        test = Test("servers", tempfile.mkdtemp(prefix="postern-servers-", dir=os.environ.get("FOLDER", "/var/tmp")))
        try:
            first_mail(test) if count == 1 else measure(test, count)
        finally:
            try:
                test.end()
            finally:
                test.remove()


main()
