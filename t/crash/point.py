"""point - the process that reaches a named point is killed there, then all processes; nothing acknowledged is lost

t/run-all finds the points by disk_crash_point("NAME") in the sources and runs test_point once for each.
"""

import os
import re

from checks import check
from ledger import FATES, OPERATED, Ledger, Load, Operator, refuse_some, wait_all_out
from slapd import Slapd, dn, entry, person, settings
from spool_states import check_legal

STRAY = "queue/000/0000000000000000"
BACKLOG = 60        # of a queue that an operator works on
# The command that leads to the point, where its name does not say it
FIRST = {"order-delete": "delete", "order-bounce": "bounce", "order-done": "delete", "release-done": "hold"}


# shows 3.17, 3.18
def test_point(t):
    point = t.args[0]
    operated = re.match(r"(hold|release|move|order)-|badmail-(left|queued)$", point)      # by commands about the queue
    sink = t.sink(answers={"RCPT": refuse_some})
    ledger = Ledger()
    offered = {"acknowledge": "safe"} if point.startswith("offer-") else {}
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s", **offered},
                                     "messages": {"max-session-size": "unlimited"}, **directory(t, point)},
                         **({"other": {"domain moved.example": {"type": "alias"}}} if operated else {})}, start=False)
    fates = OPERATED if operated else FATES + "E" if point.startswith("expand-") else FATES + "T" if point.startswith("early-") else FATES
    other = service["other"].home if operated else None
    duplicates = 0
    for count in (1, 4, 15):
        service.env["POSTERN_CRASH"] = f"{point}:{count}"
        if offered:
            service.env["POSTERN_OFFER_MS"] = "5000"    # the host is in time, also of a slow machine
        service.start()
        stray(service)
        mark = service.events.mark()
        load = Load(service.default, ledger, fates, most=ledger.number + (2000 if operated else 400),
                    backlog=BACKLOG if operated else None)
        operator = Operator(service, FIRST.get(point, point.split("-")[0])) if operated else None
        service.events.wait("crash", since=mark if count > 1 else 0, timeout=60)
        check_legal(service.home, f"after the crash at {point}:{count}", STRAY)
        service.kill()
        load.end()
        if operator:
            operator.end()
        check_legal(service.home, f"after the end of all processes, {point}:{count}", STRAY)
        if other:
            check_legal(other, f"after the end of all processes, in the other queue, {point}:{count}")
        del service.env["POSTERN_CRASH"]
        service.start()
        duplicates += wait_all_out(service.home, sink, ledger, operator=operator, other=other)
        service.stop()
        check_legal(service.home, "at the end")
    check(len(ledger.owed) >= 10, "the load was too small:", len(ledger.owed))
    print(f"{point}: {len(ledger.owed)} acknowledged, {duplicates} came twice")


def directory(t, point):
    """For the points on the way of a group: a directory with those that the load writes to."""
    if not point.startswith("expand-"):
        return {}
    people = "".join(person(name, f"{name}@default.example") for name in ("author", "local"))
    group = entry("group", "groupOfNames", "extras", mail="group@default.example", member=dn("local"), rfc822MailMember="yes@remote.example")
    return {"ldap": settings(Slapd(t, people + group))}


def stray(service):
    """A file that is no queue file: it goes to badmail, by points of its own."""
    path = service.home.path / STRAY
    bucket = path.parent
    bucket.mkdir(exist_ok=True)
    path.write_bytes(b"this is no queue file\n")
    for each in (bucket, path):
        if os.geteuid() == 0:
            os.chown(each, service.test.uid, service.test.gid)
