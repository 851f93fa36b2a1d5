"""web_rights - the manager of a person who operates one virtual server and views another: buttons where they work, and no others; a reload
that takes a right; what was done there is an event with by=web
"""

import json
import pwd

from checks import check, equal
from chromium import Chromium
from patience import until
from web_client import Browser, start_manager

READS = {"Menu", "Log out", "Copy", "Close", "Select", ""}
VIEWS = ("", "server/NAME", "server/NAME/sessions", "server/NAME/queue", "server/NAME/queue/messages", "server/NAME/badmail",
         "server/NAME/settings/access", "server/NAME/domains", "server/NAME/history")


def account(name):
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def buttons(page, name):
    """Of the page itself, by view."""
    found = {}
    for view in VIEWS:
        page.go(f"#/{view.replace('NAME', name)}")
        until(lambda: page.run("return document.querySelector('main footer') !== null"), what="the view")
        if view.endswith(("messages", "badmail")):
            page.find("button", "Select")
        if "settings" in view:
            until(lambda: page.run("return document.querySelector('main .setting') !== null"), what="the keys")
        names = page.run("return [...document.querySelectorAll('main button:not(.sort)')].map((e) => e.ariaLabel ?? e.textContent)")
        found[view] = {each for each in names if not each.startswith("Copy the command")} - READS
    return found


def test_one_of_each(t):
    t.need_root()
    service, port = start_manager(t, {"mine": {"security": {"operators": "daemon"}}, "theirs": {"security": {"viewers": "daemon"}}}, as_root=True)
    page = Chromium(t)
    page.size(1280)
    page.open(service.ctl("web", "login", account=account("daemon")).stdout.strip())
    page.wait_text("Live", "mine", "theirs", "Pause")
    equal({name for name in buttons(page, "mine")[""] if "mine" in name or "theirs" in name or "New" in name}, {"Pause mine", "Stop mine"})
    mine, theirs = buttons(page, "mine"), buttons(page, "theirs")
    check("Hold all that match" in mine["server/NAME/queue/messages"] and "Retry all now" in mine["server/NAME/queue"], mine)
    check("Show what would change" in mine["server/NAME/settings/access"] and "Add" in mine["server/NAME/domains"], mine)
    # a move has no target, as no other virtual server is operated
    check(not any("Move" in name for name in mine["server/NAME/queue/messages"]), mine)
    equal({view: names for view, names in theirs.items() if view != "" and names}, {}, "buttons of a viewer")
    # a test message is for operators; what is shown to every client is for viewers, too
    for name, sends in (("mine", True), ("theirs", False)):
        page.go(f"#/server/{name}/test")
        page.wait_text("Certificates")
        found = page.run("return [...document.querySelectorAll('main form button')].map((e) => e.ariaLabel)")
        equal(("Send: Test message" in found, "Test: The way of a mail" in found, "Show: Certificates" in found), (sends, sends, True), found)
    equal(page.complaints(), [], "complaints of the browser")
    # by hand, without the buttons: the service refuses
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login", account=account("daemon")).stdout)
    equal(browser.command("queue", "theirs", "delete", "all")["status"], 77)
    equal(browser.command("probe", "theirs", "a@theirs.example", "--send")["status"], 77)
    equal(browser.command("certificates", "theirs")["status"], 0)
    equal(browser.command("queue", "mine", "hold", "all")["status"], 0)
    uid = str(pwd.getpwnam("daemon").pw_uid)
    service.events.wait("operator", server="mine", command="queue", action="hold", uid=uid, by="web")
    service.events.wait("operator", server="theirs", command="queue", uid=uid, by="web", result="refused")
    browser.command("sessions", "mine", "terminate", "all", "yes")
    # the right goes with a reload, and with it the buttons
    page.go("#/server/mine/queue")
    page.find("button", "Retry all now")
    service["mine"].set("security", operators="", viewers="daemon")
    service.ctl("reload")
    until(lambda: not page.has("button", "Retry all now"), what="the button to go")
    equal(json.loads(service.ctl("status", "--json", account=account("daemon")).stdout)["servers"][0]["right"], "look")


def test_long_command(t):
    """What control.sock takes, a browser may send."""
    service, port = start_manager(t, {"default": {}})
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login").stdout)
    words = [f"access.relay-list={'127.0.0.1, ' * 700}127.0.0.1", f"access.connection-list={'192.0.2.1, ' * 700}192.0.2.1",
             f"delivery.smart-host={'a' * 8000}"]
    check(sum(map(len, words)) > 20000, "longer than 16 KiB")
    answer = browser.command("set", "default", "dry-run", *words)
    equal(browser.status, 200)
    check("smart-host" in answer["text"], answer["text"][:300])
