"""compare - servers in turn, one workload: A B C A B C; a line each, their ratios, and all of it into the story

Postfix gets a part of the messages, so that a round takes each about as long. What the kernel can count of Postern is counted in
one more run; commits and flushes of the disk in all.
"""

import os
import statistics
import time

from counting import Counting, Unable
from disk_counts import DiskCounts
from patience import until
from processes import program_of
from servers import Meter
from story import spread

ROUNDS = int(os.environ.get("ROUNDS", "3"))
SCALE = float(os.environ.get("SCALE", "1"))
MINUTES = float(os.environ.get("MINUTES", "0"))
BEGIN = time.monotonic()
CEILINGS = ("haproxy", "none")
NO_CALLS = ("calls", "allocations", "switches", "bytes-read", "bytes-written")


class Run:
    """One measured run of one server."""
    def __init__(self, server, messages, work, programs=False):
        disk, begin = DiskCounts(server.folder), time.monotonic()
        before = disk.read()
        with Meter(server, programs) as meter:
            work()
            self.seconds = time.monotonic() - begin
            until(server.is_empty, 60, f"{server.name}'s queue to empty")
        self.rate = messages / self.seconds
        self.cpu = 1000 * meter.cpu / messages
        self.memory = meter.peak / 1024
        self.switches = meter.switches / messages
        self.roles = {role: 1000 * cpu / messages for role, cpu in meter.roles.items()}
        self.disk = {what: (value - before[what]) / messages for what, value in disk.read().items()}


def rounds():
    """ROUNDS of them; one when the time is over."""
    for number in range(ROUNDS):
        if number == 0 or MINUTES == 0 or time.monotonic() - BEGIN < 60 * MINUTES:
            yield number


def share(server, messages, part):
    return max(10, int(messages * SCALE * (part if server.name == "postfix" else 1)))


def compare(story, title, servers, messages, work, programs=False, part=1 / 3):
    """
    work(server, messages) in turn; `messages` are Postern's. `programs`: those it called count as the server's. Ceilings have no
    other figure than their rate.
    """
    runs = {server.name: [] for server in servers}
    for _ in rounds():
        for server in servers:
            count = share(server, messages, part)
            runs[server.name].append(Run(server, count, lambda s=server, n=count: work(s, n), programs))
    for name, rows in runs.items():
        tell(story, title, name, rows)
    for name in runs:
        if name not in ("postfix", *CEILINGS):
            tell_ratio(story, title, name, runs[name], runs["postfix"])
    for name in CEILINGS:
        if name in runs:
            parts = [a.rate / b.rate for a, b in zip(runs["postern"], runs[name])]
            print(f"{title:40} {'':12} {spread(parts, 2):>24} of {name}'s rate", flush=True)
            story.add_ratio(title, "postern", name, rate=parts)
            story.add_ratio(title, name, "postfix", rate=[a.rate / b.rate for a, b in zip(runs[name], runs["postfix"])])
    for server in servers:
        if server.name.startswith("postern"):       # Postfix runs on, and slower, after it was counted
            count = share(server, messages, part)
            found = counted(server, count, lambda s=server, n=count: work(s, n))
            if found:
                print(f"{title:40} {server.name:12} {found['calls']:.1f} calls, {found['syncs']:.2f} syncs, {found['allocations']:.1f} allocations a message", flush=True)
                story.add(title, server.name, **found)


def tell(story, title, name, rows):
    if name in CEILINGS:
        rates = [row.rate for row in rows]
        print(f"{title:40} {name:12} {spread(rates, 0):>24} msg/s", flush=True)
        story.add(title, name, rate=rates)
        return
    values = {what: [getattr(row, what) for row in rows] for what in ("rate", "cpu", "memory", "switches")}
    disk = {what: [row.disk[what] for row in rows] for what in rows[0].disk}
    print(f"{title:40} {name:12} {spread(values['rate'], 0):>24} msg/s {spread(values['cpu'], 2):>22} CPU ms "
          f"{spread(values['memory'], 1):>22} MiB; " + ", ".join(f"{statistics.median(each):.2f} {what.replace('_', ' ')}" for what, each in disk.items()), flush=True)
    story.add(title, name, **values, **disk, cpu_by_role=by_role(rows))


def tell_ratio(story, title, name, rows, others):
    ratio = {what: [getattr(a, what) / max(getattr(b, what), 1e-9) for a, b in zip(rows, others)] for what in ("rate", "cpu", "memory")}
    print(f"{title:40} {name + ' x':12} {spread(ratio['rate'], 2):>24} x     {spread(ratio['cpu'], 3):>22}        {spread(ratio['memory'], 2):>22}", flush=True)
    story.add_ratio(title, name, "postfix", **ratio)


def by_role(rows):
    """{program: milliseconds of CPU a message}, medians."""
    roles = {role for row in rows for role in row.roles}
    return {role: round(statistics.median(row.roles.get(role, 0) for row in rows), 4) for role in sorted(roles)}


def counted(server, messages, work):
    """Calls and syncs of one more run, a message; None where the machine does not let us count."""
    try:
        counting = Counting(server.pids())
    except Unable:
        return None
    try:
        before, role_of = counting.read(), {pid: program_of(pid) for pid in counting.pids}
        work()
        until(server.is_empty, 60, f"{server.name}'s queue to empty")
        sums, roles = {}, {}
        for pid, rows in counting.read().items():
            role = role_of[pid]
            for what, value in rows.items():
                more = (value - before[pid].get(what, 0)) / messages
                sums[what] = sums.get(what, 0) + more
                if what == "calls":
                    roles[role] = round(roles.get(role, 0) + more, 2)
        names = sorted((n for n in sums if n not in NO_CALLS and sums[n] >= 0.05), key=lambda n: -sums[n])
        return {"calls": round(sums["calls"], 2), "calls_by_role": roles, "calls_by_name": {n: round(sums[n], 2) for n in names},
                "syncs": round(sums.get("fsync", 0) + sums.get("fdatasync", 0), 3), "allocations": round(sums["allocations"], 2)}
    finally:
        counting.end()
