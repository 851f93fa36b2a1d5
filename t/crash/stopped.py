"""stopped - the process that serves the queue of a stopped virtual server is killed at a point of each command

Nothing is lost: what was not deleted or bounced is in a queue, and comes out when the virtual server is started.
"""

from checks import check, equal
from patience import until
from queue_files import write_queue_files
from spool_states import check_legal

COUNT = 20
ORDERS = {
    "hold-marked": "hold", "hold-synced": "hold", "hold-done": "hold", "release-done": "release", "move-placed": "move", "move-synced": "move",
    "move-left": "move", "order-delete": "delete", "order-bounce": "bounce", "order-done": "move", "settle-marked": "bounce",
}


def names(home):
    return sorted(path.name for path in home.queued())


def order(service, verb, **options):
    return service.ctl("queue", "default", verb, "--sender", "author@*", "--yes", *(["--to", "other"] if verb == "move" else []), **options)


def crash(t, point, again=True):
    """At its third time; then the same order again."""
    verb = ORDERS[point]
    sink = t.sink()
    service = t.postern({name: {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}} for name in ("default", "other")}, start=False)
    homes = service.home, service["other"].home
    write_queue_files(service.home, (t.uid, t.gid), (f"u{n}@d.example" for n in range(COUNT)))
    ids = names(service.home)
    for name in service.servers:
        (service.state / f"{name}.state").write_text("stopped\n")
    service.own()
    if verb == "release":
        service.start(wait=[])
        service.events.wait("service", state="started")
        order(service, "hold")
        service.stop()
    service.env["POSTERN_CRASH"] = f"{point}:3"
    service.start(wait=[])
    service.events.wait("service", state="started")
    order(service, verb, ok=False)
    service.events.wait("crash", role="maintenance")
    service.kill()
    for home in homes:
        check_legal(home, f"after the crash at {point}")
    left = [names(home) for home in homes]
    if verb not in ("delete", "bounce"):
        equal(sorted({*left[0], *left[1]}), ids, "each message is in a queue")
    del service.env["POSTERN_CRASH"]
    service.start(wait=[])
    service.events.wait("service", state="started")
    if not again:
        return service, sink, left
    until(lambda: order(service, verb, ok=False).returncode in (0, 3), what="the command again")     # 75: one whose report was owed
    equal(sink.sessions, [], "nothing was sent")
    return service, sink, ids


def come_out(service, sink):
    for name in service.servers:
        service.ctl("start", name)
    for server in service.servers.values():
        server.home.wait_queued(0)
    return sorted(message.recipients[0] for message in sink.messages)


def test_hold(t):
    for point in ("hold-marked", "hold-synced", "hold-done"):
        service, sink, ids = crash(t, point)
        service.ctl("start", "default")
        until(lambda: service.ctl("queue", "default", "list", "--held", "--json").stdout.count('"held"') == COUNT, what="all to be held")
        equal((names(service.home), sink.sessions), (ids, []))
        service.stop()


def test_release(t):
    service, sink, _ = crash(t, "release-done")
    equal(come_out(service, sink), sorted(f"u{n}@d.example" for n in range(COUNT)))


def test_move(t):
    """Killed in the middle of a move, both are started: each message comes, and twice only what was on its way."""
    for point in ("move-placed", "move-synced", "move-left", "order-done"):
        service, sink, left = crash(t, point, again=False)
        check(left[1], "some were moved", left)
        out = come_out(service, sink)
        equal(sorted(set(out)), sorted(f"u{n}@d.example" for n in range(COUNT)))
        equal(len(out), len(left[0]) + len(left[1]), "no more than there were")
        service.stop()


def test_move_again(t):
    for point in ("move-placed", "move-synced", "move-left", "order-done"):
        service, sink, ids = crash(t, point)
        equal((names(service.home), names(service["other"].home)), ([], ids), "where they are")
        equal(come_out(service, sink), sorted(f"u{n}@d.example" for n in range(COUNT)))
        service.stop()


def test_delete_and_bounce(t):
    for point in ("order-delete", "order-bounce", "settle-marked"):
        service, sink, _ = crash(t, point)
        equal(come_out(service, sink), [], "sent")
        told = "".join(drop.email.as_string() for drop in service.home.drops())
        equal([n for n in range(COUNT) if f"u{n}@d.example" in told], list(range(COUNT)) if ORDERS[point] == "bounce" else [], "reports")
        service.stop()
