"""spool - the queue on disk: readable files, lost hints, damage, full and read-only file systems"""

import os
import re
import subprocess

from checks import check, equal
from disks import loop_disk, small_disk
from patience import until
from processes import is_root
from smtp import mail
from spool_files import Home


def waiting(t, **options):
    """A service whose smart host is not there: remote mail stays in the queue."""
    return t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", "retry": "1h"}}}, **options)


def test_queue_file_is_readable(t):
    service = waiting(t)
    ident = service.default.send("a@s.example", ["x@remote.example", "y@remote.example"], mail("readable", "body\r\n"))
    path = until(service.home.queued, what="a queue file")[0]
    equal(path.name, ident)
    head, _, rest = path.read_bytes().partition(b"\n\n")
    lines = head.decode().splitlines()
    equal(lines[0], "postern-queue 1")
    for line in ("client: 127.0.0.1", "x-sender: a@s.example", "x-receiver: x@remote.example", "x-receiver: y@remote.example"):
        check(line in lines, line, "is not in", lines)
    check(any(re.match(r"marks: \.\.$", line) for line in lines), lines)
    check(rest.startswith(b"Received: from client.example"), rest[:80])
    check(re.search(rb"body\r\npostern-end \d{17}\n$", rest) or re.search(rb"postern-end \d+\n$", rest), rest[-60:])
    equal(path.stat().st_mode & 0o077, 0, "access for others")


def test_hints_lost(t):
    """With every hint dropped all mail is still delivered, only later."""
    service = t.postern(env={"POSTERN_NO_HINTS": "1"})
    for _ in range(5):
        service.default.send()
    service.home.put("one", "x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n")
    service.home.wait_drops(6, 90)
    service.home.wait_queued(0)


def test_queue_over_a_restart(t):
    service = waiting(t)
    idents = {service.default.send(to="x@remote.example", data=mail(f"number {n}")) for n in range(5)}
    service.kill()
    equal({p.name for p in service.home.queued()}, idents)
    sink = t.sink()
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{sink.port}")
    service.start()
    service.ctl("retry")
    sink.wait(5, 60)
    service.home.wait_queued(0)


def test_damaged_queue_files(t):
    """Cut, changed, foreign: to badmail with a reason; the good ones beside them are delivered."""
    service = waiting(t)
    for number in range(4):
        service.default.send(to="x@remote.example", data=mail(f"number {number}"))
    until(lambda: len(service.home.queued()) == 4, what="four queue files")
    service.stop()
    files = service.home.queued()
    files[0].write_bytes(files[0].read_bytes()[:-10])
    files[1].write_bytes(files[1].read_bytes().replace(b"postern-queue 1", b"postern-queue 9"))
    files[2].write_bytes(b"")
    foreign = files[3].with_name("core.1234")
    foreign.write_bytes(b"rubbish")
    if is_root():
        os.chown(foreign, t.uid, t.gid)
    sink = t.sink()
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{sink.port}")
    service.start()
    service.ctl("retry")
    sink.wait(1, 60)
    service.home.wait_queued(0, 60)
    until(lambda: len(list(service.home.badmail.glob("*.bdr"))) >= 4, 60, "four reasons in badmail")
    equal(len(sink.messages), 1)
    service.events.wait("damaged", count=3)
    check(not service.events.all("crash"), "a crash")


def test_marks_keep_what_was_done(t):
    """One recipient delivered, the other waits: after kill -9 only the other is tried again."""
    sink = t.sink(answers={"RCPT": lambda s, line: "451 4.7.1 later" if "later@" in line else None})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}}})
    ident = service.default.send(to=["now@remote.example", "later@remote.example"])
    service.events.wait("deferred", id=ident, recipient="later@remote.example")
    until(lambda: b"marks: d.\n" in service.home.queued()[0].read_bytes(), what="the mark")
    service.kill()
    sink.answers.clear()
    service.start()
    service.ctl("retry")
    sink.wait(2, 60)
    equal([m.recipients for m in sink.messages], [["now@remote.example"], ["later@remote.example"]])


def test_full_disk(t):
    """452 while it is full, nothing half accepted; what was accepted comes out; after room is made all goes on."""
    disk = small_disk(t, "2m")
    sink = t.sink()
    service = t.postern({"default": {"general": {"home": disk / "home"}, "messages": {"disk-reserve": "0"}, "delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", "retry": "1h"}}},
                        start=False)
    home = service.default.home = Home(disk / "home")
    service.start()
    accepted, refused = [], None
    for _ in range(60):
        with service.default.connect(ehlo="c.example") as client:
            reply = client.cmd("MAIL FROM:<a@s.example>")
            if reply.code == 250:
                client.expect(250, "RCPT TO:<x@remote.example>")
                client.expect(354, "DATA")
                client.send(mail(size=100000) + b".\r\n")
                reply = client.reply()
            if reply.code != 250:
                refused = reply
                break
            accepted.append(reply.text)
    check(refused and refused.code in (452, 451), refused)
    check(10 <= len(accepted) <= 25, len(accepted), "accepted")
    equal(len(home.queued()), len(accepted), "queue files")
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{sink.port}")
    service.ctl("reload")
    service.ctl("retry")
    sink.wait(len(accepted), 60)
    home.wait_queued(0, 60)
    service.default.send(to="x@remote.example", data=mail(size=100000))
    sink.wait(len(accepted) + 1)


def test_large_messages_on_a_full_disk(t):
    """Each hears 452 or 451, and its draft goes with it, while the sessions live: there is room again at once."""
    disk = small_disk(t, "3m")
    service = t.postern({"default": {"general": {"home": disk / "home"}, "messages": {"disk-reserve": "0"}, "delivery": {"retry": "1s"}}},
                        start=False)
    home = service.default.home = Home(disk / "home")
    service.start()
    clients = [service.default.connect(ehlo="c.example") for _ in range(4)]
    for client in clients:
        client.expect(250, "MAIL FROM:<a@s.example>")
        client.expect(250, "RCPT TO:<b@default.example>")
        client.expect(354, "DATA")
    data = mail(size=1500000)
    for client in clients:
        client.send(data[:1000000])
    for client in clients:
        client.send(data[1000000:] + b".\r\n")
    replies = [client.reply() for client in clients]
    refused = [reply for reply in replies if reply.code in (451, 452)]
    check(len(refused) >= 2, replies)
    until(lambda: not [p for p in (home.queue / "new").iterdir() if not p.name.endswith(".lock")], what="the drafts to go")
    for drop in home.wait_drops(len(replies) - len(refused)):
        drop.path.unlink()
    clients[0].message(data=data, ehlo=None)
    home.wait_drops(1)


def test_read_only_spool(t):
    """The file system turns read-only, as ext4 does after an error: 451 or 452, nothing lost; it goes on after a repair."""
    disk, device = loop_disk(t)
    trigger = f"/sys/fs/ext4/{device}/trigger_fs_error"
    if not os.path.exists(trigger):
        t.skip("no ext4 error trigger here")
    service = t.postern({"default": {"general": {"home": disk / "home"}, "delivery": {"retry": "1s"}}}, start=False)
    home = service.default.home = Home(disk / "home")
    service.start()
    service.default.send()
    home.wait_drops(1)
    with open(trigger, "w", encoding="ascii") as out:
        out.write("1")
    with service.default.connect(ehlo="c.example") as client:
        for _ in range(3):
            reply = client.cmd("MAIL FROM:<a@s.example>")
            if reply.code == 250:
                client.expect(250, "RCPT TO:<b@default.example>")
                client.expect(354, "DATA")
                client.send(mail() + b".\r\n")
                reply = client.reply()
            check(reply.code in (451, 452), reply)
    service.stop()
    subprocess.run(["umount", disk], check=True)
    subprocess.run(["/sbin/fsck.ext4", "-pf", t.folder / "image"], capture_output=True, check=False)
    loop_disk(t)
    service.start()
    service.default.send()
    home.wait_drops(2)
    check(not service.events.all("crash"), "a crash")


def test_drop_folder_full(t):
    """The drop folder cannot be written: the mail waits in the queue and comes later."""
    service = t.postern({"default": {"delivery": {"retry": "1s"}}})
    service.home.drop.chmod(0o500)
    service.default.send()
    service.events.wait("deferred")
    equal(len(service.home.queued()), 1)
    service.home.drop.chmod(0o750)
    service.home.wait_drops(1, 30)
    service.home.wait_queued(0)
