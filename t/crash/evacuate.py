"""evacuate - either side of an evacuation is killed at each of its points, then the whole node: nothing is lost, and what is brought
again is known there
"""

import os

from checks import check, equal
from evacuation import Nodes, listed
from patience import until
from processes import is_root
from queue_files import write_queue_files
from spool_states import check_legal

COUNT = 30
OLD = ("evacuate-sent", "evacuate-answered", "move-left")
NEW = ("evacuate-arrived", "draft-synced", "draft-placed", "draft-committed", "move-placed", "move-synced", "evacuate-taken")
DONE = ("gone-kept", "settle-removing", "settle-removed")


def plant(nodes):
    """Messages that are due in an hour; their recipients."""
    recipients = [f"u{n}@far.example" for n in range(COUNT)]
    write_queue_files(nodes.old.home, (nodes.t.uid, nodes.t.gid), recipients)
    for path in nodes.old.home.queued():
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 3600))
        if is_root():
            os.chown(path, nodes.t.uid, nodes.t.gid)
    return recipients


def both(nodes):
    return sorted({path.name for service in (nodes.old, nodes.new) for path in service.home.queued()})


def crash(t, service, point, count):
    """Killed there at its so many-th time, then as a whole; both run again. The nodes and the recipients."""
    nodes = Nodes(t, start=False)
    recipients = plant(nodes)
    ids = both(nodes)
    killed = getattr(nodes, service)
    killed.env["POSTERN_CRASH"] = f"{point}:{count}"
    nodes.start()
    nodes.evacuate(ok=False)
    killed.events.wait("crash", role="deliver")
    killed.kill()
    for name in ("old", "new"):
        check_legal(getattr(nodes, name).home, f"{name}, after the crash at {point}")
    equal(both(nodes), ids, f"{point}: each message is in a queue")
    equal(nodes.sink.messages, [], "nothing was sent")
    del killed.env["POSTERN_CRASH"]
    killed.start()
    return nodes, recipients


def bring_all(nodes):
    until(lambda: nodes.evacuate(ok=False).returncode in (0, 3) and not nodes.old.home.queued(), what="all to be brought")


def come_out(nodes, recipients, what):
    """All are delivered by the new node; how many came twice."""
    nodes.new.ctl("retry")
    nodes.new.home.wait_queued(0)
    out = sorted(to for message in nodes.sink.messages for to in message.recipients)
    equal(sorted(set(out)), sorted(recipients), f"{what}: nothing is lost")
    print(f"{what}: {len(recipients)} brought, {len(out) - len(recipients)} came twice")
    check_legal(nodes.new.home, f"{what}: at the end")
    check_legal(nodes.old.home, f"{what}: at the end, of the old one")
    return len(out) - len(recipients)


def end(nodes):
    for service in (nodes.old, nodes.new):
        service.stop()


# shows 9c.4
def test_old(t):
    """The node that brings."""
    for point in OLD:
        nodes, recipients = crash(t, "old", point, 7)
        bring_all(nodes)
        equal(come_out(nodes, recipients, point), 0, f"{point}: none twice")
        end(nodes)


# shows 9c.4
def test_new(t):
    """The node that takes."""
    for point in NEW:
        nodes, recipients = crash(t, "new", point, 1 if point in ("draft-synced", "draft-committed") else 7)     # those are of a group
        bring_all(nodes)
        equal(come_out(nodes, recipients, point), 0, f"{point}: none twice")
        end(nodes)


# shows 9c.4
def test_done_before(t):
    """The answer is lost, and all that was brought is delivered before it is brought again: it is known, and not sent twice."""
    nodes, recipients = crash(t, "old", "evacuate-answered", 20)
    brought = len(nodes.new.home.queued())
    check(brought >= 19, brought)
    nodes.new.ctl("retry")
    nodes.new.home.wait_queued(0)
    mark = nodes.new.events.mark()
    bring_all(nodes)
    known = [event for event in nodes.new.events.all("evacuated", since=mark) if event["known"] == "yes"]
    check(known, "some were known")
    equal(come_out(nodes, recipients, "evacuate-answered, and delivered"), 0, "none twice")


# shows 9c.4
def test_while_it_ends(t):
    """The new node is killed while what was brought is done: what comes twice is at most what was on its way."""
    for point in DONE:
        nodes = Nodes(t, start=False)
        recipients = plant(nodes)
        nodes.start()
        bring_all(nodes)
        nodes.new.stop()
        nodes.new.env["POSTERN_CRASH"] = f"{point}:7"
        nodes.new.start()
        nodes.new.ctl("retry")
        nodes.new.events.wait("crash", role="deliver")
        nodes.new.kill()
        check_legal(nodes.new.home, f"after the crash at {point}")
        del nodes.new.env["POSTERN_CRASH"]
        nodes.new.start()
        check(come_out(nodes, recipients, point) <= COUNT, "not more")
        end(nodes)
