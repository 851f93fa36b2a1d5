"""pair TREE [ROUNDS] - this tree's release build beside that of another, in turn, many short runs: what a change costs

Each round relays 1 KiB and 10 KiB messages, from 1, 10 and 50 sessions, and 1 MiB from 10, first by one of the two and then by the other; who is
first changes with each round. A machine that is twice as fast a minute later does not change the ratio of two runs of half a
second that follow each other. Prints the median of the ratios (this : other), and between which the middle half of them lies. SIZE=1048576: only messages of so many bytes and more.
STORE=ram: on an ext4 in memory, loop: on one in a file of /var/tmp, each side on its own; else on /var/tmp. TO=local: mail that stays here.
ACKNOWLEDGE=safe: this side has that in its [delivery] (TREE may be this tree: then safe is beside stored). PROCESSES=2: so many listeners.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
KINDS = [(size, sessions) for size in (1024, 10240) for sessions in (1, 10, 50)] + [(1 << 20, 10)]


def serve(tree):
    """One server of `tree`, with that tree's own harness; a line "SIZE SESSIONS COUNT" in, a line of seconds and CPU seconds out."""
    sys.path[:0] = [str(tree / "t/bench"), str(tree / "t/lib")]
    import time

    import traffic
    from disks import loop_disk
    from harness import Test
    from patience import until
    from processes import adopt_orphans
    from servers import DOMAIN, PosternServer
    adopt_orphans()
    store, local = os.environ.get("STORE"), os.environ.get("TO") == "local"
    owner = test = Test("pair", tempfile.mkdtemp(prefix="postern-pair-", dir="/dev/shm" if store == "ram" else "/var/tmp"))
    try:
        if store:
            folder = loop_disk(owner, 2048)[0] / "pair"
            folder.mkdir()
            test = Test("pair", folder)
        sink = traffic.SmtpSink(test)
        first = os.environ if sys.argv[3:] == ["first"] else {}
        more = {}
        if "ACKNOWLEDGE" in first:
            more["delivery"] = {"smart-host": f"[127.0.0.1]:{sink.port}", "acknowledge": first["ACKNOWLEDGE"]}
        if "PROCESSES" in first:
            more["general"] = {"processes": first["PROCESSES"]}
        server = PosternServer(test, sink.port, more=more)
        print("ready", flush=True)
        for line in sys.stdin:
            size, sessions, count = map(int, line.split())
            wanted, cpu, begin = sink.messages + (0 if local else count), server.cpu(), time.monotonic()
            traffic.smtp_source(server.port, sessions, count, size, f"x@{DOMAIN}" if local else "x@relay.example", False)
            until(lambda w=wanted: sink.messages >= w, 120, "the sink to have all")
            seconds = time.monotonic() - begin
            until(server.is_empty, 60, "an empty queue")
            print(seconds, server.cpu() - cpu, flush=True)
            server.clear()
    finally:
        test.end()
        if test is not owner:
            owner.end()
        owner.remove()


class Side:
    def __init__(self, tree, *which):
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", tree, *which], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tree)
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("pair: a side has ended")
        return line.split()

    def run(self, size, sessions, count):
        self.process.stdin.write(f"{size} {sessions} {count}\n")
        self.process.stdin.flush()
        return [float(word) for word in self.read()]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    if sys.argv[1:2] == ["--serve"]:
        return serve(Path(sys.argv[2]))
    other, rounds = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    sides = [Side(HERE, "first"), Side(other)]
    print(f"{os.cpu_count()} cores, {rounds} rounds, this build : that of {sys.argv[1]}", flush=True)
    try:
        for size, sessions in [kind for kind in KINDS if kind[0] >= int(os.environ.get("SIZE", "0"))]:
            count = 60 if size > 100000 else 200 if sessions == 1 else 800
            rates, cpus = [], []
            for number in range(rounds + 1):
                done = {}
                for which in ((0, 1) if number % 2 else (1, 0)):
                    done[which] = sides[which].run(size, sessions, count)
                if number:      # the first is for warmth
                    rates.append(done[1][0] / done[0][0])
                    cpus.append(done[0][1] / max(done[1][1], 0.01))
            print(f"{size // 1024:4} KiB {sessions:3} sessions   rate {middle(rates)}   CPU {middle(cpus)}", flush=True)
    finally:
        for side in sides:
            side.end()


def middle(ratios):
    low, half, high = statistics.quantiles(ratios, n=4)
    return f"{half:.3f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
