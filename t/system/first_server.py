"""first_server - a service without a virtual server: it runs, says so, and the first one is made by console, by wizard and in the browser"""

import json

from checks import check, equal
from chromium import Chromium
from patience import until
from smtp import Smtp
from spool_files import Home
from terminal import Terminal
from web_client import start_manager, wait_served


def without(t, folder=True, **options):
    """A service whose servers/ is empty, or not there."""
    service = t.postern(start=False, **options)
    service.default.file.unlink()
    if not folder:
        service.default.file.parent.rmdir()
    return service


def deliver(service, port):
    with Smtp(("127.0.0.1", port)) as client:
        client.message(to="b@first.example")
    Home(service.spool / "first").wait_drops()


# shows 1.9a
def test_while_it_runs(t):
    """Neither file nor folder: the service waits for its first one, and monitoring hears that nothing runs."""
    service, port = without(t, folder=False), t.port()
    service.start(wait=False)
    service.events.wait("service", state="started")
    health = service.ctl("status", "--check", ok=False)
    check(health.returncode == 2 and "there is no virtual server" in health.stdout, health.returncode, health.stdout)
    done = service.ctl("create", "first", f"listen=127.0.0.1:{port}", "domain=first.example")
    check("first is started" in done.stdout, done.stdout)
    deliver(service, port)
    equal(service.ctl("status", "--check", ok=False).returncode, 0)
    # all files gone at once are no wish: a folder that is not mounted
    service.default.file.parent.rename(service.folder / "elsewhere")
    done = service.ctl("reload", ok=False)
    check(done.returncode == 78 and "the files of all virtual servers are gone; all stays" in done.stderr + done.stdout, done.returncode, done.stderr)
    deliver(service, port)


def test_before_it_runs(t):
    """On the files alone; check says what is missing, and what to do."""
    service, port = without(t), t.port()
    said = service.ctl("check")
    check("warning: there is no virtual server: posternctl create NAME" in said.stdout and "0 virtual servers" in said.stdout, said.stdout, said.stderr)
    service.ctl("create", "first", f"listen=127.0.0.1:{port}", "domain=first.example")
    service.start(wait=["first"])
    deliver(service, port)


def test_by_wizard(t):
    """It begins with the name that the first one has as installed."""
    service, port = without(t), t.port()
    service.start(wait=False)
    service.events.wait("service", state="started")
    with Terminal([service.bin / "posternctl", "-c", service.config, "new"], env=service.environment(), **service.account()) as person:
        person.expect("Name [default]: ").type("first").expect("Address and port [").type(f"127.0.0.1:{port}").expect("Home folder").type("")
        person.expect("Default domain").type("first.example").expect("Make it?").type("").expect("first is started")
        person.end()
    deliver(service, port)


# shows 1.9h
def test_in_the_browser(t):
    """The empty overview leads to the page that makes it; the mark in the tree comes by itself."""
    service, web, port = without(t), t.port(), t.port()
    service.shared["manager"] = {"listen": f"127.0.0.1:{web}"}
    service.write()
    service.start(wait=False)
    wait_served(web)
    page = Chromium(t)
    page.open(service.ctl("web", "login").stdout.strip())
    page.wait_text("There is no virtual server.", "there is no virtual server: posternctl create NAME makes one")
    page.look("no virtual server")
    page.click("a", "New virtual server")
    for name, value in (("Name", "first"), ("Addresses", f"127.0.0.1:{port}"), ("Default domain", "first.example")):
        page.find("field", name).send_keys(value)
    page.click("button", "Show what would be made")
    page.wait_text("Make the virtual server first?", f"+listen = 127.0.0.1:{port}")
    page.click("button", "Make it")
    page.wait_title("first")
    deliver(service, port)
    until(lambda: json.loads(service.ctl("status", "--json").stdout)["servers"][0]["state"] == "started", what="started")
    equal(page.complaints(), [], "complaints of the browser")
