"""trace - posternctl trace: the story of a message from the event log, with files that were rotated and packed, and what they cannot say"""

import gzip
import json
import os
import subprocess

from checks import check, equal
from patience import until
from smtp import mail
from terminal import Terminal


def traced(service, *words):
    return [json.loads(line) for line in ask(service, "--json", *words).stdout.splitlines()]


def ask(service, *words, ok=True):
    """By a configuration that says where the events are: the tests read those of the service themselves."""
    done = subprocess.run([service.bin / "posternctl", "-c", service.folder / "trace.ini", "trace", *words], capture_output=True, text=True, timeout=60,
                          env=service.environment(), cwd="/", check=False, **service.account())
    check(not ok or done.returncode == 0, done)
    return done


def lines(service, since=0):
    """What the service has said, with the time in front, as in a file."""
    text = (service.folder / "events.log").read_text().splitlines(keepends=True)[since:]
    return "".join(f"2026-11-30T18:00:{number % 60:02}.000000Z {line}" for number, line in enumerate(text))


# shows 7.2b, 9b.3
def test_story(t):
    sink = t.sink(answers={"RCPT": lambda _, line: "550 5.1.1 no such user" if "no@" in line else None})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    events = service.folder / "kept.log"
    config = service.config.read_text()
    (service.folder / "trace.ini").write_text(config.replace("[service]", f"[service]\nevents = {events}", 1))
    check("[service]" in config, config)
    old = service.default.send('"a\\"b"@s.example', ["x@default.example", "no@far.example"], mail("old"))
    service.home.wait_queued(0)
    before = lines(service)
    check(f"{old} event=failed" in before, before)
    # as logrotate does, twice; between the two a line as a syslog daemon writes it
    gone = service.folder / "kept.log.2.gz"
    gone.write_bytes(gzip.compress(before.encode()))
    os.utime(gone, (1, 1))
    older = service.folder / "kept.log.1"
    older.write_text(f"Nov 30 18:02:52 host postern-deliver[77]: {old} event=requeued uid=0\nNov 30 18:02:53 host another[1]: not ours\nno line at all\n")
    os.utime(older, (2, 2))
    new = service.default.send("else@s.example", "y@default.example")
    service.home.wait_queued(0)
    service.events.wait("dropped", id=new)
    events.write_text(lines(service, since=before.count("\n")))
    rows = traced(service, old)
    equal([row["event"] for row in rows if row["id"] == old and row["program"] == "postern-listener"], ["accepted"])
    equal(next(row for row in rows if row["event"] == "accepted")["sender"], '"a\\"b"@s.example')
    check({"accepted", "dropped", "failed", "report", "requeued"} <= {row["event"] for row in rows}, rows)
    equal([(row["time"], row["program"]) for row in rows if row["event"] == "requeued"], [("Nov 30 18:02:52", "postern-deliver")])
    check(all(row["id"] == old or old in row.values() for row in rows), rows)
    equal({row["id"] for row in traced(service, "--sender", "ELSE@s.example")}, {new})
    equal({row["id"] for row in traced(service, "--recipient", "@far.example")} & {old, new}, {old})
    equal({row["id"] for row in traced(service, "--sender", "@s.example")} & {old, new}, {old, new})
    # by its Message-ID, as the field has it or without the brackets; text of strangers in it stays one value
    with service.default.connect() as client:
        client.message(sender="m@s.example", to="z@default.example", data=b'Subject: x\r\nMessage-ID: <a b="c" id=1@\xff.example>\r\n\r\nx\r\n')
    service.home.put("one.eml", b"x-sender: p@s.example\r\nx-receiver: z@default.example\r\nSubject: y\r\nMessage-ID:\r\n <in-pickup@s.example>\r\n\r\ny\r\n")
    service.events.wait("dropped", recipient="z@default.example")
    until(lambda: len(service.events.all("dropped", recipient="z@default.example")) == 2, what="both to be dropped")
    events.write_text(lines(service, since=before.count("\n")))
    odd = service.events.all("accepted", sender="m@s.example")[0]
    equal({row["id"] for row in traced(service, "--message-id", b'a b="c" id=1@\xff.example')}, {odd["id"]})
    equal({row["id"] for row in traced(service, "--message-id", "<in-pickup@s.example>")},
          {service.events.all("accepted", sender="p@s.example")[0]["id"]})
    # two wishes, of which no line says both: the listener says the sender, deliver the recipient
    equal({row["id"] for row in traced(service, "--sender", "@s.example", "--recipient", "@far.example")} & {old, new}, {old})
    equal({row["id"] for row in traced(service, "--recipient", "y@default.example", "--sender", "@s.example")} & {old, new}, {new})
    people = ask(service, new)
    check(f"{new} event=dropped" in people.stdout and "the event log begins at " in people.stderr, people)
    for words, status, said in ((("0000000000000000",), 3, "no such message; it begins at "), (("--sender", "nobody@s.example"), 3, "no such message"),
                                (("what",), 64, "that is no id"), ((new, "--sender", "a@b"), 64, "say either"), (("--json",), 64, "say either"),
                                (("--message-id", "nobody@x"), 3, "no such message"),
                                (("--sender", "else@s.example", "--recipient", "no@far.example"), 3, "no such message")):
        refused = ask(service, *words, ok=False)
        equal(refused.returncode, status, words)
        check(said in refused.stderr, refused)
    # what may not be read may have it: that is not "no such message"
    older.chmod(0)
    for words in (("0000000000000000",), ("--sender", "nobody@s.example")):
        refused = ask(service, *words, ok=False)
        equal(refused.returncode, 77, refused)
        check("no such message; the rest is for other users" in refused.stderr, refused)
        equal(refused.stderr.count("kept.log.1: Permission denied"), 1, refused)
    equal({row["id"] for row in traced(service, new)}, {new})
    closed = service.folder / "closed"
    closed.mkdir(mode=0)
    (service.folder / "trace.ini").write_text(config.replace("[service]", f"[service]\nevents = {closed / 'kept.log'}", 1))
    refused = ask(service, new, ok=False)
    equal(refused.returncode, 77, refused)
    check(f"{closed / 'kept.log'}: Permission denied" in refused.stderr, refused)


# A journal that takes its time, as one on a slow disk does.
SLOW_JOURNAL = """#!/bin/sh
seq 1 4000 | sed 's/$/ host another[1]: not ours/'
timeout 1.2 tail -f /dev/null
seq 1 9000 | sed 's/$/ host another[1]: not ours/'
echo "Nov 30 18:02:52 host postern-deliver[77]: 1k1gk3wc854e1xra event=requeued uid=0"
"""


def test_progress(t):
    """A search that takes longer than a second says on a terminal how far it is, in one line that goes away; into a pipe it says nothing of that."""
    if os.path.exists("/var/log/mail.log"):
        t.skip("this host has a mail.log")
    service = t.postern(start=False)
    (service.folder / "trace.ini").write_text(service.config.read_text().replace("[service]", "[service]\nevents = syslog", 1))
    programs = t.folder / "programs"
    programs.mkdir()
    (programs / "journalctl").write_text(SLOW_JOURNAL)
    (programs / "journalctl").chmod(0o755)
    env = {**service.environment(), "PATH": f"{programs}:{os.environ['PATH']}"}
    words = [service.bin / "posternctl", "-c", service.folder / "trace.ini", "trace", "1k1gk3wc854e1xra"]
    with Terminal(words, columns=200, env=env, cwd="/", **service.account()) as screen:
        screen.expect("reads journalctl: ", " lines so far", "event=requeued", "the event log begins at").end()
        shown = screen.shown
    check("\x1b[KNov 30 18:02:52" in shown.replace("\r", ""), repr(shown))
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=env, cwd="/", check=True, **service.account())
    check("so far" not in done.stderr and done.stdout.count("\n") == 1, done)


def test_events_that_nothing_keeps(t):
    """A service whose events go to a terminal, as that of `make run`: the reason is said, not that there was no such message."""
    service = t.postern(start=False)
    kept = "".join(line for line in service.config.read_text().splitlines(keepends=True) if not line.startswith(("events", "syslog")))
    (service.folder / "trace.ini").write_text(kept.replace("[service]", "[service]\nevents = stderr", 1))
    refused = ask(service, "--recipient", "b@default.example", ok=False)
    equal(refused.returncode, 3, refused)
    check("go to its standard error output" in refused.stderr and "events of [service]" in refused.stderr, refused)
