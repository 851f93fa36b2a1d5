"""queue - posternctl queue: shows messages that wait, and changes them, by filter and while the queue is in use"""

import json
import re
import stat
import threading

from checks import check, equal
from disks import small_disk
from patience import until
from queue_files import write_queue_files

COUNT = 2700      # more than are at work at a time
LATER = "450 4.2.1 come back"


def rows(service, *args, **options):
    """The rows of a list, or what became of an action."""
    document = json.loads(service.ctl("queue", *args, "--json", ok=False, **options).stdout)
    equal(document["schema"], 1, "schema")
    return document.get("messages", document.get("domains", document))


def listed(service, *args):
    return rows(service, "list", *args)


def later(_session, line):
    return LATER if "<later" in line.replace('"', "") else None


def begin(t, servers=None, **delivery):
    """A virtual server whose peer takes mail, but not for later@...: that waits."""
    sink = t.sink(answers={"RCPT": later})
    keys = {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h", **delivery}
    servers = servers or {"default": {}}
    for name in servers:
        servers[name].setdefault("delivery", {}).update(keys)
    return t.postern(servers), sink


def queue_some(service, *recipients, sender="author@default.example", server=None):
    """One message for each; waits until they were tried."""
    server = server or service.default
    mark = service.events.mark()
    for recipient in recipients:
        with server.connect() as client:
            client.message(sender=sender, to=recipient)
    service.events.wait("deferred", since=mark, count=len(recipients))
    until(lambda: not listed(service, server.name, "--state", "active"), what="all to be at rest")


def counter(service, name, *server):
    return int(service.ctl("counters", *server).stdout.split(f"\n{name} ")[1].split()[0])


def path_of(home, id):
    return next(home.path.glob(f"queue/???/{id}"))


# shows 5.1a, 5.1b, 5.1g
def test_list_show_count(t):
    service, _ = begin(t)
    equal(listed(service), [], "an empty queue")
    equal(service.ctl("queue", "list").returncode, 0, "an empty queue is no fault")
    queue_some(service, "later-1@one.example", "later-2@one.example", "later-3@two.example")
    found = listed(service)
    equal([row["to"] for row in found], [["later-1@one.example"], ["later-2@one.example"], ["later-3@two.example"]], "oldest first")
    first = found[0]
    equal([first[k] for k in ("server", "state", "sender", "pending", "recipients")], ["default", "waiting", "author@default.example", 1, 1])
    check(LATER.split(" ", 2)[2] in first["reason"] and first["size"] > 50, first)
    check(first["arrived"].endswith("Z") and first["due"] > first["arrived"], first)
    equal(first["reason"].count("4.2.1"), 1, "the status stands once")
    table = service.ctl("queue", "list").stdout.splitlines()
    check(len(table) == 3 and [line.split()[0] for line in table] == [row["id"] for row in found], table)

    for args, count in ((["--domain", "one.example"], 2), (["--domain", "*.example"], 3), (["--domain", "ONE.example", "--domain", "two.example"], 3),
                        (["--recipient", "later-3@*"], 1), (["--sender", "<>"], 0), (["--sender", "AUTHOR@*"], 3), ([first["id"]], 1),
                        (["--id", first["id"][:4] + "*"], 3), (["--older", "1h"], 0), (["--newer", "1h"], 3), (["--held"], 0),
                        (["--state", "waiting", "--domain", "two.example"], 1), (["0" * 16], 0)):
        equal(len(listed(service, *args)), count, args)
        equal(service.ctl("queue", "list", *args, ok=False).returncode, 0 if count else 3, args)
        equal(service.ctl("queue", "tally", *args, ok=False).stdout, f"{count}\n", args)
        equal(json.loads(service.ctl("queue", "tally", "--json", *args, ok=False).stdout)["matched"], count, args)

    counts = rows(service, "count")
    equal([(row["domain"], row["messages"], row["ages"]["15m"]) for row in counts], [("one.example", 2, 2), ("two.example", 1, 1)])
    check(all("come back" in row["reason"] for row in counts), "the last error of each domain", counts)
    table = service.ctl("queue", "count").stdout.splitlines()
    equal([line.split()[:3] for line in table], [["(all)", "3", "3"], ["one.example", "2", "2"], ["two.example", "1", "1"]])

    shown = rows(service, "show", first["id"])
    equal(len(shown), 1)
    equal(shown[0]["recipients"], [{"mark": "pending", "address": "later-1@one.example"}], "recipients")
    check(any(h.startswith("Subject:") for h in shown[0]["header"]) and shown[0]["notes"][0]["event"] == "deferred", shown)
    check("deferred" in service.ctl("queue", "show", first["id"]).stdout, "in words")
    for wrong in (["list", "--older", "soon"], ["delete"], ["delete", "--yes"], ["show"], ["frobnicate"], [], ["list", "--state", "odd"],
                  ["move", "--all"], ["list", "--to", "x"]):
        equal(service.ctl("queue", *wrong, ok=False).returncode, 64, wrong)
    equal(service.ctl("queue", "nobody", "list", ok=False).returncode, 3, "no such virtual server")


def test_tally(t):
    """More messages than a page has are counted by one question, by their records and by their envelopes; an order then needs one page of them."""
    service, _ = begin(t)
    with service.default.connect(ehlo="c.example") as client:
        for n in range(700):
            client.message(ehlo=None, to=f"later-{n}@{'one' if n % 2 else 'two'}.example")
    until(lambda: service.ctl("queue", "tally").stdout == "700\n", what="all to be in the queue")

    def ask(*words):
        answer = json.loads(service.ctl("api", "command", input=json.dumps({"words": ["queue", "default", *words]})).stdout)
        return answer["data"]["matched"], answer["data"]["next"]
    equal(ask("tally"), (700, None))
    equal(ask("tally", "domain=one.example"), (350, None))
    check(ask("list")[1] is not None, "a list of 700 messages in one page")
    done = service.ctl("queue", "hold", "--all", ok=False)
    equal(done.returncode, 1)
    check("700 messages would be held, some of them are shown; say --yes" in done.stderr, done.stderr)
    equal(len(done.stdout.splitlines()), 10, "ten of them")
    one = listed(service, "--recipient", "later-3@*")[0]["id"]
    check("1 message held" in service.ctl("queue", "hold", "--recipient", "later-3@*").stdout, "one that needs no --yes")
    equal([row["id"] for row in listed(service, "--held")], [one])


def test_long_addresses(t):
    """The longest addresses, of bytes that are shown escaped, are whole in JSON: in lists and of one message."""
    service, _ = begin(t)
    sender = '"' + "\\\\" * 127 + '"@' + ".".join(["s" * 60] * 4)
    recipients = [f'"later{n}' + "\\\\" * 120 + '"@one.example' for n in range(6)]
    with service.default.connect(ehlo="c.example") as client:
        client.message(ehlo=None, sender=sender, to=recipients)
    service.events.wait("deferred", count=len(recipients))
    row = until(lambda: listed(service), what="the message")[0]
    equal(row["sender"], sender)
    equal(row["to"], recipients[:5])
    shown = rows(service, "show", row["id"])
    shown = shown[0] if isinstance(shown, list) else shown
    equal(shown["sender"], sender)
    equal([one["address"] for one in shown["recipients"]], recipients)


# shows 5.1h
def test_many_need_yes(t):
    service, _ = begin(t)
    queue_some(service, *(f"later-{n}@one.example" for n in range(12)))
    shown = service.ctl("queue", "delete", "--domain", "one.example", ok=False)
    equal(shown.returncode, 1, "exit status without --yes")
    check("12 messages would be deleted" in shown.stderr and len(shown.stdout.splitlines()) == 10, shown)
    equal(len(listed(service)), 12, "nothing was done")
    check("1 message deleted for 1 recipient" in service.ctl("queue", "delete", "--recipient", "later-3@one.example").stdout, "one alone")
    done = service.ctl("queue", "default", "delete", "--all", "--yes")
    check("11 messages deleted for 11 recipients" in done.stdout, done)
    equal(service.ctl("queue", "delete", "--all", "--yes", ok=False).returncode, 3, "nothing left")
    equal(service.home.queued(), [], "files")
    uid = str(service.test.uid)
    equal(len(service.events.all("deleted", uid=uid)), 12, "an event a message")
    operators = service.events.all("operator", command="queue", action="delete", uid=uid)
    equal(len(operators), 3, "an event a command")
    check("all" in operators[1]["selection"], operators)
    equal(service.home.drops(), [], "nobody is told")


# shows 5.1c, 5.1e
def test_delete_and_bounce_are_for_recipients(t):
    """Only the recipients that are meant: the others of the message stay, and what was delivered stays delivered."""
    service, sink = begin(t)
    with service.default.connect() as client:
        client.expect(250, "EHLO client.example")
        client.expect(250, "MAIL FROM:<author@default.example>")
        for recipient in ("yes@one.example", "later@one.example", "later@two.example", "later@three.example"):
            client.expect(250, f"RCPT TO:<{recipient}>")
        client.content()
    sink.wait(1)
    until(lambda: [row["pending"] for row in listed(service)] == [3] and not listed(service, "--state", "active"), what="three to do")
    id = listed(service)[0]["id"]
    check("1 message deleted for 1 recipient" in service.ctl("queue", "delete", id, "--domain", "two.example").stdout, "delete")
    deleted = service.events.wait("deleted", id=id)
    check(deleted["recipient"].endswith("@two.example"), "which one is in the event", deleted)
    check(f"deleted {deleted['recipient']}" in re.sub(" +", " ", service.ctl("queue", "show", id).stdout), "shown as deleted", deleted)
    check("1 message bounced for 1 recipient" in service.ctl("queue", "bounce", "--domain", "three.example", "--reason", "closed for good").stdout,
          "bounce")
    report = service.home.wait_drops()[0].email
    text = report.as_string()
    check("closed for good" in text and "later@three.example" in text and "later@two.example" not in text and "Status: 5.0.0" in text, text)
    marks = [r["mark"] for r in rows(service, "show", id)[0]["recipients"]]
    equal(sorted(marks), ["deleted", "delivered", "pending", "reported"])
    service.events.wait("bounced", uid=str(service.test.uid), recipients="1")
    sink.answers.clear()
    check("1 message due now" in service.ctl("queue", "retry", id).stdout, "retry")
    equal(sink.wait(2)[1].recipients, ["later@one.example"])
    service.home.wait_queued(0)


def test_bounce_without_sender(t):
    service, _ = begin(t)
    queue_some(service, "later@one.example", sender="")
    service.ctl("queue", "bounce", "--sender", "<>")
    equal(len(service.home.wait_badmails()), 1, "badmail")
    service.home.wait_queued(0)


# shows 5.1d
def test_hold_and_release(t):
    """A held message rests, also after a restart and after `retry`; released, it goes."""
    service, sink = begin(t)
    queue_some(service, "later-1@one.example", "later-2@one.example")
    one, two = (row["id"] for row in listed(service))
    equal(service.ctl("queue", "release", one, ok=False).returncode, 3, "it is not held")
    check("1 message held" in service.ctl("queue", "hold", one, "--reason", "looks odd").stdout, "hold")
    equal([row["id"] for row in listed(service, "--held")], [one], "held")
    check("looks odd" in listed(service, one)[0]["reason"], "why")
    service.events.wait("held", uid=str(service.test.uid), reason="looks odd")
    check(path_of(service.home, one).stat().st_mode & stat.S_ISVTX, "the mark in the spool")
    equal(service.ctl("queue", "hold", one, ok=False).returncode, 3, "it is held already")
    sink.answers.clear()
    for turn in ("as it is", "after a restart"):
        if turn != "as it is":
            service.stop()
            service.start()
        service.ctl("retry")
        equal(service.ctl("queue", "retry", one, ok=False).returncode, 3, "a held one is not tried")
        until(lambda: [row["state"] for row in listed(service)] == ["held"], what=f"the other one to go, {turn}")
        equal(len(sink.messages), 1, turn)
    check("1 message released" in service.ctl("queue", "release", "--all", "--yes").stdout, "release")
    sink.wait(2)
    service.home.wait_queued(0)
    service.events.wait("released")


def test_held_counter(t):
    """Right as soon as the operator's command is answered; of one virtual server and in all, and for Prometheus."""
    service, _ = begin(t, {"default": {}, "other": {}})
    queue_some(service, *(f"later-{n}@one.example" for n in range(5)))
    ids = [row["id"] for row in listed(service, "default")]

    def held(*server):
        return counter(service, "held_queue_length", *server)
    equal(held(), 0)
    service.ctl("queue", "hold", *ids[:4], "--yes")
    equal((held("default"), held("other"), held()), (4, 0, 4), "held")
    check('postern_held_queue_length{server="default"} 4' in service.ctl("counters", "--prometheus").stdout, "for Prometheus")
    service.ctl("queue", "release", ids[0])
    equal(held(), 3, "released")
    service.ctl("queue", "default", "move", ids[1], "--to", "other")
    equal(held("default"), 2, "moved")
    until(lambda: (held("other"), held()) == (1, 3), what="the other one to know")
    service.ctl("queue", "delete", ids[2])
    equal(held(), 2, "deleted")
    service.stop()
    service.start()
    until(lambda: (held("default"), held("other")) == (1, 1), what="the next workers to know")
    service.ctl("queue", "bounce", ids[3])
    equal(held("default"), 0, "bounced")
    service.ctl("stop", "other")
    equal(held("other"), 1, "as it was left")
    service.ctl("queue", "other", "release", "--all")
    equal((held("other"), held()), (0, 0), "released while stopped")


def test_kept_for_a_domain(t):
    """The backlog of a domain is a state of its own; a message that an operator holds, too, stays when ETRN asks for it."""
    sink = t.sink()
    service = t.postern({"default": {"domain customer.example": {"type": "remote", "relay": "yes", "hold": "yes", "route": f"[127.0.0.1]:{sink.port}"}}})
    ids = [service.default.send(to=f"{name}@customer.example") for name in ("a", "b", "c")]
    for id in ids:
        service.events.wait("kept", id=id)
    until(lambda: [row["state"] for row in listed(service)] == ["kept"] * 3, what="three kept")
    until(lambda: (counter(service, "kept_queue_length"), counter(service, "held_queue_length")) == (3, 0), what="both counters")
    equal(len(listed(service, "--state", "kept")), 3)
    equal(service.ctl("queue", "retry", "--all", "--yes", ok=False).returncode, 3, "nothing to be due")
    service.ctl("queue", "hold", ids[0])
    service.ctl("queue", "delete", ids[1])
    with service.default.connect(ehlo="customer.example") as client:
        client.expect(253, "ETRN customer.example")
    equal(sink.wait(1)[0].recipients, ["c@customer.example"])
    until(lambda: [row["id"] for row in listed(service)] == ids[:1], what="the one on hold")
    service.ctl("queue", "release", ids[0])
    until(lambda: [row["state"] for row in listed(service)] == ["kept"], what="it to be kept again")
    with service.default.connect(ehlo="customer.example") as client:
        client.expect(253, "ETRN customer.example")
    sink.wait(2)
    service.home.wait_queued(0)


def test_hold_at_work(t):
    """A message that is at work: its round goes on, then it rests. Deleting says that it is at work."""
    sink = t.sink(answers={"RCPT": later})
    sink.answers["DATA"] = lambda session, line: (gate.wait(), LATER)[1]
    gate = threading.Event()
    t.cleanup(gate.set)
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s"}}})
    with service.default.connect() as client:
        client.message(sender="author@default.example", to="slow@one.example")
    active = until(lambda: listed(service, "--state", "active"), what="one at work")
    equal([row["due"] for row in active], [None], "it waits for no time")
    shown, = rows(service, "show", active[0]["id"])
    check("due" not in shown or shown["due"] is None, shown)
    refused = service.ctl("queue", "delete", "--all", "--yes", ok=False)
    equal(refused.returncode, 75, "at work")
    check("at work" in refused.stderr, refused)
    service.ctl("queue", "hold", "--all")
    equal([row["state"] for row in listed(service)], ["held"], "held from now on")
    gate.set()
    service.events.wait("deferred")
    service.ctl("retry")
    equal([row["state"] for row in listed(service)], ["held"], "after its round")
    check("1 message deleted" in until(lambda: service.ctl("queue", "delete", "--all", "--yes", ok=False), what="a delete").stdout, "deleted")
    equal(service.home.queued(), [], "files")


def test_move_refused(t):
    """At the reserve of its file system the other server takes nothing, started or stopped; the messages stay as they were."""
    disk = small_disk(t, "64M")
    service, sink = begin(t, {"default": {}, "other": {"general": {"home": disk / "home"}}})
    queue_some(service, "later-1@one.example", "later-2@one.example")
    held = listed(service)[0]["id"]
    service.ctl("queue", "hold", held)
    before = listed(service)
    for order in ("start", "stop"):
        service.ctl(order, "other", ok=False)
        (disk / "ballast").write_bytes(b"x" * (58 << 20))
        said = service.ctl("queue", "default", "move", "--all", "--yes", "--to", "other", ok=False)
        check("takes no mail: its file system is at its reserve (disk-reserve)" in said.stderr and said.returncode == 1, said)
        equal([(row["id"], row["state"], row["due"]) for row in listed(service)], [(row["id"], row["state"], row["due"]) for row in before], order)
        (disk / "ballast").unlink()
        equal(list((disk / "home/queue/new").glob("*.????????????????")), [], "pieces")
    check("2 messages moved" in service.ctl("queue", "default", "move", "--all", "--yes", "--to", "other").stdout, "when there is room")
    equal(service.home.queued(), [], "files of default")


def test_move_over_quota(t):
    """With its drop folder over the quota it takes nothing for its own domains, as from a client; what is for others it does."""
    service, sink = begin(t, {"default": {}, "other": {"domain other.example": {"type": "default", "drop-quota": "1"}}})
    queue_some(service, "later-1@one.example", "later-2@other.example")
    service["other"].home.path.joinpath("drop/full.eml").write_bytes(b"xx")
    sink.answers.clear()
    move = ("queue", "default", "move", "--all", "--yes", "--to", "other")
    said = until(lambda: (done := service.ctl(*move, ok=False)) and "1 message moved" in done.stdout and done, what="both queues to be open")
    check("its drop folder is over its quota (drop-quota)" in said.stderr, said)
    equal([row["to"] for row in listed(service)], [["later-2@other.example"]], "what stays")
    sink.wait(1)
    service["other"].home.path.joinpath("drop/full.eml").unlink()
    check("1 message moved" in service.ctl("queue", "default", "move", "--all", "--to", "other").stdout, "with room")


def test_move_to_another_user(t):
    """Each process writes into its own queue alone, so the other virtual server may have another user."""
    t.need_root()
    sink = t.sink()
    keys = {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}}
    service = t.postern({"default": keys, "other": {"general": {"user": "64111"}, **keys}}, as_root=True)
    sink.answers["RCPT"] = later
    queue_some(service, "later-1@one.example")
    sink.answers.clear()
    row = listed(service)[0]
    service.ctl("queue", "hold", row["id"])
    check("1 message moved" in service.ctl("queue", "default", "move", row["id"], "--to", "other").stdout, "moved")
    path, = service["other"].home.queued()
    equal((path.stat().st_uid, bool(path.stat().st_mode & stat.S_ISVTX)), (64111, True), "its owner, and held")
    service.ctl("queue", "other", "release", row["id"])
    sink.wait(1)
    service["other"].home.wait_queued(0)


# shows 5.1f
def test_move(t):
    """Durable in the other queue before it leaves this one; the other one is told, and delivers."""
    service, sink = begin(t, {"default": {}, "other": {}})
    queue_some(service, "later-1@one.example", "later-2@one.example", "later-3@two.example")
    held = listed(service, "--domain", "two.example")[0]["id"]
    service.ctl("queue", "hold", held)
    sink.answers.clear()
    equal(service.ctl("queue", "default", "move", "--all", "--yes", "--to", "nowhere", ok=False).returncode, 3, "no such server")
    equal(service.ctl("queue", "default", "move", "--all", "--yes", "--to", "default", ok=False).returncode, 3, "the same server")
    shown = service.ctl("queue", "default", "move", "--all", "--to", "other", ok=False)
    equal(shown.returncode, 1, "exit status without --yes")
    check("3 messages would be moved" in shown.stderr, shown)
    check("1 message moved" in service.ctl("queue", "default", "move", "--recipient", "later-1@*", "--to", "other").stdout, "one alone")
    check("2 messages moved" in service.ctl("queue", "default", "move", "--all", "--yes", "--to", "other").stdout, "moved")
    equal(service.home.queued(), [], "files of default")
    sink.wait(2)
    until(lambda: [(row["id"], row["state"]) for row in listed(service, "other")] == [(held, "held")], what="the held one alone in the other queue")
    service.events.wait("moved", count=3, to="other")
    service.ctl("queue", "release", held)
    sink.wait(3)
    service["other"].home.wait_queued(0)
    equal(len(sink.messages), 3, "each once")


def test_parked(t):
    """Messages that wait for a place, more than the window holds: they are held, deleted, moved out of the middle of the line."""
    gate = threading.Event()
    sink = t.sink(answers={"MAIL": lambda session, line: (gate.wait(), None)[1]})
    t.cleanup(gate.set)
    other = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "connections": 4}},
                         "other": {"delivery": {"smart-host": f"[127.0.0.1]:{other.port}"}}}, start=False)
    write_queue_files(service.home, (service.test.uid, service.test.gid), (f"r{n}@d{n % 10}.example" for n in range(COUNT)))
    service.start()
    until(lambda: len(listed(service, "default")) == COUNT and listed(service, "default", "--state", "ready"), what="some to be parked")
    waits = [row["id"] for row in listed(service, "default", "--state", "ready")]
    check(len(waits) > 100, len(waits))
    held, moved, deleted, released = waits[10:20], waits[30:40], waits[50:60], waits[70:80]
    service.ctl("queue", "default", "hold", *held, *released[:5], "--yes")
    service.ctl("queue", "default", "hold", *released[5:], "--yes")
    until(lambda: service.ctl("queue", "default", "move", *moved, "--to", "other", "--yes", ok=False).returncode == 0, what="the other queue to be open")
    check("10 messages deleted" in service.ctl("queue", "default", "delete", *deleted, "--yes").stdout, "deleted")
    service.ctl("queue", "default", "release", *released, "--yes")
    other.wait(10)
    equal(counter(service, "queue_length", "default"), COUNT - 20, "the queue's length")
    equal(counter(service, "held_queue_length", "default"), 10, "held")
    gate.set()
    sink.wait(COUNT - 30, timeout=60)
    until(lambda: sorted(path.name for path in service.home.queued()) == sorted(held), what="the held ones alone")
    service.ctl("queue", "default", "release", "--held", "--yes")
    sink.wait(COUNT - 20)
    service.home.wait_queued(0)
    equal(len(sink.messages), COUNT - 20, "each once")
    equal(counter(service, "queue_length", "default"), 0, "the queue's length")
    equal(counter(service, "held_queue_length", "default"), 0, "held")


def test_who_may(t):
    t.need_root()
    service, _ = begin(t)
    for args in (["default", "list"], ["default", "delete", "--all", "--yes"]):
        refused = service.ctl("queue", *args, ok=False, account={"user": 1, "group": 1, "extra_groups": []})
        equal(refused.returncode, 77, refused)
    service.events.wait("operator", command="queue", uid="1", result="refused")
