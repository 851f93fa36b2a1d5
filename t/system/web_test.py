"""web_test - tests in the manager: what would happen to a message, the way of a mail, a recipient of a directory, an account of OAuth; what is answered is shown, and nothing of it is
markup
"""

import json

from checks import equal
from chromium import manager_page
from ldap_service import PEOPLE
from slapd import Slapd, settings
from web_client import Browser, start_manager


def test_refusals(t):
    service, _ = start_manager(t)
    page = manager_page(t, service, "#/server/default/test")
    page.reach("input", "Address")
    page.press(*"a@default.example", "ENTER")
    page.wait_text("Not good (69).", "no directory here", "posternctl explain default --from 127.0.0.1 --rcpt a@default.example")
    page.look("a test")
    page.go("#/test")
    page.reach("input", "Profile")
    page.press(*"<b>none", "ENTER")
    page.wait_text("Not good (3).", "there is no profile <b>none", "posternctl oauth test '<b>none'")
    equal(page.run("return document.querySelectorAll('main b').length"), 0)
    page.look("a test of OAuth")
    equal(page.complaints(), [], "complaints of the browser")


def test_directory(t):
    """What a real directory says about a recipient that it has, and about one that it has not."""
    service, port = start_manager(t, {"default": {"ldap": settings(Slapd(t, PEOPLE))}})
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login").stdout)
    known = browser.command("directory-test", "default", "ann@default.example")
    unknown = browser.command("directory-test", "default", "nobody@default.example")
    equal((known["status"], unknown["status"]), (0, 67))
    equal(known["text"], "a mailbox")


def test_explain_and_probe(t):
    """The page says what posternctl says; a host that is there and one that is not; a viewer's question has no probe."""
    sink = t.sink()
    service, port = start_manager(t, {"default": {"access": {"relay": "only", "relay-list": "127.0.0.2"},
                                                  "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "paused": "slow.example"}}})
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login").stdout)
    for question in (["from=127.0.0.2", "rcpt=a@far.example"], ["from=192.0.2.1", "rcpt=a@far.example"], ["from=127.0.0.2", "rcpt=b@slow.example"],
                     ["from=192.0.2.1", "rcpt=c@default.example", "size=1T"], ["from=127.0.0.2", "rcpt=a@far.example", "sender=x@default.example"]):
        answer = browser.command("explain", "default", *question)
        options = [word for each in question for word in (f"--{each.partition('=')[0]}", each.partition("=")[2])]
        told = service.ctl("explain", "default", *options, "--json", ok=False)
        equal(answer["status"], told.returncode, question)
        equal([{name: value for name, value in step.items() if name != "server"} for step in answer["data"]["steps"]], json.loads(told.stdout)["steps"], question)
    for question in ([], ["from=127.0.0.1"], ["from=x", "rcpt=a@b.example"], ["from=127.0.0.1", "rcpt=@"], ["from=127.0.0.1", "rcpt=a@b.example", "other=1"]):
        equal(browser.command("explain", "default", *question)["status"], 64, question)
    page = manager_page(t, service, "#/server/default/test")
    page.reach("input", "Client address")
    page.press(*"192.0.2.1", "TAB", *"a@far.example", "ENTER")
    page.wait_text("It would be refused or returned.", "550 5.7.1 Unable to relay", "relay-list: ", "posternctl explain default --from 192.0.2.1 --rcpt a@far.example")
    page.run("for (const cell of document.querySelectorAll('td')) cell.append(' /a'.repeat(3) + '/long'.repeat(60));")
    page.look("what would happen, in long words")
    page.click("button", "Test: The way of a mail")
    page.wait_text("Good.", "connection", "posternctl probe default")
    page.look("the way of a mail")
    equal(page.complaints(), [], "complaints of the browser")


def test_message_and_certificates(t):
    """A test message to its end with what the host said; the certificates that clients are shown; on a narrow screen, too. A viewer may not send."""
    sink = t.sink(answers={"DOT": ["250 2.0.0 <b>taken</b> as X7"], "RCPT": lambda session, line: "450 4.2.1 come back" if "later@" in line else None})
    service, port = start_manager(t, {"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}}})
    service.ctl("certificate", "default", "self-signed", "--names", "default.example,mail.default.example")
    page = manager_page(t, service, "#/server/default/test")
    page.click("button", "Show: Certificates")
    page.wait_text("All is well.", "default.example, mail.default.example", "CN=default.example", "ECDSA P-256", "posternctl certificate default served")
    for to, said, words in (("ann@far.example", "The message has arrived there.", ["RCPT TO:<ann@far.example>", "250 2.0.0 <b>taken</b> as X7", "delivered"]),
                            ("later@far.example", "The message is still in the queue.", ["450 4.2.1 come back", "deferred", "tried again"])):
        page.run("document.querySelector('section:nth-of-type(3) input').value = arguments[0]", to)
        page.click("button", "Send: Test message")
        page.wait_text(said, *words, f"posternctl probe default --rcpt {to} --send")
    equal(page.run("return document.querySelectorAll('main b').length"), 0)
    for width in (1280, 360):
        page.size(width)
        page.look(f"a message that waits, and certificates, at {width}")
    equal(page.complaints(), [], "complaints of the browser")
    equal([message.recipients for message in sink.messages], [["ann@far.example"]])
