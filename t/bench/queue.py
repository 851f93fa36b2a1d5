"""queue [many] [million] [pages] [side] - a long queue: 1,000,000 messages for 10,000 domains, and 20,000 beside Debian's Postfix

many: start-up scan with a cold and a warm cache, memory, CPU at rest, the way of a new message meanwhile, a dead domain with
      100,000 messages that comes back, a flush of all
million: the same without the dead domain; some three minutes
pages: 100,000 messages in the manager: the time and the CPU of all processes for a page of the list, and for the count by domain
side: the same queue in both: memory, CPU at rest, start to first delivery, the way of a new message, flush to a smart host
SCALE=0.1: a tenth of the messages. Medians; ratios Postern : Postfix.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import traffic
from checks import Failure
from harness import Test
from patience import until
from processes import adopt_orphans, is_root, status_of
from programs import ROOT
from servers import DOMAIN, TICK, PosternServer, PostfixServer, cpu_ticks
from smtp import Smtp, mail
from web_client import Browser, wait_served

SCALE = float(os.environ.get("SCALE", "1"))
ALL, DOMAINS, DEAD, SIDE = (max(100, int(n * SCALE)) for n in (1_000_000, 10_000, 100_000, 20_000))
SIZE = 600
FILL = ROOT / "build/release/t/bench/fill"
REST = 5        # seconds
LISTED = 10     # alike


def say(what, value):
    print(f"{what:64} {value}", flush=True)


def deliver_of(server):
    return server.service.child("deliver")


def resident(pid):
    """KiB."""
    return int(status_of(pid)["VmRSS"].split()[0])


def fill(server, count, domains, suffix, due):
    """By as many processes as there are processors; seconds."""
    begin, writers = time.monotonic(), os.cpu_count()
    shares = [count // writers + (number < count % writers) for number in range(writers)]
    running = [subprocess.Popen([FILL, server.home.queue, *map(str, (share, domains, suffix, 7200, *due, SIZE))], user=server.test.uid,
                                group=server.test.gid, extra_groups=[]) for share in shares]
    for each in running:
        if each.wait() != 0:
            raise Failure("fill has failed")
    return time.monotonic() - begin


def forget_cache():
    """The kernel's inodes and pages: as after a reboot."""
    subprocess.run(["sync"], check=True)
    Path("/proc/sys/vm/drop_caches").write_text("3\n")


def way_of_new(server, sink, count, to="y@fast.example"):
    """Milliseconds from the 250 to the end of the data at the other side, of so many one after the other."""
    times = []
    with Smtp(("127.0.0.1", server.port), timeout=120, ehlo="new.example") as client:
        for _ in range(count):
            before = len(sink.messages)
            client.message(ehlo=None, to=to, data=mail("new"))
            begin = time.monotonic()
            sink.wait(before + 1, 120)
            times.append(1000 * (time.monotonic() - begin))
    return times


def spread(times):
    return f"{statistics.median(times):8.1f} ms, at most {max(times):.1f} ({len(times)})"


class Meanwhile:
    """New messages, one after the other, as long as something goes on."""
    def __init__(self, server, sink):
        self.server, self.sink, self.times, self.over = server, sink, [], threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        return self

    def work(self):
        while not self.over.wait(0.1):
            self.times += way_of_new(self.server, self.sink, 1)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def rest_of(server):
    """CPU percent of the deliver process and all processes over some seconds."""
    pid = deliver_of(server)
    before, begin = (cpu_ticks(pid), server.cpu()), time.monotonic()
    threading.Event().wait(REST)
    seconds = time.monotonic() - begin
    return 100 * (cpu_ticks(pid) - before[0]) / TICK / seconds, 100 * (server.cpu() - before[1]) / seconds


def start(server, count, sink, what):
    """Starts it; says when the scan knew all, and when the first new message was through."""
    begin = time.monotonic()
    server.start()
    first = []

    def new():
        way_of_new(server, sink, 1)
        first.append(time.monotonic() - begin)
    thread = threading.Thread(target=new)
    thread.start()
    pid = deliver_of(server)
    until(lambda: server.counters()["queue_length"] >= count, 300, lambda: f"{count} in the index, there are {server.counters()['queue_length']}")
    seconds, cpu = time.monotonic() - begin, cpu_ticks(pid) / TICK
    thread.join()
    say(f"start, {what}: all {count} known after", f"{seconds:8.2f} s, {cpu:.2f} s CPU of deliver")
    say(f"start, {what}: a new message is through after", f"{first[0]:8.2f} s")


def many(test, dead=True):
    fast = test.sink()
    dead_port = test.port()
    mx = traffic.OwnSink(test)
    dns = test.dns("*.up MX 10 mx", "mx A 127.0.0.1")
    server = PosternServer(test, None, start=False, service={"dns-server": dns.address}, more={
        "domain fast.example": {"type": "remote", "route": f"[127.0.0.1]:{fast.port}"},
        "domain dead.example": {"type": "remote", "route": f"[127.0.0.1]:{dead_port}"}})
    port = test.port()
    server.service.shared["manager"] = {"listen": f"127.0.0.1:{port}"}
    server.service.write()
    server.service.default.set("delivery", port=mx.port)
    server.start()
    until(lambda: server.service.children("deliver"), what="deliver")
    way_of_new(server, fast, 3)
    empty = resident(deliver_of(server))
    server.end()
    seconds = fill(server, ALL, DOMAINS, "up.example", (7200, 14000))
    say(f"{ALL} messages for {DOMAINS} domains written in", f"{seconds:8.2f} s")
    forget_cache()
    start(server, ALL, fast, "cold cache")
    pid = deliver_of(server)
    say("deliver: resident, empty queue", f"{empty / 1024:8.1f} MiB")
    say(f"deliver: resident with {ALL}", f"{resident(pid) / 1024:8.1f} MiB, {1024 * (resident(pid) - empty) / ALL:.0f} bytes a message")
    say("CPU at rest: deliver, all", "%8.2f %%, %.2f %%" % rest_of(server))
    say("a new message to another host", spread(way_of_new(server, fast, 50)))
    list_all(server, fast, port)
    if dead:
        server.end()
        dead_domain(server, fast, dead_port)
    flush_all(server, fast, mx)
    server.end()


def list_all(server, fast, port):
    """The list in the manager, a page after the other, for some seconds."""
    wait_served(port)
    browser = Browser(port)
    browser.log_in(server.service.ctl("web", "login").stdout)
    at, rows, took = [], 0, []
    with Meanwhile(server, fast) as meanwhile:
        begin, cpu = time.monotonic(), server.cpu()
        while time.monotonic() - begin < LISTED:
            asked = time.monotonic()
            answer = browser.command("queue", "default", "list", *at)["data"]
            took.append(1000 * (time.monotonic() - asked))
            if answer.get("page", "ok") == "ok":
                rows += len(answer["messages"])
                at = [f"at={answer['next']}"] if answer["next"] else []
        cpu = server.cpu() - cpu
    say(f"a page of the list of {ALL}, one after the other", f"{spread(took)}, {1000 * cpu / len(took):.0f} ms CPU; {rows} rows")
    say("    a new message meanwhile", spread(meanwhile.times))


def million(test):
    many(test, dead=False)


def dead_domain(server, fast, port):
    """100,000 messages for a host that refuses connections; then it listens."""
    fill(server, DEAD, 1, "dead.example", (0, 0))
    with Meanwhile(server, fast) as meanwhile:
        begin = time.monotonic()
        start(server, ALL + DEAD, fast, "warm cache")
        until(lambda: server.counters()["remote_retry_queue_length"] >= ALL + DEAD, 300, "all for the dead domain to be put off")
        seconds = time.monotonic() - begin
    say(f"{DEAD} due for a dead domain: put off in", f"{seconds:8.2f} s, {DEAD / seconds:.0f} a second")
    say("    a new message meanwhile", spread(meanwhile.times))
    back = traffic.SmtpSink(server.test, port)
    with Meanwhile(server, fast) as meanwhile:
        begin = time.monotonic()
        until(lambda: back.messages > 0, 300, "the destination to be seen again")
        seen = time.monotonic()
        until(lambda: back.messages >= DEAD, 300, lambda: f"{DEAD} messages, there are {back.messages}")
        seconds = time.monotonic() - seen
    say("the domain is back: seen after", f"{seen - begin:8.2f} s")
    say(f"    its {DEAD} messages in", f"{seconds:8.2f} s, {DEAD / seconds:.0f} a second")
    say("    a new message meanwhile", spread(meanwhile.times))
    say("    deliver: resident", f"{resident(deliver_of(server)) / 1024:8.1f} MiB")


def flush_all(server, fast, mx):
    """All due at once, for all domains: the first 20 seconds."""
    with Meanwhile(server, fast) as meanwhile:
        Path(f"/proc/{deliver_of(server)}/clear_refs").write_text("5")      # VmHWM begins anew
        before, begin = mx.messages, time.monotonic()
        server.flush()
        asked = time.monotonic() - begin
        until(lambda: mx.messages - before >= ALL or time.monotonic() - begin > 20, 60)
        rate = (mx.messages - before) / (time.monotonic() - begin)
    say(f"flush of {ALL} for {DOMAINS} domains: the command takes", f"{asked:8.2f} s")
    say("    messages a second", f"{rate:8.0f}")
    say("    a new message meanwhile", spread(meanwhile.times))
    say("    deliver: resident, the most of these seconds", f"{int(status_of(deliver_of(server))['VmHWM'].split()[0]) / 1024:8.1f} MiB")


# --- in the manager ---------------------------------------------------------------------------------------------

def cost(server, what, ask, times=20):
    """The answers, and what one of them costs."""
    took, cpu = [], server.cpu()
    for number in range(times):
        begin = time.monotonic()
        ask(number)
        took.append(1000 * (time.monotonic() - begin))
    say(what, f"{spread(took)}, {1000 * (server.cpu() - cpu) / times:.0f} ms CPU")


def pages(test):
    server = PosternServer(test, None, start=False)
    port = test.port()
    server.service.shared["manager"] = {"listen": f"127.0.0.1:{port}"}
    server.service.write()
    server.start()
    server.end()
    fill(server, DEAD, 1000, "up.example", (7200, 14000))
    server.start()
    wait_served(port)
    until(lambda: server.counters()["queue_length"] >= DEAD, 300, "all to be known")
    browser = Browser(port)
    browser.log_in(server.service.ctl("web", "login").stdout)
    at, rows = [], []

    def page(_):
        while True:
            answer = browser.command("queue", "default", "list", *at)["data"]
            if answer.get("page", "ok") == "ok":
                break
        at[:] = [f"at={answer['next']}"] if answer["next"] else []
        rows.append(len(answer["messages"]))
    cost(server, f"a page of the list of {DEAD}, one after the other", page)
    say("    messages on it", f"{rows[0]} to {rows[-1]}")
    cost(server, "the page of one message", lambda _: browser.command("queue", "default", "list", "domain=d7.up.example"))
    counted = []
    cost(server, f"a piece of the count of {DEAD} by domain and age", lambda _: counted.append(browser.command("queue", "default", "count")), 5)
    say("    its status", counted[-1]["status"])
    server.end()


# --- side by side ----------------------------------------------------------------------------------------------

def local_way(server, count):
    """Milliseconds from the 250 to the file."""
    times = []
    for _ in range(count):
        before = server.delivered_files()
        with Smtp(("127.0.0.1", server.port), ehlo="new.example") as client:
            client.message(ehlo=None, to=f"b@{DOMAIN}", data=mail("new"))
            begin = time.monotonic()
            while server.delivered_files() == before:
                threading.Event().wait(0.001)   # how exactly it is measured
                if time.monotonic() - begin > 60:
                    raise Failure(f"{server.name}: no new mail in 60 s")
            times.append(1000 * (time.monotonic() - begin))
    return times


def put_off(server):
    """All messages wait for another time."""
    if server.name == "postern":
        return server.counters()["remote_retry_queue_length"] >= SIDE
    return sum(len(files) for _, _, files in os.walk(server.spool / "deferred")) >= SIDE


def measure(server, relay_port):
    """One server with SIDE messages put off: what it costs to have them, to start with them, and to send them."""
    found = {}
    domains = min(200, SIDE)
    before, begin = server.cpu(), time.monotonic()
    for number in range(domains):
        traffic.smtp_source(server.port, 20, SIDE // domains, SIZE, f"x@d{number}.example", True)
    until(lambda: put_off(server), 300, f"{server.name} to put off {SIDE}")
    found["taking and putting off, messages/s"] = SIDE / (time.monotonic() - begin)
    found["    CPU s/1000"] = 1000 * (server.cpu() - before) / SIDE
    server.end()
    forget_cache()
    begin = time.monotonic()
    server.start()
    until(server.answers, 60, "an answer")
    local_way(server, 1)
    found["start to the first new message, s"] = time.monotonic() - begin
    until(lambda: put_off(server), 300, "all to be known again")
    found["memory, MiB"] = server.memory() / 1024
    before, begin = server.cpu(), time.monotonic()
    threading.Event().wait(REST)
    found["CPU at rest, %"] = 100 * (server.cpu() - before) / (time.monotonic() - begin)
    found["a new message, ms"] = statistics.median(local_way(server, 20))
    sink = traffic.SmtpSink(server.test, relay_port)
    before, begin = server.cpu(), time.monotonic()
    server.flush()
    until(lambda: sink.messages >= SIDE, 300, lambda: f"{SIDE} messages, there are {sink.messages}")
    found["flush, messages/s"] = SIDE / (time.monotonic() - begin)
    found["    CPU s/1000 "] = 1000 * (server.cpu() - before) / SIDE
    server.end()
    sink.end()
    return found


def side(test):
    found = []
    for kind in (PosternServer, PostfixServer):
        port = test.port()
        found.append(measure(kind(test, port), port))
    print(f"{SIDE} messages for a smart host that was away {'':16} {'postern':>10} {'postfix':>10} {'ratio':>8}")
    for what, ours in found[0].items():
        theirs = found[1][what]
        print(f"    {what:56} {ours:12.2f} {theirs:10.2f} {ours / theirs if theirs > 0 else 0:8.2f}", flush=True)


def main():
    words = sys.argv[1:] or ["many", "pages", "side"]
    if not is_root():
        raise SystemExit("bench-queue: Postfix needs root: sudo make bench-queue")
    adopt_orphans()
    test = Test("queue", tempfile.mkdtemp(prefix="postern-queue-", dir=os.environ.get("FOLDER", "/var/tmp")))
    disk = os.statvfs(test.folder)
    if disk.f_favail < 2 * ALL + 100_000 or disk.f_bavail * disk.f_frsize < 5000 * ALL + (1 << 30):
        test.remove()
        raise SystemExit(f"bench-queue: {test.folder} has not the room: {disk.f_favail} inodes, {disk.f_bavail * disk.f_frsize >> 20} MiB; "
                         "another FOLDER, or a smaller SCALE")
    print(f"{os.cpu_count()} cores, {test.folder}, {disk.f_favail} inodes and {disk.f_bavail * disk.f_frsize >> 30} GiB free; release build", flush=True)
    try:
        for word in words:
            {"many": many, "million": million, "pages": pages, "side": side}[word](test)
    finally:
        try:
            test.end()
        finally:
            test.remove()


main()
