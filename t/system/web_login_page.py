"""web_login_page - the login in a browser: the ways that the service offers, by mouse and keyboard, what is said when it fails, 360 pixels;
and Chromium with a ticket of Kerberos
"""

import os

from checks import check, equal
from chromium import Chromium
from patience import until
from processes import is_root
from sasl import Kdc, run, verifier
from web_accounts import PASSWORD, start
from web_client import start_manager, wait_served


def test_password_in_a_browser(t):
    service, port = start(t, {"bob": verifier(PASSWORD), "eve": verifier(PASSWORD)}, service={"operators": "account:bob", "viewers": "account:eve"})
    page = Chromium(t)
    page.open(f"http://127.0.0.1:{port}/#/server/default/history")
    page.wait_title("Log in")
    page.find("field", "Password")
    check(not page.has("button", "Log in with Windows / Kerberos"), "a way that is not offered")
    equal(page.run("return ['name', 'password'].map((n) => document.querySelector(`[name=${n}]`).autocomplete)"), ["username", "current-password"])
    page.look("the login")
    page.size(360)
    page.look("the login at 360 pixels")
    page.size(1280)
    # by keyboard alone: the name has the focus
    until(lambda: page.run("return document.activeElement.name") == "name", what="the focus")
    page.press("eve", "TAB", "geheim", "ENTER")
    page.wait_text("the name or the password is wrong")
    equal(page.run("return [document.activeElement.name, document.activeElement.value, document.querySelector('[role=alert]').hidden]"), ["password", "", False])
    page.look("the refusal")
    page.press(PASSWORD, "ENTER")
    page.wait_title("History of default")       # the address from before
    page.wait_text("eve (password, viewer)")
    check(not page.has("button", "Pause default"), "a viewer has a button")
    equal(page.run("return document.body.innerHTML.includes(arguments[0]) || Object.values(sessionStorage).join().includes(arguments[0])", PASSWORD), False)
    page.click("button", "Log out")
    page.wait_text("You are logged out")
    page.find("field", "Name").send_keys("bob")
    page.find("field", "Password").send_keys(PASSWORD)
    page.click("button", "Log in")
    page.wait_text("bob (password, operator)")
    page.go("#/server/default")
    page.click("button", "Pause default")
    until(lambda: "default paused" in service.ctl("status").stdout, what="the pause")
    equal([each for each in page.complaints() if "401" not in each], [])


def test_link_alone(t):
    """Without accounts and keytab the page has the link, as before."""
    service, port = start_manager(t)
    page = Chromium(t)
    page.open(f"http://127.0.0.1:{port}/")
    page.wait_title("Log in")
    page.find("field", "Link or token").send_keys(service.ctl("web", "login").stdout)
    page.wait_title("Service")
    equal(page.complaints(), [])


def test_kerberos_in_a_browser(t):
    """The button sends the ticket, and nothing else does."""
    kdc, port = Kdc(t), t.port()
    keytab, users = t.folder / "manager.keytab", t.folder / "users.keytab"
    kdc.add("HTTP/127.0.0.1", keytab)
    kdc.add("alice", users)
    keytab.chmod(0o600)
    if is_root():
        t.folder.chmod(0o777)
    service = t.postern(start=False, as_root=is_root(), env=kdc.env, service={"operators": "kerberos:alice@TEST.EXAMPLE"})
    service.shared["manager"] = {"listen": f"127.0.0.1:{port}", "keytab": keytab, "service-principal": "HTTP/127.0.0.1"}
    service.write()
    service.start()
    wait_served(port)
    os.environ.update(kdc.env)
    page = Chromium(t, "--auth-server-allowlist=127.0.0.1")
    page.open(f"http://127.0.0.1:{port}/")
    page.wait_title("Log in")
    page.click("button", "Log in with Windows / Kerberos")
    page.wait_text("your browser sent no ticket of Kerberos")
    page.look("the login with Kerberos")
    run("kinit", "-k", "-t", users, "alice", env=kdc.env)
    page.driver.refresh()
    page.find("button", "Log in with Windows / Kerberos")
    equal(service.events.all("operator", command="login"), [])
    page.click("button", "Log in with Windows / Kerberos")
    page.wait_text("alice@TEST.EXAMPLE (kerberos, operator)")
    equal(service.events.wait("operator", command="login", result="ok")["user"], "kerberos:alice@TEST.EXAMPLE")
