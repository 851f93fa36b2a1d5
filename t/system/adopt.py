"""adopt - the home of another node is taken over whole; who had it, frozen and woken late, neither sends, nor writes, nor says 250"""

import json
import os
import signal
import threading
import time

from checks import Failure, check, equal
from disks import small_disk
from patience import until
from processes import is_alive
from smtp import Smtp, mail

RETRY = {"retry": "1h"}


def processes(service):
    return [service.process.pid, *service.children()]


def freeze(service):
    """All processes of the node stop, the supervisor first, as its host would."""
    for pid in processes(service):
        os.kill(pid, signal.SIGSTOP)


def wake(service):
    for pid in processes(service):
        os.kill(pid, signal.SIGCONT)


def may_freeze(t, service):
    t.cleanup(lambda: service.process.poll() is None and wake(service))
    return service


def node(t, name, port=None, **keys):
    return t.postern({name: {"delivery": {"smart-host": f"[127.0.0.1]:{port or t.port()}", **RETRY}, **keys}})


def queued(service, message):
    (path,) = service.home.queue.glob(f"*/{message}")
    return path


def rows(service, name, *more):
    return json.loads(service.ctl("queue", name, "list", "--json", *more).stdout)["messages"]


def adopt(service, home, name, t, *more, ok=True):
    return service.ctl("adopt", *more, home.path, name, f"listen=127.0.0.1:{t.port()}", "domain=adopted.example",
                       f"delivery.smart-host=[127.0.0.1]:{service.sink.port}", "access.relay=only", "access.relay-list=127.0.0.1",
                       "delivery.never-to=unspecified", ok=ok)


# shows 9c.3
def test_whole(t):
    """Queue with ids, notes, due times and holds; pickup, drop and badmail: all is there, and goes out by the other node."""
    old = node(t, "one")
    ids = [old.default.send(f"s{i}@a.example", "b@remote.example") for i in range(3)]
    drop = old.default.send("x@a.example", "c@one.example")
    old.events.wait("deferred", count=3)
    old.ctl("queue", "one", "hold", ids[1])
    old.kill()
    due = {each: int(time.time()) + 1800 + i for i, each in enumerate(ids)}
    for each, when in due.items():
        os.utime(queued(old, each), (when, when))
    (old.home.pickup / "late.eml").write_text("x-sender: p@a.example\nx-receiver: q@remote.example\n\nlate\n")
    (old.home.pickup / "bad.eml").write_text("x-sender: p@a.example\n\nno receiver\n")
    for each in old.home.pickup.iterdir():
        os.chown(each, t.uid, t.gid)
    notes = {each.name: each.read_text() for each in old.home.queue.glob("*/*.note")}
    equal(len(notes), 3)

    new = node(t, "two")
    new.sink = t.sink(answers={"RCPT": lambda session, line: "450 4.2.0 later"})
    done = adopt(new, old.home, "one", t)
    check("of host.example, generation 1" in done.stdout, done.stdout)
    equal(sorted(event["id"] for event in new.events.all("adopted")), sorted(ids))
    (event,) = new.events.all("operator", command="adopt")
    want = {"server": "one", "action": "home", "host": "host.example", "queue": "3", "held": "1", "pickup": "2", "drop": "1", "badmail": "0"}
    equal({key: event.get(key) for key in want}, want)
    new.events.wait("deferred", recipient="q@remote.example")   # the file; the others are not due yet
    equal({each: queued(old, each).stat().st_mtime for each in ids}, due)
    found = {row["id"]: row for row in rows(new, "one")}
    equal(sorted(set(ids) & set(found)), sorted(ids))
    equal([found[each]["state"] == "held" for each in ids], [False, True, False])
    for name, text in notes.items():
        (path,) = old.home.queue.glob(f"*/{name}")
        check(path.read_text().startswith(text), f"the note of {name} begins anew")
    equal([each.path.name for each in old.home.drops()], [f"{drop}-0.eml"])
    equal(len(old.home.wait_badmails()), 1, "the bad pickup file")
    new.sink.answers.clear()
    new.ctl("queue", "one", "release", ids[1])
    new.ctl("retry", "one")
    equal(sorted(message.sender for message in new.sink.wait(4)), ["p@a.example", "s0@a.example", "s1@a.example", "s2@a.example"])


def test_refused(t):
    """A home that a process has, one of a virtual server here, a name that has another home, another version, no home: nothing is changed."""
    old, new = node(t, "one"), node(t, "two")
    new.sink = t.sink()
    until((old.home.queue / "owner").exists, what="the home has an owner")
    before = (old.home.queue / "owner").read_bytes()
    for folder, name, more, status, text in (
            (old.home.path, "three", (), 1, "a process has"), (new.home.path, "three", (), 1, "is of the virtual server two here"),
            (old.home.path, "two", (), 1, "has a home of its own"), (old.home.path, "three", ("--merge",), 1, "is no virtual server here"),
            (new.home.path, "two", (), 1, "nothing is to be adopted"),
            (t.folder / "none", "three", (), 66, "No such file"), (old.home.pickup, "three", (), 66, "no home"),
            (old.home.path, "three", ("x=y",), 64, ""), (old.home.path, "th.ree", (), 64, "no name")):
        done = new.ctl("adopt", folder, name, *more, ok=False)
        check(text in done.stderr and done.returncode in (status, 64 if more else status, 78 if more else status), done)
    equal((old.home.queue / "owner").read_bytes(), before)
    old.ctl("stop", "one")
    (old.home.queue / "owner").write_bytes(before.replace(b"postern-home 1", b"postern-home 9"))
    done = adopt(new, old.home, "three", t, ok=False)
    check(done.returncode == 65 and "another version" in done.stderr, done)
    (old.home.queue / "owner").write_bytes(before)
    done = adopt(new, old.home, "three", t, "--dry-run")
    check("generation 1" in done.stdout and "three" not in new.ctl("status").stdout, done.stdout)
    equal((old.home.queue / "owner").read_bytes(), before, "a dry run changes nothing")


# shows 9c.3
def test_frozen(t):
    """
    Messages are at every stage when the node freezes: one was taken by the host, one is on the wire, others, small and large, wait for
    their content, clients wait for 250. Its home is adopted by force; woken, it sends nothing more and promises nothing.
    """
    go, go_on_wire, begun = threading.Event(), threading.Event(), threading.Semaphore(0)

    def stall_until(event):
        def stall(session, what):
            begun.release()
            event.wait(60)
        return stall

    old_sink = t.sink(answers={"DATA": stall_until(go)})
    old = node(t, "one", old_sink.port)
    # one whose last dot is on the wire: its reply comes when the node is frozen
    wire = t.sink(answers={"DOT": stall_until(go_on_wire)})
    old.default.set("domain wire.example", type="remote", relay="yes", route=f"[127.0.0.1]:{wire.port}")
    old.ctl("reload")
    large = mail(size=100000)
    ids = {old.default.send(f"s{i}@a.example", "b@remote.example", large if i < 4 else None) for i in range(5)}
    ids.add(old.default.send("wire@a.example", "b@wire.example"))
    for _ in range(2):
        check(begun.acquire(timeout=60), "the hosts are reached")
    clients = [Smtp(("127.0.0.1", old.default.port), ehlo="c.example") for _ in range(3)]
    for client in clients:
        client.expect(250, "MAIL FROM:<c@a.example>")
        client.expect(250, "RCPT TO:<d@remote.example>")
        client.expect(354, "DATA")
    freeze(may_freeze(t, old))
    for client in clients:
        client.send("Subject: x\r\n\r\nnever promised\r\n.\r\n")

    new = node(t, "two")
    new.sink = t.sink()
    done = adopt(new, old.home, "one", t, ok=False)
    check(done.returncode == 1 and "a process has" in done.stderr and "--force" in done.stderr, done)
    check("one" not in new.ctl("status").stdout.split(), "nothing was made")
    adopt(new, old.home, "one", t, "--force")
    taken = new.sink.wait(6)
    equal(sorted(message.sender for message in taken), [f"s{i}@a.example" for i in range(5)] + ["wire@a.example"])

    workers = old.children("deliver") + old.children("pickup")
    go.set()        # the hosts wait for content when deliver wakes
    wake(old)
    go_on_wire.set()
    old.events.wait("home-lost", server="one", reason=lambda text: "taken over by host.example" in text)
    old.wait_state("one", "stopped")
    check(not any(is_alive(pid) for pid in workers), "workers that lost the home")
    for client in clients:
        try:
            reply = client.reply()
            check(reply.code in (421, 451, 452, 450), reply)
        except (EOFError, ConnectionError):
            pass
        client.close()
    equal(len(old_sink.messages), 0, "content was sent after the home was lost")
    equal([message.sender for message in wire.messages], ["wire@a.example"], "it was on the wire")
    status = old.ctl("status", "one").stdout
    check("stopped" in status and "taken over by host.example" in status, status)
    new.events.wait("delivered", count=6)
    equal(len(new.sink.messages), 6)
    equal([path for path in old.home.queue.glob("[0-9a-f][0-9a-f][0-9a-f]/*")], [], "nothing of it is in the queue")

    old.stop()
    old.spawn()
    old.events.wait("service", state="started")
    check("one stopped" in old.ctl("status").stdout, "a restart does not take the home back")
    for word in ("reload", "status"):
        old.ctl(word)
        done = old.ctl("status", "--check", ok=False)
        check(done.returncode == 2 and "one stopped (its home was taken over by host.example" in done.stdout, done)
    done = merge_spare(old, t)
    check(done.returncode == 1 and "one has lost its home, which would get the mail: its home was taken over by host.example" in done.stderr, done)
    old.ctl("stop", "one")
    old.stop()
    old.spawn()
    old.events.wait("service", state="started")
    equal(old.ctl("status", "--check").stdout, "OK: one stopped as ordered\n", "an operator has said something")


# shows 9c.3
def test_at_another_node(t):
    """
    A virtual server whose home processes of another node have does not start, and each answer names the owner, at once; it is taken by
    force. Who had it says so until an operator has said something.
    """
    old = node(t, "one")
    old.default.send("a@a.example", "b@remote.example")
    old.events.wait("deferred")
    new = t.postern({"two": {}, "one": {"general": {"home": old.home.path}, "delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", **RETRY}}},
                    start=False)
    new.start(wait=("two",))
    new.events.wait("service", state="started")
    owner = "its home is that of host.example (generation 1), whose processes have it"
    new.events.wait("state", server="one", state="stopped", reason=lambda text: owner in text)
    done = new.ctl("start", "one", ok=False)
    check(done.returncode == 1 and owner in done.stdout + done.stderr and f"adopt --force {old.home.path} one" in done.stdout + done.stderr, done)
    done = new.ctl("status", "--check", "one", ok=False)
    check(done.returncode == 2 and done.stdout.startswith("CRITICAL: one stopped (") and owner in done.stdout, done)
    done = new.ctl("queue", "one", "list", ok=False)
    equal((done.returncode, done.stderr.count("\n")), (69, 1), done)
    check(owner in done.stderr, done.stderr)
    check("generation 1\n" in (old.home.queue / "owner").read_text(), "it has the home still")
    done = new.ctl("adopt", old.home.path, "one", ok=False)
    check(done.returncode == 1 and "--force" in done.stderr, done)
    new.ctl("adopt", "--force", old.home.path, "one")
    equal([row["sender"] for row in rows(new, "one")], ["a@a.example"])
    equal(new.ctl("status", "--check").returncode, 0)

    old.events.wait("home-lost", server="one")
    old.wait_state("one", "stopped")
    done = old.ctl("status", "--check", ok=False)
    check(done.returncode == 2 and "taken over by host.example" in done.stdout, done)
    done = old.ctl("start", "one", ok=False)
    check(done.returncode == 1 and "its home is that of host.example (generation 3)" in done.stdout + done.stderr, done)
    old.ctl("stop", "one")
    equal(old.ctl("status", "--check").returncode, 0)
    done = merge_spare(old, t)
    check(done.returncode == 1 and "one: its home is that of host.example (generation 3), whose processes have it" in done.stderr, done)


# shows 9c.3
def test_at_once(t):
    """Of two nodes that start on one home at the same time one is started; the other one names the owner, and stays stopped."""
    for _ in range(4):
        keys = {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", **RETRY}}
        first = t.postern({"one": keys}, start=False)
        both = [first, t.postern({"one": {"general": {"home": first.home.path}, **keys}}, start=False)]
        for each in both:
            each.spawn()
        for each in both:
            each.events.wait("service", state="started")
        winner = [each for each in both if each.events.all("state", server="one", state="started")]
        equal(len(winner), 1, "nodes that said that they have started")
        (loser,) = [each for each in both if each not in winner]
        owner = "its home is that of host.example (generation 1), whose processes have it"
        loser.events.wait("state", server="one", state="stopped", reason=lambda text: owner in text)
        done = loser.ctl("status", "--check", ok=False)
        check(done.returncode == 2 and done.stdout.startswith("CRITICAL: one stopped (") and owner in done.stdout, done)
        winner[0].default.send("a@a.example", "b@remote.example")
        winner[0].events.wait("deferred")
        check("generation 1\n" in (first.home.queue / "owner").read_text(), "the first one has it still")
        equal(winner[0].events.all("home-lost"), [])
        for each in both:
            each.stop()


def merge_spare(service, t):
    """A home with a pickup file and a queue is to go into that of `one`, and does not."""
    spare = t.folder / "spare"
    for name in ("queue", "pickup"):
        (spare / name).mkdir(parents=True, exist_ok=True)
    (spare / "pickup/late.eml").write_text("x-sender: a@a.example\nx-receiver: b@remote.example\n\nlate\n")
    if os.geteuid() == 0:
        for path in (spare, *spare.rglob("*")):
            os.chown(path, t.uid, t.gid)
    done = service.ctl("adopt", "--merge", spare, "one", ok=False)
    check((spare / "pickup/late.eml").exists(), "it is where it was")
    return done


def test_foreign_user(t):
    """A home of another host's users says so, with and without groups for its folders, and names what mends it."""
    t.need_root()
    service = t.postern({"one": {}, "two": {"general": {"pickup-group": t.nogroup}}}, as_root=True)
    for name in ("one", "two"):
        service.ctl("stop", name)
        home = service[name].home.path
        for each in [home, *home.rglob("*")]:
            os.chown(each, 64999, 64999)
        done = service.ctl("start", name, ok=False)
        check("is of the user 64999" in done.stdout + done.stderr and "posternctl adopt" in done.stdout + done.stderr, done)
        service.ctl("stop", name)
        service.ctl("adopt", home, name)
        service.wait_state(name, "started")


def test_in_place(t):
    """A stand-by with the same virtual server: its own home, on a volume that comes from the node that died; --force when that is frozen."""
    old = node(t, "one")
    old.default.send("a@a.example", "b@remote.example")
    old.events.wait("deferred")
    new = node(t, "one")
    new.ctl("stop", "one")
    new.sink = t.sink()
    new.default.set("general", home=old.home.path)
    new.default.set("delivery", smart_host=f"[127.0.0.1]:{new.sink.port}")
    new.ctl("reload")
    freeze(may_freeze(t, old))
    done = new.ctl("adopt", old.home.path, "one", ok=False)
    equal(done.returncode, 1, done)
    new.ctl("adopt", "--force", old.home.path, "one")
    new.ctl("retry", "one")
    equal([message.sender for message in new.sink.wait()], ["a@a.example"])
    new.ctl("stop", "one")
    new.ctl("start", "one")     # the lock of the folder is held by the frozen one all the time
    wake(old)
    old.events.wait("home-lost", server="one")
    old.wait_state("one", "stopped")
    new.default.send("c@a.example", "b@remote.example")
    equal([message.sender for message in new.sink.wait(2)], ["a@a.example", "c@a.example"])


def test_owners(t):
    """Files of another host's users get the users of this one; links, and files that have a second name, are left."""
    t.need_root()
    service = t.postern({"one": {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", **RETRY}}}, as_root=True)
    service.default.send("a@a.example", "b@remote.example")
    service.events.wait("deferred")
    service.ctl("stop", "one")
    foreign = t.folder / "secret"
    foreign.write_text("root's")
    foreign.chmod(0o600)
    os.link(foreign, service.home.pickup / "hard.eml")
    os.symlink(foreign, service.home.pickup / "soft.eml")
    home = service.home.path
    for each in [home, *home.rglob("*")]:
        if each.name not in ("hard.eml", "soft.eml"):
            os.chown(each, 64999, 64999, follow_symlinks=False)
    done = service.ctl("start", "one", ok=False)
    service.ctl("stop", "one", ok=False)
    check("Permission denied" in done.stdout + done.stderr or done.returncode != 0, done)
    done = service.ctl("adopt", home, "one")
    check("2 links and others were left" in done.stdout, done.stdout)
    equal((foreign.stat().st_uid, foreign.stat().st_mode & 0o7777), (0, 0o600))
    equal({each.stat().st_uid for each in (home, *home.glob("queue/*/*"), home / "drop", home / "badmail")}, {t.uid})
    equal([row["sender"] for row in rows(service, "one")], ["a@a.example"])


def test_killed(t):
    """The process that takes a home is killed at each point: the next one has it, and whoever had it before has not."""
    old = node(t, "one")
    message = old.default.send("a@a.example", "b@remote.example")
    old.kill()
    for point, generation in (("fence-written", 2), ("fence-taken", 3)):
        new = t.postern({point[6:]: {"general": {"home": old.home.path}, "delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", **RETRY}}},
                        env={"POSTERN_CRASH": point}, start=False).spawn()
        new.events.wait("crash")
        new.kill()
        check(f"generation {generation}\n" in (old.home.queue / "owner").read_text(), "the record is whole")
    last = node(t, "last", general={"home": old.home.path})
    equal([row["id"] for row in rows(last, "last")], [message])
    freeze(may_freeze(t, last))
    new = node(t, "one")
    new.ctl("stop", "one")
    new.default.set("general", home=old.home.path)
    new.ctl("reload")
    for point in ("fence-broken", "fence-replaced"):
        new.env["POSTERN_CRASH"] = point
        equal(new.ctl("adopt", "--force", old.home.path, "one", ok=False).returncode, -9, point)
    del new.env["POSTERN_CRASH"]
    new.ctl("adopt", "--force", old.home.path, "one")
    equal([row["id"] for row in rows(new, "one")], [message])
    wake(last)
    last.events.wait("home-lost")


def test_into_another(t):
    """An adopted home is emptied into the queue of another virtual server: ids, holds and notes are kept, and it can be deleted then."""
    old = node(t, "one")
    ids = [old.default.send(f"s{i}@a.example", "b@remote.example") for i in range(3)]
    old.events.wait("deferred", count=3)
    old.ctl("queue", "one", "hold", ids[1])
    old.kill()
    new = node(t, "two")
    new.sink = t.sink(answers={"RCPT": lambda session, line: "450 4.2.0 later"})
    adopt(new, old.home, "one", t)
    until(lambda: new.ctl("queue", "one", "move", "--all", "--to", "two", "--yes", ok=False).returncode == 0, what="both queues to be open")
    found = {row["id"]: row for row in rows(new, "two")}
    equal((sorted(found), [each for each in ids if found[each]["state"] == "held"]), (sorted(ids), [ids[1]]))
    equal(rows(new, "one"), [])
    check(all(list(new.home.queue.glob(f"*/{each}.note")) for each in ids), "the notes")
    new.ctl("stop", "one")
    new.ctl("delete", "one")


def bodies(folder, pattern="*"):
    return sorted(path.read_bytes() for path in folder.glob(pattern))


def filled(t, other=None):
    """
    Two services that have mail everywhere, with names in common; the first one has ended. `other`: a folder for its home. The second
    one's virtual server is stopped.
    """
    sections = {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", **RETRY}, "messages": {"badmail-keep": "30d"}}
    old = t.postern({"one": {**sections, **({"general": {"home": other}} if other else {})}})
    new = t.postern({"one": sections})
    for service, word in ((old, "old"), (new, "new")):
        ids = [service.default.send(f"{word}{i}@a.example", "b@remote.example") for i in range(3)]
        service.events.wait("deferred", count=3)
        service.ctl("queue", "one", "hold", ids[1])
        service.ctl("stop", "one")
    old.stop()
    old_home = other or old.home.path
    # one id is in use on both sides
    mine = sorted(p for p in old_home.glob("queue/[0-9a-f]*/*") if "." not in p.name)[0]
    theirs = new.home.queue / mine.parent.name / mine.name
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_bytes(mine.read_bytes().replace(b"old0@", b"sam0@"))
    for home, word in ((old_home, "old"), (new.home.path, "new")):
        (home / "pickup/late.eml").write_text(f"x-sender: {word}-pickup@a.example\nx-receiver: q@remote.example\n\nlate\n")
        for name in ("1k0t4z00000aaaaa-0.eml", f"1k0t4z0000{'1' if word == 'old' else '2'}aaaaa-0.eml"):
            (home / "drop" / name).write_text(f"x-sender: {word}@a.example\n{name}")
        for ending in ("bad", "bdr", "bdp"):
            (home / f"badmail/1k0t4z00000aaaaa.{ending}").write_text(f"{word} {ending}")
        for path in [*home.rglob("*")]:
            if os.geteuid() == 0:
                os.chown(path, t.uid, t.gid)
    return old, new, old_home


def check_merged(new, old_home):
    check(not [p for p in old_home.rglob("*") if p.is_file() and p.name != "owner"], "mail is left:", list(old_home.rglob("*")))
    found = {row["sender"]: row for row in rows(new, "one")}
    equal(sorted(found), ["new0@a.example", "new1@a.example", "new2@a.example", "old0@a.example", "old1@a.example", "old2@a.example",
                          "sam0@a.example"])
    equal([sender for sender, row in sorted(found.items()) if row["state"] == "held"], ["new1@a.example", "old1@a.example"])
    equal(len(list(new.home.queue.glob("*/*.note"))), 6, "notes")
    home = new.home.path
    equal({p.read_text().split("-p")[0] for p in (home / "pickup").iterdir()}, {"x-sender: new", "x-sender: old"})
    equal(sorted(text.split(b"@")[0] for text in bodies(home / "drop", "*.eml")), [b"x-sender: new"] * 2 + [b"x-sender: old"] * 2)
    equal(sorted({p.name.split(".")[0]: bodies(home / "badmail", p.name.split(".")[0] + ".*") for p in (home / "badmail").iterdir()}.values()),
          [[b"new bad", b"new bdp", b"new bdr"], [b"old bad", b"old bdp", b"old bdr"]])


# shows 9c.3
def test_merged(t):
    """All mail goes into the home of a virtual server that is there; what has the same name on both sides is kept twice."""
    _, new, old_home = filled(t)
    due = {p.name: int(p.stat().st_mtime) for p in old_home.glob("queue/[0-9a-f]*/*") if "." not in p.name}
    done = new.ctl("adopt", "--merge", old_home, "one")
    check("3 of the queue, 1 of pickup, 2 of drop and 1 of badmail are in the home of one" in done.stdout, done.stdout)
    check_merged(new, old_home)
    told = {event["id"]: event for event in new.events.all("adopted")}
    equal(({event["from"] for event in told.values()}, {event["server"] for event in told.values()}), ({str(old_home)}, {"one"}))
    senders = {row["id"]: row["sender"] for row in rows(new, "one")}
    equal(sorted(senders[id] for id in told), [f"old{i}@a.example" for i in range(3)])
    (event,) = new.events.all("operator", command="adopt")
    want = {"server": "one", "action": "merge", "result": "ok", "from": str(old_home), "queue": "3", "held": "1", "pickup": "1", "drop": "2",
            "badmail": "1", "known": "0"}
    equal({key: event.get(key) for key in want}, want)
    equal(json.loads(new.ctl("status", "--json", "one").stdout)["servers"][0]["queue"], 7, "what came counts where the server is stopped")
    kept = {p.name: int(p.stat().st_mtime) for p in new.home.queue.glob("[0-9a-f]*/*") if p.name in due}
    equal(len([name for name in kept if kept[name] == due[name]]), 2, "due times of those that kept their ids")
    done = new.ctl("adopt", "--merge", old_home, "one")
    check("0 of the queue, 0 of pickup, 0 of drop and 0 of badmail" in done.stdout, done.stdout)


def test_merged_at_once(t):
    """What is merged into a virtual server that runs is tried when its command is over, long before the next scan."""
    _, new, old_home = filled(t)
    sink = t.sink()
    new.default.set("delivery", smart_host=f"[127.0.0.1]:{sink.port}")
    new.ctl("reload")
    new.ctl("start", "one")
    new.wait_state("one", "started")
    for path in old_home.glob("queue/[0-9a-f]*/*"):
        os.utime(path, (1, 1))      # due
    until(lambda: new.ctl("queue", "one", "list", ok=False).returncode == 0, what="its queue to be read")
    begun = time.monotonic()
    new.ctl("adopt", "--merge", old_home, "one")
    until(lambda: {"old0@a.example", "old2@a.example"} <= senders(sink), what="what was due")
    print(f"delivered {time.monotonic() - begun:.2f} s after the command was given")


# shows 9c.3
def test_merge_killed(t):
    """Killed at each point, on one file system and between two: given again it continues, and nothing is lost."""
    for points, other in ((("merge-placed", "merge-noted", "merge-queued"), None),
                          (("merge-written", "merge-copied", "merge-placed", "move-placed", "move-synced", "move-left"), "disk")):
        if other:
            other = small_disk(t, "64m") / "home"
        _, new, old_home = filled(t, other)
        for point in points:
            new.env["POSTERN_CRASH"] = point
            equal(new.ctl("adopt", "--merge", old_home, "one", ok=False).returncode, 75, point)
        del new.env["POSTERN_CRASH"]
        new.ctl("adopt", "--merge", old_home, "one")
        check_merged(new, old_home)


# shows 9c.3
def test_under_load(t):
    """Eight clients send without pause when the node freezes: each message that got 250 goes out, and twice only what was on the wire."""
    go, wire = threading.Event(), []

    def stall(_, message):
        if len(old_sink.messages) >= 40:
            wire.append(message.sender)
            go.wait(120)

    old_sink = t.sink(answers={"DOT": stall})
    old = node(t, "one", old_sink.port)
    acknowledged, enough, over = [], threading.Event(), threading.Event()

    def send(number):
        try:
            with Smtp(("127.0.0.1", old.default.port), timeout=120, ehlo="c.example") as client:
                for i in range(100000):
                    if over.is_set():
                        return
                    sender = f"c{number}-{i}@a.example"
                    client.message(sender, "b@remote.example")
                    acknowledged.append(sender)
                    if len(acknowledged) >= 150:
                        enough.set()
        except (OSError, EOFError, Failure):
            pass    # the node ended, or refused the message

    clients = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for client in clients:
        client.start()
    check(enough.wait(120), "no load")
    freeze(may_freeze(t, old))
    new = node(t, "two")
    new.sink = t.sink()
    adopt(new, old.home, "one", t, "--force")
    new.ctl("retry", "one")
    wake(old)
    go.set()
    old.events.wait("home-lost")
    old.wait_state("one", "stopped")
    over.set()
    for client in clients:
        client.join()
    missing = until(lambda: not set(acknowledged) - senders(old_sink) - senders(new.sink), timeout=60, what="all that was acknowledged")
    twice = senders(old_sink) & senders(new.sink)
    check(missing and twice <= set(wire), twice - set(wire))
    check(len(senders(new.sink)) >= 50, "the new node had little to do")
    print(f"{len(acknowledged)} acknowledged, {len(senders(old_sink))} sent before, {len(twice)} came twice")


def senders(sink):
    return {message.sender for message in list(sink.messages)}
