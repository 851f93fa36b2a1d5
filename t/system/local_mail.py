"""local_mail - mail for local recipients alone is written once, straight into the drop folder; what stands between sends it by the queue

While deliver stands still (SIGSTOP) nothing leaves the queue: a drop file is there with the 250, or a queue file is.
"""

import contextlib
import os
import re
import signal

from checks import check, equal
from disks import mount
from patience import until
from smtp import mail
from spool_states import check_legal


@contextlib.contextmanager
def without_deliver(service, server=None):
    deliver = service.child("deliver", server)
    os.kill(deliver, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(deliver, signal.SIGCONT)


def counter(service, name):
    return int(re.search(rf"^{name} (-?\d+)$", service.ctl("counters", "default").stdout, re.M)[1])


def places(service):
    """(drop files, queue files): how many."""
    return len(service.home.drops()), len(service.home.queued())


def plain(drop):
    """The bytes of a drop file, without what differs from message to message."""
    return re.sub(rb"id [0-9a-z]{16};\r\n\t[^\r]*\r\n|<[0-9a-z]{16}@", b"*", drop.raw)


def test_written_once(t):
    """The 250 says that the drop file is there; the queue and deliver see nothing of it. Events and counters are those of always."""
    service = t.postern({"default": {"domain alias.example": {"type": "alias"}}})
    with without_deliver(service):
        ident = service.default.send("a@s.example", ["one@default.example", "two@alias.example"], mail("once"))
        equal(places(service), (1, 0))
        equal(service.home.drops()[0].path.name, f"{ident}-0.eml")
        for recipient in ("one@default.example", "two@alias.example"):
            event = service.events.wait("dropped", id=ident, recipient=recipient, file=f"{ident}-0.eml")
        told = [e["event"] for e in service.events.all(id=ident)]
        equal(told, ["accepted", "dropped", "dropped"])
        check(event, told)
        equal([counter(service, f"{name}_total") for name in ("directory_drops", "messages_delivered", "messages_received", "hints_lost")],
              [1, 1, 1, 0])
    service.stop()
    check_legal(service.home, "at the end")


def test_same_file_either_way(t):
    """Byte for byte the file that deliver writes: here for one who wants to hear of the success."""
    service = t.postern()
    texts = {"short": mail("short"), "without a header": b"no header here\r\n", "dots": mail("dots", body=".one\r\n..two\r\n"),
             "large": mail("large", size=300000), "null sender": mail("null"), "a trace": b"Received: from x\r\n\tby y; now\r\n" + mail("trace")}
    for what, data in texts.items():
        files = []
        for straight in (True, False):
            with service.default.connect(ehlo="client.example") as client:
                client.expect(250, "MAIL FROM:<>" if what == "null sender" else "MAIL FROM:<a@s.example> ENVID=QQ")
                for recipient in ("one@default.example", "two@default.example"):
                    client.expect(250, f"RCPT TO:<{recipient}>" + ("" if straight else " NOTIFY=SUCCESS"))
                with without_deliver(service) if straight else contextlib.nullcontext():
                    ident = client.content(data)
                    if straight:
                        equal(places(service)[1], 0, what)
            service.home.wait_queued(0)
            files += [drop for drop in service.home.drops() if drop.path.name == f"{ident}-0.eml"]
        equal(len(files), 2, what)
        equal(plain(files[0]), plain(files[1]), what)


def test_pickup(t):
    """A pickup file is gone when its drop file is there, large ones too."""
    service = t.postern()
    with without_deliver(service):
        for count, size in enumerate((100, 300000), 1):
            service.home.put(f"file{count}", b"x-sender: a@s.example\r\nx-receiver: b@default.example\r\n" + mail(f"{size}", size=size))
            service.home.wait_drops(count)
            until(lambda: not list(service.home.pickup.iterdir()), what="the file to be gone")
            service.events.wait("dropped", count=count)
        equal(places(service), (2, 0))
        told = [e["event"] for e in service.events.all() if e["event"] in ("accepted", "dropped")]
        equal(told, ["accepted", "dropped"] * 2)
    check_legal(service.home, "at the end")


def goes_by_queue(t, service, send, drops=1):
    with without_deliver(service):
        send()
        equal(places(service), (0, 1))
    service.home.wait_drops(drops)
    service.home.wait_queued(0)


def test_what_stands_between(t):
    """Of the message: another host, a report of success, a loop. Of the configuration: a quota, a pause."""
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "hop-limit": 3},
                                     "domain alias.example": {"type": "alias"}}})
    send = service.default.send
    goes_by_queue(t, service, lambda: send("a@s.example", ["one@default.example", "two@remote.example"]))
    sink.wait(1)
    service.home.drops()[0].path.unlink()

    def wants_success():
        with service.default.connect(ehlo="c.example") as client:
            client.expect(250, "MAIL FROM:<a@default.example>")
            client.expect(250, "RCPT TO:<b@default.example> NOTIFY=SUCCESS")
            client.content()
    goes_by_queue(t, service, wants_success, 2)
    for drop in service.home.drops():
        drop.path.unlink()
    hops = b"".join(b"Received: from h%d\r\n\tby x; now\r\n" % n for n in range(3))
    goes_by_queue(t, service, lambda: send("a@default.example", "b@default.example", hops + mail("loop")))
    equal(service.home.drops()[0].sender, "", "a report: too many hops")
    service.home.drops()[0].path.unlink()
    service.ctl("set", "default", "delivery.paused=alias.example")
    with without_deliver(service):
        send("a@s.example", ["one@alias.example"])
        equal(places(service), (0, 1), "paused")
        send("a@s.example", ["one@default.example"])
        equal(places(service), (1, 1), "not paused")
    service.ctl("unset", "default", "delivery.paused")
    service.home.wait_drops(2)


def test_quota(t):
    service = t.postern({"default": {"domain default.example": {"type": "default", "drop-quota": "1m"}}})
    goes_by_queue(t, service, service.default.send)


def test_session_of_before_a_pause(t):
    """A session that began before the pause is served by the old workers: its mail heeds the pause all the same."""
    service = t.postern()
    with service.default.connect(ehlo="client.example") as client:
        client.message(ehlo=None)
        service.home.wait_drops(1)
        service.ctl("set", "default", "delivery.paused=default.example")
        client.message(ehlo=None)
        service.home.wait_queued(1)
        equal(places(service), (1, 1))
    service.ctl("unset", "default", "delivery.paused")
    service.home.wait_drops(2)


def test_folder_on_another_disk(t):
    """Mounted while the service runs. That disk may be slow or full: mail is accepted as ever, and waits in the queue."""
    service = t.postern()
    service.default.send()
    equal(places(service), (1, 0))
    mount(t, "-t", "tmpfs", "postern-test", place=service.home.drop)
    goes_by_queue(t, service, service.default.send)


def test_folder_made_anew(t):
    """What is dropped lies in the folder that is at the path now."""
    service = t.postern()
    old = service.home.path / "old"
    with without_deliver(service):
        service.default.send()
        service.home.drop.rename(old)
        service.default.send()
        equal(len(service.home.queued()), 1, "no folder")
        service.home.drop.mkdir()
        service.home.drop.chmod(0o777)
        service.default.send()
        equal((places(service), len(list(old.iterdir()))), ((1, 1), 1))
    service.home.wait_drops(2)


def test_folder_that_cannot_be_written(t):
    """Nothing is refused: the queue has it until the folder is mended."""
    service = t.postern()
    service.home.drop.chmod(0o500)
    with without_deliver(service):
        service.default.send()
        equal(places(service), (0, 1))
        service.home.drop.chmod(0o750)
    service.home.wait_drops(1)


def test_parts_of_the_dead(t):
    """When deliver starts, a part whose process has gone is removed; one whose process lives is not."""
    service = t.postern()
    service.default.send()
    tag = next(path.name[:8] for path in (service.home.queue / "new").glob("*.lock"))
    parts = {name: service.home.drop / name for name in (".0123abcd.part", ".deadbeef.01234567.part", f".{tag}.01234567.part")}
    for path in parts.values():
        path.write_text("part\n")
    os.kill(service.child("deliver"), signal.SIGKILL)
    until(lambda: not parts[".0123abcd.part"].exists() and not parts[".deadbeef.01234567.part"].exists(), what="the parts of the dead to go")
    check(parts[f".{tag}.01234567.part"].exists(), "the part of a process that lives")
    for role in ("pickup", "deliver"):
        os.kill(service.child(role), signal.SIGKILL)
    until(lambda: not parts[f".{tag}.01234567.part"].exists(), 60, "the part of the pickup worker that was killed")
    check_legal(service.home, "at the end")
