"""web_pages - the manager in a browser, as a person uses it: logged in by the link, mail held and released, sessions ended, a virtual
server paused; by keyboard alone; with hostile mail; as a viewer; on a small screen; when the stream or the session ends
"""

import json
import os
import pwd
import shlex
import signal

from checks import check, equal
from chromium import Chromium
from patience import until
from processes import is_root
from web_client import start_manager

HOSTILE = '"<script>document.title=1</script>"@sender.example'
TARGET = '"later-<img src=x onerror=alert(1)>"@one.example'
# markup, quotes, a character that turns the direction of writing, bytes that are no UTF-8
SUBJECT = b"Subject: <b onmouseover=alert(1)>\"' \xe2\x80\xaefdp.exe \xff\xfe</b>\r\n\r\nHello\r\n"
VIEWS = ("", "server/default", "server/default/sessions", "server/default/queue", "server/default/queue/messages", "server/default/badmail",
         "server/default/drop", "server/default/hosts", "server/default/trace", "server/default/log", "log", "server/default/test", "test",
         "server/default/counters", "server/default/counters?span=day", "server/default/settings", "server/default/settings/access", "server/default/settings/delivery",
         "server/default/domains", "server/default/domains/default.example", "server/default/filters",
         "server/default/host-rules", "server/default/history", "history", "settings", "settings/manager", "import")
READS = {"Show", "Menu", "Log out", "Copy", "Close", "Select", "Trace", "Pause", "Clear", "Test", ""}     # buttons of who may only look
WIZARD = ("", "new")


def messages(service):
    return {row["id"]: row for row in json.loads(service.ctl("queue", "default", "list", "--json", ok=False).stdout)["messages"]}


def wait_state(service, id, state):
    until(lambda: messages(service)[id]["state"] == state, what=lambda: f"{state}: {messages(service)}")


def start(t):
    sink = t.sink(answers={"RCPT": lambda _session, line: "450 4.2.1 come back" if "later" in line else None})
    service, _ = start_manager(t, {"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}}, "other": {}},
                               service={"viewers": "sys"} if is_root() else {}, as_root=is_root())
    ids = [service.default.send(sender=HOSTILE, to=TARGET, data=SUBJECT)]
    ids += [service.default.send(to=f"later-{n}@two.example") for n in range(3)]
    until(lambda: [row["state"] for row in messages(service).values()] == ["waiting"] * 4, what="all to wait")
    return service, ids


def log_in(page, service, **options):
    link = service.ctl("web", "login", **options).stdout.strip()
    page.open(link)
    return link


def overview(page, service):
    log_in(page, service)
    page.wait_title("Service")
    page.wait_text("All is well", "Live", "default", "started")
    check("login" not in page.driver.current_url, page.driver.current_url)
    page.look("the overview")
    # a reload keeps the session of the tab; another tab has the cookie, and has to log in
    page.driver.refresh()
    page.wait_text("All is well", "Live")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.driver.get(f"http://127.0.0.1:{service.shared['manager']['listen'].rpartition(':')[2]}/")
    page.wait_text("posternctl web login", "Each tab")
    page.driver.close()
    page.driver.switch_to.window(first)
    # a link takes the place of this session only after a question, also when the page is new; a No leaves the link as it was
    link = service.ctl("web", "login").stdout.strip()
    page.open(link)
    page.wait_text("Log in by this link?", "You are logged in as", "(uid ", ", operator)")
    page.look("the question of a link")
    page.click("button", "Cancel")
    page.driver.get("about:blank")
    page.open(link)
    page.wait_text("Log in by this link?")
    page.click("button", "Log in")
    until(lambda: not page.has("h2", "Log in by this link?"), what="the answer")
    page.wait_text("All is well", "Live")
    # paused and continued; each says what it did, and how the console does it
    page.click("button", "Pause other")
    page.wait_text("other is paused", "posternctl pause other")
    page.find("button", "Continue other")
    check("other paused" in service.ctl("status").stdout, "not paused")
    page.click("button", "Continue other")
    page.find("button", "Pause other")
    # to stop is asked for, and can be left
    page.click("button", "Stop other")
    page.wait_text("Stop other?", "0 sessions will be ended")
    page.look("the question")
    page.press("ESCAPE")
    page.click("button", "Stop other")
    page.click("button", "Cancel")
    check("other started" in service.ctl("status").stdout, "stopped")
    page.click("button", "Stop other")
    page.wait_text("Stop other?")
    page.click("button", "Stop other")
    page.find("button", "Start other")
    check("other stopped" in service.ctl("status").stdout, "not stopped")


def queue_by_keyboard(page, service, ids):
    """From the overview to a message that is held and released, without a mouse."""
    page.run("document.activeElement.blur()")
    page.reach("button", "Pages of default")
    page.press("ENTER")
    page.reach("a", "Queue 4")
    page.press("ENTER")
    page.wait_title("Queue of default")
    page.wait_text("one.example", "two.example", "4 messages for 2 domains", "Last error", "4.2.1")
    page.reach("a", "two.example")
    page.press("ENTER")
    page.wait_title("Messages of default")
    page.wait_text("later-0@two.example", "3 messages on this page")
    check("domain=two.example" in page.driver.current_url, page.driver.current_url)
    page.reach("input", f"Select the message {ids[1]}")
    page.press("SPACE")
    page.run("document.querySelector('main').focus()")
    page.reach("button", "Hold the selected messages")
    page.press("ENTER")
    page.wait_text("Hold 1 message?", f"posternctl queue default hold {ids[1]}")
    page.press(*"audit", "ENTER")
    page.wait_text("1 message held.", f"posternctl queue default hold {ids[1]} --reason audit")
    wait_state(service, ids[1], "held")
    page.reach("a", ids[1])
    page.press("ENTER")
    page.wait_text("later-0@two.example", "deferred", "come back", "Received:")
    page.look("a message")
    page.reach("button", "Release")
    page.press("ENTER")
    page.wait_text("Release 1 message?")
    page.press("ENTER")
    page.wait_text("1 message released.")
    wait_state(service, ids[1], "waiting")


def orders(page, service, ids):
    """The number stands in the question; a No changes nothing; a selection is counted."""
    page.go("#/server/default/queue/messages?domain=two.example")
    page.wait_text("3 messages on this page")
    page.click("button", "Hold all that match")
    page.click("button", "Hold 3 messages")
    page.wait_text("3 messages held.", "posternctl queue default hold --domain two.example")
    equal(sorted(row["state"] for row in messages(service).values()), ["held"] * 3 + ["waiting"])
    page.click("button", "Delete all that match")
    page.wait_text("Delete 3 messages?", "cannot be undone")
    page.click("button", "Cancel")
    equal(len(messages(service)), 4)
    page.click("input", f"Select the message {ids[3]}")
    page.click("button", "Delete the selected messages")
    page.click("button", "Delete 1 message")
    page.wait_text("1 message deleted.", "2 messages on this page")
    check(ids[3] not in messages(service), "still there")


def hostile(page, ids):
    """What strangers wrote is text, wherever it is shown."""
    page.go("#/server/default/queue/messages?sender=*script*")
    page.wait_text(HOSTILE, TARGET)
    page.go(f"#/server/default/queue/messages/{ids[0]}")
    page.wait_text(HOSTILE, TARGET, "<b onmouseover=alert(1)>\"'", "\\u202efdp.exe", "\ufffd\ufffd</b>")
    equal(page.run("return document.querySelectorAll('main b, main img, main script').length"), 0)
    page.go("#/server/%3Cimg%20src=x%3E/queue/%3Cscript%3E/%22")
    page.wait_text("There is no such page")
    page.go("#/server/%3Cimg%20src=x%3E")
    page.wait_text("<img src=x>", "There is no virtual server of that name.")
    page.driver.get(page.driver.current_url.partition("#")[0] + "#login=<script>")
    page.find("a", "Service")


def badmail(page, service, ids):
    service.ctl("queue", "default", "bounce", ids[0], "--reason", "<i>no</i>")
    with service.default.connect() as client:
        client.message(sender="", to="later-9@one.example")
    until(lambda: len(messages(service)) >= 3, what="the report to be queued")
    service.ctl("queue", "default", "bounce", "--sender", "<>", "--yes")
    page.go("#/server/default/badmail")
    page.wait_text("later-9@one.example")
    page.click("button", "Purge all that match")
    page.click("button", "Purge 1 message")
    page.wait_text("purged.", "There is no badmail")


def sessions(page, service):
    clients = [service.default.connect(source=f"127.0.0.{n}") for n in (7, 8, 9)]
    for client in clients:
        client.expect(250, "HELO <u>client</u>.example" if client is clients[0] else "HELO client.example")
    page.go("#/server/default/sessions")
    page.wait_text("127.0.0.7", "127.0.0.8", "127.0.0.9", "(client.example)", "3 sessions.")
    page.look("the sessions")
    page.click("input", "Select the session of 127.0.0.8")
    page.click("button", "Terminate selected")
    page.click("button", "Terminate")
    page.wait_text("1 session ended", "2 sessions.")
    equal(clients[1].reply().code, 421)
    page.click("button", "Terminate all")
    page.click("button", "Terminate 2 sessions")
    page.wait_text("2 sessions ended", "Nobody is connected.")


def settings(page, service):
    """A refused value has its sentence beside its field; a difference is shown, then applied; the file has it; a change is undone."""
    file = service.default.file
    before = file.read_text()
    page.go("#/server/default/settings/access")
    page.wait_text("relay-list", "default.ini:")
    page.look("the settings")
    field = page.find("field", "relay-list")
    field.clear()
    field.send_keys("127.0.0.1\n192.0.2.0/99")
    page.wait_text("1 key changed, not applied yet.")
    page.click("button", "Show what would change")

    def refusal():
        return page.run("return document.getElementById('key-access.relay-list-refusal').textContent")
    until(lambda: "192.0.2.0/99" in refusal(), what="the sentence beside its field")
    check(refusal().startswith("relay-list "), "with a place in a text that is not written:", refusal())
    until(lambda: page.run("return document.activeElement.id") == "key-access.relay-list", what="the focus at its field")
    field.send_keys("\b\b24")
    page.click("button", "Show what would change")
    page.wait_text("Change 1 key?", "+relay-list = 127.0.0.1, 192.0.2.0/24", "posternctl set default 'access.relay-list=127.0.0.1, 192.0.2.0/24'")
    page.look("a difference")
    equal(file.read_text(), before)
    page.click("button", "Apply")
    page.wait_text("default is started", "this is change 1")
    check("relay-list = 127.0.0.1, 192.0.2.0/24" in file.read_text(), file.read_text())
    until(lambda: page.run("return document.activeElement.id") == "key-access.relay-list", what="the focus at its field, read anew")
    page.find("field", "relay-list").send_keys("\n192.0.2.1")
    page.go("#/server/default/history")
    page.wait_text("Leave without applying?")
    page.click("button", "Cancel")
    check("192.0.2.1" in page.find("field", "relay-list").get_attribute("value"), "what was filled in is gone")
    page.go("#/server/default/history")
    page.click("button", "Leave")
    page.click("button", "Undo change 1")
    page.click("button", "Undo")
    page.wait_text("this is change 2")
    equal(file.read_text(), before)
    # somebody edits the file while the question is shown
    page.go("#/server/default/settings/messages")
    page.wait_text("Up to operator-max-recipients of [service]; more is for operators of the service.")
    field = page.find("field", "max-recipients")
    field.clear()
    field.send_keys("77\n")
    page.wait_text("+max-recipients = 77")
    file.write_text(before + "; by hand\n")
    page.click("button", "Apply")
    page.wait_text("reload", f"{file}")
    equal(file.read_text(), before + "; by hand\n")
    file.write_text(before)
    page.click("button", "Show what would change")
    page.click("button", "Apply")
    page.wait_text("this is change 3")
    service.ctl("undo")


def domains(page, service):
    page.go("#/server/default/domains")
    page.wait_text("default.example")
    page.find("field", "Name").send_keys("-wrong-\n")
    page.wait_text("-wrong- is no name of a [domain] section")
    page.find("field", "Name").clear()
    page.find("field", "Name").send_keys("partner.example\n")
    page.wait_text("Add partner.example?", "+[domain partner.example]", "+type = remote", "posternctl domain add default partner.example type=remote")
    page.click("button", "Apply")
    page.click("a", "partner.example")
    page.find("field", "route").clear()
    page.find("field", "route").send_keys("[127.0.0.1]")
    page.click("button", "Show what would change")
    page.click("button", "Apply")
    page.wait_text("this is change 6")
    check("route = [127.0.0.1]" in service.default.file.read_text(), service.default.file.read_text())
    page.go("#/server/default/domains")
    page.click("button", "Remove partner.example")
    page.click("button", "Apply")
    page.wait_text("this is change 7")
    check("partner" not in service.default.file.read_text(), service.default.file.read_text())


def sections(page, service):
    """[filter] and [host]: the first key makes the section, the last one takes it along; nothing else of the file is touched."""
    before = service.default.file.read_text()
    page.go("#/server/default/filters")
    page.wait_text("No mail filter is asked")
    page.find("field", "Name").send_keys("spam")
    page.find("field", "connect").send_keys("nowhere\n")
    page.wait_text("connect must be inet:ADDRESS:PORT")
    page.find("field", "connect").clear()
    page.find("field", "connect").send_keys("inet:127.0.0.1:9\n")
    page.wait_text("Add spam?", "+[filter spam]", "+connect = inet:127.0.0.1:9")
    page.click("button", "Apply")
    page.click("a", "spam")
    page.find("field", "on-failure").send_keys("accept")
    page.click("button", "Show what would change")
    page.click("button", "Apply")
    page.wait_text("this is change")
    page.go("#/server/default/filters")
    page.wait_text("on-failure = accept")
    page.click("button", "Remove spam")
    page.click("button", "Apply")
    page.wait_text("No mail filter is asked")
    equal(service.default.file.read_text(), before, "the file")
    page.go("#/server/default/host-rules")
    page.find("field", "Name").send_keys("*.example.com")
    page.find("field", "connections").send_keys("2\n")
    page.click("button", "Apply")
    page.click("a", "*.example.com")
    page.wait_text("connections")
    page.go("#/server/default/host-rules")
    page.click("button", "Remove *.example.com")
    page.click("button", "Apply")
    page.wait_text("No host has rules")
    equal(service.default.file.read_text(), before, "the file")


def new_server(t, page, service):
    port = t.port()
    page.go("#/")
    page.click("a", "New virtual server")
    for name, text in (("Name", "fax"), ("Description", "Fax \"gateway\""), ("Addresses", f"127.0.0.1:{service.default.port}"),
                       ("Default domain", "fax.example")):
        page.find("field", name).send_keys(text)
    page.look("a new virtual server")
    page.click("button", "Show what would be made")
    until(lambda: str(service.default.port) in page.run("return document.querySelector('.bar .refused').textContent"),
          what="a word about the address that another one has")
    page.find("field", "Addresses").clear()
    page.find("field", "Addresses").send_keys(f"127.0.0.1:{port}\n")
    page.wait_text("Make the virtual server fax?", "+[domain fax.example]")
    page.click("button", "Make it")
    page.wait_title("fax")
    page.wait_text("started", f"127.0.0.1:{port}", 'Fax "gateway"')


def moves(page, service):
    """A virtual server gets another name and goes, after two questions; its history brings it back."""
    page.click("button", "Rename fax")
    page.press(*"default", "ENTER")
    page.wait_text("default exists already")
    page.click("button", "Rename fax")
    page.press(*"facsimile", "ENTER")
    page.wait_text("Rename fax to facsimile?", f"-{service.spool}/fax", f"+{service.spool}/facsimile", "posternctl rename fax facsimile")
    page.look("the question of a rename")
    page.click("button", "Rename fax")
    page.wait_title("facsimile")
    page.wait_text("started", 'Fax "gateway"')
    check((service.folder / "servers" / "facsimile.ini").exists(), "its file")
    page.click("button", "Delete facsimile")
    page.wait_text("Delete facsimile?", ".ini.deleted", "posternctl delete facsimile")
    page.look("the question of a deletion")
    page.press("ENTER")     # Cancel has the focus
    page.click("button", "Delete facsimile")
    page.wait_text("Delete facsimile?")
    page.click("button", "Delete facsimile")
    page.wait_title("Service")
    page.find("a", "New virtual server")
    check("facsimile" not in service.ctl("status").stdout, "it is there")
    page.go("#/history")
    number = service.ctl("history", "1").stdout.split()[0]
    page.click("button", f"Undo change {number}")
    page.wait_text(f"Undo change {number}?", "+" + str(service.folder / "servers" / "facsimile.ini"))
    page.click("button", "Undo")
    page.wait_text("facsimile is there again")
    check("facsimile started" in service.ctl("status").stdout, "it is not there")
    equal(service.events.wait("change", command="rename", result="ok")["by"], "web")
    page.go("#/server/default")
    page.find("button", "Rename default")
    check(not page.has("button", "Delete default"), "default cannot be deleted")


def small(page):
    """At 360 pixels nothing stands beside the screen; the tree is a menu."""
    page.size(360)
    for view in VIEWS + WIZARD:
        page.go(f"#/{view}")
        until(lambda: page.run("return document.querySelector('main h1') !== null"), what="a heading")
        page.look(f"{view} at 360 pixels")
    check(not page.has("a", "Badmail"), "the tree is shown")
    page.click("button", "Menu")
    page.driver.find_element("css selector", "manager-tree a[href='#/server/default/badmail']").click()
    page.wait_title("Badmail of default")
    check(not page.has("a", "Current Sessions"), "the menu stays open")
    page.size(1920)
    page.look("badmail at 1920 pixels")
    page.size(1280)


def interruptions(page, service):
    """The helper ends: said at once, and over by itself. The session ends: said, and after a login the view is there again."""
    page.go("#/server/default/counters")
    page.wait_text("messages_received_total")
    os.kill(service.child("web"), signal.SIGKILL)
    page.wait_text("Trying again.")
    page.wait_text("Live")
    page.complaints()   # of the connection that was lost
    stream = "return document.querySelector('manager-stream').className"
    page.driver.minimize_window()
    until(lambda: page.run(stream) == "hidden", what="the stream to be closed while the tab is hidden")
    page.driver.set_window_rect(width=1280, height=900)
    page.wait_text("Live")
    page.driver.delete_all_cookies()
    page.go("#/server/default/queue")
    page.wait_text("Your session has ended.", "posternctl web login")
    page.look("the login")
    page.find("field", "Link or token").send_keys("rubbish\n")
    page.wait_text("no link of posternctl web login")
    page.find("field", "Link or token").send_keys("\b" * 9 + service.ctl("web", "login").stdout)
    page.wait_title("Queue of default")
    page.wait_text("two.example")
    page.complaints()   # of the refused session


def consoles(page, service):
    """posternctl understands each command that a page has shown beside what it did."""
    check(len(page.commands) > 25, page.commands)
    for command in sorted(page.commands - {""}):
        words = shlex.split(command)
        equal(words[0], "posternctl")
        if words[1] == "watch":     # it ends with the service
            continue
        done = service.ctl(*words[1:], ok=False)
        check(done.returncode not in (64, 69), command, done.returncode, done.stderr)


def viewer(page, service):
    """Sees all pages, and no button that changes something."""
    account = pwd.getpwnam("sys")
    page.driver.delete_all_cookies()
    log_in(page, service, account={"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []})
    page.wait_text(f"sys (uid {account.pw_uid}, viewer)")
    for view in VIEWS:
        page.go(f"#/{view}")
        until(lambda: page.run("return document.querySelector('main footer') !== null"), what="the view")
        found = set(page.run("return [...document.querySelectorAll('button:not(.sort)')].map((e) => e.textContent)")) - READS
        equal((view, found), (view, set()), "buttons of a viewer")
        equal(page.run("return document.querySelectorAll('main input[type=checkbox]').length"), 0)


# shows 1.9h, 9b.5
def test_person(t):
    service, ids = start(t)
    page = Chromium(t)
    page.size(1280)
    overview(page, service)
    queue_by_keyboard(page, service, ids)
    orders(page, service, ids)
    hostile(page, ids)
    badmail(page, service, ids)
    sessions(page, service)
    settings(page, service)
    domains(page, service)
    new_server(t, page, service)
    moves(page, service)
    small(page)
    equal(page.complaints(), [], "complaints of the browser")
    interruptions(page, service)
    page.click("button", "Log out")
    page.wait_text("You are logged out.")
    if is_root():
        viewer(page, service)
    equal(page.complaints(), [], "complaints of the browser")
    consoles(page, service)


# shows 1.9h
def test_sections(t):
    service, _ = start(t)
    page = Chromium(t)
    log_in(page, service)
    sections(page, service)
    equal(page.complaints(), [], "complaints of the browser")
