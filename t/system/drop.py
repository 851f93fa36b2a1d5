"""drop - local delivery: the form of drop files, default and alias domains, quota, drop files used as pickup files"""

import itertools
import os
import threading

from checks import check, equal
from patience import until
from queue_files import write_queue_files
from smtp import mail


# shows 2.8b, 4.1, 4.2, 4.3, 7.2b, 9.24
def test_form(t):
    service = t.postern({"default": {"domain alias.example": {"type": "alias"}}})
    ident = service.default.send("a@s.example", ["one@default.example", "two@alias.example", "three@default.example"], mail("form"))
    drop = service.home.wait_drops()[0]
    equal(len(service.home.drops()), 1, "one file for one message")
    lines = drop.raw.split(b"\r\n")
    equal(lines[:4], [b"x-sender: a@s.example", b"x-receiver: one@default.example", b"x-receiver: two@alias.example",
                      b"x-receiver: three@default.example"])
    check(lines[4].startswith(b"Received: from client.example"), lines[4])
    fields = [line.split(b":")[0] for line in drop.message.partition(b"\r\n\r\n")[0].split(b"\r\n") if line[:1] not in b" \t"]
    equal(fields, [b"Received", b"Return-Path", b"From", b"To", b"Subject"])
    check(b"\n" not in drop.raw.replace(b"\r\n", b""), "a bare LF")
    check(drop.path.name.endswith(".eml"), drop.path)
    service.events.wait("dropped", id=ident, file=lambda v: drop.path.name in v)
    service.home.wait_queued(0)


# shows 4.3
def test_null_sender(t):
    service = t.postern()
    service.default.send("", "b@default.example")
    drop = service.home.wait_drops()[0]
    equal(drop.sender, "")
    check(b"\r\nReturn-Path: <>\r\n" in drop.message, drop.message)


def test_large(t):
    service = t.postern()
    data = mail("large", size=5 << 20)
    service.default.send(data=data)
    drop = service.home.wait_drops()[0]
    check(drop.message.endswith(data.partition(b"\r\n\r\n")[2]), "content differs")


# shows 4.2
def test_nothing_half_is_visible(t):
    """Whatever has a name without a leading dot is whole, at any moment."""
    service = t.postern()
    body = mail("whole", size=2 << 20)
    seen = []
    with service.default.connect(ehlo="c.example") as client:
        for _ in range(5):
            client.message(ehlo=None, data=body)
            for drop in service.home.drops():
                seen.append(drop.raw.endswith(body[-100:]))
    until(lambda: len(service.home.drops()) == 5, what="five drops")
    check(all(seen) and all(d.raw.endswith(body[-100:]) for d in service.home.drops()), "a half file was visible")


# shows 4.4
def test_back_through_pickup(t):
    """A drop file copied to pickup goes to exactly its recipients, with one Return-Path in the end."""
    service = t.postern()
    service.default.send("a@s.example", ["b@default.example", "c@default.example"], mail("again"))
    first = service.home.wait_drops()[0]
    first.path.unlink()
    service.home.put("again", first.raw)
    second = service.home.wait_drops()[0]
    equal((second.sender, second.receivers), (first.sender, first.receivers))
    equal(second.message.count(b"Return-Path:"), 1)
    equal(second.body, first.body)


# shows 2.8d
def test_own_folder(t):
    other = t.folder / "elsewhere"
    other.mkdir()
    other.chmod(0o777)
    service = t.postern({"default": {"domain default.example": {"type": "default", "drop": other}}})
    service.default.send()
    until(lambda: list(other.glob("*.eml")), what="a file in the other folder")


# shows 2.8d
def test_quota(t):
    """Over the quota 452 4.2.2, and what is in the queue waits; nothing is lost."""
    service = t.postern({"default": {"domain default.example": {"type": "default", "drop-quota": "30K"}, "delivery": {"retry": "1s"}}})
    with service.default.connect(ehlo="c.example") as client:
        codes = []
        for number in range(8):
            client.expect(250, "MAIL FROM:<a@s.example>")
            reply = client.cmd("RCPT TO:<b@default.example>")
            codes.append(reply.code)
            if reply.code == 452:
                check(reply.text.startswith("4.2.2"), reply)
                client.expect(250, "RSET")
                continue
            client.content(mail(f"number {number}", size=10240))
            until(lambda n=number: len(service.home.drops()) + len(service.home.queued()) >= min(n + 1, 3), what="delivery")
        accepted = codes.count(250)
    check(452 in codes or service.home.queued(), codes)
    dropped = len(service.home.drops())
    check(dropped < 8, "no quota")
    for drop in service.home.drops():
        drop.path.unlink()
    if accepted > dropped:
        service.home.wait_drops(1, 30)


def test_second_round_keeps_the_first(t):
    """A recipient that is local only later gets a file of its own: that of the first ones stays."""
    dead = t.port()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{dead}", "retry": "1h"}}})
    ident = service.default.send("a@s.example", ["one@default.example", "two@late.example"], mail("rounds"))
    equal(service.home.wait_drops()[0].receivers, ["one@default.example"])
    service.events.wait("deferred", id=ident)
    service.default.set("domain late.example", type="alias")
    service.ctl("reload")
    service.ctl("retry")
    service.home.wait_queued(0)
    equal(sorted(r for d in service.home.drops() for r in d.receivers), ["one@default.example", "two@late.example"])


def test_id_of_before(t):
    """
    A message under the id of one that was delivered, as a listener that was taken over could send it (ids are in 250 replies): the drop
    file of before stays as it is, and the other message has a file of its own. The same message once more is the file that is there.
    """
    service = t.postern()
    service.stop()
    write_queue_files(service.home, (t.uid, t.gid), ["a@default.example"])
    (queued,) = service.home.queued()
    ident, content = queued.name, queued.read_bytes()
    service.start()
    before = service.home.wait_drops()[0].path
    kept = before.read_bytes(), before.stat().st_ino
    for again, count in ((content, 1), (content.replace(b"planted", b"forged!"), 2)):
        service.stop()
        queued.parent.mkdir(exist_ok=True)
        queued.write_bytes(again)
        service.own()
        service.start()
        event = service.events.wait("dropped", id=ident)
        service.home.wait_queued(0)
        equal(len(service.home.drops()), count)
        equal((before.read_bytes(), before.stat().st_ino), kept, "the file of before")
    check(event["file"] != before.name and b"forged!" in (service.home.drop / event["file"]).read_bytes(), event.line)


def test_quota_of_own_folder(t):
    """The quota is that of the folder mail is dropped in, for the listener too."""
    other = t.folder / "elsewhere"
    other.mkdir()
    other.chmod(0o777)
    service = t.postern({"default": {"domain default.example": {"type": "default", "drop": other, "drop-quota": "30K"}}})
    (other / "old.eml").write_bytes(b"x" * 40000)

    def refused():
        with service.default.connect(ehlo="c.example") as client:
            client.expect(250, "MAIL FROM:<a@s.example>")
            return client.cmd("RCPT TO:<b@default.example>").code == 452

    until(refused, what="452 over the quota")


def test_own_folder_is_made(t):
    """As root the master makes it, where workers may not."""
    t.need_root()
    other = t.folder / "made" / "drop"
    service = t.postern({"default": {"domain default.example": {"type": "default", "drop": other}}}, as_root=True)
    service.default.send()
    until(lambda: list(other.glob("*.eml")), what="a file in the made folder")


def test_hostile_folder(t):
    """
    A program that may write to drop and puts a pipe or a file of its own in place of each part that it sees: no thread waits for
    it, no file of it becomes the drop file, and each message is there once it lets go.
    """
    service = t.postern()
    folder, over, replaced = service.home.drop, threading.Event(), []

    def race():
        for n in itertools.count():
            if over.is_set():
                return
            for part in folder.glob(".*.part"):
                if "mine" in part.name:
                    continue
                mine = folder / f".mine{n}.part"
                os.mkfifo(mine) if n % 2 else mine.write_text("not yours")
                os.chmod(mine, 0o666)
                os.replace(mine, part)
                replaced.append(part)

    t.cleanup(over.set)
    thread = threading.Thread(target=race, daemon=True)
    thread.start()
    subjects = [f"m{n}" for n in range(20)]
    with service.default.connect() as client:
        for subject in subjects:
            client.message(data=mail(subject, size=200000))
    until(lambda: len(service.events.all("dropped")) + len(service.events.all("deferred")) >= len(subjects), what="a try of each message")
    over.set()
    thread.join(20)
    service.ctl("retry", "default")
    until(lambda: len(service.events.all("dropped")) >= len(subjects), what="drop files")
    equal(sorted(drop.email["Subject"] for drop in service.home.drops()), sorted(subjects), f"drop files, with {len(replaced)} parts replaced")
