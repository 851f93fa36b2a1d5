"""queue_writer - a listener has no folder: pickup puts its messages into the queue, also when it is killed or replaced meanwhile"""

import os
import signal
import subprocess
import threading
import time

from checks import check, equal
from patience import until
from smtp import Smtp

LARGE = 1 << 20


def wait_successor(service, old):
    until(lambda: [pid for pid in service.children("pickup") if pid != old], what="a new pickup")


def kill_pickup(service):
    """Ends it without a word; returns when its successor runs."""
    old = service.child("pickup")
    os.kill(old, signal.SIGKILL)
    wait_successor(service, old)


def test_killed_under_load(t):
    """Small messages go to the successor under their ids: each client hears 250, and each message is there once."""
    service = t.postern()
    count, each = 6, 25
    replies = []

    def work(number):
        with service.default.connect() as client:
            for n in range(each):
                client.message(data=f"Subject: {number}.{n}\r\n\r\nx\r\n".encode())
                replies.append((number, n))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for wanted in (20, 60, 100):
        until(lambda w=wanted: len(replies) >= w or not any(thread.is_alive() for thread in threads), 60, "messages")
        kill_pickup(service)
    for thread in threads:
        thread.join(100)
    equal(len(replies), count * each, "messages with 250")
    drops = service.home.wait_drops(count * each, 60)
    subjects = sorted(drop.email["Subject"] for drop in drops)
    equal(subjects, sorted(f"{number}.{n}" for number in range(count) for n in range(each)), "each once")


def begin_large(service):
    """A session with half of a large message under way."""
    client = Smtp(("127.0.0.1", service.default.port), ehlo="c.example")
    client.expect(250, "MAIL FROM:<a@sender.example>")
    client.expect(250, "RCPT TO:<b@default.example>")
    client.expect(354, "DATA")
    client.send(b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n")
    client.send((b"y" * 70 + b"\r\n") * (LARGE // 144))
    return client


def test_reload_under_a_large_message(t):
    """The old pickup goes on until what it has begun is in the queue; the new one serves everybody else meanwhile."""
    service = t.postern()
    with begin_large(service) as client:
        old = service.child("pickup")
        service.default.set("messages", max_message_size="20M")
        service.ctl("reload")
        wait_successor(service, old)
        service.default.send()
        service.home.wait_drops(1)
        client.send((b"y" * 70 + b"\r\n") * (LARGE // 144))
        client.send(b".\r\n")
        client.expect(250)
        client.message()
    service.home.wait_drops(3)
    until(lambda: old not in service.children("pickup"), what="the old pickup to end")


def test_killed_after_the_end_of_a_large_message(t):
    """It is not known whether that one is in the queue: "later". Nobody else waits for it."""
    service = t.postern(env={"POSTERN_CRASH": "straight-dropped:2"})
    with service.default.connect() as other:
        other.message()
        with begin_large(service) as client:
            client.send(b".\r\n")
            client.expect(451)
            client.message()
            client.expect(221, "QUIT")
    equal(service.stop(), 0, "exit status")


def test_reload_without_log(t):
    """A session of before a reload still has lines: they go nowhere, and its next message goes on."""
    service = t.postern({"default": {"general": {"log": "yes"}}})
    with service.default.connect() as client:
        client.message()
        old = service.child("pickup")
        service.default.set("general", log="no")
        service.ctl("reload")
        wait_successor(service, old)
        os.kill(old, signal.SIGKILL)
        for _ in range(3):
            client.message()
    service.home.wait_drops(4)


def test_stop_after_a_reload(t):
    """The session of before the reload has its last message queued and its last lines written; nothing waits."""
    service = t.postern({"default": {"general": {"log": "yes"}}})
    with service.default.connect() as client:
        client.message()
        old = service.child("pickup")
        service.default.set("messages", max_message_size="20M")
        service.ctl("reload")
        wait_successor(service, old)
        client.expect(250, "MAIL FROM:<a@sender.example>")
        client.expect(250, "RCPT TO:<b@default.example>")
        client.expect(354, "DATA")
        stop = subprocess.Popen([service.bin / "posternctl", "-c", service.config, "stop", "default"], stdout=subprocess.DEVNULL,
                                env=service.environment(), **service.account())
        service.wait_state("default", "stopping")
        begin = time.monotonic()
        client.send(b"Subject: last\r\n\r\n.\r\n")
        client.expect(250)
        client.expect(421)
        equal(stop.wait(40), 0)
    check(time.monotonic() - begin < 15, "it took", time.monotonic() - begin, "seconds")
    text = "".join(path.read_text() for path in (service.folder / "logs").rglob("*.log"))
    equal(text.count(" DATA "), 2, "lines of contents in the log: " + text[-2000:])


def test_large_message_of_a_killed_pickup(t):
    """What it had is gone: the client hears "later" and may go on; nothing half is in the queue."""
    service = t.postern()
    with begin_large(service) as client:
        until(lambda: any(path.stat().st_size > 100000 for path in (service.home.queue / "new").glob("*.*") if path.suffix != ".lock"),
              what="a draft on the disk")
        kill_pickup(service)
        client.send(b".\r\n")
        client.expect(451)
        client.message()
    drops = service.home.wait_drops(1)
    check(drops[0].email["Subject"] != "large", "the large message was delivered")
