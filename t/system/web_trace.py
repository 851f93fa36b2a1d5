"""web_trace - the story of a message in the manager: of a running and a stopped virtual server, with rotated files, of its own virtual server
alone, with hostile lines; without a log that can be read, a sentence
"""

import gzip
import os
import pwd

from checks import check, equal
from chromium import manager_page
from patience import until
from web_client import Browser, start_manager

SENDER = '"<script>document.title=1</script>"@s.example'


def start(t, servers=None):
    """Events of the service go to a file once it runs; the tests read those before."""
    service, port = start_manager(t, servers or {"default": {}, "other": {}}, as_root=os.geteuid() == 0)
    if os.geteuid() == 0:
        os.chmod(service.folder, 0o755)
    file = t.folder / "log" / "kept.log"
    file.parent.mkdir(mode=0o755)
    if os.geteuid() == 0:
        os.chown(file.parent, t.uid, t.gid)
    service.service["events"] = file
    service.write()
    service.ctl("reload")
    return service, port, file


def log_in(service, port, **options):
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login", **options).stdout)
    return browser


def walk(browser, server, *words):
    """All pages: their events and remarks; how many pages there were."""
    events, remarks, at, pages = [], [], None, 0
    while at is not None or pages == 0:
        answer = browser.command("trace", server, *words, *([f"at={at}"] if at else []))
        equal(answer["status"], 0, answer["text"])
        events += answer["data"]["events"]
        remarks += answer["data"]["remarks"]
        at = answer["data"]["next"]
        pages += 1
    return events, remarks, pages


def test_link(t):
    """A log that is a symbolic link, as some administrators make mail.log: a sentence says so; the console reads it."""
    service, port, file = start(t)
    browser = log_in(service, port)
    id = service.default.send(to="b@default.example")
    until(lambda: "event=dropped" in file.read_text(), what="the event")
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")
    answer = browser.command("trace", "default", "story", f"id={id}")
    equal(answer["status"], 69)
    check("symbolic link" in answer["text"] and "posternctl trace, on the host" in answer["text"], answer)
    check("event=accepted" in service.ctl("trace", id).stdout or "accepted" in service.ctl("trace", id).stdout, "the console")


def test_story(t):
    service, port, file = start(t)
    browser = log_in(service, port)
    id = service.default.send(sender=SENDER, to="b@default.example", data=b"Message-ID: <one@s.example>\r\n\r\nx\r\n")
    theirs = service["other"].send(sender=SENDER, to="b@other.example")
    service.home.wait_drops()
    service["other"].home.wait_drops()
    until(lambda: file.read_text().count("event=dropped") == 2, what="both events")
    # packed and rotated files, with a line that cannot be ours, long lines, bytes, and many others
    old = file.with_name("kept.log.2.gz")
    noise = "".join(f"2026-11-30T10:00:00.{n:06}Z postern-deliver[7]: - event=service server=default what=noise-{n}\n" for n in range(20000))
    old.write_bytes(gzip.compress(b"2026-11-30T09:00:00.000000Z postern-deliver[7]: " + id.encode() + b" event=requeued server=default uid=0\n" +
                                  b"x" * 100000 + b"\n" + noise.encode()))
    os.utime(old, (1, 1))
    broken = file.with_name("kept.log.1")
    broken.write_bytes(b"2026-11-30T11:00:00.000000Z postern-deliver[7]: " + id.encode() + b" event=held server=default reason=\"\xff\t\x1b[31m\" uid=0\n\0\0\n")
    os.utime(broken, (2, 2))
    # what is no file
    os.symlink("/etc/passwd", file.with_name("kept.log.3"))
    os.mkfifo(file.with_name("kept.log.4"))
    events, remarks, _ = walk(browser, "default", "story", f"id={id}")
    # two processes write what happens at once
    equal([event["event"] for event in events[:2]] + sorted(event["event"] for event in events[2:]), ["requeued", "held", "accepted", "dropped"])
    check("\x1b" not in events[1]["reason"] and "\ufffd" not in events[1]["reason"], events[1])
    accepted = next(event for event in events if event["event"] == "accepted")
    equal((accepted["sender"], accepted["message-id"]), (SENDER, "<one@s.example>"))
    equal(remarks, ["the event log begins at 2026-11-30T09:00:00.000000Z"])
    # found by each of them, and of this virtual server alone
    for word in (f"sender={SENDER}", "sender=@s.example", "recipient=b@DEFAULT.example", "message-id=one@s.example"):
        equal({event["id"] for event in walk(browser, "default", "find", word)[0]}, {id}, word)
    equal(walk(browser, "default", "story", f"id={theirs}")[0], [])
    equal(walk(browser, "other", "find", "sender=@s.example")[0][0]["id"], theirs)
    # what is no search, and a place that is not there any more
    for words in (("find",), ("story", "id=x"), ("find", "id=" + id), ("story", f"id={id}", "sender=a@b"), ("find", "sender="), ("find", "sender=a", "at=1:-1"),
                  ("find", "sender=a@b", "recipient=c@d"),
                  ("what", "sender=a")):
        equal(browser.command("trace", "default", *words)["status"], 64, words)
    equal(browser.command("trace", "-", "find", "sender=a@b")["status"], 64)
    check("rotated" in browser.command("trace", "default", "find", "sender=a@b", "at=1:0")["text"], "a file that is gone")
    # stopped: the maintenance process reads
    service.ctl("stop", "default")
    until(lambda: browser.command("trace", "default", "find", "sender=@s.example")["data"]["page"] == "ok", what="the maintenance process")
    equal({event["id"] for event in walk(browser, "default", "find", "sender=@s.example")[0]}, {id})


def test_long_log(t):
    """A page is bounded, whatever matches; all pages together have each line once."""
    service, port, file = start(t)
    browser = log_in(service, port)
    ids = [f"1k1gj{n:011d}" for n in range(3000)]
    file.with_name("kept.log.1").write_text("".join(
        f"2026-11-30T10:00:00.000000Z postern-listener[7]: {id} event=accepted server=default sender=a@many.example recipients=1\n" for id in ids))
    events, _, pages = walk(browser, "default", "find", "sender=@many.example")
    equal([event["id"] for event in events], ids)
    check(pages > 5, pages)


def test_rights(t):
    t.need_root()
    service, port, _ = start(t, {"mine": {"security": {"viewers": "daemon"}}, "own": {"general": {"user": "bin"}}})
    entry = pwd.getpwnam("daemon")
    browser = log_in(service, port, account={"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []})
    equal(browser.command("trace", "mine", "find", "sender=a@b")["status"], 0)
    equal(browser.command("trace", "own", "find", "sender=a@b")["status"], 77)
    # a process with another user gets no log of all
    answer = log_in(service, port).command("trace", "own", "find", "sender=a@b")
    check(answer["status"] == 69 and "has a user of its own" in answer["text"], answer)


def test_page(t):
    service, _, file = start(t)
    page = manager_page(t, service, "#/server/default/trace")
    page.wait_text("The story of a message")
    id = service.default.send(sender=SENDER, to="b@default.example", data=b"Message-ID: <img-1@s.example>\r\n\r\nx\r\n")
    until(lambda: file.exists() and "event=dropped" in file.read_text(), what="the message to be dropped")
    # by keyboard alone
    page.reach("input", "Message-ID")
    page.press(*"img-1@s.example", "ENTER")
    page.wait_text("1 message.", id, SENDER, "The event log begins at 20")
    page.look("messages that were found")
    page.reach("a", id)
    page.press("ENTER")
    page.wait_text("2 events.", "accepted", "dropped", f"posternctl trace {id}")
    page.look("a story")
    page.size(360)
    page.look("a story at 360 pixels")
    page.size(1280)
    # two words, of which no line has both
    other = service.default.send(sender="x@s.example", to="b@default.example")
    until(lambda: file.read_text().count("event=dropped") == 2, what="the other to be dropped")
    page.go("#/server/default/trace?sender=x@s.example&recipient=b@default.example")
    page.wait_text("1 message.", other)
    page.go("#/server/default/trace?sender=nobody@s.example")
    page.wait_text("The event log has no such message")
    page.go("#/server/default/trace?id=%3Cscript%3E")
    page.wait_text("the service does not understand this search")
    equal(page.driver.title, "Trace of default - Postern")
    equal(page.complaints(), [], "complaints of the browser")


def test_no_file(t):
    service, port = start_manager(t)
    answer = log_in(service, port).command("trace", "default", "find", "sender=a@b")
    check(answer["status"] == 69 and "events = FILE" in answer["text"], answer)
