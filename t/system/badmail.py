"""badmail - posternctl badmail: shows mail that could be neither delivered nor returned, queues it again, deletes it"""

import datetime
import json
import os
import threading
import time

from checks import check, equal
from patience import until
from smtp import mail


def rows(service, *args):
    document = json.loads(service.ctl("badmail", *args, "--json", ok=False).stdout)
    return document.get("messages", document)


def refuse_no(_session, line):
    return "550 5.1.1 no such user" if "<no-" in line else None


def begin(t):
    sink = t.sink(answers={"RCPT": refuse_no})
    return t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s"}}}), sink


def lose(service, *recipients):
    """Mail with a null sender that is refused."""
    for recipient in recipients:
        with service.default.connect() as client:
            client.message(sender="", to=recipient, data=mail(subject=f"for {recipient if isinstance(recipient, str) else recipient[0]}"))
    service.home.wait_badmails(len(recipients))


# shows 5.2b
def test_list_show(t):
    service, _ = begin(t)
    equal(rows(service, "list"), [], "no badmail")
    lose(service, "no-1@one.example", "no-2@one.example", "no-3@two.example")
    service.home.put("bad.eml", b"Subject: nobody wrote it, to nobody\r\n\r\nx\r\n")
    service.home.wait_badmails(4)
    found = rows(service, "list")
    equal([row["to"] for row in found], [["no-1@one.example"], ["no-2@one.example"], ["no-3@two.example"], []], "oldest first")
    equal([found[0][k] for k in ("server", "sender", "recipients")], ["default", "", 1])
    check("no sender to tell" in found[0]["reason"] and "no such user" in found[0]["details"], found[0])
    equal(found[3]["sender"], "-", "no envelope")
    for args, count in ((["--domain", "one.example"], 2), (["--recipient", "no-3@*"], 1), (["--sender", "<>"], 3), (["--older", "1d"], 0),
                        (["--newer", "1d"], 4), ([found[1]["id"]], 1)):
        equal(len(rows(service, "list", *args)), count, args)
        equal(service.ctl("badmail", "tally", *args).stdout, f"{count}\n", args)
    done = service.ctl("badmail", "purge", "--all", ok=False)
    check(done.returncode == 1 and "4 messages would be purged; say --yes" in done.stderr and len(done.stdout.splitlines()) == 4, done)
    table = service.ctl("badmail", "list").stdout.splitlines()
    equal([line.split()[0] for line in table], [row["id"] for row in found], "a line for each, and no headings")
    shown = rows(service, "show", found[2]["id"])[0]
    check(any("Reason:" in line for line in shown["reason"]) and "Subject: for no-3@two.example" in shown["header"], shown)
    equal(shown["recipients"], [{"mark": "pending", "address": "no-3@two.example"}])
    equal(service.ctl("badmail", "list", "--domain", "three.example", ok=False).returncode, 3, "nothing matches")
    for wrong in (["purge"], ["retry", "--held"], ["hold", "--all"], ["show"]):
        equal(service.ctl("badmail", *wrong, ok=False).returncode, 64, wrong)


# shows 5.2b
def test_retry(t):
    """Back into the queue as a new message, for the recipients that failed; gone from badmail when it is safe."""
    service, sink = begin(t)
    lose(service, ["no-1@one.example", "yes-1@one.example"], "no-2@two.example")
    sink.wait(1)
    shown = service.ctl("badmail", "retry", "--all", ok=False)
    equal(shown.returncode, 1, "exit status without --yes")
    check("2 messages would be put back" in shown.stderr, shown)
    equal(len(service.home.badmails()), 2, "nothing was done")
    sink.answers.clear()
    check("2 messages put back" in service.ctl("badmail", "retry", "--all", "--yes").stdout, "retried")
    got = sink.wait(3)
    equal(sorted(message.recipients for message in got[1:]), [["no-1@one.example"], ["no-2@two.example"]])
    check(any(b"Subject: for no-1@one.example" in message.data for message in got[1:]), "content")
    service.home.wait_queued(0)
    equal(list(service.home.badmail.iterdir()), [], "badmail")
    service.events.wait("requeued", count=2, uid=str(service.test.uid))
    service.events.wait("operator", command="badmail", action="retry")


# shows 2.5g
def test_limit(t):
    """badmail-limit holds at every moment, for what deliver adds and for what pickup adds; messages go whole, the oldest first."""
    limit = 100 << 10
    sink = t.sink(answers={"RCPT": refuse_no})
    service = t.postern({"default": {"messages": {"badmail-limit": "100K"},
                                     "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    largest, ended = [0], []

    def watch():
        while not ended:
            sizes = [size_of(path) for path in service.home.badmail.iterdir()]
            largest[0] = max(largest[0], sum(sizes))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with service.default.connect() as client:
        for number in range(20):
            client.message(sender="", to=f"no-{number}@one.example", data=mail(subject="x") + b"x" * 70 * 200 + b"\r\n")
            service.home.put(f"{number}.eml", b"Subject: nobody\r\n\r\n" + (b"y" * 70 + b"\r\n") * 150)
    service.events.wait("badmailed", count=40)
    until(lambda: not service.home.queued(), what="the queue to empty")
    ended.append(True)
    watcher.join()
    check(limit / 4 < largest[0] <= limit, largest[0])     # blocks count, and a part of them is freed beyond what is needed
    names = sorted(path.name for path in service.home.badmail.iterdir())
    stems = {name.rsplit(".", 1)[0] for name in names}
    equal(names, sorted(f"{stem}.{end}" for stem in stems for end in ("bad", "bdp", "bdr")))
    service.home.put("large.eml", b"Subject: nobody\r\n\r\n" + (b"y" * 70 + b"\r\n") * 2000)
    event = service.events.wait("badmailed", count=41)
    check("badmail-limit" in event.get("detail", ""), event)


def size_of(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def test_retry_without_envelope(t):
    service, _ = begin(t)
    service.home.put("bad.eml", b"Subject: nobody wrote it, to nobody\r\n\r\nx\r\n")
    service.home.wait_badmails(1)
    refused = service.ctl("badmail", "retry", "--all", ok=False)
    equal(refused.returncode, 1, "exit status")
    check("no envelope" in refused.stderr and "0 messages" in refused.stdout, refused)
    equal(len(service.home.badmails()), 1, "stays")


# shows 2.5h
def test_keep(t):
    """badmail-keep: what was badmail for longer goes when the service starts; what is younger, and what is no badmail, stays."""
    service, _ = begin(t)
    lose(service, "no-1@one.example")
    notes = service.home.badmail / "notes.txt"
    notes.write_text("of the administrator\n")
    service.own()
    begun = time.time()
    until(lambda: time.time() > begun + 2, what="two seconds")
    service.stop()
    service.start()
    equal(len(service.home.badmails()), 1, "badmail of seconds ago, with 30 days")
    service.stop()
    service.default.set("messages", badmail_keep="1s")
    service.start()
    until(lambda: sorted(path.name for path in service.home.badmail.iterdir()) == ["notes.txt"], what="the old badmail to go")
    event = service.events.wait("service", what="badmail-trimmed")
    equal(event["files"], "3")
    service.stop()
    service.default.set("messages", badmail_keep="1h")
    service.start()
    lose(service, "no-2@one.example")
    equal(rows(service, "list")[0]["to"], ["no-2@one.example"])
    # the home comes from another host: what it was is older than its files are here
    service.stop()
    for path in service.home.badmail.glob("*.bd?"):
        os.utime(path, (begun - 1800, begun - 1800))
    service.start()
    shown = datetime.datetime.fromisoformat(rows(service, "list")[0]["since"].replace("Z", "+00:00")).timestamp()
    equal(int(shown), int(begun - 1800), "since when it is badmail")
    service.stop()
    service.default.set("messages", badmail_keep="20m")
    service.start()
    until(lambda: sorted(path.name for path in service.home.badmail.iterdir()) == ["notes.txt"], what="badmail of 30 minutes ago to go")


# shows 5.2b
def test_purge(t):
    service, _ = begin(t)
    lose(service, "no-1@one.example", "no-2@one.example", "no-3@two.example")
    check("1 message purged" in service.ctl("badmail", "purge", "--domain", "two.example").stdout, "one alone")
    equal(service.ctl("badmail", "purge", "--sender", "<>", ok=False).returncode, 1, "two need --yes")
    check("2 messages purged" in service.ctl("badmail", "purge", "--sender", "<>", "--yes").stdout, "all")
    until(lambda: not list(service.home.badmail.iterdir()), what="an empty folder")
    equal(service.ctl("badmail", "purge", "--all", "--yes", ok=False).returncode, 3, "nothing left")
