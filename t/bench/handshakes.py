"""handshakes [TREE] - how long a NOOP waits beside 300 TLS handshakes a second: one client says NOOP, another begins sessions

Each round measures in turn: nothing beside it; handshakes at an even pace; the same number in bursts of thirty. With TREE the programs of
that tree are measured, too, in the same rounds (they must be built), and with PROCESSES=2 or auto this build with so many listeners.
All is RSA-2048 under TLS 1.3, nothing is resumed. Prints the median, p99 and the longest wait of all rounds together, handshakes that were done,
and CPU of the server for each. RATE=300 ROUNDS=5 SPAN=4 (seconds of a run). As root. REALTIME=1 on a machine that does
something else, too: server and clients go before all of that.
"""

import json
import os
import select
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import traffic
from checks import Failure
from harness import Test
from processes import adopt_orphans, is_root
from programs import ROOT
from servers import PosternServer
from smtp import Smtp

RATE, ROUNDS, SPAN = int(os.environ.get("RATE", "300")), int(os.environ.get("ROUNDS", "5")), float(os.environ.get("SPAN", "4"))
BURST = 30
PAUSE = 0.001       # seconds between two NOOPs
KINDS = (("nothing beside it", 0), ("at an even pace", 1), (f"in bursts of {BURST}", BURST))
GOAL = 5.0          # ms


class Side:
    def __init__(self, test, label, build, pair, processes):
        self.label, self.tls_port = label, test.port()
        self.server = PosternServer(test, None, pair, build=build, more={"general": {
            "tls-listen": f"127.0.0.1:{self.tls_port}", "idle-command-limit": "unlimited", "processes": processes}})
        self.waits = {kind: [] for kind, _ in KINDS}
        self.cpu, self.done = dict.fromkeys(self.waits, 0.0), dict.fromkeys(self.waits, 0)

    def run(self, kind, burst):
        before = self.server.cpu()
        load = start("load", self.tls_port, burst) if burst else None
        probe = start("probe", self.server.port)
        self.waits[kind] += answer(probe)
        if load:
            self.done[kind] += answer(load)
        self.cpu[kind] += self.server.cpu() - before


def start(*words):
    return subprocess.Popen([sys.executable, __file__, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def answer(process):
    said = process.communicate()[0]
    if process.returncode != 0:
        raise Failure("a client has failed")
    return json.loads(said)


def probe_main(port):
    if os.environ.get("REALTIME"):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(20))
    waits = []
    with Smtp(("127.0.0.1", port), ehlo="probe.example") as client:
        client.socket.setblocking(True)
        end = time.monotonic() + SPAN
        while time.monotonic() < end:
            begin = time.monotonic()
            client.socket.sendall(b"NOOP\r\n")
            if not client.socket.recv(200).startswith(b"250"):
                raise Failure("no 250 to NOOP")
            waits.append(round(1e3 * (time.monotonic() - begin), 4))
            if select.select([client.socket], [], [], PAUSE)[0]:
                raise Failure("a word that nothing asked for")
    print(json.dumps(waits))


class Load:
    """Sessions at a port with TLS from the first byte, each up to its banner."""
    def __init__(self, port):
        self.port, self.using = port, traffic.tls_client("TLSv1_3")
        self.selector, self.done = selectors.DefaultSelector(), 0

    def begin(self):
        client = self.using.wrap_socket(socket.create_connection(("127.0.0.1", self.port)), do_handshake_on_connect=False)
        client.setblocking(False)
        self.selector.register(client, selectors.EVENT_READ)
        self.go_on(client)

    def go_on(self, client):
        try:
            client.do_handshake()
            banner = client.recv(500)
        except ssl.SSLWantReadError:
            return
        if not banner.startswith(b"220"):
            raise Failure(f"no banner: {banner}")
        self.done += 1
        self.selector.unregister(client)
        client.close()

    def serve(self, until):
        while (left := until - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                self.go_on(key.fileobj)


def load_main(port, burst):
    load, begin = Load(port), time.monotonic()
    for number in range(int(SPAN * RATE / burst)):
        for _ in range(burst):
            load.begin()
        load.serve(begin + (number + 1) * burst / RATE)
    while load.selector.get_map():      # what is still under way
        for key, _ in load.selector.select():
            load.go_on(key.fileobj)
    print(load.done)


def tell(side):
    for kind, _ in KINDS:
        waits = sorted(side.waits[kind])
        p99 = waits[int(len(waits) * 0.99)]
        line = f"{side.label:16} {kind:18} {len(waits):6} NOOPs  median {statistics.median(waits):7.3f}  p99 {p99:8.3f}  longest {waits[-1]:8.3f} ms"
        if side.done[kind]:
            line += f"   {side.done[kind] / (ROUNDS * SPAN):5.0f} handshakes/s, {1e3 * side.cpu[kind] / side.done[kind]:.2f} CPU ms each; goal p99 {GOAL:.0f}"
        print(line, flush=True)


def main():
    if not is_root():
        raise SystemExit("needs root")
    adopt_orphans()
    if os.environ.get("REALTIME"):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    test = Test("handshakes", tempfile.mkdtemp(prefix="postern-bench-", dir="/var/tmp"))
    try:
        pair = traffic.certificate(test)
        sides = [Side(test, "this build", ROOT / "build/release", pair, "1")]
        if len(sys.argv) > 1:
            sides.append(Side(test, "the other tree", Path(sys.argv[1]).resolve() / "build/release", pair, "1"))
        if os.environ.get("PROCESSES"):
            sides.append(Side(test, f"processes = {os.environ['PROCESSES']}", ROOT / "build/release", pair, os.environ["PROCESSES"]))
        print(f"{os.cpu_count()} cores, {ROUNDS} rounds of {SPAN:g} s a run", flush=True)
        for number in range(ROUNDS):
            for kind, burst in KINDS:
                for side in sides if number % 2 == 0 else sides[::-1]:
                    side.run(kind, burst)
        for side in sides:
            tell(side)
    finally:
        test.end()
        test.remove()


if __name__ == "__main__":
    if sys.argv[1:2] == ["probe"]:
        probe_main(int(sys.argv[2]))
    elif sys.argv[1:2] == ["load"]:
        load_main(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
