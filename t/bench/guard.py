"""guard - counts a message that do not depend on the machine, beside those of guard.txt: what grew

Calls of the kernel by name, syncs, switches by choice, allocations and bytes of files, by role, for some fixed loads that go
in lock step (lockstep.py), on an ext4 in a file; and commits of its journal, and flushes of its disk. The least of some rounds
counts: what disturbs only adds.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from counting import Counting, Unable  # noqa: E402
from disks import loop_disk  # noqa: E402
from harness import Test  # noqa: E402
from lockstep import Sink, Source, alone  # noqa: E402
from patience import until  # noqa: E402
from processes import program_of  # noqa: E402
from servers import DOMAIN, PosternServer  # noqa: E402

KEPT = Path(__file__).with_name("guard.txt")
MOST_ROUNDS = 8
USER = 64110
ROLES = ("listener", "pickup", "deliver")
DISK = "disk"       # no role, but has counts as they have
RELAYED, LOCAL = "x@relay.example", f"x@{DOMAIN}"
# load: (way, at once, how often, bytes, to)
LOADS = {
    "relay-1": ("send", 1, 25, 1024, RELAYED), "relay-10": ("send", 10, 8, 1024, RELAYED), "relay-1MiB": ("send", 1, 8, 1 << 20, RELAYED),
    "local-1": ("send", 1, 25, 1024, LOCAL), "local-10": ("send", 10, 8, 1024, LOCAL),
    "pickup-1": ("put", 1, 25, 1024, LOCAL), "pickup-10": ("put", 10, 8, 1024, LOCAL)}
# What may be more than kept before it is growth: a part, and so many a message. Lines of the protocol log are written some time
# later; how often a thread waits for a disk, the disk says.
SLACK = {"calls": (0.03, 1.5), "switches": (0.15, 2), "allocations": (0.03, 1), "bytes-read": (0.03, 512), "bytes-written": (0.03, 2048)}
SLACK_OF_A_CALL = (0.05, 0.4)
BY_CLOCK = 20       # calls a second that a role makes without mail; a slow disk makes more of them for each message


class Loads:
    """One Postern on a small ext4, and a sink; counts() of a load."""
    def __init__(self, test):
        place, self.device = loop_disk(test, 512)
        folder = place / "guard"
        folder.mkdir()
        disk = Test("guard", folder)
        disk.uid = USER     # what one user may have of the kernel, others as nobody may have taken
        test.cleanup(disk.end)
        try:
            self.disk()
        except OSError as error:
            raise Unable(f"commits of a disk: {error}") from error
        self.sink = Sink(disk)
        self.server = PosternServer(disk, self.sink.port, service={"user": str(USER)})
        try:
            alone(self.server.pids())
        except OSError as error:
            raise Unable(f"priorities in real time: {error.strerror}") from error
        for load in LOADS:
            self.run(load)
        self.counting = Counting(self.server.pids())
        test.cleanup(self.counting.end)

    def run(self, load):
        """To the end of all that it asks for; how many messages."""
        way, at_once, rounds, size, to = LOADS[load]
        wanted = self.sink.messages() + (at_once * rounds if to == RELAYED else 0)
        with Source(self.server.port) as source:
            if way == "send":
                source.send(at_once, rounds, size, to, self.server.is_empty)
            else:
                source.put(self.server, at_once, rounds, size, to)
        until(lambda: self.sink.messages() >= wanted and self.server.is_empty(), what="the sink to have all, and an empty queue")
        self.server.clear()
        return at_once * rounds

    def disk(self):
        """Commits of its journal, and how often it was told to empty its cache."""
        transactions = Path(f"/proc/fs/jbd2/{self.device}-8/info").read_text().split()[0]
        return {"commits": int(transactions), "flushes": int(Path(f"/sys/block/{self.device}/stat").read_text().split()[15])}

    def counts(self, load):
        """{role: {what: a message}}, and "seconds" of a message."""
        before, disk, begin = self.counting.read(), self.disk(), time.monotonic()
        messages = self.run(load)
        seconds = (time.monotonic() - begin) / messages
        after = self.counting.read()
        found = {DISK: {what: (value - disk[what]) / messages for what, value in self.disk().items()}}
        for pid, rows in after.items():
            role = found.setdefault(program_of(pid).removeprefix("postern-"), {})
            for what, value in rows.items():
                role[what] = role.get(what, 0) + (value - before[pid][what]) / messages
        return {role: {**found[role], "seconds": seconds} for role in (*ROLES, DISK)}


def least(one, other):
    """Of two counts() what is less."""
    if one is None:
        return other
    return {role: {what: min(value, other[role].get(what, 0)) for what, value in rows.items()} for role, rows in one.items()}


def grown(kept, found):
    """[(role, what, kept, found)] that are more than kept, slack and what the clock asks for."""
    rows = []
    for role, values in found.items():
        for what, value in values.items():
            part, more = SLACK.get(what, SLACK_OF_A_CALL)
            before = kept.get(role, {}).get(what, 0)
            by_clock = 0 if what.startswith("bytes") else BY_CLOCK * values.get("seconds", 0)
            if what != "seconds" and value > before * (1 + part) + more + by_clock:
                rows.append((role, what, before, value))
    return rows


def measure(loads, load, kept):
    """The least of rounds: two, and more while it seems grown."""
    found = None
    for number in range(MOST_ROUNDS):
        found = least(found, loads.counts(load))
        if number > 0 and kept is not None and not grown(kept, found):
            break
    return found


def read(path=KEPT):
    """{load: {role: {what: count}}}"""
    kept = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if line and not line.startswith("#"):
            load, role, *words = line.split()
            kept.setdefault(load, {})[role] = {words[i]: float(words[i + 1]) for i in range(0, len(words), 2)}
    return kept


def line_of(load, role, values):
    """The sums first, then calls by their number."""
    names = [name for name in SLACK if name in values] + sorted((n for n in values if n not in SLACK and n != "seconds"), key=lambda n: (-round(values[n], 1), n))
    return f"{load:10} {role:9}" + "".join(f" {name} {values[name]:.{0 if name.startswith('bytes') else 1}f}" for name in names
                                            if name in SLACK or values[name] >= 0.05)


def measure_all(test, kept):
    """{load: counts}; `kept` are those that nothing should exceed, None when they are to be written anew."""
    loads = Loads(test)
    return {load: measure(loads, load, None if kept is None else kept.get(load, {})) for load in LOADS}


def summary(load, found):
    sums = {what: sum(values.get(what, 0) for values in found.values()) for what in ("calls", "switches", "allocations")}
    syncs = sum(values.get(name, 0) for values in found.values() for name in ("fsync", "fdatasync"))
    return (f"{load:10} {sums['calls']:7.1f} calls {syncs:6.2f} syncs {found[DISK]['commits']:5.2f} commits {found[DISK]['flushes']:5.2f} flushes "
            f"{sums['switches']:6.1f} switches {sums['allocations']:7.1f} allocations a message")


def text_of(found):
    return "\n".join(line_of(load, role, values) for load, roles in found.items() for role, values in roles.items()) + "\n"


def keep(found):
    KEPT.write_text("# counts a message, by load and role: `make bench-guard GUARD=keep` writes them, make check holds them\n" + text_of(found))
