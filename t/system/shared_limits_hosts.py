"""
shared_limits_hosts - three nodes, the engine and the remote host, each a host of its own on one wire: what nodes use together is never
more than the limit, whoever is killed, cut off or restarted; with Redis, and with Valkey where it is installed
"""

import os
import shutil
import signal
import threading

from checks import equal
from counted_sink import CountedSession, limited
from engine import Engine
from namespaces import Wire
from patience import until
from smtp import mail

LIMIT, LEASE, PORT = 3, 5, 25


class Session(CountedSession):
    """Of a node that is cut off or stands still the sink cannot see that the connection is over."""
    lost = False

    def is_live(self):
        return not self.lost and self.peer[0] not in self.sink.cut and super().is_live()


class Hosts:
    def __init__(self, t, program):
        if not shutil.which(program):
            t.skip(f"{program} is not installed")
        wire = Wire(t)
        self.mx, at = wire.host("mx"), wire.host("engine")
        self.sink = self.mx.inside(lambda: limited(t, LIMIT, {"CONNECT": "421 4.7.0 Too many connections"}, slow=0.1, port=PORT, address=self.mx.address))
        self.sink.session, self.sink.cut = Session, set()
        self.engine = Engine(t, program=program, port=6379, host=at)
        self.nodes = {name: self.node(t, name, wire.host(name)) for name in ("n0", "n1", "n2")}
        self.feeders = []

    def node(self, t, name, host):
        return t.postern({"default": {
            "access": {"relay": "only", "relay-list": host.address}, "messages": {"max-session-size": "unlimited"},
            "delivery": {"retry": "2s"}, "domain x.example": {"type": "remote", "route": f"[{self.mx.address}]:{PORT}"},
            f"host {self.mx.address}": {"connections": str(LIMIT)}}}, host=host,
            shared={"limits": {"engine": self.engine.place, "node": name, "nodes": "3", "on-loss": "closed", "lease": f"{LEASE}s"}})

    def holders(self):
        return self.engine.holders(self.mx.address)

    def wait_holders(self, *names):
        """Each of them has a permit, and no one else, and all permits are used."""
        until(lambda: set(found := self.holders()) == set(names) and sum(found.values()) == LIMIT, 60,
              what=lambda: f"permits for {names}: {self.holders()}")

    def feed(self, name, over):
        """The queue of a node is never empty, until `over`."""
        node, numbers = self.nodes[name], iter(range(1000000))
        sent = self.sent[name] = []

        def work():
            with node.default.connect(ehlo="c.example", timeout=60) as client:
                while not over.is_set():
                    if len(node.home.queued()) < 20:
                        recipient = f"{name}-{next(numbers)}@x.example"
                        client.message("a@default.example", [recipient], mail(), ehlo=None)
                        sent.append(recipient)
                    else:
                        over.wait(0.05)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.feeders.append(thread)


    def cut(self, name):
        with self.sink.news:
            self.sink.cut.add(self.nodes[name].runs_on.address)

    def join(self, name):
        """Its old connections stay dead: what the sink holds of them says nothing more."""
        address = self.nodes[name].runs_on.address
        with self.sink.news:
            for session in self.sink.open:
                session.lost |= session.peer[0] == address
            self.sink.cut.discard(address)


def send(number, pids):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def keep_together(t, program):
    """Each takes its part; one is killed, one cut off, the engine forgets everything: never a fourth connection, and all mail comes."""
    hosts, over, killed = Hosts(t, program), threading.Event(), threading.Event()
    t.cleanup(over.set)
    hosts.sent = {}
    for name in hosts.nodes:
        hosts.feed(name, killed if name == "n2" else over)
    hosts.wait_holders("n0", "n1", "n2")

    killed.set()
    hosts.feeders[2].join()
    hosts.nodes["n2"].kill()
    hosts.wait_holders("n0", "n1")

    hosts.nodes["n0"].runs_on.unplug()
    hosts.cut("n0")
    hosts.wait_holders("n1")
    hosts.join("n0")
    hosts.nodes["n0"].runs_on.plug()
    hosts.wait_holders("n0", "n1")

    frozen = [hosts.nodes["n1"].process.pid, *hosts.nodes["n1"].children()]
    t.cleanup(lambda: send(signal.SIGCONT, frozen))
    send(signal.SIGSTOP, frozen)
    hosts.cut("n1")
    hosts.wait_holders("n0")
    hosts.join("n1")
    send(signal.SIGCONT, frozen)
    hosts.wait_holders("n0", "n1")

    for _ in range(2):
        hosts.engine.kill()
        hosts.engine.start()
        hosts.wait_holders("n0", "n1")
    over.set()
    for thread in hosts.feeders:
        thread.join()
    for name in ("n0", "n1"):
        hosts.nodes[name].home.wait_queued(0, 60)
    equal((hosts.sink.most, hosts.sink.refused), (LIMIT, 0), "connections at a time")
    wanted = {each for name in ("n0", "n1") for each in hosts.sent[name]}
    equal(wanted - {each for message in hosts.sink.messages for each in message.recipients}, set(), "mail that did not come")


# shows 9c.5
def test_redis(t):
    keep_together(t, "redis-server")


def test_valkey(t):
    keep_together(t, "valkey-server")
