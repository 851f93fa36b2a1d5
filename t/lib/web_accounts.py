"""web_accounts - a manager that takes the accounts of a password file"""

import os

from processes import is_root
from web_client import Browser, wait_served

PASSWORD = "s3cret pass"


def write_accounts(service, accounts):
    """In the folder in which the manager changes them."""
    file = service.folder / "passwords" / "accounts"
    new = file.with_name("accounts.new")
    file.parent.mkdir(mode=0o700, exist_ok=True)
    new.write_text("".join(f"{name}:{text}\n" for name, text in accounts.items()))
    new.chmod(0o600)
    if is_root() and not service.as_root:
        for each in (file.parent, new):
            os.chown(each, service.test.uid, service.test.gid)
    new.rename(file)
    return file


def start(t, accounts, servers=None, manager=None, **options):
    """A service whose manager takes these accounts; it, and the port."""
    port = t.port()
    service = t.postern(servers, start=False, **options)
    service.shared["manager"] = {"listen": f"127.0.0.1:{port}", "accounts": write_accounts(service, accounts), **(manager or {})}
    service.write()
    service.start()
    wait_served(port)
    return service, port


def log_in(port, name, password=PASSWORD, browser=None, **fields):
    """The browser, and what the login said."""
    browser = browser or Browser(port)
    session = browser.request("/api/login", {"name": name, "password": password}, **fields)
    if browser.status == 200:
        browser.cookie, browser.csrf = browser.fields["Set-Cookie"].split(";")[0], session["csrf"]
    return browser, session
