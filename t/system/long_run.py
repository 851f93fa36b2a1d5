"""long_run - hours of mixed load in pieces: nothing lost, memory, descriptors and latency flat; each round is kept, and all are drawn

Two services of the release build, in rounds. The steady one is reloaded, renewed, paused, its logs begun anew, its disk filled, while a
browser watches and a client measures; what its processes hold must not grow. The beaten one is killed, a worker or all of it. After each
round all that was acknowledged has come out. `make check` runs a few rounds; `make check-long MINUTES=60` a piece. Pieces add up in
build/long: rounds.jsonl, long.svg.
"""

import json
import os
import random
import signal
import smtplib
import ssl
import statistics
import threading
import time
from pathlib import Path
from xml.sax.saxutils import escape

from checks import Failure, Skip, check
from disks import loop_disk
from ledger import Ledger, Load, refuse_some, text, wait_all_out
from patience import until
from processes import program_of
from programs import ROOT
from spool_files import Home
from token_hosts import Authority
from web_client import Browser, Stream, wait_served

RELEASE, KEPT = ROOT / "build/release", ROOT / "build/long"
MESSAGES = 160          # of a round
JUDGED_FROM = 12        # rounds: fewer say nothing about growth


class Background:
    """A thread that does `work` again and again until end(); what fails on the way is tried anew."""
    def __init__(self, work):
        self.work, self.done = work, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.done.is_set():
            try:
                self.work(self.done)
            except (OSError, EOFError, Failure, ValueError, smtplib.SMTPException):
                self.done.wait(0.1)

    def end(self):
        self.done.set()
        self.thread.join(60)


def measured(server, into):
    """NOOP, twenty times a second, on a session that stays."""
    def work(done):
        with server.connect(ehlo="noop.example") as client:
            while not done.wait(0.05):
                begin = time.monotonic()
                client.expect(250, "NOOP")
                into.append(time.monotonic() - begin)
    return Background(work)


def watching(service, port):
    """A browser with the overview open."""
    def work(done):
        browser = Browser(port)
        browser.log_in(service.ctl("web", "login").stdout)
        stream = Stream(browser)
        try:
            while not done.is_set():
                stream.next("counters")
        finally:
            stream.close()
    return Background(work)


def by_tls(server, ledger):
    """Messages by STARTTLS, each in a session of its own."""
    context = ssl._create_unverified_context()

    def work(done):
        number = ledger.next()
        with smtplib.SMTP("127.0.0.1", server.port, timeout=20) as client:
            client.starttls(context=context)
            client.sendmail("author@default.example", ["local@default.example"], text("L", number))
            ledger.owe("L", number)
        done.wait(0.2)
    return Background(work)


# --- what is done to them ---

def reload(service):
    service.default.set("general", description=f"of {time.monotonic_ns()}")
    service.ctl("reload")


def renew(service):
    serial = service.authority_serial()
    service.renew()
    until(lambda: service.authority_serial() != serial, what="the renewed certificate")


def roll_logs(service):
    """As logrotate does it."""
    for path in (service.folder / "logs").rglob("*.log"):
        path.rename(path.with_suffix(".old"))
    service.ctl("reload")


def pause(service):
    service.ctl("pause", "default")
    service.ctl("continue", "default")


def fill_disk(service):
    ballast = service.disk / "ballast"
    with open(ballast, "wb") as out:
        try:
            while True:
                out.write(bytes(1 << 20))
                out.flush()
        except OSError:
            pass
    service.done.wait(1)        # so long nothing fits
    ballast.unlink(missing_ok=True)


def flush(service):
    service.ctl("queue", "default", "retry", "--yes", ok=False)


GENTLE = (reload, renew, roll_logs, pause, fill_disk, flush)


def kill_worker(service, chance):
    victims = service.children()
    if victims:
        os.kill(chance.choice(victims), signal.SIGKILL)


def kill_all(service, _chance):
    service.kill()
    service.start()


def stop_and_start(service, _chance):
    service.stop()
    service.start()


ROUGH = (kill_worker, kill_worker, kill_all, stop_and_start)


# --- rounds ---

def sections(sink):
    return {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s"}, "messages": {"max-session-size": "unlimited"}}


class Steady:
    def __init__(self, t):
        self.sink, self.times = t.sink(answers={"RCPT": refuse_some}), []
        self.disk, _ = loop_disk(t, 300)
        self.authority = Authority(t.folder)
        self.port = t.port()
        service = self.service = t.postern({"default": sections(self.sink)}, start=False, as_root=True, build=RELEASE)
        service.disk, service.done, service.renew, service.authority_serial = self.disk, threading.Event(), self.renew, self.serial
        self.renew()
        service.default.set("general", home=self.disk / "home")
        service.default.set("access", certificate=t.folder / "ca-default.crt", key=t.folder / "ca-default.pkey")
        service.default.home = Home(self.disk / "home")
        service.shared["manager"] = {"listen": f"127.0.0.1:{self.port}"}
        service.write()
        service.start()
        wait_served(self.port)
        self.beside = [measured(service.default, self.times), watching(service, self.port)]
        for each in self.beside:
            t.cleanup(each.end)

    def renew(self):
        self.authority.context("default.example")
        (self.authority.folder / "ca-default.pkey").chmod(0o600)

    def serial(self):
        with self.service.default.connect(ehlo="look.example") as client:
            client.expect(220, "STARTTLS")
            with ssl._create_unverified_context().wrap_socket(client.socket) as tls:
                return tls.getpeercert(True)

    def held(self):
        """{role: {kib, descriptors}} of the processes, the largest of each role."""
        found = {}
        for pid in [self.service.process.pid] + self.service.children():
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                row = {"kib": int(rollup.split("Pss_Anon:")[1].split()[0]), "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}
            except OSError:
                continue
            role = program_of(pid)
            found[role] = {key: max(value, found.get(role, row)[key]) for key, value in row.items()}
        return found


def one_round(service, sink, act):
    """Load, something done to the service in the middle of it, and all that was promised comes out: (promised, twice, refused)."""
    ledger = Ledger()
    load = Load(service.default, ledger, threads=2, most=MESSAGES)
    tls = by_tls(service.default, ledger) if "certificate" in service.default.sections["access"] else None
    until(lambda: ledger.number > MESSAGES // 3, 120, "a third of the load")
    act()
    until(load.enough, 300, lambda: f"the load: {ledger.number}")
    load.end()
    if tls:
        tls.end()
    twice = wait_all_out(service.home, sink, ledger, 300)
    for path in [*service.home.drop.glob("*.eml"), *service.home.badmail.iterdir()]:
        path.unlink()
    with sink.news:
        sink.messages.clear()
        sink.sessions[:] = [each for each in sink.sessions if not each.connection._closed]
    return len(ledger.owed), twice, load.refused


def millis(times, part):
    return round(sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000, 2) if times else None


def test_piece(t):
    """As many rounds as fit; without a time one of each kind."""
    t.need_root()       # the memory of processes of another user is read
    if not (RELEASE / "postern-listener").exists():
        raise Skip("no release build")
    chance, begin, minutes = random.Random(6), time.monotonic(), t.args[0] if t.args else None
    steady, rows = Steady(t), []
    beaten_sink = t.sink(answers={"RCPT": refuse_some})
    beaten = t.postern({"default": sections(beaten_sink)}, as_root=True, build=RELEASE)
    piece = int(time.time())
    while time.monotonic() - begin < 60 * float(minutes) if minutes else len(rows) < len(GENTLE):
        gentle, rough = GENTLE[len(rows) % len(GENTLE)], ROUGH[len(rows) % len(ROUGH)]
        steady.times.clear()
        at = time.monotonic()
        other = []
        thread = threading.Thread(target=lambda: other.append(one_round(beaten, beaten_sink, lambda: rough(beaten, chance))))
        thread.start()
        own = one_round(steady.service, steady.sink, lambda: gentle(steady.service))
        thread.join()
        check(other, f"the round of the beaten one, {rough.__name__}, failed")
        times = list(steady.times)
        rows.append({"piece": piece, "seconds": round(time.monotonic() - at, 2), "gentle": gentle.__name__, "rough": rough.__name__,
                     "promised": own[0] + other[0][0], "twice": own[1] + other[0][1], "refused": own[2] + other[0][2],
                     "noop_ms": millis(times, 0.5), "noop_p99_ms": millis(times, 0.99), "held": steady.held()})
        if minutes:
            keep(rows[-1])
    print(summary(rows))
    if minutes:
        print(draw())
    judge(rows)


def keep(row):
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "rounds.jsonl", "a", encoding="ascii") as out:
        out.write(json.dumps(row) + "\n")


def summary(rows):
    return (f"{len(rows)} rounds, {sum(row['seconds'] for row in rows) / 3600:.2f} hours: {sum(row['promised'] for row in rows)} promised and there, "
            f"{sum(row['twice'] for row in rows)} came twice, {sum(row['refused'] for row in rows)} refused")


def judge(rows):
    """The last third of the rounds beside the third before it: the first one warms up."""
    if len(rows) < JUDGED_FROM:
        return
    third = len(rows) // 3
    before, last = rows[-2 * third:-third], rows[-third:]

    def both(pick):
        return [statistics.median(pick(row) for row in part if pick(row) is not None) for part in (before, last)]
    for role in rows[-1]["held"]:
        was, now = both(lambda row: row["held"].get(role, {}).get("kib"))
        check(now <= was * 1.1 + 1024, f"{role} grows: {was:.0f} KiB, then {now:.0f}")
        was, now = both(lambda row: row["held"].get(role, {}).get("descriptors"))
        check(now <= was + 4, f"{role}: {was:.0f} descriptors, then {now:.0f}")
    was, now = both(lambda row: row["noop_ms"])
    check(now <= was * 3 + 5, f"NOOP: {was} ms, then {now}")


# --- the drawing ---

WIDE, HIGH, LEFT = 900, 150, 70
COLOURS = ("#1b6ca8", "#c8553d", "#588157", "#7b2d8b", "#b8860b", "#2a9d8f", "#6c757d")


def band(top, title, lines):
    """One drawing of several lines: {name: values}, None where there is no value."""
    most = max((value for values in lines.values() for value in values if value is not None), default=1) or 1
    out = [f'<text x="{LEFT}" y="{top - 8}">{escape(title)}</text>', f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end">{most:g}</text>',
           f'<text x="{LEFT - 6}" y="{top + HIGH}" text-anchor="end">0</text>',
           f'<rect x="{LEFT}" y="{top}" width="{WIDE}" height="{HIGH}" fill="none" stroke="#ccc"/>']
    for (name, values), colour in zip(lines.items(), COLOURS * 3):
        points = " ".join(f"{LEFT + WIDE * n / max(1, len(values) - 1):.1f},{top + HIGH - HIGH * value / most:.1f}"
                          for n, value in enumerate(values) if value is not None)
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
    x = LEFT
    for name, colour in zip(lines, COLOURS * 3):
        out.append(f'<text x="{x}" y="{top + HIGH + 16}" fill="{colour}">{escape(name)}</text>')
        x += 9 * len(name) + 14
    return out


def draw():
    rows = [json.loads(line) for line in (KEPT / "rounds.jsonl").read_text().splitlines()]
    roles = sorted({role for row in rows for role in row["held"]})

    def of(role, what):
        return [row["held"].get(role, {}).get(what) for row in rows]
    pieces = len({row["piece"] for row in rows})
    out = [f'<text x="{LEFT}" y="20">{pieces} pieces: {escape(summary(rows))}</text>']
    out += band(60, "Memory of its own, KiB, the largest process of each role, after each round", {role[8:] or "master": of(role, "kib") for role in roles})
    out += band(270, "Descriptors", {role[8:] or "master": of(role, "descriptors") for role in roles})
    out += band(480, "NOOP beside the load, ms", {"median": [row["noop_ms"] for row in rows], "99 of 100": [row["noop_p99_ms"] for row in rows]})
    (KEPT / "long.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE + LEFT + 20}" height="670" font-family="sans-serif" font-size="12">\n'
        + "\n".join(out) + "\n</svg>\n")
    return f"all pieces: {summary(rows)}; drawn: build/long/long.svg"
