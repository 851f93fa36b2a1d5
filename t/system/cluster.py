"""
cluster - HAProxy in front of three nodes, each a host of its own: one is killed, another takes its home, one is upgraded; nothing is lost

`make check-cluster` sends 100,000 messages, most of them by smtp-source: test_nodes with the number as its word.
"""

import itertools
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import balancer
from checks import Failure, check, equal
from installed import OTHER, VERSION, Installed
from namespaces import Wire
from patience import until
from recording_sink import RecordingSink
from smtp import Smtp

SMALL = 2000
SESSION = 10    # messages of a connection of our own clients
BATCH = 500     # messages of one smtp-source; when it ends well, all of them were acknowledged
PAUSE = threading.Event()   # never set


def body_of(number):
    return ("x" * 70 + "\r\n") * (1 + number % 40)


class Clients:
    """Ten messages a connection, without pause, until end(): which were acknowledged, and what became of each connection that went wrong."""
    def __init__(self, world, address, count):
        self.world, self.address = world, address
        self.numbers, self.over = itertools.count(), threading.Event()
        self.acknowledged, self.broken, self.refused, self.begun = {}, [], [], 0
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def work(self):
        self.world.enter()
        while not self.over.is_set():
            begun, self.begun, node = time.monotonic(), self.begun + 1, None
            try:
                with Smtp((self.address, balancer.PORT), timeout=60, banner=False) as client:
                    node = client.expect(220).texts[0].split()[0]
                    client.expect(250, "EHLO client.example")
                    for _ in range(SESSION):
                        self.send(client)
                    client.expect(221, "QUIT")
            except (OSError, EOFError, Failure) as fault:
                if node:
                    self.broken.append((node, str(fault)))
                else:
                    self.refused.append((begun, time.monotonic(), str(fault)))
                PAUSE.wait(0.02)

    def send(self, client):
        number = next(self.numbers)
        recipient, body = f"own{number}@x.example", body_of(number)
        client.message("a@client.example", recipient, f"From: a@client.example\r\nSubject: {number}\r\n\r\n{body}".encode(), ehlo=None)
        self.acknowledged[recipient] = len(body)

    def count(self):
        return len(self.acknowledged)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class Batches:
    """Four smtp-source, one after the other each, with five sessions, until end(); a recipient of its own for each message."""
    def __init__(self, world, address):
        self.world, self.address = world, address
        self.numbers, self.over = itertools.count(), threading.Event()
        self.acknowledged, self.failed = [], 0
        self.pool = ThreadPoolExecutor(4)
        self.running = [self.pool.submit(self.work) for _ in range(4)]

    def work(self):
        self.world.enter()
        while not self.over.is_set():
            batch = next(self.numbers)
            done = subprocess.run(["/usr/sbin/smtp-source", "-d", "-N", "-s", "5", "-m", str(BATCH), "-l", "2000", "-f", "a@client.example", "-t",
                                   f"batch{batch}@x.example", f"{self.address}:{balancer.PORT}"], capture_output=True, check=False)
            if done.returncode == 0:
                self.acknowledged.append(batch)
            else:
                self.failed += 1
                PAUSE.wait(0.1)

    def count(self):
        return BATCH * len(self.acknowledged)

    def recipients(self):
        return {f"{number}batch{batch}@x.example" for batch in self.acknowledged for number in range(1, BATCH + 1)}

    def end(self):
        self.over.set()
        for each in self.running:
            each.result()


def node(t, wire, name, balance, world, sink):
    return t.postern({"default": {
        "general": {"listen": f"{(host := wire.host(name)).address}:25"},
        "access": {"relay": "only", "relay-list": world.address, "proxy": "yes", "proxy-trusted": balance.address},
        "messages": {"max-session-size": "unlimited"},
        "delivery": {"fqdn": f"{name}.example", "smart-host": sink.place, "retry": "2s"}}},
        service={"hostname": f"{name}.example"}, host=host, start=False)


class Cluster:
    def __init__(self, t, inter):
        wire = Wire(t)
        self.world, at = wire.host("world"), wire.host("balancer")
        self.sink = RecordingSink(t, self.world)
        self.nodes = {name: node(t, wire, name, at, self.world, self.sink) for name in ("n1", "n2", "n3")}
        self.programs = Installed(t, self.nodes["n3"])
        for each in self.nodes.values():
            each.default.port = 25
            each.start()
        self.balancer = balancer.Balancer(t, at, self.nodes, inter)
        self.address = at.address
        self.loads = []

    def count(self):
        return sum(load.count() for load in self.loads)

    def wait(self, count):
        """Until so many were acknowledged; as long as there are more all the time."""
        while (now := self.count()) < count:
            until(lambda n=now: self.count() > n, 60, what=lambda: f"more than {now} messages of {count}")

    def kill(self, t):
        """The whole node, with messages in its queue; another takes its home. The time of the blow, and when the balancer knows it."""
        node, heir = self.nodes["n1"], self.nodes["n2"]
        until(lambda: len(node.home.queued()) >= 5, what="messages in the queue")
        killed = time.monotonic()
        node.kill()
        until(lambda: self.balancer.is_down("n1"), 60, what="the check")
        known = time.monotonic()
        queued = len(node.home.queued())
        heir.ctl("adopt", node.home.path, "n1", f"listen=127.0.0.1:{t.port()}", "domain=adopted.example", f"delivery.smart-host={self.sink.place}",
                 "delivery.retry=2s", "access.relay=only", "access.relay-list=127.0.0.1", "delivery.never-to=unspecified")
        check(queued > 0, "the killed node had nothing in its queue")
        return killed, known, queued

    def upgrade(self):
        node = self.nodes["n3"]
        self.programs.version(OTHER)
        mark = node.events.mark()
        done = node.ctl("upgrade")
        check(done.stdout.endswith(f"postern {OTHER} has taken over from {VERSION}\n"), done)
        node.events.wait("service", since=mark, note="taken-over", version=OTHER)

    def wait_recorded(self, wanted):
        def missing():
            return wanted - set(self.sink.recorded())
        while left := len(missing()):
            until(lambda n=left: len(missing()) < n, 60, what=lambda: f"{sorted(missing())[:10]} of {len(missing())}")

    def wait_empty(self):
        for each in self.nodes.values():
            until(lambda e=each: not e.home.queued(), 60, what=lambda e=each: f"the queue to empty: {e.home.queued()[:5]}")


# shows 9c.6
def test_nodes(t):
    """All that was acknowledged comes, whole; only sessions of the killed node are cut, and nothing is refused once its checks have failed."""
    count = int(t.args[0]) if t.args else SMALL
    cluster, begun = Cluster(t, "2s" if t.args else "10s"), time.monotonic()
    clients = Clients(cluster.world, cluster.address, 6)
    cluster.loads.append(clients)
    batches = Batches(cluster.world, cluster.address) if t.args else None
    if batches:
        check(shutil.which("smtp-source", path="/usr/sbin:/usr/bin"), "smtp-source is not installed")
        cluster.loads.append(batches)
    cluster.wait(count * 3 // 10)
    killed, known, adopted = cluster.kill(t)
    cluster.wait(count * 6 // 10)
    cluster.upgrade()
    cluster.wait(count)
    for load in cluster.loads:
        load.end()
    seconds = time.monotonic() - begun

    wanted = set(clients.acknowledged) | (batches.recipients() if batches else set())
    cluster.wait_recorded(wanted)
    cluster.wait_empty()
    times = cluster.sink.recorded()
    twice = sum(number - 1 for recipient, number in times.items())
    odd = {recipient: cluster.sink.sizes[recipient] for recipient, size in clients.acknowledged.items() if cluster.sink.sizes[recipient] != {size}}
    equal(odd, {}, "bytes of these bodies")
    if batches:
        equal(len({size for each in batches.recipients() for size in cluster.sink.sizes[each]}), 1, "sizes of smtp-source's bodies")
    equal(cluster.nodes["n2"].home.badmails() + cluster.nodes["n3"].home.badmails(), [], "badmail")
    equal({name for name, _ in clients.broken} - {"n1.example"}, set(), f"sessions that were cut at another node: {clients.broken}")
    odd = [each for each in clients.refused if each[0] > known or each[1] < killed]
    equal(odd, [], f"connections refused before the kill at {killed}, or when the balancer knew it at {known}")
    window = max((ended - killed for _, ended, _ in clients.refused), default=0)
    print(f"{len(wanted)} acknowledged in {seconds:.0f} s, 0 lost, {twice} came twice; {adopted} adopted; down known after {known - killed:.1f} s; "
          f"of {clients.begun} connections {len(clients.broken)} were cut, {len(clients.refused)} refused, the last {window:.1f} s after the kill; "
          f"downs: { {name: cluster.balancer.downs(name) for name in cluster.nodes} }" + (f"; {batches.failed} smtp-source ended" if batches else ""))
