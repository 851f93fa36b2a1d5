"""bench [WHAT...] - Postern beside Debian's Postfix, A B A B in one run, both durable, both logging, on one disk

W1 relay to a smart host   W2 local inbound to files   W3 idle sessions   W4 handshakes and idle sessions under TLS
W5 submission by files against sendmail
W1web: W1 of Postern alone, with five browsers that watch its manager against none; memory of postern-web with twenty tabs
syscalls: calls of the kernel for a message, relayed and local    No word: W1 W2 W3 W4 W5. `keep`: smtp-source -d in W1 and W2
Prints messages/s, CPU seconds per 1,000 messages, memory, and the ratios Postern : Postfix of the pairs: medians, and the least
and most. STORE=ram: on an ext4 in memory instead of /var/tmp. build/bench.json has all of it, and calls, syncs, switches and CPU by role; build/bench.svg draws the ratios.
"""

import os
import resource
import select
import socket
import statistics
import sys
import tempfile
import threading
import time

import traffic
from counting import Counting, Unable
from disks import loop_disk
from harness import Test
from patience import until
from processes import adopt_orphans, is_root, program_of
from servers import DOMAIN, Meter, PosternServer, PostfixServer
from smtp import Smtp, mail
from story import Story, file_system, spread
from web_client import Browser, connect, wait_served

ROUNDS = int(os.environ.get("ROUNDS", "3"))
SCALE = float(os.environ.get("SCALE", "1"))
BOTH = (PosternServer, PostfixServer)
story = None        # of this run: main()


class Run:
    """One measured run of one server."""
    def __init__(self, server, messages, work, programs=False):
        begin = time.monotonic()
        with Meter(server, programs) as meter:
            work()
            self.seconds = time.monotonic() - begin
            until(server.is_empty, 60, f"{server.name}'s queue to empty")
        self.rate = messages / self.seconds
        self.cpu = 1000 * meter.cpu / messages
        self.memory = meter.peak / 1024
        self.switches = meter.switches / messages
        self.roles = {role: 1000 * cpu / messages for role, cpu in meter.roles.items()}


def compare(title, servers, messages, work, programs=False):
    """A B A B of work(server); one line a server and one of ratios. `programs`: those it called count as the server's."""
    runs = {server.name: [] for server in servers}
    for _ in range(ROUNDS):
        for server in servers:
            runs[server.name].append(Run(server, messages, lambda s=server: work(s), programs))
    for name, rows in runs.items():
        values = {what: [getattr(row, what) for row in rows] for what in ("rate", "cpu", "memory", "switches")}
        print(f"{title:34} {name:8} {spread(values['rate'], 0):>24} msg/s {spread(values['cpu'], 2):>22} CPU s/1000 "
              f"{spread(values['memory'], 1):>22} MiB", flush=True)
        story.add(title, name, **values, cpu_by_role=by_role(rows))
    pairs = list(zip(runs["postern"], runs["postfix"]))
    ratio = {what: [getattr(a, what) / max(getattr(b, what), 1e-9) for a, b in pairs] for what in ("rate", "cpu", "memory")}
    print(f"{title:34} {'ratio':8} {spread(ratio['rate'], 2):>24} x     {spread(ratio['cpu'], 3):>22}            {spread(ratio['memory'], 2):>22}", flush=True)
    for what, values in ratio.items():
        story.ratio(title, what, values)
    found = counted(servers[0], messages, lambda: work(servers[0]))      # Postfix runs on, and slower, after it was counted
    if found:
        story.add(title, servers[0].name, **found)


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
                "syncs": round(sums.get("fsync", 0) + sums.get("fdatasync", 0) + sums.get("sync_file_range", 0), 3), "allocations": round(sums["allocations"], 2)}
    finally:
        counting.end()


NO_CALLS = ("calls", "allocations", "switches", "bytes-read", "bytes-written")


def wait_for(count, wanted, timeout=240):
    until(lambda: count() >= wanted, timeout, lambda: f"{wanted} messages, there are {count()}")


def w1(test, keep=False):
    """Relay to a smart host, until the sink has all."""
    sink, large = traffic.SmtpSink(test), traffic.LargeSink(test)
    servers = [each(test, sink.port) for each in BOTH]
    for size in (1024, 10240):
        for sessions in (1, 10, 50, 100):
            messages = int((400 if sessions == 1 else 2000) * SCALE)

            def work(server, sessions=sessions, messages=messages, size=size):
                before = sink.messages
                traffic.smtp_source(server.port, sessions, messages, size, "x@relay.example", keep)
                wait_for(lambda: sink.messages - before, messages)
            compare(f"W1 relay {size // 1024} KiB, {sessions} sessions", servers, messages, work)
    for server in servers:
        server.end()
    servers = [each(test, large.port) for each in BOTH]
    messages = int(100 * SCALE)

    def work_large(server):
        before = large.messages
        traffic.large_source(server.port, 10, messages, 1 << 20, "x@relay.example")
        wait_for(lambda: large.messages - before, messages)
    compare("W1 relay 1 MiB, 10 sessions", servers, messages, work_large)
    for server in servers:
        server.end()


WATCHERS, TABS = 5, 20
TABS_OF_SESSION = 8
WEB_MOST = 12       # MiB
WATCHED = 20        # seconds


def w1web(test):
    """Relay while browsers watch, and while none does, by turns; then what the helper needs with many tabs open."""
    sink = traffic.SmtpSink(test)
    server = PosternServer(test, sink.port, start=False)
    port = test.port()
    server.service.shared["manager"] = {"listen": f"127.0.0.1:{port}"}
    server.service.write()
    server.start()
    wait_served(port)

    def work():
        before = sink.messages
        traffic.smtp_source(server.port, 10, messages, 1024, "x@relay.example", False)
        wait_for(lambda: sink.messages - before, messages)
    messages = int(4000 * SCALE)
    work()      # warm
    pairs = []
    for number in range(ROUNDS * 4):
        pair = {}
        for watched in (number % 2 == 0, number % 2 != 0):      # neither is always the first
            with Watchers(server, port, WATCHERS if watched else 0, 1):
                pair[watched] = Run(server, messages, work)
        pairs.append(pair)
    for what in ("rate", "cpu"):
        ratios = sorted(pair[True].__dict__[what] / pair[False].__dict__[what] for pair in pairs)
        print(f"W1web {WATCHERS} browsers : none, {what:25} {statistics.median(ratios):9.3f} x     of {len(ratios)} pairs, {ratios[0]:.3f} to {ratios[-1]:.3f}", flush=True)
    with Watchers(server, port, WATCHERS, 1):
        cpu, begin = server.cpu(), time.monotonic()
        threading.Event().wait(WATCHED)
        print(f"W1web {WATCHERS} browsers, and no mail            {100 * (server.cpu() - cpu) / (time.monotonic() - begin):9.2f} % of a processor", flush=True)
    web = server.service.child("web")
    for tabs in (0, TABS):
        with Watchers(server, port, tabs, TABS_OF_SESSION) as watchers:
            if tabs:
                until(lambda: min(watchers.read) > 10 * 1024, 60, "each tab to have ten samples")
            print(f"W1web postern-web with {tabs:2} tabs              {memory_of(web, 'Pss') / 1024:9.1f} MiB proportional, {memory_of(web, 'Rss') / 1024:.1f} resident; "
                  f"at most {WEB_MOST}", flush=True)
    server.end()


def memory_of(pid, what):
    """KiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{what}:"))


class Watchers:
    """So many tabs with the stream of the manager open, and a thread that reads what comes."""
    def __init__(self, server, port, tabs, each):
        self.sockets, self.read, self.over = [], [0] * tabs, threading.Event()
        for number in range(tabs):
            if number % each == 0:
                browser = Browser(port)
                browser.log_in(server.service.ctl("web", "login").stdout)
            connection = connect(port)
            connection.request("GET", "/api/events", headers={"Cookie": browser.cookie, "X-Postern-Token": browser.csrf, "Sec-Fetch-Site": "same-origin"})
            self.sockets.append(connection.sock)

    def __enter__(self):
        self.thread = threading.Thread(target=self.take)
        self.thread.start()
        return self

    def take(self):
        while not self.over.wait(0.05):
            for each in select.select(self.sockets, [], [], 0)[0] if self.sockets else ():
                self.read[self.sockets.index(each)] += len(each.recv(1 << 16))

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        for each in self.sockets:
            each.close()


def w2(test, keep=False):
    """Local inbound: drop files against Maildir files."""
    servers = [each(test, 9) for each in BOTH]
    for size in (1024, 10240):
        for sessions in (10, 50):
            messages = int(2000 * SCALE)

            def work(server, sessions=sessions, messages=messages, size=size):
                before = server.delivered_files()
                traffic.smtp_source(server.port, sessions, messages, size, f"x@{DOMAIN}", keep)
                wait_for(lambda: server.delivered_files() - before, messages)
            compare(f"W2 inbound {size // 1024} KiB, {sessions} sessions", servers, messages, work)
            for server in servers:
                server.clear()
    for server in servers:
        server.end()


def idle(server, wanted):
    """Opens sessions up to EHLO. Prints memory for each, and how long a new client waits for its banner and EHLO."""
    sessions, served = [], 0
    before = server.memory()
    try:
        try:
            for _ in range(wanted):
                sessions.append(socket.create_connection(("127.0.0.1", server.port), 2))
        except OSError:
            pass    # its backlog is full
        end = time.monotonic() + 20
        for each in sessions:
            each.settimeout(max(0.02, min(3, end - time.monotonic())))
            try:
                if each.recv(500).startswith(b"220"):
                    each.sendall(b"EHLO idle.example\r\n")
                    each.recv(1000)
                    served += 1
            except TimeoutError:
                if served < len(sessions) / 10:
                    break
        memory = server.memory() - before
        begin = time.monotonic()
        try:
            with Smtp(("127.0.0.1", server.port), timeout=10, ehlo="new.example"):
                answer = f"a new client is served in {1000 * (time.monotonic() - begin):.1f} ms"
        except (OSError, EOFError):
            answer = "a new client waits for more than 10 s"
        print(f"W3 {wanted} idle sessions               {server.name:8} {len(sessions):6} connected, {served:6} greeted, {memory / max(served, 1):8.1f} KiB each, {answer}", flush=True)
    finally:
        for each in sessions:
            each.close()
    return memory / max(served, 1)


def w3(test):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for wanted in (1000, 5000):
        if wanted + 200 > most:
            print(f"W3 {wanted}: only {most} descriptors are allowed here")
            continue
        per = {}
        for kind in BOTH:
            server = kind(test, 9)
            with Smtp(("127.0.0.1", server.port), ehlo="warm.example"):
                pass
            per[kind.name] = idle(server, wanted)
            story.add(f"W3 {wanted} idle sessions", kind.name, kib_each=round(per[kind.name], 2))
            server.end()
        print(f"W3 {wanted} idle sessions               ratio    {per['postern'] / max(per['postfix'], 1e-9):6.4f} of the memory", flush=True)


def idle_tls(server, using, wanted):
    """Opens sessions up to EHLO under TLS and lets them be; KiB each."""
    sessions = []
    before = server.memory()
    try:
        for _ in range(wanted):
            client = Smtp(("127.0.0.1", server.port), timeout=30)
            sessions.append(traffic.starttls(client, using))
            client.expect(250, "EHLO idle.example")
        return (server.memory() - before) / len(sessions)
    finally:
        for each in sessions:
            each.close()


def w4(test):
    """STARTTLS: handshakes a second from four processes, new and resumed, CPU for 1,000 of them, memory of an idle session."""
    pair = traffic.certificate(test)
    for version, key in (("TLSv1_3", "rsa:2048"), ("TLSv1_2", "rsa:2048")):
        for resume in (False, True):
            rows = {kind.name: [] for kind in BOTH}
            for _ in range(ROUNDS):
                for kind in BOTH:
                    server = kind(test, 9, pair)
                    with Smtp(("127.0.0.1", server.port), ehlo="warm.example"):
                        pass
                    cpu = server.cpu()
                    rate = traffic.handshakes(server.port, version, resume, 4, 3 * SCALE)
                    rows[kind.name].append((rate[0], 1000 * (server.cpu() - cpu) / max(rate[1], 1)))
                    server.end()
            what = f"W4 {version.replace('_', '.')} {key} {'resumed' if resume else 'new'}"
            for name, got in rows.items():
                rates, cpus = [r for r, _ in got], [c for _, c in got]
                print(f"{what:34} {name:8} {spread(rates, 0):>24} handshakes/s {spread(cpus, 2):>22} CPU s/1000", flush=True)
                story.add(what, name, rate=rates, cpu=cpus)
            pairs = list(zip(rows["postern"], rows["postfix"]))
            rates, cpus = [a[0] / b[0] for a, b in pairs], [a[1] / max(b[1], 1e-9) for a, b in pairs]
            print(f"{what:34} {'ratio':8} {spread(rates, 2):>24} x            {spread(cpus, 3):>22}", flush=True)
            story.ratio(what, "rate", rates)
            story.ratio(what, "cpu", cpus)
    for version in ("TLSv1_3", "TLSv1_2"):
        per = {}
        for kind, wanted in ((PosternServer, 1000), (PostfixServer, 90)):     # Debian's Postfix serves 100 at a time
            server = kind(test, 9, pair)
            using = traffic.tls_client(version)
            with Smtp(("127.0.0.1", server.port)) as client:
                traffic.starttls(client, using)
            per[kind.name] = idle_tls(server, using, wanted)
            story.add(f"W4 {version.replace('_', '.')} idle sessions", kind.name, kib_each=round(per[kind.name], 2), sessions=wanted)
            print(f"W4 {version.replace('_', '.')} {wanted} idle sessions       {kind.name:8} {per[kind.name]:8.1f} KiB each", flush=True)
            server.end()
        print(f"W4 {version.replace('_', '.')} idle sessions            ratio    {per['postern'] / max(per['postfix'], 1e-9):6.4f} of the memory", flush=True)


def w5(test):
    """Files in pickup against sendmail, four writers each, local delivery."""
    servers = [each(test, 9) for each in BOTH]
    data = mail(To=f"b@{DOMAIN}", size=1024)
    messages = int(800 * SCALE)

    def work(server):
        before = server.delivered_files()
        numbers = iter(range(messages))
        lock = threading.Lock()
        mine = f"{time.monotonic_ns()}"

        def writer():
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                server.submit(f"{mine}-{number}", data)
        threads = [threading.Thread(target=writer) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: server.delivered_files() - before, messages)
    compare("W5 submission 1 KiB, 4 writers", servers, messages, work, programs=True)
    for server in servers:
        server.end()


def syscalls(test):
    """System calls, syncs and switches of one message of 10 KiB, 10 sessions: relayed, and local. The kernel counts."""
    sink = traffic.SmtpSink(test)
    for kind in BOTH:
        for what, to in (("relayed", "x@relay.example"), ("local", f"x@{DOMAIN}")):
            count_calls(test, kind(test, sink.port), sink, what, to)


def count_calls(test, server, sink, what, to):
    messages = int(500 * SCALE)

    def arrived():
        return server.delivered_files() if what == "local" else sink.messages

    def work():
        before = arrived()
        traffic.smtp_source(server.port, 10, messages, 10240, to, False)
        wait_for(lambda: arrived() - before, messages)
    work()      # warm
    run = Run(server, messages, work)
    found = counted(server, messages, work)
    if not found:
        raise SystemExit("bench: this machine does not let us count calls")
    title = f"syscalls a {what} 10 KiB message"
    most = ", ".join(f"{name} {n:.1f}" for name, n in list(found["calls_by_name"].items())[:14])
    print(f"{title:34} {server.name:8} {found['calls']:.1f} calls, {found['syncs']:.2f} syncs, {run.switches:.1f} switches, {run.cpu:.2f} ms CPU\n    {most}\n    "
          + ", ".join(f"{role} {n:.1f}" for role, n in sorted(found["calls_by_role"].items())), flush=True)
    story.add(title, server.name, **found, switches=round(run.switches, 2), cpu=round(run.cpu, 3))
    server.end()


def main():
    global story
    words = [word for word in sys.argv[1:] if word != "keep"] or ["W1", "W2", "W3", "W4", "W5"]
    keep = "keep" in sys.argv[1:]
    if not is_root():
        raise SystemExit("bench: Postfix needs root: sudo make bench")
    adopt_orphans()
    store, test = store_of(os.environ.get("STORE", "disk"))
    story = Story(test.folder, ROUNDS)
    print(f"{os.cpu_count()} cores, {test.folder} on {file_system(test.folder)}, {ROUNDS} rounds of A B; release build, "
          f"{'one connection a session' if keep else 'one connection a message'}", flush=True)
    try:
        for word in words:
            case = {"W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "W1web": w1web, "syscalls": syscalls}.get(word)
            if not case:
                raise SystemExit(f"bench: no {word}; there are W1 W1web W2 W3 W4 W5 syscalls keep")
            if word in ("W1", "W2"):
                case(test, keep)
            else:
                case(test)
            story.write()
    finally:
        try:
            test.end()
        finally:
            test.remove()
            store.end()
            store.remove()


def store_of(where):
    """(the test that owns the store, the test that runs on it)"""
    if where not in ("disk", "ram"):
        raise SystemExit("bench: STORE is disk or ram")
    store = Test("store", tempfile.mkdtemp(prefix="postern-bench-", dir="/var/tmp" if where == "disk" else "/dev/shm"))
    folder = (store.folder if where == "disk" else loop_disk(store, 4096)[0]) / "bench"
    folder.mkdir()
    return store, Test("bench", folder)


main()
