"""pickup_files - when a pickup file is taken, however it was created; what happens to files that cannot be"""

import fcntl
import os
import signal
import subprocess
import threading

from checks import Failure, Skip, check, equal
from patience import until
from processes import is_root

HEAD = b"x-sender: a@s.example\nx-receiver: b@default.example\n\n"


def put(path, data):
    """Written in place by another user: any program may read it."""
    path.write_bytes(data)
    path.chmod(0o666)


def bodies(service):
    return sorted(d.body for d in service.home.drops())


def wait_empty(service, timeout=20):
    until(lambda: list(service.home.pickup.iterdir()) == [], timeout, lambda: f"an empty pickup: {sorted(service.home.pickup.iterdir())[:9]}")


def through(service, count, timeout=20):
    """Something else went through: whatever was to be taken by now has been looked at."""
    service.home.put(f"other{count}", HEAD + b"other\n")
    service.home.wait_drops(count, timeout)


# shows 3.1, 3.4
def test_open_without_lock(t):
    """`cat > file` typed slowly: the close decides, however long the pauses; a scan in between changes nothing."""
    service = t.postern()
    path = service.home.pickup / "typed"
    with open(path, "wb", buffering=0) as out:
        os.fchmod(out.fileno(), 0o666)
        out.write(HEAD + b"one\n")
        pause = threading.Event()
        for _ in range(7):      # longer than two scans
            pause.wait(1)
            check(path.exists(), "taken while it was open")
        out.write(b"two\n")
    service.home.wait_drops(1)
    equal(bodies(service), [b"one\r\ntwo\r\n"])
    wait_empty(service)


def test_script_that_appends(t):
    """echo > f; echo >> f; ... closes after each line."""
    service = t.postern()
    for number in range(5):
        script = "umask 0; f=%s/m%d\n" % (service.home.pickup, number) + "".join(
            f"echo '{line}' {'>>' if i else '>'} $f\n" for i, line in enumerate(
                ["x-sender: a@s.example", "x-receiver: b@default.example", "", "one", "two", "three"]))
        subprocess.run(["sh", "-c", script], check=True)
    service.home.wait_drops(5)
    equal(bodies(service), [b"one\r\ntwo\r\nthree\r\n"] * 5)


def test_pieces_with_pauses(t):
    """A writer that opens the file for each piece, with work in between: an open header and one without text are waited for."""
    service = t.postern()
    path, pause = service.home.pickup / "x", threading.Event()
    put(path, b"x-sender: a@s.example\nSubject: s\n")
    for piece in (b"To: b@default.example\n", b"\n", b"one\n", b"two\n", b"three\n"):
        pause.wait(0.3 if piece.startswith((b"To", b"\n")) else 0.2)
        with open(path, "ab") as out:
            out.write(piece)
    service.home.wait_drops(1)
    equal(bodies(service), [b"one\r\ntwo\r\nthree\r\n"])
    equal(service.home.badmails(), [])
    wait_empty(service)


# shows 3.14
def test_settle_key(t):
    """pickup-settle counts for what is written in place; not for what is renamed in, or whose writer held a lock."""
    service = t.postern({"default": {"messages": {"pickup-settle": "1d"}}})
    put(service.home.pickup / "rests", HEAD + b"rests\n")
    service.home.put("renamed", HEAD + b"renamed\n")
    service.home.wait_drops(1)
    with open(service.home.pickup / "locked", "wb", buffering=0) as out:
        os.fchmod(out.fileno(), 0o666)
        fcntl.flock(out, fcntl.LOCK_EX)
        out.write(HEAD + b"locked\n")
        through(service, 2)
        threading.Event().wait(0.5)     # longer than the time after which the lock is looked for
    service.home.wait_drops(3)
    equal(bodies(service), [b"locked\r\n", b"other\r\n", b"renamed\r\n"])
    check((service.home.pickup / "rests").exists(), "taken at once")


def test_touched_first(t):
    """An empty file is waited for; a shared lock, as .NET takes for writing, too."""
    service = t.postern()
    path = service.home.pickup / "x"
    put(path, b"")
    through(service, 1)
    with open(path, "r+b", buffering=0) as out:
        fcntl.flock(out, fcntl.LOCK_SH)
        out.write(HEAD + b"one\n")
        through(service, 2)
        check(path.exists(), "taken under its writer's lock")
        out.write(b"two\n")
    service.home.wait_drops(3)
    check(b"one\r\ntwo\r\n" in bodies(service), bodies(service))


# shows 3.2
def test_lock_held_after_rename(t):
    service = t.postern()
    part = service.home.pickup / "x.tmp"
    put(part, HEAD + b"one\n")
    with open(part, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        part.rename(service.home.pickup / "x")
        through(service, 1)
        check((service.home.pickup / "x").exists(), "taken while locked")
    service.home.wait_drops(2)


# shows 3.1
def test_linked_in(t):
    """link(2), then unlink(2) of the name it was written under: complete at once, and not held for a hard link."""
    service = t.postern()
    source = service.home.path / "written"
    put(source, HEAD + b"linked\n")
    os.link(source, service.home.pickup / "x")
    source.unlink()
    service.home.wait_drops(1, 5)
    wait_empty(service)


def test_hard_link(t):
    """A file that keeps its second name is somebody else's: badmail."""
    service = t.postern()
    source = service.home.path / "kept"
    put(source, HEAD + b"mine\n")
    os.link(source, service.home.pickup / "x")
    bad = service.home.wait_badmails(1, 30)[0]
    check("second name" in bad.reason and "file x" in bad.reason, bad.reason)
    equal(service.home.drops(), [])
    equal(source.read_bytes(), HEAD + b"mine\n")


def test_same_name_again(t):
    """A writer that always uses one name and does not wait: each version that was complete is sent, none is removed unread."""
    service = t.postern()
    part, path = service.home.pickup / ".part", service.home.pickup / "alert"
    for number in range(20):
        put(part, HEAD + b"%d\n" % number)
        while True:     # never over one that is still there
            try:
                os.link(part, path)
                break
            except FileExistsError:
                pass
        part.unlink()
    service.home.wait_drops(20)
    equal(sorted(int(d.body) for d in service.home.drops()), list(range(20)))


def test_replaced(t):
    """Renamed over one another without looking: the last one is sent in any case."""
    service = t.postern()
    for number in range(200):
        service.home.put("alert", HEAD + b"%d\n" % number)
    wait_empty(service)
    until(lambda: any(d.body == b"199\r\n" for d in service.home.drops()), what="the last version")


def test_large(t):
    """Streamed: 20 MB with lines of all lengths comes through byte for byte, and an LF file as CRLF."""
    service = t.postern({"default": {"messages": {"max-message-size": "30M"}}})
    lines = [b"%d " % n + b"x" * (n % 900) for n in range(45000)]
    body = b"\r\n".join(lines) + b"\r\n"
    service.home.put("crlf", HEAD.replace(b"\n", b"\r\n") + body)
    equal(service.home.wait_drops(1, 60)[0].body, body)
    service.home.drops()[0].path.unlink()
    service.home.put("lf", HEAD + body.replace(b"\r\n", b"\n"))
    equal(service.home.wait_drops(1, 60)[0].body, body)
    wait_empty(service)


# shows 2.5a
def test_size_limit(t):
    """At the limit and one byte above it; unlimited."""
    service = t.postern({"default": {"messages": {"max-message-size": "10K"}}})
    service.home.put("at", HEAD + b"x" * (10240 - len(HEAD) - 1) + b"\n")
    service.home.wait_drops(1)
    service.home.put("above", HEAD + b"x" * (10240 - len(HEAD)) + b"\n")
    bad = service.home.wait_badmails()[0]
    check("too large" in bad.reason and "10241" in bad.reason, bad.reason)
    equal(len(bad.message), 10241)
    service.stop()
    service.default.set("messages", max_message_size="unlimited", max_session_size="unlimited")
    service.start()
    service.home.put("big", HEAD + b"x" * 70 * 1024)
    service.home.wait_drops(2)


def test_huge_header(t):
    service = t.postern()
    service.home.put("x", HEAD[:-1] + b"".join(b"X-Field-%d: %s\n" % (n, b"y" * 60) for n in range(30000)) + b"\nbody\n")
    check("header too large" in service.home.wait_badmails()[0].reason, service.home.badmails()[0].reason)
    wait_empty(service)


def test_many_receivers(t):
    """100,000 x-receiver lines are an envelope like any other."""
    service = t.postern()
    lines = b"".join(b"x-receiver: user%d@default.example\n" % n for n in range(100000))
    service.home.put("x", b"x-sender: a@s.example\n" + lines + b"\nhello\n")
    event = service.events.wait("accepted", client="pickup", timeout=60)
    equal(event["recipients"], "100000")


def test_many_files(t):
    """More than the table of names holds, put there while the service is down, and more while it works."""
    service = t.postern()
    service.stop()
    total = 20000
    for number in range(total):
        path = service.home.pickup / f"m{number}"
        path.write_bytes(HEAD + b"%d\n" % number)
        if is_root():
            path.chmod(0o666)
    service.start()
    for number in range(total, total + 2000):
        service.home.put(f"m{number}", HEAD + b"%d\n" % number)
    until(lambda: not any(service.home.pickup.iterdir()), 250, "all to be taken")
    until(lambda: len({e["file"] for e in service.events.all("accepted", client="pickup")}) == total + 2000, 60, "an event of each")


def test_fair_share(t):
    """Who puts thousands of files there does not make others wait: each owner has his turn."""
    t.need_root()
    service = t.postern()
    pickup, flood = service.home.pickup, 3000
    for number in range(flood):
        (pickup / f".{number}").write_bytes(HEAD + b"x\n")
        os.chown(pickup / f".{number}", 65001, -1)
        os.chmod(pickup / f".{number}", 0o666)
    for number in range(flood):
        (pickup / f".{number}").rename(pickup / f"flood{number}.eml")
    (pickup / ".other").write_bytes(HEAD + b"x\n")
    os.chown(pickup / ".other", 65002, -1)
    os.chmod(pickup / ".other", 0o666)
    before = len(service.events.all("accepted"))
    (pickup / ".other").rename(pickup / "other.eml")
    service.events.wait("accepted", file="other.eml")
    files = [event["file"] for event in service.events.all("accepted")]
    behind = files.index("other.eml") - before
    check(behind < (flood - before) / 2, f"{behind} files were taken before it, of {flood - before} that were there")


# shows 3.6
def test_without_notification(t):
    """With the kernel silent the scan finds everything: old files at once, others after they stayed the same."""
    service = t.postern(env={"POSTERN_NO_WATCH": "1"})
    service.home.put("a", HEAD + b"a\n")
    put(service.home.pickup / "b", HEAD + b"b\n")
    service.home.wait_drops(2)
    equal(bodies(service), [b"a\r\n", b"b\r\n"])
    wait_empty(service)


# shows 3.4
def test_growing_without_notification(t):
    service = t.postern(env={"POSTERN_NO_WATCH": "1"})
    path, pause = service.home.pickup / "x", threading.Event()
    with open(path, "wb", buffering=0) as out:
        os.fchmod(out.fileno(), 0o666)
        out.write(HEAD)
        for number in range(12):
            pause.wait(0.7)
            out.write(b"%d\n" % number)
    service.home.wait_drops(1)
    equal(bodies(service), [b"".join(b"%d\r\n" % n for n in range(12))])


def claimed(service):
    return [p for p in service.home.pickup.iterdir() if p.name.startswith(".taken-")]


def test_left_behind(t):
    """Claimed by a process that died before its message was in the queue: taken again, under an id of its own."""
    service = t.postern()
    service.stop()
    put(service.home.pickup / ".taken-0123456789abcdef-my file", HEAD + b"left\n")
    put(service.home.pickup / ".taken-something else", HEAD + b"not one of ours\n")
    service.start()
    service.home.wait_drops(1)
    event = service.events.wait("accepted", client="pickup")
    equal(event["file"], "my file")
    check(event["id"] != "0123456789abcdef", "the id in a name that anybody may write was believed")
    until(lambda: [p.name for p in service.home.pickup.iterdir()] == [".taken-something else"], what="the foreign one to stay alone")


# shows 3.17
def test_killed_while_queued(t):
    """
    kill -9 between queue and removal: while the message waits in the queue the file is not queued a second time.
    """
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}"}}})
    service.home.put("x", b"x-sender: a@s.example\nx-receiver: b@remote.example\n\nhello\n")
    service.home.wait_queued(1)
    wait_empty(service)
    message_id = service.home.queued()[0].name
    service.stop()
    put(service.home.pickup / f".taken-{message_id}-x", b"x-sender: a@s.example\nx-receiver: b@remote.example\n\nhello\n")
    service.start()
    wait_empty(service)
    equal([p.name for p in service.home.queued()], [message_id])


# shows 3.17
def test_killed_while_dropped(t):
    """The same of local mail, which was never queued: while its drop file lies there the file is not dropped a second time."""
    service = t.postern()
    data = b"x-sender: a@s.example\nx-receiver: b@default.example\nx-receiver: c@default.example\n\nhello\n"
    service.home.put("x", data)
    ident = service.home.wait_drops(1)[0].path.name[:16]
    wait_empty(service)
    told = service.events.wait("accepted", id=ident)
    service.stop()
    put(service.home.pickup / f".taken-{ident}-x", data)
    service.start()
    wait_empty(service)
    again = service.events.wait("accepted", id=ident)
    equal([again[key] for key in ("file", "sender", "recipients", "size")], [told[key] for key in ("file", "sender", "recipients", "size")])
    equal([drop.path.name for drop in service.home.drops()], [f"{ident}-0.eml"])


# shows 3.16
def test_unreadable(t):
    if is_root() and t.uid == 0:
        raise Skip("root reads everything")
    service = t.postern()
    path = service.home.pickup / "x"
    service.home.put("x.tmp", HEAD + b"x\n")
    (service.home.pickup / "x.tmp").chmod(0)
    (service.home.pickup / "x.tmp").rename(path)
    through(service, 1)
    check(path.exists(), "it gets some time")
    reason = service.home.wait_badmails(1, 40)[0].reason
    check("cannot be read" in reason and f"({os.geteuid()})" in reason and "mode 0000" in reason, reason)


# shows 3.17
def test_unwritable_folder(t):
    """What cannot be removed is not sent; it is as soon as it can."""
    service = t.postern()
    if is_root() and t.uid == 0:
        raise Skip("root writes everywhere")
    service.home.pickup.chmod(0o555)
    if is_root():
        service.home.put("x", HEAD + b"x\n")
    else:
        service.home.pickup.chmod(0o755)
        (service.home.pickup / ".x").write_bytes(HEAD + b"x\n")
        os.rename(service.home.pickup / ".x", service.home.pickup / "x")
        service.home.pickup.chmod(0o555)
    service.events.wait("trouble", doing="take")
    check((service.home.pickup / "x").exists() and service.home.drops() == [], "sent, though it cannot be removed")
    service.home.pickup.chmod(0o770)
    service.home.wait_drops(1, 30)
    wait_empty(service)
    equal(len(service.home.drops()), 1)


def test_folder_renamed(t):
    """The folder goes away under the service: it is made anew and watched, and nothing of the old one is touched."""
    service = t.postern()
    through(service, 1)
    service.home.pickup.rename(service.home.path / "old")
    put(service.home.path / "old" / "x", HEAD + b"old\n")
    until(service.home.pickup.is_dir, what="a new folder")
    service.events.wait("trouble", doing="folder")
    service.events.wait("service", doing="folder", state="opened")
    through(service, 2)
    wait_empty(service)
    check((service.home.path / "old" / "x").exists(), "the old folder was touched")
    os.unlink(service.home.path / "old" / "x")
    service.home.pickup.rmdir()
    service.events.wait("service", doing="folder", state="opened", count=2)
    through(service, 3)


# shows 1.4c, 1.4f
def test_pause_and_stop(t):
    """Pause is about connections: pickup goes on. Stopped: nothing is taken, and the files stay as they are."""
    service = t.postern()
    service.ctl("pause", "default")
    service.wait_state("default", "paused")
    through(service, 1)
    service.ctl("stop", "default")
    service.wait_state("default", "stopped")
    service.home.put("x", HEAD + b"later\n")
    threading.Event().wait(1)
    equal([p.name for p in service.home.pickup.iterdir()], ["x"])
    service.ctl("start", "default")
    service.home.wait_drops(2)


# shows 3.18
def test_stop_amid_work(t):
    """Stopped with files on their way: each is in the queue, or has its own name back."""
    service = t.postern()
    for number in range(1000):
        service.home.put(f"m{number}", HEAD + b"%d\n" % number)
    service.stop()
    equal(claimed(service), [])
    service.start()
    service.home.wait_drops(1000, 60)
    wait_empty(service)
    equal(sorted(int(d.body) for d in service.home.drops()), list(range(1000)))


# shows 3.17
def test_killed_amid_work(t):
    """kill -9 of the pickup process again and again while files come in: nothing is lost."""
    service = t.postern()
    for number in range(600):
        service.home.put(f"m{number}", HEAD + b"%d\n" % number)
        if number % 200 == 150:
            os.kill(service.child("pickup"), signal.SIGKILL)
    wait_empty(service, 60)
    until(lambda: {int(d.body) for d in service.home.drops()} == set(range(600)), 60, "every message")
    if len(service.home.drops()) > 600 + 3 * 64:
        raise Failure(f"{len(service.home.drops())} copies of 600 messages")


# shows 1.2a, 3.11
def test_two_homes(t):
    """Two virtual servers: each takes from its own folder, and completes bare names with its own domain."""
    service = t.postern({"one": {}, "two": {}})
    for name in ("one", "two"):
        service[name].home.put("x", b"From: root\nTo: admin\n\nhello\n")
        drop = service[name].home.wait_drops()[0]
        equal((drop.sender, drop.receivers), (f"root@{name}.example", [f"admin@{name}.example"]))
