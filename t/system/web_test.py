"""web_test - tests in the manager: a recipient of a directory, an account of OAuth; what is answered is shown, and nothing of it is
markup
"""

from checks import equal
from chromium import Chromium
from ldap_service import PEOPLE
from slapd import Slapd, settings
from web_client import Browser, start_manager


def test_refusals(t):
    service, _ = start_manager(t)
    page = Chromium(t)
    page.size(1280)
    page.open(service.ctl("web", "login").stdout.strip())
    page.wait_text("Live")
    page.go("#/server/default/test")
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
