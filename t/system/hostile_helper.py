"""hostile_helper - what asks a helper that was taken over, and the pickup worker beside a listener that was: rubbish at each step

Nobody else may fall, wait for ever or keep what was sent: no process ends, no descriptor stays, mail waits or is refused for now.
"""

import os
import stat

from checks import check, equal
from patience import until
from processes import descriptors_of
from stand_in import is_well, service_with

# Answers that are none, one a question: what msg_directory_take() and the channel itself have to refuse.
DIRECTORY = """
def head(result=0, apart=0, count=0, size=0, status=b"", text=b""):
    return struct.pack("=BBxx12s200sIIxxxxxxxx", result, apart, status, text, count, size)
zero = os.open("/dev/zero", os.O_RDONLY)
pipe, _ = os.pipe()
rubbish = (
    lambda c, r: send(c, DNS_ANSWER, bytes(400), r),                                    # another helper's
    lambda c, r: c.send(b"x"),
    lambda c, r: send(c, DIRECTORY_ANSWER, head(result=99), r),
    lambda c, r: send(c, DIRECTORY_ANSWER, head(1, count=1, size=3) + b".ab", r),       # open end
    lambda c, r: send(c, DIRECTORY_ANSWER, head(1, count=1, size=8) + b".a\\n@b.c\\0", r),
    lambda c, r: send(c, DIRECTORY_ANSWER, head(1, 1, count=1, size=9), r),             # the list is nowhere
    lambda c, r: send(c, DIRECTORY_ANSWER, head(1, 1, count=1, size=1 << 25), r, [zero]),
    lambda c, r: send(c, DIRECTORY_ANSWER, head(1, 1, count=1, size=9), r, [pipe]),
    lambda c, r: socket.send_fds(c, [b""], [zero]),
)
sent = 0
def answer(c, kind, request, payload):
    global sent
    for n in range(50):                                                                 # to no question: dropped
        send(c, DIRECTORY_ANSWER, head(), request + 1000 + n, [zero])
    rubbish[sent % len(rubbish)](c, request)
    sent += 1
    if sent == len(rubbish):
        tell("over=yes")
say(READY)
serve(answer)
"""


def test_directory(t):
    """Deliver and the listener get nonsense about each recipient: RCPT is taken as without a directory, and mail waits."""
    service = service_with(t, DIRECTORY, role="directory", bad={"ldap": {"enable": "yes", "uri": "ldap://127.0.0.1:9", "base": "dc=x"}})
    home = service["bad"].home
    workers = {role: service.child(role, "bad") for role in ("listener", "deliver")}
    with service["bad"].connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@b.example>")
        client.expect(250, "RCPT TO:<first@bad.example>")
    home.put("one", "x-sender: a@b.example\n" + "".join(f"x-receiver: r{n}@bad.example\n" for n in range(8)) + "\nhello\n")
    service.events.wait("script", timeout=90, over="yes")
    equal({role: service.child(role, "bad") for role in workers}, workers, "the same processes")
    for role, pid in workers.items():
        until(lambda p=pid: len(descriptors_of(p)) < 40, what=lambda p=pid, r=role: f"descriptors of {r} closed: {len(descriptors_of(p))}")
    equal(service.events.all("crash"), [], "crashes")
    equal((home.drops(), len(home.queued())), ([], 1), "the message waits")
    is_well(service)


# To the master: what an operator reads, a token that is to be kept, then what fits no row of its role.
FETCH = """
say(READY)
while True:
    got = receive(master)
    if got is None or got[0] in (DRAIN, STOP):
        sys.exit(0)
    for fd in got[3]:
        os.close(fd)
    if got[0] != OAUTH_TEST:
        continue
    for profile in (b"../../x", b"p", b"\\xff", b"q"):
        say(TOKEN_KEEP, profile.ljust(64, b"\\0") + struct.pack("=H", 4) + b"text", 7)
        kept = receive(master)
        tell(f"kept={struct.unpack_from('=i', kept[2], 64)[0] if kept[0] == TOKEN_KEPT else None}")
    say(TEST_TEXT, b"to nobody\\n", got[1] + 77)
    say(TEST_END, struct.pack("=i", 0), got[1] + 77)
    for n in range(20):
        say(TEST_TEXT, b"\\x1b[2J\\xff\\0ugly\\r" * 300 + b"\\n", got[1])
    say(TEST_END, struct.pack("=i", -123456789), got[1])
    say(TOKEN_KEEP, b"p".ljust(64, b"\\0") + struct.pack("=H", 9999) + b"short", 8)
"""


def test_fetch(t):
    """The master keeps no file for it but those of the configuration, and shows an operator nothing that harms a terminal."""
    profile = {"token-url": "https://localhost:9/", "client-id": "x", "flow": "client-credentials", "scope": "x"}
    service = service_with(t, FETCH, role="fetch", start=False)
    (service.folder / "secret").write_text("secret")
    (service.folder / "secret").chmod(0o600)
    if os.geteuid() == 0:
        os.chown(service.folder / "secret", t.uid, t.gid)
    service.shared["oauth p"] = {**profile, "secret-file": service.folder / "secret"}
    service.write()
    service.start()
    master = service.process.pid
    service.wait_started("good")
    before = len(descriptors_of(master))
    done = service.ctl("oauth", "test", "p", ok=False)
    check(done.returncode != 0 and "ugly" in done.stdout, done.returncode, done.stdout[:200])
    check("\x1b" not in done.stdout and "nobody" not in done.stdout, done.stdout[:200])
    crash = service.events.wait("crash")
    check(crash["role"] == "fetch" and "malformed" in crash["reason"], crash.line)
    equal(len(service.events.all("script", kept="0")), 0, "tokens that were kept")
    equal([p.name for p in service.folder.rglob("*") if p.name in ("x", "p", "q")], [], "files")
    equal(service.process.pid, master)
    until(lambda: len(descriptors_of(master)) < before + 10, what="the master's descriptors")
    is_well(service)


# What a listener may send its pickup, and what it may not.
LISTENER = """
import fcntl
say(READY)
def pickup():
    say(NEED, struct.pack("=I", 5), request=1)
    return channel()
def put(c, request, message, text):
    send(c, SPOOL_PUT, message.ljust(17, b"\\0")[:17] + text, request)
def error(c):       # the errno of the answer, and its descriptor
    got = receive(c)
    return (struct.unpack_from("=i", got[2])[0], got[3]) if got and got[0] == SPOOL_ANSWER else (None, [])
def message_channel(c, number):
    fds = []
    while not fds:      # the one before is over when its threads have ended
        send(c, SPOOL_CHANNEL, request=9000 + number)
        fds = error(c)[1]
    return socket.socket(fileno=fds[0])
def queued(way, count):     # the errno of each of so many messages
    found = {}
    while len(found) < count:
        got = receive(way)
        found.update(struct.iter_unpack("=Ii", got[2]) if got and got[0] == SPOOL_QUEUED else {len(found): None})
    return found
c = pickup()
way = message_channel(c, 0)
for n, text in enumerate((b"", b"no queue file", b"\\0" * 50000, b"postern-queue 1\\nmarks: .\\nx-sender: \\nx-receiver: a@bad.example\\n\\n")):
    put(way, n, b"1k0stx2a3b4c5d%02d" % n, text)
    tell(f"put={n} error={queued(way, 1)[n]}")
for n in range(20):
    put(way, n, b"1k0stx2a3b4c5d90", b"the same id")
tell(f"same={sum(error is not None for error in queued(way, 20).values())}")
ways = 0                                # it has one, and gets no other
for n in range(140):
    send(c, SPOOL_CHANNEL, request=9001 + n)
    ways += len(error(c)[1])
tell(f"ways={ways}")
way.close()
way = message_channel(c, 1)             # but the next one, of which none is read from
for n in range(3):
    put(way, n, b"1k0stx2a3b4c5d90", b"the same id")
send(c, SPOOL_OPEN, b"1k0stx2a3b4c5d70\\0", 30)
code, fds = error(c)
mode = fcntl.fcntl(fds[0], fcntl.F_GETFL)
tell(f"opened={code} write-only={(mode & os.O_ACCMODE) == os.O_WRONLY}")
os.write(fds[0], b"x" * 100000)
os.ftruncate(fds[0], 10)
for n in range(200):                    # drafts that are never ended
    send(c, SPOOL_OPEN, b"1k0stx2a3b4c%03d0\\0" % n, 100 + n)
for n in range(200):
    for fd in error(c)[1]:
        os.close(fd)
send(c, SPOOL_DROP, b"", 101)
send(c, SPOOL_DROP, b"", 7777)          # of nothing
send(c, SPOOL_OPEN, b"1k0stx2a3b4c5d71\\0\\1", 31)      # held from its first moment
code, fds = error(c)
os.write(fds[0], b"no queue file")
send(c, SPOOL_END, b"", 31)
tell(f"held={code} queued={error(c)[0]}")
send(c, SPOOL_SCRATCH, b"", 400)
code, fds = error(c)
tell(f"scratch={code} mode={fcntl.fcntl(fds[0], fcntl.F_GETFL) & os.O_ACCMODE} names={os.fstat(fds[0]).st_nlink}")
for n in range(100):                    # of which none is written
    send(c, SPOOL_SCRATCH, b"", 401 + n)
tell(f"scratches={sum(len(list(map(os.close, error(c)[1]))) for n in range(100))}")
send(c, SPOOL_LOG, struct.pack("=qIII", 1 << 62, 0, 0xffffffff, 0xffffffff) + b"\\xff" * 40000, 500)
tell(f"log={error(c)[0]}")
send(c, SPOOL_ROOM, b"", 501)
tell(f"room={error(c)[0]}")
for n, wrong in enumerate((
        lambda c: put(c, 1, b"1k0stx2a3b4c5d91", b"on the channel for all else"),
        lambda c: send(c, SPOOL_END, b"", 1),
        lambda c: send(c, SPOOL_LOG, struct.pack("=qIII", 0, 77, 0, 0), 1),
        lambda c: send(c, DNS_ASK, bytes(258), 1),
        lambda c: send(c, SPOOL_OPEN, b"1k0stx2a3b4c5d80\\0", 1, [0, 1, 2]),
        lambda c: socket.send_fds(c, [b""], [0]))):
    wrong(c)
    tell(f"wrong={n} closed={receive(c) is None}")
    c.close()
    c = pickup()
for n, wrong in enumerate((
        lambda way: put(way, 1, b"../../../../../x", b"text"),
        lambda way: put(way, 1, b"1k0stx2a3b4c/d01", b"text"),
        lambda way: send(way, SPOOL_OPEN, b"1k0stx2a3b4c5d80\\0", 1),
        lambda way: send(way, SPOOL_PUT, b"1k0stx2a3b4c5d92\\0text", 1, [0]),
        lambda way: socket.send_fds(way, [b""], [0]))):
    way.close()
    way = message_channel(c, n)
    wrong(way)
    tell(f"astray={n} closed={receive(way) is None}")
tell("over=yes")
wait_end()
"""


def test_listener_and_its_pickup(t):
    """It may put rubbish into its own queue, which becomes badmail; it reaches nothing else, and leaves nothing behind."""
    service = service_with(t, LISTENER, role="listener", bad={"general": {"log": "yes"}}, start=False)
    service.start(wait=("good",))
    pickup = service.child("pickup", "bad")
    service.events.wait("script", timeout=60, over="yes")
    for n in range(4):
        service.events.wait("script", put=str(n), error="0")
    service.events.wait("script", same="20")
    service.events.wait("script", opened="0", **{"write-only": "True"})
    service.events.wait("script", held="0", queued="0")
    service.events.wait("script", scratch="0", mode=str(os.O_RDWR), names="0")
    service.events.wait("script", scratches="100")
    service.events.wait("script", room="0")
    for n in range(6):
        service.events.wait("script", wrong=str(n), closed="True")
    for n in range(5):
        service.events.wait("script", astray=str(n), closed="True")
    service.events.wait("script", ways="0")
    home = service["bad"].home
    equal(service.child("pickup", "bad"), pickup, "the same pickup")
    until(lambda: len(descriptors_of(pickup)) < 40, what=lambda: f"descriptors closed; {len(descriptors_of(pickup))} are open")
    until(lambda: len(os.listdir(f"/proc/{pickup}/task")) < 20, what="its threads to end")
    until(lambda: [p.name for p in (home.path / "queue/new").iterdir() if not p.name.endswith(".lock")] == [], what="no draft is left")
    home.wait_badmails(4)
    held = [path for path in (home.path / "queue").glob("*/1k0stx2a3b4c5d71") if path.stat().st_mode & stat.S_ISVTX]
    equal(len(held), 1, "held, and left alone")
    equal(home.drops(), [], "delivered")
    equal([p for p in service.folder.rglob("x") if p.is_file()], [], "written elsewhere")
    equal(service.events.all("crash"), [], "crashes")
    is_well(service)
