"""chaos - kill -9 at random under load (fixed seeds), and file systems that fill up, vanish or are removed"""

import os
import random
import shutil
import signal
import subprocess
import threading

from checks import check, equal
from disks import loop_disk, small_disk
from ledger import MARK, Ledger, Load, refuse_some, wait_all_out
from patience import until
from smtp import mail
from spool_files import Home
from spool_states import check_legal


def service_for(t, sink, start=True, acknowledge="stored", **general):
    return t.postern({"default": {"general": general,
                                  "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s", "acknowledge": acknowledge},
                                  "messages": {"max-session-size": "unlimited", "disk-reserve": "0"}}}, start=start)


def random_kills(t, seed, acknowledge="stored", lives=3, **options):
    chance = random.Random(seed)
    sink = t.sink(answers={"RCPT": refuse_some})
    service, ledger, kills = service_for(t, sink, acknowledge=acknowledge), Ledger(), 0
    for _ in range(lives):      # of the whole service
        load = Load(service.default, ledger, most=ledger.number + 250, **options)
        for _ in range(3):
            threading.Event().wait(chance.uniform(0.02, 0.6))      # the instant of the blow
            victims = service.children()
            if victims:
                os.kill(chance.choice(victims), signal.SIGKILL)
                kills += 1
        threading.Event().wait(chance.uniform(0.02, 0.6))
        kills += len(service.children()) + 1
        service.kill()
        load.end()
        check_legal(service.home, f"seed {seed}")
        service.start()
    duplicates = wait_all_out(service.home, sink, ledger)
    service.stop()
    check_legal(service.home, "at the end")
    print(f"seed {seed}: {kills} kills, {len(ledger.owed)} acknowledged, {duplicates} came twice")


def test_random_kills_1(t):
    random_kills(t, 1)


def test_random_kills_2(t):
    random_kills(t, 2)


def test_random_kills_3(t):
    random_kills(t, 3)


# shows 2.6s
def test_random_kills_safe(t):
    """What was acknowledged because the next hop has it, or because it was stored in time, comes out whatever is killed."""
    random_kills(t, 5, "safe", fates="RRRFT", threads=6)


def a_thousand_kills(t):
    """For `make kills`."""
    random_kills(t, 6, "safe", lives=150, fates="RRRFT", threads=6)


def test_no_hints(t):
    """The same with every hint lost."""
    sink = t.sink(answers={"RCPT": refuse_some})
    service, ledger = service_for(t, sink, start=False), Ledger()
    service.env["POSTERN_NO_HINTS"] = "1"
    service.start()
    load = Load(service.default, ledger, most=60)
    until(load.enough, 60, "the load")
    service.kill()
    load.end()
    service.start()
    wait_all_out(service.home, sink, ledger)


def test_full_file_system(t):
    """Under load on a disk that is too small: refusals, but nothing acknowledged is lost, also over kill -9."""
    disk = small_disk(t, "3m")
    sink = t.sink(answers={"RCPT": refuse_some})
    service, ledger = service_for(t, sink, start=False, home=disk / "home"), Ledger()
    service.default.home = Home(disk / "home")
    service.start()
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (2 << 20))
    load = Load(service.default, ledger, most=600)
    until(lambda: load.refused >= 5 or load.enough(), 60, "refusals")
    check(load.refused, "the disk was never full")
    service.kill()
    check_legal(service.home, "on a full disk")
    load.end()
    service.start()
    ballast.unlink()
    wait_all_out(service.home, sink, ledger)


def test_vanished_file_system(t):
    """The spool's disk is unmounted under the service: it ends or says 4xx; with the disk back all that was acknowledged comes."""
    disk, _ = loop_disk(t)
    sink = t.sink(answers={"RCPT": refuse_some})
    service, ledger = service_for(t, sink, start=False, home=disk / "home"), Ledger()
    service.default.home = Home(disk / "home")
    service.start()
    load = Load(service.default, ledger, fates="LRFNG", most=200)
    until(lambda: ledger.number > 30 or load.enough(), 60, "some mail")
    subprocess.run(["umount", "-l", disk], check=True)
    until(load.enough, 60, "the rest of the load, taken or refused")
    load.end()
    service.kill()
    loop_disk(t)
    check_legal(service.home, "after the disk came back")
    service.start()
    wait_all_out(service.home, sink, ledger)


def test_removed_home(t):
    """The home folder is removed while another virtual server works: that one notices nothing, nothing ends for good."""
    service = t.postern({"one": {}, "two": {}})
    service["one"].send(to="b@one.example")
    service["one"].home.wait_drops()
    shutil.rmtree(service["one"].home.path)
    try:
        with service["one"].connect(ehlo="c.example") as client:
            client.expect(250, "MAIL FROM:<a@s.example>")
            client.expect(250, "RCPT TO:<b@one.example>")
            client.expect(354, "DATA")
            client.send(mail() + b".\r\n")
            check(client.reply().code in (451, 452), "mail for a home that is gone")
    except (OSError, EOFError):
        pass
    service["two"].send(to="b@two.example")
    service["two"].home.wait_drops()
    equal(service.ctl("status", "--check", "two").returncode, 0)
    service.stop()
    service.start()
    service["one"].send(to="b@one.example")
    service["one"].home.wait_drops()


def test_mark_before_removal(t):
    """The host said 250 and the process dies before the file is removed: the mark is in the file, nothing is sent twice."""
    sink = t.sink()
    service = service_for(t, sink, start=False)
    service.env["POSTERN_CRASH"] = "settle-removing:1"
    service.start()
    service.default.send(to="x@remote.example")
    service.events.wait("crash", timeout=60)
    service.kill()
    del service.env["POSTERN_CRASH"]
    service.start()
    until(lambda: not service.home.queued(), 60, "the queue to empty")
    equal(len(sink.messages), 1)


def last_of_its_session(message, all_messages):
    return [m for m in all_messages if m.session is message.session][-1] is message


def test_deliver_killed(t):
    """
    kill -9 of deliver with 100 connections under way: what comes twice is the last message of its connection, whose reply was not
    read yet, and nothing before it on that connection: a mark is written before the next command is sent.
    """
    chance, kills, connections = random.Random(4), 3, 100
    gate = threading.Event()
    t.cleanup(gate.set)
    distance = threading.Event()        # of a host that is 50 ms away: nothing sets it
    sink = t.sink(answers={"CONNECT": lambda _session, _line: None if gate.wait() else "", "DOT": lambda _session, _message: distance.wait(0.05) or None})
    service, ledger = service_for(t, sink, start=False), Ledger()
    service.default.set("delivery", connections_per_domain=connections)
    service.start()
    load = Load(service.default, ledger, fates="R", threads=6, most=1500)
    until(load.enough, 90, "the load")
    load.end()
    gate.set()
    for number in range(kills):
        sink.wait(300 * (number + 1), 90)
        threading.Event().wait(chance.uniform(0.0, 0.1))       # the instant of the blow
        os.kill(service.child("deliver"), signal.SIGKILL)
        service.events.wait("crash", count=number + 1, timeout=60)
    duplicates = wait_all_out(service.home, sink, ledger)
    first, twice = {}, []
    for message in sink.messages:
        mark = MARK.search(message.data)[0]
        if mark in first:
            twice.append(first[mark])
        first[mark] = message
    print(f"{len(ledger.owed)} acknowledged, {kills} kills, {len(sink.sessions)} connections, {duplicates} came twice")
    equal(len(twice), duplicates)
    check(duplicates <= connections * kills, f"{duplicates} came twice")
    odd = [m for m in twice if not last_of_its_session(m, sink.messages)]
    equal(odd, [], "came twice, although another message followed on the same connection")
