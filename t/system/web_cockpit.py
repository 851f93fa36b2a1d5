"""web_cockpit - the manager as a page of Cockpit: installed by make, served by a real cockpit-ws, its commands run by the bridge"""

import json
import os
import subprocess

from checks import check, equal
from chromium import Chromium
from patience import until
from programs import ROOT, SANITIZERS
from web_client import ask_if_there

COCKPITS = ("/usr/lib/cockpit/cockpit-ws", "/usr/libexec/cockpit-ws")      # it has moved between versions of Debian
VIEWS = ("", "settings", "history", "server/default", "server/default/settings/access", "server/default/domains", "server/default/sessions",
         "server/default/queue", "server/default/queue/messages", "server/default/badmail", "server/default/counters", "server/default/history", "import")


def line_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def start_cockpit(t, service):
    """One browser session: that of the user who runs this."""
    share, programs = t.folder / "share", t.folder / "programs"
    done = subprocess.run(["make", "install-cockpit", f"DESTDIR={t.folder}", "COCKPITDIR=/share/cockpit"], cwd=ROOT, capture_output=True, text=True,
                          timeout=100, check=False)
    equal(done.returncode, 0, done.stdout + done.stderr)
    programs.mkdir()
    script = programs / "posternctl"
    script.write_text(f'#!/bin/sh\nexec "{service.bin}/posternctl" -c "{service.config}" "$@"\n')
    script.chmod(0o755)
    port = t.port()
    env = {**os.environ, **SANITIZERS, "PATH": f"{programs}:{os.environ['PATH']}", "XDG_DATA_DIRS": f"{share}:/usr/share", "HOME": str(t.folder),
           "XDG_CONFIG_HOME": str(t.folder / "config")}
    with open(t.folder / "cockpit.log", "wb") as log:
        program = next(path for path in COCKPITS if os.path.exists(path))
        process = subprocess.Popen([program, "--no-tls", "-a", "127.0.0.1", "-p", str(port), "--local-session=cockpit-bridge"], env=env,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end():
        process.terminate()
        process.wait(20)
    t.cleanup(end)
    until(lambda: ask_if_there(port, "/ping")[0] == 200, what=lambda: f"cockpit-ws: {(t.folder / 'cockpit.log').read_text()}")
    return f"http://127.0.0.1:{port}/cockpit/@localhost/postern/index.html"


def start(t):
    sink = t.sink(answers={"RCPT": lambda _session, line: "450 4.2.1 come back" if "later" in line else None})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}}, "other": {}})
    ids = [service.default.send(to=f"later-{n}@two.example") for n in range(3)]
    until(lambda: service.ctl("queue", "default", "list").stdout.count("waiting") == 3, what="all to wait")
    return service, ids


def test_cockpit(t):
    """All views; a state and a queue are changed; a setting is; the service ends and comes again."""
    service, ids = start(t)
    page = Chromium(t)
    page.size(1280)
    page.open(start_cockpit(t, service))
    page.wait_text("All is well", "Live", "default", "started")
    check(not page.has("button", "Log out"), "a logout, where Cockpit has one")
    for view in VIEWS:
        page.go(f"#/{view}")
        until(lambda: page.run("return document.querySelector('main footer, main form') !== null"), what=lambda: f"the view {view}: {page.text()}")
        equal(page.run("return [...document.querySelectorAll('main .refused')].map((e) => e.textContent).join('')"), "", page.text())
        page.look(view)
    page.go("#/")
    page.click("button", "Pause other")
    page.wait_text("other is paused", "posternctl pause other")
    page.find("button", "Continue other")
    page.go("#/server/default/queue/messages")
    page.wait_text("3 messages on this page")
    page.click("button", "Hold all that match")
    page.click("button", "Hold 3 messages")
    page.wait_text("3 messages held.")
    page.go(f"#/server/default/queue/messages/{ids[0]}")
    page.wait_text("later-0@two.example", "come back")
    page.go("#/server/default/settings/messages")
    field = page.find("field", "max-recipients")
    field.clear()
    field.send_keys("77\n")
    page.wait_text("+max-recipients = 77")
    page.click("button", "Apply")
    page.wait_text("default is started", "this is change 1")
    page.driver.refresh()
    page.wait_text("max-recipients", "Live")
    # the log as it comes, of one and of all
    service.ctl("continue", "other")
    page.go("#/server/other/log")
    page.wait_text("Watching since")
    service["other"].send(to="b@other.example")
    service.default.send(to="b@default.example")
    page.wait_text("accepted", "b@other.example", "dropped")
    check("default.example" not in page.run("return document.querySelector('table.log').innerText"), page.text())
    page.look("the log of one")
    page.go("#/log")
    until(lambda: "b@other.example" not in page.text(), what=lambda: page.text())
    page.wait_text("Watching since")
    service.default.send(to="c@default.example")
    page.wait_text("c@default.example")
    page.find("field", "Topic").send_keys("state")
    service.ctl("pause", "default")
    page.wait_text("state=paused")
    check("c@default.example" not in page.run("return document.querySelector('table.log').innerText"), "another topic is shown")
    service.ctl("continue", "default")
    watchers = lambda: [pid for pid in os.listdir("/proc") if pid.isdigit() and f"posternctl\0-c\0{service.config}\0watch\0" in line_of(pid)]
    until(lambda: len(watchers()) == 1, what=lambda: f"one watcher: {watchers()}")
    page.go("#/settings")
    until(lambda: watchers() == [], what="the watcher to end with its page")
    # a file of IIS, which the browser has and the host has not
    page.go("#/import")
    page.find("field", "File").send_keys(str(ROOT / "t/fixtures/import/MetaBase.xml"))
    page.click("button", "Read it")
    page.wait_text("Default SMTP Virtual Server (virtual server 1 of IIS)")
    page.find("field", "File").send_keys(str(ROOT / "README.md"))
    page.click("button", "Read it")
    page.wait_text("neither XML nor JSON")
    equal(page.complaints(), [], "complaints of the browser")
    page.go("#/server/default/settings/messages")
    service.stop()
    page.wait_text("The service does not answer since")
    service.start()
    page.wait_text("Live")
    service.stop()
    page.driver.refresh()
    page.wait_text("The service is not running.")
    page.look("no service")
    service.start()
    page.click("button", "Try again")
    page.wait_text("max-recipients", "Live")


def test_api(t):
    """What the page asks: the answer of the service as it is; what is no question; without a service."""
    service = t.postern({"one": {}})

    def api(text):
        return subprocess.run([service.bin / "posternctl", "-c", service.config, "api", "command"], input=text, capture_output=True, text=True, check=False,
                              env={**os.environ, **SANITIZERS})
    answer = json.loads(api('{"words": ["status"]}').stdout)
    equal((answer["status"], answer["data"]["servers"][0]["name"], answer["text"].split()[:2]), (0, "one", ["one", "started"]))
    answer = json.loads(api('{"words": ["pause", "none"]}').stdout)
    equal((answer["status"], answer["data"], answer["text"]), (3, None, "there is no virtual server none\n"))
    for text in ("", "[]", '{"words": []}', '{"words": "status"}', '{"words": [1]}', '{"words": ["a\\u0000b"]}', '{"words": ["status"', "{}"):
        equal((text, api(text).returncode), (text, 65))
    equal(api(json.dumps({"words": ["x" * 40000]})).returncode, 65)
    equal(api(json.dumps({"words": ["x"] * 300})).returncode, 65)
    service.stop()
    equal(json.loads(api('{"words": ["status"]}').stdout)["error"], "the service is not running")
    equal(service.ctl("api", "nothing", ok=False).returncode, 64)
