"""stopped - posternctl queue and badmail on a virtual server that is stopped: a process of its own serves them, and
nothing is sent
"""

import fcntl
import json
import os
import signal
import threading
import time

from checks import check, equal
from patience import until
from queue_files import write_queue_files

COUNT = 700     # more than a page
LAST = 60.0     # the process ends 15 s after the last order


def rows(service, *args):
    document = json.loads(service.ctl(*args, "--json", ok=False).stdout)
    return document.get("messages", document.get("domains", document))


def listed(service, *args, server="default"):
    return rows(service, "queue", server, "list", *args)


def maintenance_pids(service, server="default"):
    """The maintenance processes that have not been told to end."""
    status = service.ctl("status", server).stdout
    return [int(pid) for word in status.split() if word.startswith("maintenance=") for pid in word[12:].split(",")]


def begin(t, recipients, servers=None, sections=None, start=True):
    """default is stopped and has a message for each recipient; where it would go takes all."""
    sink = t.sink()
    keys = {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}, **(sections or {})}
    service = t.postern({name: dict(keys) for name in servers or ["default"]}, start=False)
    write_queue_files(service.home, (t.uid, t.gid), recipients)
    stopped(service, "default")
    if start:
        service.start(wait=[])
        service.events.wait("service", state="started")
    return service, sink


def stopped(service, *names):
    for name in names:
        (service.state / f"{name}.state").write_text("stopped\n")
    service.own()


def start(service, name="default"):
    service.ctl("start", name)
    service.wait_state(name, "started")


# shows 1.4e, 5.1a
def test_look_and_change(t):
    """With the code of a live queue; nothing is sent until it is started."""
    service, sink = begin(t, [f"u{n}@d{n % 3}.example" for n in range(9)])
    found = listed(service)
    equal([(row["to"], row["state"]) for row in found], [([f"u{n}@d{n % 3}.example"], "ready") for n in range(9)])
    ids = [row["id"] for row in found]
    equal([(row["domain"], row["messages"]) for row in rows(service, "queue", "count")], [(f"d{n}.example", 3) for n in range(3)])
    equal(rows(service, "queue", "show", ids[2])[0]["recipients"], [{"mark": "pending", "address": "u2@d2.example"}])
    check(len(maintenance_pids(service)) == 1 and service.ctl("status", "default").stdout.startswith("default stopped number=4"), "one process")

    check("2 messages held" in service.ctl("queue", "default", "hold", ids[0], ids[1], "--yes").stdout, "hold")
    equal([row["id"] for row in listed(service, "--held")], ids[:2])
    released = service.ctl("queue", "default", "release", ids[0])
    check("1 message released" in released.stdout and "default is stopped" in released.stderr, released)
    check("1 message deleted for 1 recipient" in service.ctl("queue", "default", "delete", ids[2]).stdout, "delete")
    bounced = service.ctl("queue", "default", "bounce", ids[3], "--reason", "closed for good")
    check("1 message bounced" in bounced.stdout and "nothing leaves its queue until it is started" in bounced.stderr, bounced)
    reports = [row for row in listed(service) if row["sender"] == ""]
    equal([row["to"] for row in reports], [["author@default.example"]], "its report waits")
    check("closed for good" in str(rows(service, "queue", "show", reports[0]["id"])) or reports[0]["state"] == "ready", reports)
    uid = str(t.uid)
    for event, count in (("held", 2), ("released", 1), ("deleted", 1), ("bounced", 1)):
        equal(len(service.events.all(event, uid=uid)), count, event)
    equal(len(service.events.all("operator", command="queue", uid=uid)), 4, "an event a command")
    equal(len(service.home.queued()), 8, "files")

    equal((sink.sessions, service.home.drops()), ([], []), "nothing was sent")
    start(service)
    sink.wait(6)
    equal(sorted(message.recipients[0][:2] for message in sink.messages), ["u0", "u4", "u5", "u6", "u7", "u8"])
    check("closed for good" in service.home.wait_drops()[0].email.as_string(), "the report")
    until(lambda: [row["id"] for row in listed(service)] == [ids[1]], what="the held one alone")
    equal(service.events.all("crash"), [], "crashes")


def test_retry(t):
    """What waits for its time is due at the start, and not before."""
    service, sink = begin(t, ["u0@d.example", "u1@d.example"])
    for path in service.home.queued():
        os.utime(path, (0, 1800 + path.stat().st_ctime))
    equal([row["state"] for row in listed(service)], ["waiting"] * 2)
    one = listed(service)[0]["id"]
    said = service.ctl("queue", "default", "retry", one)
    check("1 message due now" in said.stdout and "default is stopped" in said.stderr, said)
    equal([row["state"] for row in listed(service)], ["ready", "waiting"])
    refused = service.ctl("retry", "default", ok=False)
    check(refused.returncode == 1 and "is stopped" in refused.stdout + refused.stderr, refused)
    equal(sink.sessions, [], "nothing was sent")
    start(service)
    equal(sink.wait(1)[0].recipients, ["u0@d.example"])
    until(lambda: [row["state"] for row in listed(service)] == ["waiting"], what="the other one to wait")
    equal(len(sink.messages), 1)


def test_badmail(t):
    service, sink = begin(t, ["u0@d.example"])
    id = listed(service)[0]["id"]
    path = service.home.queued()[0]
    path.write_bytes(path.read_bytes().replace(b"x-sender: author@default.example", b"x-sender: "))
    service.ctl("queue", "default", "bounce", id)
    equal([row["to"] for row in rows(service, "badmail", "default", "list")], [["u0@d.example"]])
    said = service.ctl("badmail", "default", "retry", "--all")
    check("1 message put back" in said.stdout and "default is stopped" in said.stderr, said)
    equal([row["to"] for row in listed(service)], [["u0@d.example"]])
    service.ctl("queue", "default", "bounce", "--all")
    check("1 message purged" in service.ctl("badmail", "default", "purge", "--all").stdout, "purge")
    equal(list(service.home.badmail.iterdir()) + service.home.queued(), [], "files")
    equal(sink.sessions, [], "nothing was sent")


def test_move(t):
    """Into the queue of one that is stopped, out of it, and from one to the other; a queue that is open sees it at once."""
    service, sink = begin(t, [f"u{n}@d.example" for n in range(6)], ["default", "other", "live"], start=False)
    stopped(service, "other")
    service.start(wait=["live"])
    ids = [row["id"] for row in listed(service)]
    service.ctl("queue", "default", "hold", *ids[:2], "--yes")
    check(not service["other"].home.path.exists(), "it never ran")
    said = service.ctl("queue", "default", "move", ids[0], ids[2], ids[3], "--to", "other", "--yes")
    check("3 messages moved" in said.stdout and "other is stopped" in said.stderr, said)
    until(lambda: [(row["id"], row["state"]) for row in listed(service, server="other")] ==
          [(ids[0], "held"), (ids[2], "ready"), (ids[3], "ready")], what="them in the other queue")
    check("1 message moved" in service.ctl("queue", "other", "move", ids[2], "--to", "default").stdout, "back")
    until(lambda: [row["id"] for row in listed(service)] == [ids[1], ids[2], ids[4], ids[5]], what="it to be back")
    equal(sink.sessions, [], "nothing was sent")
    said = until(lambda: (done := service.ctl("queue", "default", "move", ids[2], ids[4], "--to", "live", "--yes", ok=False)).returncode == 0 and done,
                 what="the queue of live to be open")
    check("is stopped" not in said.stderr, said)
    sink.wait(2)
    start(service, "other")
    sink.wait(3)
    equal(sorted(message.recipients[0] for message in sink.messages), [f"u{n}@d.example" for n in (2, 3, 4)])
    until(lambda: sorted(path.name for path in service["other"].home.queued()) == ids[:1], what="the held one alone")
    equal(len(service.home.queued()), 2, "left")


def test_two_moves(t):
    """Two operators move mail from one queue to another at the same time: the end of one page is not the end of the other's."""
    service, _ = begin(t, [f"u{n}@{'odd' if n % 2 else 'even'}.example" for n in range(COUNT)], ["default", "other"], start=False)
    stopped(service, "other")
    service.start(wait=[])
    service.events.wait("service", state="started")
    said = {}

    def move(domain):
        said[domain] = service.ctl("queue", "default", "move", "--domain", domain, "--yes", "--to", "other", ok=False)

    both = [threading.Thread(target=move, args=(domain,)) for domain in ("odd.example", "even.example")]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    for done in said.values():
        check(f"{COUNT // 2} messages moved" in done.stdout and done.returncode == 0, done)
    equal((len(service.home.queued()), len(service["other"].home.queued())), (0, COUNT), "where they are")


def test_another_has_the_queue(t):
    service, _ = begin(t, ["u@d.example"])
    folder = os.open(service.home.queue, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    for order in (["list"], ["delete", "--all", "--yes"]):
        refused = service.ctl("queue", "default", *order, ok=False)
        equal(refused.returncode, 69, "exit status")
        check("another process has the queue" in refused.stderr, refused)
    equal(len(service.home.queued()), 1, "files")
    os.close(folder)
    until(lambda: service.ctl("queue", "default", "list", ok=False).returncode == 0, what="the queue")
    service.stop()
    equal(service.ctl("queue", "default", "list", ok=False).returncode, 69, "the service is down")


def test_ends_by_itself(t):
    service, _ = begin(t, ["u@d.example"])
    listed(service)
    pid = maintenance_pids(service)[0]
    until(lambda: not maintenance_pids(service) and pid not in service.children(), timeout=LAST, what="its end")
    equal(service.events.all("crash"), [], "crashes")
    equal(len(listed(service)), 1, "by another one")


def test_killed(t):
    """One event; the next order is served by another one, after a moment."""
    service, _ = begin(t, ["u@d.example"])
    listed(service)
    pid = maintenance_pids(service)[0]
    os.kill(pid, signal.SIGKILL)
    service.events.wait("crash", role="maintenance", server="default")
    until(lambda: service.ctl("queue", "default", "list", ok=False).returncode in (0, 69), what="an answer")
    until(lambda: service.ctl("queue", "default", "list", ok=False).returncode == 0, what="another one")
    check(maintenance_pids(service) != [pid], "another one")
    equal(service.ctl("status", "--check", "default").returncode, 0, "health: it is stopped as ordered")
    start(service)
    service.home.wait_queued(0)


def test_cannot_open(t):
    """No queue to be had: the command says why, and none is tried again and again."""
    service, _ = begin(t, ["u@d.example"])
    t.need_root()
    home = service.home.path
    home.rename(home.with_name("away"))
    home.write_text("no folder\n")
    refused = service.ctl("queue", "default", "list", ok=False)
    equal(refused.returncode, 69, refused)
    check(str(home) in refused.stderr and "stopped" in refused.stderr, refused)
    home.unlink()
    home.with_name("away").rename(home)
    equal(len(listed(service)), 1)


def test_start_meanwhile(t):
    """The start waits for the command under way; each message is held or sent, none is both or neither."""
    service, sink = begin(t, [f"u{n}@d.example" for n in range(COUNT)])
    listed(service, "--sender", "<>")      # the process is there
    done = []
    order = threading.Thread(target=lambda: done.append(service.ctl("queue", "default", "hold", "--all", "--yes", ok=False)))
    order.start()
    service.events.wait("held", timeout=60)
    start(service)
    order.join(60)
    check(done[0].returncode in (0, 69, 75), done[0])       # cut short, it says "ask again"
    until(lambda: len(service.events.all("held")) + len({m.recipients[0] for m in sink.messages}) >= COUNT and
          not listed(service, "--state", "active") and not listed(service, "--state", "ready"), timeout=60, what="the queue to be at rest")
    held = listed(service)
    equal({row["state"] for row in held}, {"held"})
    equal(sorted([row["to"][0] for row in held] + [m.recipients[0] for m in sink.messages]), sorted(f"u{n}@d.example" for n in range(COUNT)))
    equal((maintenance_pids(service), service.events.all("crash")), ([], []), "processes")


def test_start_and_stop(t):
    """Again and again: the queue never has two owners, and every state is reached."""
    service, sink = begin(t, ["u@d.example"])
    service.ctl("queue", "default", "hold", "--all")
    for _ in range(3):
        equal([row["state"] for row in listed(service)], ["held"], "stopped")
        equal(len(maintenance_pids(service)), 1)
        start(service)
        equal([row["state"] for row in listed(service)], ["held"], "started")
        equal(maintenance_pids(service), [], "none beside the owner")
        mark = service.events.mark()
        service.ctl("stop", "default")
        service.wait_state("default", "stopped", since=mark)
    equal((service.events.all("crash"), service.events.all(what="queue-owner"), sink.sessions), ([], [], []))


def test_reload_meanwhile(t):
    """A reload ends it where its configuration changed, and a removed virtual server is gone only after it."""
    service, _ = begin(t, ["u@d.example"], ["default", "other"], start=False)
    stopped(service, "other")
    service.start(wait=[])
    service.events.wait("service", state="started")
    begun = time.monotonic()
    listed(service)
    first = maintenance_pids(service)[0]
    listed(service, server="other")
    other = maintenance_pids(service, "other")[0]
    service.ctl("reload")
    now = (maintenance_pids(service), maintenance_pids(service, "other"))
    if time.monotonic() - begun < 12:       # else they may have ended by themselves
        equal(now, ([first], [other]), "unchanged ones stay")
    service.default.set("general", description="another one")
    service["other"].file.unlink()
    service.ctl("reload")
    until(lambda: first not in service.children() and other not in service.children(), what="their end")
    equal(service.ctl("queue", "other", "list", ok=False).returncode, 3, "no such virtual server")
    equal(len(listed(service)), 1, "by another one")
    check(maintenance_pids(service) != [first], "another one")
    equal(service.events.all("crash"), [], "crashes")
    service.stop()
    equal(service.process.returncode, 0, "exit status")
