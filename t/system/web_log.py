"""web_log - events as they come in the manager: of a virtual server and of the service, by topic and text, with a pause; hostile text; a
browser that does not read loses lines and is told how many; rights as of posternctl watch, also after a reload
"""

import pwd
import socket

from checks import check, equal
from chromium import manager_page
from patience import until
from sasl import verifier
from web_accounts import PASSWORD, log_in as log_in_account, start as start_accounts
from web_client import Browser, Stream, start_manager

HOSTILE = '"<script>document.title=1</script>"@sender.example'


def log_in(service, port, **options):
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login", **options).stdout)
    return browser


def rows(page):
    return page.run("return [...document.querySelectorAll('table.log tbody tr')].filter((e) => e.checkVisibility()).map((e) => e.innerText)")


def watches(browser):
    """Whether one more could watch; it does so no more."""
    stream = Stream(browser, X_Postern_Watch="-")
    if stream.status == 200:
        equal(stream.first("watching", "unwatched"), "watching")
    stream.close()
    return stream.status == 200


def test_stream(t):
    service, port = start_manager(t, {"one": {}, "two": {}})
    browser = log_in(service, port)
    one = Stream(browser, X_Postern_Watch="one")
    every = Stream(browser, X_Postern_Watch="-")
    one.next("watching")
    every.next("watching")
    theirs = service["two"].send(sender=HOSTILE, to="b@two.example")
    ours = service["one"].send(sender=HOSTILE, to="b@one.example")
    event = one.next("watch", lambda event: event["event"] == "accepted")
    equal((event["id"], event["sender"], event["topics"], event["server"]), (ours, HOSTILE, ["messages"], "one"))
    equal(every.next("watch", lambda event: event["event"] == "accepted" and event["id"] == theirs)["server"], "two")
    # it also has what any stream has
    one.next("counters")
    # no such virtual server; a name that is none; a stream without events
    check("there is no virtual server none" in Stream(browser, X_Postern_Watch="none").next("unwatched")["error"], "not said")
    for name in ("a b", "", "x" * 80, "<script>"):
        equal(Stream(browser, X_Postern_Watch=name).status, 400, name)
    # without a stream the command ends
    equal(browser.command("watch", "one")["text"], "")
    # closed streams make room: more than may watch at a time
    for stream in (one, every):
        stream.close()
    for _ in range(20):
        until(lambda: watches(browser), what="room for one more")


def test_slow_browser(t):
    """Nobody waits for it; it loses lines, and reads how many when it reads again."""
    service, port = start_manager(t)
    browser = log_in(service, port)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.sendall((f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {browser.cookie}\r\nX-Postern-Token: {browser.csrf}\r\n"
                        "X-Postern-Watch: -\r\nSec-Fetch-Site: same-origin\r\n\r\n").encode())
    read = b""
    while b"event: watching" not in read:
        read += connection.recv(512)
    for _ in range(400):
        service.default.send(sender=HOSTILE, to="b@default.example", data=b"Message-ID: <" + b"x" * 240 + b">\r\n\r\nx\r\n")
    connection.settimeout(20)
    while b"event: lost" not in read:
        piece = connection.recv(65536)
        check(piece, "the stream has ended")
        read += piece
        if len(piece) < 4096:       # all has come that there was: the number is told before the next line
            service.default.send(to="b@default.example")
    check(b'{"lines":' in read, read[-300:])


def test_rights(t):
    t.need_root()
    service, port = start_manager(t, {"mine": {"security": {"viewers": "daemon"}}, "theirs": {}}, as_root=True)
    entry = pwd.getpwnam("daemon")
    browser = log_in(service, port, account={"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []})
    for name in ("theirs", "-"):
        check("viewer" in Stream(browser, X_Postern_Watch=name).next("unwatched")["error"], name)
    mine = Stream(browser, X_Postern_Watch="mine")
    mine.next("watching")
    service["theirs"].send(to="b@theirs.example")
    id = service["mine"].send(to="b@mine.example")
    equal(mine.next("watch", lambda event: event["event"] == "accepted")["id"], id)
    service["mine"].set("security", viewers="")
    service.ctl("reload")
    check("you may not look there any more" in mine.next("unwatched")["error"], "watches on")


def test_accounts(t):
    """Who may watch one virtual server takes no place from others, as of posternctl watch."""
    service, port = start_accounts(t, {name: verifier(PASSWORD) for name in ("ann", "bob")}, servers={"one": {}, "two": {}},
                                   service={"viewers": "account:ann, account:bob"})
    ann, bob = (log_in_account(port, name)[0] for name in ("ann", "bob"))
    streams = [Stream(ann, X_Postern_Watch="one") for _ in range(5)]
    equal([stream.first("watching", "unwatched") for stream in streams], ["watching"] * 4 + ["unwatched"])
    equal(Stream(bob, X_Postern_Watch="two").first("watching", "unwatched"), "watching")


def test_page(t):
    service, _ = start_manager(t, {"default": {}, "other": {}})
    page = manager_page(t, service)
    page.reach("a", "Log")
    page.press("ENTER")
    page.wait_title("Log of the service")
    page.wait_text("Watching since")
    id = service.default.send(sender=HOSTILE, to="b@default.example")
    page.wait_text(id, HOSTILE, "accepted", "dropped")
    page.look("the log of the service")
    equal(page.run("return document.querySelectorAll('main script').length"), 0)
    page.go("#/server/other/log")
    page.wait_title("Log of other")
    page.wait_text("Watching since")
    equal(rows(page), [])
    other = service["other"].send(to="b@other.example")
    service.default.send(to="b@default.example")
    page.wait_text(other, "dropped")
    check(all("default.example" not in row for row in rows(page)), rows(page))
    # by topic and text
    service.ctl("pause", "other")
    page.wait_text("state=paused")
    page.find("field", "Topic").send_keys("state")
    until(lambda: all("state=" in row for row in rows(page)) and rows(page), what=lambda: rows(page))
    page.find("field", "Topic").send_keys("\ue011")     # HOME
    page.find("field", "Filter events").send_keys(other)
    until(lambda: all(other in row for row in rows(page)) and rows(page), what=lambda: rows(page))
    page.find("field", "Filter events").clear()
    # a pause shows nothing new, and tells how much has come
    before = len(rows(page))
    page.click("button", "Pause")
    service.ctl("continue", "other")
    page.wait_text("Go on (")
    equal(len(rows(page)), before)
    page.run("[...document.querySelectorAll('button')].find((e) => e.textContent.startsWith('Go on')).click()")
    page.wait_text("state=started")
    page.click("button", "Clear")
    until(lambda: rows(page) == [], what="no rows")
    page.size(360)
    page.look("the log at 360 pixels")
    equal(page.complaints(), [], "complaints of the browser")
