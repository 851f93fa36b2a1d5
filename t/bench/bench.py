"""bench [WHAT...] - Postern beside Debian's Postfix, in turn in one run, both durable, both logging, on one disk

W1 relay to a smart host   W2 local inbound to files   W3 idle sessions   W4 handshakes and idle sessions under TLS
W5 submission by files against sendmail   commits: durable files a second, as Postern writes them
W1web: W1 of Postern alone, with five browsers that watch its manager against none; memory of postern-web with twenty tabs
syscalls: calls of the kernel for a message, relayed and local, of both    No word: commits W1 W2 W3 W4 W5
keep: in W1 and W2 one connection a session   figures: few points, on both stores: those of the README, some ten minutes
Prints messages/s, CPU milliseconds and memory, calls, commits and flushes a message, and the ratios of the runs of a round: medians,
and the least and most. STORE='ram disk': an ext4 in memory, and /var/tmp. LOAD=postfix: smtp-source and smtp-sink in place of
those of t/bench, which cost less. MINUTES=10: after so many each workload has one round only. build/bench.json has all of it, and CPU by role; build/bench.svg is the drawing of it.
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
from ceilings import Handshaker, NoServer, Proxy, commit_rate
from compare import ROUNDS, SCALE, Run, compare, counted, rounds
from disks import loop_disk
from harness import Test
from patience import until
from processes import adopt_orphans, is_root
from servers import DOMAIN, PosternServer, PostfixServer, SafeServer
from smtp import Smtp, mail
from story import Story, file_system, spread
from web_client import Browser, connect, wait_served

BOTH = (PosternServer, PostfixServer)
KIB, MIB = 1 << 10, 1 << 20
# (bytes, sessions) of W1 and W2, all of them and those of the figures
W1 = [(size, sessions) for size in (KIB, 10 * KIB) for sessions in (1, 10, 50, 100)] + [(MIB, 10)]
W2 = [(size, sessions) for size in (KIB, 10 * KIB) for sessions in (10, 50)]
W1_FIGURES, W2_FIGURES = [(10 * KIB, 1), (10 * KIB, 10), (10 * KIB, 50), (MIB, 10)], [(10 * KIB, 10)]
MANY_IDLE = 50000
REST = 5            # seconds
ALL = ["commits", "W1", "W2", "W3", "W4", "W5"]
ONE_STORE = ("W3", "W4", "W1web", "syscalls")     # they write little or nothing


def wait_for(count, wanted, timeout=240):
    until(lambda: count() >= wanted, timeout, lambda: f"{wanted} messages, there are {count()}")


def messages_of(size, sessions):
    return 200 if size > 100 * KIB else 500 if sessions == 1 else 3000


def size_of(size):
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"


def sessions_of(sessions, keep):
    return ("1 session" if sessions == 1 else f"{sessions} sessions") + (" kept" if keep else "")


def w1(plan, test):
    """Relay to a smart host, until the sink has all; also with acknowledge = safe, through a bare proxy, and without a server."""
    sink, send = plan.pair(test)
    servers = [each(test, sink.port) for each in (PosternServer, SafeServer, PostfixServer, Proxy, NoServer)]
    for size, sessions in plan.w1:
        def work(server, messages, sessions=sessions, size=size):
            before = sink.messages
            send(server.port, sessions, messages, size, "x@relay.example", plan.keep)
            wait_for(lambda: sink.messages - before, messages)
        compare(plan.story, f"W1 relay {size_of(size)}, {sessions_of(sessions, plan.keep)}", servers, messages_of(size, sessions), work)
    for server in servers:
        server.end()


def commits(plan, test):
    """Durable files a second, as Postern writes them: nothing that is stored can be faster."""
    for writers in (1, 10, 50):
        rows = [commit_rate(test.folder, writers, int(messages_of(10 * KIB, writers) * SCALE), 10 * KIB) for _ in rounds()]
        rates, cpus = [rate for rate, _ in rows], [cpu for _, cpu in rows]
        title = f"commits 10 KiB, {writers} at once"
        print(f"{title:40} {'':12} {spread(rates, 0):>24} files/s {spread(cpus, 3):>20} CPU ms", flush=True)
        plan.story.add(title, "postern-commit", rate=rates, cpu=cpus)


WATCHERS, TABS = 5, 20
TABS_OF_SESSION = 8
WEB_MOST = 12       # MiB
WATCHED = 20        # seconds


def w1web(_, test):
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


def w2(plan, test):
    """Local inbound: drop files against Maildir files."""
    _, send = plan.pair(test)
    servers = [each(test, 9) for each in BOTH]
    for size, sessions in plan.w2:
        def work(server, messages, sessions=sessions, size=size):
            before = server.delivered_files()
            send(server.port, sessions, messages, size, f"x@{DOMAIN}", plan.keep)
            wait_for(lambda: server.delivered_files() - before, messages)
        compare(plan.story, f"W2 local {size_of(size)}, {sessions_of(sessions, plan.keep)}", servers, messages_of(size, sessions), work)
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


def w3(plan, test):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for wanted in plan.idle:
        if wanted + 200 > most:
            print(f"W3 {wanted}: only {most} descriptors are allowed here")
            continue
        per = {}
        for kind in BOTH:
            server = kind(test, 9)
            with Smtp(("127.0.0.1", server.port), ehlo="warm.example"):
                pass
            per[kind.name] = idle(server, wanted)
            plan.story.add(f"W3 {wanted} idle sessions", kind.name, kib_each=round(per[kind.name], 2))
            server.end()
        print(f"W3 {wanted} idle sessions               ratio    {per['postern'] / max(per['postfix'], 1e-9):6.4f} of the memory", flush=True)
    idle_many(plan, test, int(MANY_IDLE * min(SCALE, 1)))


def idle_many(plan, test, wanted):
    """Postern alone: as many as one process may have descriptors are not enough, so there are more listeners."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = 1 + wanted // (most - 2000)
    server = PosternServer(test, 9, start=False)
    server.service.default.set("general", **{"processes": processes, "connection-limit": "unlimited"})
    server.start()
    before, begin = server.memory(), time.monotonic()
    held = traffic.Held(server.port, wanted)
    try:
        held.wait()
        seconds = time.monotonic() - begin
        each = (server.memory() - before) / wanted
        cpu, begin = server.cpu(), time.monotonic()
        with Smtp(("127.0.0.1", server.port), timeout=60, ehlo="new.example"):
            new = 1000 * (time.monotonic() - begin)
        threading.Event().wait(REST)
        rest = 100 * (server.cpu() - cpu) / (time.monotonic() - begin)
    finally:
        held.end()
    print(f"W3 {wanted} idle sessions               postern      held by {processes} listeners, opened at {wanted / seconds:.0f}/s, {each:.2f} KiB each, a new client is "
          f"served in {new:.1f} ms, {rest:.2f} % of a processor at rest", flush=True)
    plan.story.add(f"W3 {wanted} idle sessions", "postern", kib_each=round(each, 2), listeners=processes, new_client_ms=round(new, 2), rest_percent=round(rest, 3))
    server.end()


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


def w4(plan, test):
    """STARTTLS: handshakes a second from four processes, new and resumed, CPU for each, beside bare OpenSSL; memory of an idle session."""
    pair = traffic.certificate(test)
    for version, resume in plan.handshakes:
        w4_handshakes(plan.story, test, pair, version, resume)
    for version in sorted({version for version, _ in plan.handshakes}):
        per = {}
        for kind, wanted in ((PosternServer, 1000), (PostfixServer, 90)):     # Debian's Postfix serves 100 at a time
            server = kind(test, 9, pair)
            using = traffic.tls_client(version)
            with Smtp(("127.0.0.1", server.port)) as client:
                traffic.starttls(client, using)
            per[kind.name] = idle_tls(server, using, wanted)
            plan.story.add(f"W4 {version.replace('_', '.')} idle sessions", kind.name, kib_each=round(per[kind.name], 2), sessions=wanted)
            print(f"W4 {version.replace('_', '.')} {wanted} idle sessions       {kind.name:12} {per[kind.name]:8.1f} KiB each", flush=True)
            server.end()
        print(f"W4 {version.replace('_', '.')} idle sessions            ratio    {per['postern'] / max(per['postfix'], 1e-9):6.4f} of the memory", flush=True)


def w4_handshakes(story, test, pair, version, resume):
    kinds = [*BOTH] if resume else [*BOTH, Handshaker]
    rows = {kind.name: [] for kind in kinds}
    for _ in rounds():
        for kind in kinds:
            rows[kind.name].append(shaken(test, kind, pair, version, resume))
    what = f"W4 {version.replace('v', ' ').replace('_', '.')} RSA 2048, {'resumed' if resume else 'new'}"
    for name, got in rows.items():
        rates, cpus = [r for r, _ in got], [c for _, c in got]
        print(f"{what:40} {name:12} {spread(rates, 0):>24} handshakes/s {spread(cpus, 2):>22} CPU ms", flush=True)
        story.add(what, name, rate=rates, cpu=cpus)
    for other in list(rows)[1:]:
        pairs = list(zip(rows["postern"], rows[other]))
        rates, cpus = [a[0] / b[0] for a, b in pairs], [a[1] / max(b[1], 1e-9) for a, b in pairs]
        print(f"{what:40} {': ' + other:12} {spread(rates, 2):>24} x            {spread(cpus, 3):>22}", flush=True)
        story.add_ratio(what, "postern", other, rate=rates, cpu=cpus)


def shaken(test, kind, pair, version, resume):
    """(handshakes a second, CPU milliseconds of each)"""
    clients, seconds = 4, max(1, int(3 * SCALE))
    if kind is Handshaker:
        server = Handshaker(test, pair)
        cpu = server.cpu()
        rate, count = server.handshakes(version, clients, seconds)
    else:
        server = kind(test, 9, pair)
        with Smtp(("127.0.0.1", server.port), ehlo="warm.example"):
            pass
        cpu = server.cpu()
        rate, count = traffic.handshakes(server.port, version, resume, clients, seconds)
    cpu = 1000 * (server.cpu() - cpu) / max(count, 1)
    server.end()
    return rate, cpu


def w5(plan, test):
    """Files in pickup against sendmail, four writers each, local delivery."""
    servers = [each(test, 9) for each in BOTH]
    data = mail(To=f"b@{DOMAIN}", size=1024)

    def work(server, messages):
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
    compare(plan.story, "W5 pickup 1 KiB, 4 writers", servers, 1000, work, programs=True, part=0.1)
    for server in servers:
        server.end()


def syscalls(plan, test):
    """System calls, syncs and switches of one message of 10 KiB, 10 sessions: relayed, and local. The kernel counts."""
    sink, send = plan.pair(test)
    for kind in BOTH:
        for what, to in (("relayed", "x@relay.example"), ("local", f"x@{DOMAIN}")):
            count_calls(plan, kind(test, sink.port), sink, send, what, to)


def count_calls(plan, server, sink, send, what, to):
    messages = int(500 * SCALE)

    def arrived():
        return server.delivered_files() if what == "local" else sink.messages

    def work():
        before = arrived()
        send(server.port, 10, messages, 10240, to, False)
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
    plan.story.add(title, server.name, **found, **run.disk, switches=round(run.switches, 2), cpu=round(run.cpu, 3))
    server.end()


class Plan:
    """What is measured, by the words of the command and of the environment."""
    def __init__(self, words):
        known = [*ALL, "W1web", "syscalls", "keep", "figures"]
        for word in words:
            if word not in known:
                raise SystemExit(f"bench: no {word}; there are {' '.join(known)}")
        self.keep, figures = "keep" in words, "figures" in words
        self.cases = [word for word in words if word not in ("keep", "figures")] or ALL
        self.w1, self.w2 = (W1_FIGURES, W2_FIGURES) if figures else (W1, W2)
        self.idle = (5000,) if figures else (1000, 5000)
        self.handshakes = [("TLSv1_3", False)] if figures else [(version, resume) for version in ("TLSv1_3", "TLSv1_2") for resume in (False, True)]
        self.stores = os.environ.get("STORE", "ram disk" if figures else "disk").split()
        self.load = os.environ.get("LOAD", "own")
        if not set(self.stores) <= {"ram", "disk"} or self.load not in ("own", "postfix"):
            raise SystemExit("bench: STORE is disk, ram or both; LOAD is own or postfix")
        self.story = Story(ROUNDS, {"own": "source and sink of t/bench", "postfix": "smtp-source and smtp-sink"}[self.load])

    def pair(self, test):
        """(a sink, how to send)"""
        if self.load == "own":
            return traffic.OwnSink(test), traffic.own_source
        return traffic.SmtpSink(test), traffic.smtp_source


CASES = {"commits": commits, "W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "W1web": w1web, "syscalls": syscalls}


def main():
    if not is_root():
        raise SystemExit("bench: Postfix needs root: sudo make bench")
    adopt_orphans()
    plan = Plan(sys.argv[1:])
    for store in plan.stores:
        owner, test = store_of(store)
        plan.story.begin(store, test.folder)
        print(f"{os.cpu_count()} cores, {test.folder} on {file_system(test.folder)}, {ROUNDS} rounds; release build, "
              f"{'one connection a session' if plan.keep else 'one connection a message'}, {plan.story.head['load']}", flush=True)
        try:
            for word in plan.cases:
                if store == plan.stores[0] or word not in ONE_STORE:
                    CASES[word](plan, test)
                    plan.story.write()
        finally:
            for each in (test, owner):
                try:
                    each.end()
                finally:
                    each.remove()


def store_of(where):
    """(the test that owns the store, the test that runs on it)"""
    owner = Test("store", tempfile.mkdtemp(prefix="postern-bench-", dir="/var/tmp" if where == "disk" else "/dev/shm"))
    folder = (owner.folder if where == "disk" else loop_disk(owner, 4096)[0]) / "bench"
    folder.mkdir()
    return owner, Test("bench", folder)


main()
