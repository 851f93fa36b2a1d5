"""accounts_page - three virtual servers for three departments, with accounts, by the browser alone, from a fresh service; and each button of
the page"""

import smtplib

from checks import check, equal
from chromium import Chromium
from patience import until
from web_accounts import PASSWORD, log_in, start
from sasl import verifier
from web_client import start_manager

DEPARTMENTS = ("sales", "support", "printers")


def make_department(page, name, port, look):
    page.go("#/new")
    page.wait_title("New virtual server")
    page.find("field", "Name").send_keys(name)
    page.find("field", "Addresses").send_keys(f"127.0.0.1:{port}")
    page.find("field", "Default domain").send_keys(f"{name}.example")
    page.click("button", "Show what would be made")
    page.click("button", "Make it")
    page.wait_title(name)
    page.wait_text("started")
    page.click("a", "Accounts")
    page.wait_title(f"Accounts of {name}")
    page.wait_text("no password file")
    if look:
        page.look(f"{name}: no password file")
    page.click("button", "Make a password file")
    page.wait_text("An empty file is made")
    if look:
        page.look(f"{name}: the question")
    page.click("button", "Make it")
    page.wait_text("There is no account yet", "Without TLS only SCRAM-SHA-256")
    page.click("button", "allow passwords without TLS")
    page.wait_text("who listens there can read them")
    page.click("button", "Apply")
    until(lambda: "Without TLS" not in page.text(), what="the note to go")


def add_account(page, name, password=""):
    page.find("field", "Name").send_keys(name)
    if password:
        page.find("field", "Password").send_keys(password)
    page.click("button", "Add")
    page.find("button", f"Remove: {name}")


def shown_password(page):
    return until(lambda: page.run("return document.querySelector('.once code')?.textContent ?? null"), what="the password that was made")


def send(port, user, password, to):
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.login(user, password)
        client.sendmail(f"{user}@here.example", [to], b"Subject: with a login\r\n\r\nhello\r\n")


def refused(port, user, password):
    with smtplib.SMTP("127.0.0.1", port) as client:
        try:
            client.login(user, password)
        except smtplib.SMTPAuthenticationError:
            return True
    return False


def test_three_departments(t):
    service, _ = start_manager(t)
    page = Chromium(t)
    page.open(service.ctl("web", "login").stdout.strip())
    page.wait_title("Service")
    for name in DEPARTMENTS:
        port = t.port()
        make_department(page, name, port, look=name == DEPARTMENTS[0])
        add_account(page, "desk")
        made = shown_password(page)
        equal(len(made), 23, made)
        if name == DEPARTMENTS[0]:
            page.look(f"{name}: the password that was made")
        send(port, "desk", made, f"box@{name}.example")
        until(lambda name=name: any("desk@here.example" in each.read_text() for each in (service.spool / name / "drop").glob("*.eml")),
              what="the message")
        page.click("button", "I have it")
        check(made not in page.run("return document.documentElement.outerHTML + JSON.stringify({ ...sessionStorage, ...localStorage })"), "it is still there")
    for width in (360, 1280):
        page.size(width)
        page.look(f"the list at {width} pixels")
    equal(page.complaints(), [])


def test_buttons(t):
    """A password that a person chose, another one, a removed account, what is refused, and all of it by keyboard."""
    service, _ = start_manager(t, {"default": {"access": {"basic-requires-tls": "no"}}})
    port = service.default.port
    page = Chromium(t)
    page.open(service.ctl("web", "login").stdout.strip())
    page.wait_title("Service")
    page.go("#/server/default/accounts")
    page.click("button", "Make a password file")
    page.click("button", "Make it")
    page.wait_text("There is no account yet")
    add_account(page, "bob", PASSWORD)
    check(page.run("return document.querySelector('.once') === null"), "a password that a person chose is shown")
    equal(page.run("return document.querySelector('[name=password]').value"), "")
    send(port, "bob", PASSWORD, "box@default.example")
    page.find("field", "Name").send_keys("BOB")
    page.click("button", "Add")
    page.wait_text("There is an account BOB already")
    page.run("document.querySelector('[name=account]').value = ''")
    page.find("field", "Name").send_keys("a:b")
    page.click("button", "Add")
    page.wait_text("no account can be called a:b")
    page.look("a refusal")
    page.click("button", "New password: bob")
    page.wait_text("A new password for bob")
    page.look("the new password")
    page.click("button", "Change it")
    made = shown_password(page)
    send(port, "bob", made, "box@default.example")
    equal(refused(port, "bob", PASSWORD), True)
    page.click("button", "Demand a login of every client")
    page.click("button", "Apply")
    until(lambda: "Demand a login" not in page.text(), what="the note to go")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo()
        equal(client.mail("a@b.example")[0], 530)
    page.click("button", "Remove: bob")
    page.look("the question")
    page.click("button", "Remove it")
    page.wait_text("There is no account yet")
    equal(refused(port, "bob", made), True)
    check("posternctl passwd --list default" in page.commands and "posternctl passwd default bob" in page.commands, page.commands)
    equal(page.complaints(), [])


def test_manager_and_viewer(t):
    service, port = start(t, {"boss": verifier(PASSWORD), "eve": verifier(PASSWORD)}, service={"operators": "account:boss", "viewers": "account:eve"})
    page = Chromium(t)
    page.open(f"http://127.0.0.1:{port}/#/accounts")
    page.wait_title("Log in")
    page.find("field", "Name").send_keys("boss")
    page.find("field", "Password").send_keys(PASSWORD)
    page.click("button", "Log in")
    page.wait_title("Accounts of the manager")
    page.find("button", "Remove: eve")
    page.look("the accounts of the manager")
    add_account(page, "new")
    equal(log_in(port, "new", shown_password(page))[0].status, 403)     # it has no right to anything yet
    page.click("button", "Log out")
    page.wait_text("You are logged out")
    page.find("field", "Name").send_keys("eve")
    page.find("field", "Password").send_keys(PASSWORD)
    page.click("button", "Log in")
    page.wait_text("Who may log in here is for operators")
    page.go("#/server/default/accounts")
    page.wait_title("Accounts of default")
    check(not page.has("button", "Add"), "a viewer has a form")
    equal([each for each in page.complaints() if "401" not in each], [])
    equal(service.process.poll(), None)
