"""queue_pause - mail for a domain that is paused waits, over restarts, costs no try and expires; resumed it is tried at once"""

import json

from checks import check, equal
from chromium import manager_page
from patience import until
from web_client import start_manager

PAUSED = "paused by an operator"


def rows(service, verb="list"):
    document = json.loads(service.ctl("queue", "default", verb, "--json", ok=False).stdout)
    return document["messages" if verb == "list" else "domains"]


def waits(service, *recipients):
    """These wait, and are said to be paused."""
    until(lambda: [(row["to"], row["state"], row["reason"]) for row in rows(service)] ==
          [([recipient], "waiting", PAUSED) for recipient in recipients], what=lambda: f"to be paused: {rows(service)}")


def begin(t, answers=None, servers=None, **delivery):
    sink = t.sink(answers=answers or {})
    keys = {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h", **delivery}
    return t.postern({"default": {"delivery": keys, **(servers or {})}}), sink


def test_pause_and_resume(t):
    """Several domains of one smart host: only the one that is named waits."""
    service, sink = begin(t)
    service.ctl("queue", "pause", "default", "--domain", "one.example", "--domain=*.two.example")
    first = service.default.send(to="a@ONE.example")
    service.events.wait("deferred", id=first, recipient="a@one.example", status="4.3.2", reason=PAUSED)
    service.default.send(to="b@sub.two.example")
    service.default.send(to=["c@two.example", "d@sub.one.example"])
    equal(sink.wait(1)[0].recipients, ["c@two.example", "d@sub.one.example"])
    waits(service, "a@one.example", "b@sub.two.example")
    equal({row["domain"]: row["reason"] for row in rows(service, "count")}, {"one.example": PAUSED, "sub.two.example": PAUSED})
    said = service.ctl("explain", "--from", "127.0.0.1", "--rcpt", "x@one.example", ok=False).stdout
    check("paused       until an operator resumes it" in said and "; paused: " in said, said)
    # neither a restart nor a retry tries it, and the note grows by neither
    service.stop()
    service.start()
    waits(service, "a@one.example", "b@sub.two.example")
    looked_at = len(service.events.all("deferred", id=first))
    service.ctl("queue", "default", "retry", "--all", "--yes")
    service.events.wait("deferred", id=first, count=looked_at + 1)
    service.default.send(to="e@else.example")
    sink.wait(2)
    waits(service, "a@one.example", "b@sub.two.example")
    shown = json.loads(service.ctl("queue", "show", first, "--json").stdout)["messages"][0]
    equal((shown["waits"], [note["text"] for note in shown["notes"]]), (PAUSED, [f"4.3.2 {PAUSED}"]))
    # a change like any other
    refused = service.ctl("queue", "default", "pause", "--domain", "one.example", ok=False)
    check(refused.returncode != 0 and "one.example" in refused.stderr, refused)
    service.ctl("queue", "default", "resume", "--domain", "one.example")
    equal(sink.wait(3)[2].recipients, ["a@one.example"])
    waits(service, "b@sub.two.example")
    service.events.wait("change", command="set", key="delivery.paused", result="ok")
    service.ctl("undo")
    service.default.send(to="f@one.example")
    waits(service, "b@sub.two.example", "f@one.example")
    service.ctl("queue", "default", "resume", "--domain", "one.example", "--domain", "*.two.example")
    sink.wait(5)
    service.home.wait_queued(0)
    equal(json.loads(service.ctl("get", "default", "delivery.paused", "--json").stdout)["keys"][0].get("value"), None)


def test_deferred_before(t):
    """What was tried in vain before the pause: it is said to be paused, and is tried at once, not at its time."""
    service, sink = begin(t, {"RCPT": lambda _session, line: "450 4.2.1 come back" if refuses[0] else None})
    refuses = [True]
    ident = service.default.send(to="a@one.example")
    service.events.wait("deferred", id=ident)
    service.ctl("queue", "default", "pause", "--domain", "one.example")
    waits(service, "a@one.example")
    equal(rows(service, "count")[0]["reason"], PAUSED)
    refuses[0] = False
    service.ctl("queue", "resume", "default", "--domain", "one.example")
    sink.wait(1)
    service.home.wait_queued(0)


def test_part_of_a_message(t):
    """Recipients of other domains get it, also by the drop folder; a local domain is paused as any other."""
    service, sink = begin(t, servers={"domain alias.example": {"type": "alias"}}, paused="one.example, alias.example")
    service.default.send(to=["a@one.example", "b@two.example", "c@default.example", "d@alias.example"])
    equal(sink.wait(1)[0].recipients, ["b@two.example"])
    equal(service.home.wait_drops(1)[0].receivers, ["c@default.example"])
    waits_for = ["a@one.example", "d@alias.example"]
    until(lambda: [row["to"] for row in rows(service)] == [waits_for], what=lambda: f"two: {rows(service)}")
    service.ctl("queue", "default", "resume", "--domain", "alias.example")
    equal(service.home.wait_drops(2)[1].receivers, ["d@alias.example"])
    waits(service, "a@one.example")
    service.ctl("unset", "default", "delivery.paused")
    sink.wait(2)
    service.home.wait_queued(0)


def test_expiry(t):
    """Its time goes on: a report of the delay, then one of the end."""
    service, sink = begin(t, paused="one.example", **{"delay-notify": "2s", "expire": "5s"})
    ident = service.default.send("author@default.example", "a@one.example")
    service.events.wait("expired", id=ident, recipient="a@one.example", reason=PAUSED)
    texts = [drop.message for drop in service.home.wait_drops(2)]
    check(all(PAUSED.encode() in text for text in texts), texts)
    equal(sorted(b"Action: delayed" in text for text in texts), [False, True])
    service.home.wait_queued(0)
    equal(sink.messages, [])


def test_words(t):
    service, _ = begin(t)
    for words, said in ((["default", "pause"], "say which domain"), (["pause", "--domain", "a.example"], "say which virtual server"),
                        (["pause", "default", "--domain", "a..b"], "*.example.com for all names below it"),
                        (["resume", "default", "--domain", "a.example"], "a.example"),
                        (["default", "pause", "--domain", "a.example", "--yes"], "one word too many")):
        done = service.ctl("queue", *words, ok=False)
        check(done.returncode != 0 and said in done.stderr, words, done)
    done = service.ctl("queue", "default", "pause", "--domain", "b\u00fccher.example", "--dry-run")
    check("+paused = b\u00fccher.example" in done.stdout, done)


def test_page(t):
    """Paused and resumed on the page of the queue, where the domains that are paused are shown, also without mail."""
    sink = t.sink(answers={"RCPT": lambda _session, line: "450 4.2.1 come back" if refuses[0] else None})
    refuses = [True]
    service, _ = start_manager(t, {"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h", "paused": "*.else.example"}}})
    ident = service.default.send(to="a@one.example")
    service.events.wait("deferred", id=ident)
    page = manager_page(t, service, "#/server/default/queue")
    page.wait_text("one.example", "4.2.1", "Mail for these domains is not tried", "*.else.example")
    page.find("button", "Resume *.else.example")
    page.click("button", "Pause one.example")
    page.wait_text("Pause one.example?", "+paused = ", "posternctl set default delivery.paused+=one.example")
    page.look("the question of a pause")
    page.click("button", "Pause")
    page.find("button", "Resume one.example")
    page.wait_text(PAUSED)
    page.look("a queue with a domain that is paused")
    waits(service, "a@one.example")
    refuses[0] = False
    page.click("button", "Resume one.example")
    page.wait_text("Resume one.example?", "All its mail is tried at once.")
    page.click("button", "Resume")
    sink.wait(1)
    page.wait_text("No mail waits.", "*.else.example")
    equal(page.complaints(), [], "complaints of the browser")
