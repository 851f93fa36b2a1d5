"""hosts - posternctl hosts: what hosts have shown, one that asks us to slow down, hosts that an operator pauses, resumes and resets"""

import json

from checks import check, equal
from chromium import manager_page
from patience import until
from sink import Sink
from smtp import mail
from web_client import start_manager

SLOW = "421 4.7.28 Our system has detected an unusual rate of mail"
PAUSED = "paused by an operator"


def rows(service, *words):
    return json.loads(service.ctl("hosts", "default", *words, "--json").stdout)["hosts"]


def begin(t, sinks, **keys):
    return t.postern({"default": {
        "access": {"relay": "only", "relay-list": "127.0.0.1"}, "delivery": {"retry": "1h"},
        **{f"domain {name}": {"type": "remote", "route": [f"[127.0.0.1]:{sink.port}" for sink in route]} for name, route in sinks.items()}, **keys}})


def test_slow_down(t):
    """It rests, gets less afterwards, and no other host does; a reset forgets that."""
    busy, good = t.sink(), t.sink()
    service = begin(t, {"busy.example": [busy], "good.example": [good]})
    equal(rows(service), [], "before any mail")
    with service.default.connect(ehlo="c.example") as client:
        for number in range(12):
            client.message("a@default.example", [f"u{number}@busy.example", f"u{number}@good.example"], mail(), ehlo=None)
    busy.wait(12), good.wait(12)
    until(lambda: all(row["messages"] == 12 for row in rows(service)), what="judged messages")
    busy.answers["MAIL"] = lambda _session, _line: SLOW
    ident = service.default.send(to="late@busy.example")
    event = service.events.wait("service", what="host-rate", host=f"[127.0.0.1]:{busy.port}")
    equal(event["rate"], "6", "half of what it took in the last minute")
    service.events.wait("deferred", id=ident)
    by_host = {row["host"]: row for row in rows(service)}
    slowed, works = by_host[f"[127.0.0.1]:{busy.port}"], by_host[f"[127.0.0.1]:{good.port}"]
    equal((slowed["state"], slowed["rate"], slowed["most-connections"], slowed["account"]), ("rests", 6, 1, None))
    check(0 < slowed["rest"] <= 60 and "unusual rate" in slowed["reason"] and slowed["since"] is not None, slowed)
    equal((works["state"], works["rate"], works["most-connections"], works["reason"], works["since"]), ("works", None, None, None, None))
    equal([row["host"] for row in rows(service, f"[127.0.0.1]:{busy.port}")], [slowed["host"]], "one host")
    equal((len(rows(service, "127.0.0.0/8")), len(rows(service, "192.0.2.0/24"))), (2, 0), "a network")
    check("unusual rate" in service.ctl("hosts", "default").stdout, "text")
    busy.answers.clear()
    service.ctl("hosts", "reset", "default", slowed["host"])
    service.events.wait("operator", command="hosts", verb="reset", host=slowed["host"], result="ok")
    equal([(row["state"], row["rate"], row["reason"]) for row in rows(service, slowed["host"])], [("new", None, None)])
    service.ctl("queue", "default", "retry", "--all", "--yes")
    equal(busy.wait(13)[-1].recipients, ["late@busy.example"])
    equal(service.ctl("hosts", "reset", "default", "nowhere.example", ok=False).returncode, 3)


def test_what_it_does(t):
    """The word says what a host did last, in words of its own; the name in the table is one that each command takes."""
    wall = t.sink()
    service = begin(t, {"x.example": [wall]}, **{"host 127.0.0.1": {"rate": "6000"}})
    host = f"[127.0.0.1]:{wall.port}"

    def does(answers, state, said):
        wall.answers.clear()
        wall.answers.update(answers)
        ident = service.default.send(to="u@x.example")
        until(lambda: [(row["state"], said in (row["said"] or "-")) for row in rows(service, host)] == [(state, True)],
              what=lambda: f"{state}, {said}: {rows(service)}")
        service.ctl("queue", "delete", "default", ident, ok=False)
        service.ctl("hosts", "reset", "default", host)
    # those after which no connection is kept come first
    does({"EHLO": Sink.DROP, "HELO": Sink.DROP}, "breaks-off", "lost")
    does({"CONNECT": "554 5.7.1 go away"}, "refuses", "go away")
    does({"MAIL": "451 4.3.0 try later"}, "puts-off", "try later")
    does({"RCPT": "550 5.1.1 not here"}, "refuses", "not here")
    does({}, "works", "-")
    wall.end()
    does({}, "unreachable", "refused")
    # the port counts: of two hosts at one address one is paused
    other = t.sink()
    service.default.set("domain y.example", type="remote", route=f"[127.0.0.1]:{other.port}")
    service.ctl("reload")
    service.ctl("hosts", "pause", "default", host)
    service.default.send(to="u@y.example")
    other.wait()
    equal({row["host"]: row["state"] for row in rows(service)}, {host: "paused", f"[127.0.0.1]:{other.port}": "works"})
    service.ctl("hosts", "resume", "default", host)
    service.ctl("hosts", "pause", "default", "127.0.0.1")
    service.ctl("hosts", "resume", "default", f"[127.0.0.1]:{other.port}")
    service.ctl("hosts", "pause", "default", "127.0.0.0/8")
    refused = service.ctl("hosts", "resume", "default", host, ok=False)
    check("there is 127.0.0.0/8" in refused.stderr + refused.stdout, refused)
    service.ctl("hosts", "resume", "default", "127.0.0.0/8")
    for form in ("[2001:db8::1]:2525", "[2001:db8::1]", "2001:db8::1", "mx.example.com:25", "*.example.com:25"):
        service.ctl("hosts", "pause", "default", form)
        equal([row["host"] for row in rows(service, form)], [form], "the list takes what it shows")
        service.ctl("hosts", "resume", "default", form)


def test_pause(t):
    """Mail goes to the other host; where there is none it waits, over restarts, and comes at once after the resume."""
    one, two = t.sink(), t.sink()
    service = begin(t, {"both.example": [one, two], "one.example": [one]}, **{"host 127.0.0.1": {"rate": "6000"}})
    service.default.send(to="first@both.example")
    one.wait(1)
    service.ctl("hosts", "pause", "default", "127.0.0.0/8")
    first = service.default.send(to="a@both.example")
    service.events.wait("deferred", id=first, status="4.3.2", reason=PAUSED)
    second = service.default.send(to="b@one.example")
    service.events.wait("deferred", id=second, status="4.3.2", reason=PAUSED)
    until(lambda: {(row["host"], row["state"]) for row in rows(service)} == {(f"[127.0.0.1]:{sink.port}", "paused") for sink in (one, two)},
          what="paused hosts")
    service.stop()
    service.start()
    service.events.wait("deferred", id=second)
    service.ctl("queue", "default", "retry", "--all", "--yes")
    equal((len(one.messages), len(two.messages)), (1, 0), "nothing went")
    service.ctl("hosts", "resume", "default", "127.0.0.0/8")
    one.wait(3)
    service.home.wait_queued(0)
    equal([e.line for e in service.events.all("trouble", what="host-rests")], [])


def test_pause_by_name(t):
    """A pattern with no host behind it is shown; what is no pattern is refused; nothing is lost for others."""
    service = begin(t, {"x.example": [t.sink()]})
    service.ctl("hosts", "pause", "default", "mx.example.com:25", "*.example.org")
    equal({(row["host"], row["state"], row["rate"]) for row in rows(service)}, {("mx.example.com:25", "paused", None), ("*.example.org", "paused", None)})
    (key,) = [line for line in service.ctl("config", "default").stdout.splitlines() if line.startswith("paused-hosts ")]
    check("= mx.example.com:25, *.example.org " in key, key)
    check(service.ctl("hosts", "pause", "default", "a..b", ok=False).returncode != 0, "no pattern")
    service.ctl("hosts", "resume", "default", "mx.example.com:25", "*.example.org")
    equal(rows(service), [])
    for words in (["hosts"], ["hosts", "pause", "default"], ["hosts", "reset", "default", "a", "b"], ["hosts", "default", "--what"]):
        equal(service.ctl(*words, ok=False).returncode, 64, words)
    service.default.send(to="u@x.example")
    service.home.wait_queued(0)


def test_stopped(t):
    service = begin(t, {"x.example": [t.sink()]})
    service.ctl("stop", "default")
    equal(service.ctl("hosts", "default", ok=False).returncode, 69)
    equal(service.ctl("hosts", "none", ok=False).returncode, 3)


def test_page(t):
    """Shown, reset, paused and resumed in a browser."""
    sink = t.sink(answers={"MAIL": SLOW})
    service, _ = start_manager(t, {"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}}})
    host = f"[127.0.0.1]:{sink.port}"
    ident = service.default.send(to="a@one.example")
    service.events.wait("deferred", id=ident)
    page = manager_page(t, service, "#/server/default/hosts")
    page.wait_text(host, "rests", "unusual rate", "0 of 1")
    page.look("hosts, one of which rests")
    page.click("button", f"Reset {host}")
    page.wait_text(f"Reset {host}?", "posternctl hosts default reset")
    page.click("button", "Reset")
    service.events.wait("operator", command="hosts", verb="reset", host=host, result="ok")
    page.wait_text("no limit")
    sink.answers.clear()
    page.click("button", f"Pause {host}")
    page.wait_text(f"Pause {host}?", f"+paused-hosts = {host}")
    page.click("button", "Pause")
    page.wait_text("paused")
    equal(len(sink.messages), 0)
    page.find("button", f"Resume {host}").click()
    page.wait_text(f"Resume {host}?")
    page.click("button", "Resume")
    until(lambda: "paused" not in {row["state"] for row in rows(service)}, what="the host to be resumed")
    service.ctl("queue", "default", "retry", "--all", "--yes")
    sink.wait(1)
    equal(page.complaints(), [], "complaints of the browser")
