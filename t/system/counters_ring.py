"""counters_ring - counters of the last hour and day: over a restart, after a kill, damaged, unwritable, renamed; as JSON and as a table"""

import json

from checks import check, equal
from counter_samples import STEP, fill_day, names
from patience import until


def ask(service, name="one", span="hour"):
    return json.loads(service.ctl("counters", name, "--history", span, "--json").stdout)


def points(document, counter):
    return next(row["points"] for row in document["series"] if row["counter"] == counter)


def test_restarts(t):
    """Samples are there after an end and after a kill; none of them is negative; the file keeps its size."""
    service = t.postern({"one": {}, "two": {}})
    file = service.state / "one.counters"
    size = file.stat().st_size
    counters = names(service)
    first = ask(service)
    equal((first["server"], first["span"], first["step"], len(first["times"]), first["lengths"]), ("one", "hour", STEP, 1, [None]))
    service["one"].send(to="b@one.example")
    until(lambda: points(ask(service), "messages_received_total")[1:] == [1], what="a sample after the message")
    check(STEP - 1 < ask(service)["lengths"][1] < STEP * 3, ask(service)["lengths"])
    service.kill()
    service.start()
    after = points(ask(service), "messages_received_total")
    equal(after[:2], [None, 1])
    check(len(after) > 2 and set(after[2:]) <= {None, 0}, "the restart counts:", after)
    service.stop()
    fill_day(service.state / "one.counters", counters)
    service.start()
    for span, least in (("hour", 350), ("day", 280)):
        found = ask(service, span=span)
        check(len(found["times"]) >= least, span, len(found["times"]))
        equal(sorted(found["times"]), found["times"])
        for row in found["series"]:
            equal(len(row["points"]), len(found["times"]))
            check(row["kind"] == "value" or all(point is None or point >= 0 for point in row["points"]), row)
    check(ask(service)["times"][-1] > first["times"][0], "the newest comes last")
    equal(file.stat().st_size, size)
    table = service.ctl("counters", "one", "--history", "hour").stdout
    rows = {line.split()[0]: line for line in table.splitlines() if line.strip()}
    check("a minute" in rows["messages_received_total"] and " 6 " in rows["messages_received_total"], table)
    check("queue_length" in rows and "state" not in rows and "did not move in the last hour" in table, table)
    service.ctl("rename", "one", "fresh")
    check(len(ask(service, "fresh")["times"]) >= 350, "what was before the new name")
    check(not file.exists(), "the old file stays")
    service.ctl("stop", "fresh")
    service.ctl("delete", "fresh")
    check(not (service.state / "fresh.counters").exists(), "the file of one that is deleted stays")


def test_broken(t):
    """A damaged file is made anew, with an event; where none can be, that is said, and all else goes on."""
    service = t.postern({"one": {}})
    file = service.state / "one.counters"
    service.stop()
    file.write_bytes(b"rubbish" * 10000)
    service.start()
    service.events.wait("trouble", doing="counters", reason="it is damaged, or no file of counters")
    equal(len(ask(service)["times"]), 1)
    service.stop()
    file.unlink()
    file.mkdir()
    service.start()
    service.events.wait("trouble", doing="counters", reason="Is a directory")
    refused = service.ctl("counters", "one", "--history", "hour", ok=False)
    equal(refused.returncode, 69)
    check("no samples" in refused.stdout, refused.stdout)
    service["one"].send(to="b@one.example")
    file.rmdir()
    until(lambda: service.ctl("counters", "one", "--history", "hour", ok=False).returncode == 0, what="a file, when there can be one")
    equal(len(service.events.all("trouble", doing="counters", reason="Is a directory")), 1)


def test_words(t):
    service = t.postern({"one": {}})
    for words, said in ((("--history", "hour"), "say which"), (("one", "--history", "week"), "hour or day"),
                        (("one", "--history", "hour", "--prometheus"), "go together"), (("one", "--history"), "hour or day")):
        done = service.ctl("counters", *words, ok=False)
        equal((words, done.returncode), (words, 64))
        check(said in done.stderr, words, done.stderr)
    equal(service.ctl("counters", "none", "--history", "hour", ok=False).returncode, 3)
