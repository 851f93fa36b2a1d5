"""web_import - a file of IIS in the manager: it comes in pieces, is read by postern-import, shown with what becomes of it, and made"""

import base64
import json
import os
import pwd
import subprocess

from checks import check, equal
from chromium import Chromium
from patience import until
from programs import ROOT, SANITIZERS
from web_client import Browser, ask, start_manager

PIECE = 47 * 1024


def metabase(*servers):
    """(instance, comment, port) of each."""
    body = "".join(
        f'<IIsSmtpServer Location="/LM/SmtpSvc/{n}" ServerComment="{comment}" ServerBindings="127.0.0.1:{port}:" RelayIpList="" '
        f'DefaultDomain="d{n}.example" FullyQualifiedDomainName="mx{n}.example" ServerAutoStart="{"FALSE" if comment == "Sleeper" else "TRUE"}"/>'
        f'<IIsSmtpDomain Location="/LM/SmtpSvc/{n}/Domain/alias{n}.example" RouteAction="16"/>' for n, comment, port in servers)
    return f'<?xml version="1.0"?><configuration xmlns="urn:microsoft-catalog:XML_Metabase_V64_0"><MBProperty>{body}</MBProperty></configuration>'.encode()


def send(browser, data, size=PIECE):
    """As a page does; the answer to the last piece."""
    for at in range(0, max(len(data), 1), size):
        answer = browser.request("/api/import", {"at": at, "data": base64.b64encode(data[at:at + size]).decode(), "last": at + size >= len(data)})
        if browser.status != 200:
            break
    return answer


def logged_in(service, port, **options):
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login", **options).stdout)
    equal(browser.status, 200)
    return browser


def account(name):
    entry = pwd.getpwnam(name)
    return {"account": {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}}


def test_pieces(t):
    """What comes back is the report, with the words that make each virtual server; what is no file of IIS is refused, and nothing is written."""
    service, port = start_manager(t)
    browser = logged_in(service, port)
    file = metabase((1, "Mail", 2525), (2, "Sales", 2526))
    padded = file.replace(b"<MBProperty>", b"<!--" + b" " * 200000 + b"--><MBProperty>")
    for data, size in ((file, PIECE), (file, 100), (padded, PIECE), ((ROOT / "t/fixtures/import/MetaBase.xml").read_bytes(), PIECE),
                       ((ROOT / "t/fixtures/import/set1.json").read_bytes(), PIECE)):
        answer = send(browser, data, size)
        equal((browser.status, answer["status"]), (200, 0), answer)
        check(answer["data"]["servers"] and all(row["create"][:2] == ["create", "-"] for row in answer["data"]["servers"]), answer)
    answer = send(browser, file)
    equal([row["name"] for row in answer["data"]["servers"]], ["default", "sales"])
    check("domain:alias2.example.type=alias" in answer["data"]["servers"][1]["create"], answer["data"]["servers"][1])
    answer = send(browser, (ROOT / "t/fixtures/import/MetaBase.xml").read_bytes())
    check(any(row.get("command", "").startswith(f"posternctl -c {service.config} ") for server in answer["data"]["servers"] for row in server["report"]), answer)
    for data, why in ((b"", ""), (b"hello", "neither XML nor JSON"), (b"<a/>", ""), (b"\x00" * 1000, ""), (b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', "")):
        answer = send(browser, data)
        check((browser.status, answer["status"], answer["data"]) == (200, 65, None) and why in answer["text"] and answer["text"], data, answer)
    equal(sorted(path.name for path in (service.folder / "servers").iterdir()), ["default.ini"])
    service.events.wait("operator", command="import", result="ok", by="web")
    # a piece that does not fit
    for body, status in (({"at": 5, "data": "YQ=="}, 409), ({"at": 0}, 400), ({"at": -1, "data": "YQ=="}, 400), ({"at": 0, "data": "?"}, 400),
                         ({"at": "0", "data": "YQ=="}, 400), ({"at": 0, "data": ""}, 400), ({"at": 1 << 40, "data": "YQ=="}, 400), ({"at": 0, "data": ["YQ=="]}, 400)):
        browser.request("/api/import", body)
        equal(browser.status, status, body)
    browser.request("/api/import", {"at": 0, "data": "YQ=="})
    equal(browser.request("/api/import", {"at": 0, "data": "YWI="}), {"at": 2}, "another file begins")
    browser.request("/api/import", {"at": 1, "data": "YQ=="})
    equal(browser.status, 409)
    equal(browser.request("/api/import", {"at": 2, "data": "YQ=="}), {"at": 3}, "the file of before")
    # its cap, in memory that goes again
    answer = send(browser, b"a" * (9 << 20))
    check(browser.status == 413 and "posternctl import" in answer["error"], answer)
    equal(send(browser, file)["status"], 0)


def test_who_may(t):
    """Without a session, from another site, with no right on the service: nothing is read."""
    t.need_root()
    service, port = start_manager(t, {"one": {"security": {"operators": "games", "viewers": "mail"}}}, service={"operators": "daemon, bin"}, as_root=True)
    service.folder.chmod(0o755)
    browser = logged_in(service, port)
    body = json.dumps({"at": 0, "data": base64.b64encode(metabase((1, "Mail", 2525))).decode(), "last": True})
    good = {"Cookie": browser.cookie, "X_Postern_Token": browser.csrf, "Content_Type": "application/json", "Sec_Fetch_Site": "same-origin"}
    for fields, status in (({"Cookie": None}, 401), ({"X_Postern_Token": None}, 401), ({"Sec_Fetch_Site": "cross-site"}, 403),
                           ({"Origin": "http://evil.example"}, 403), ({"Content_Type": "text/plain"}, 415), ({"Host": "evil.example"}, 421), ({}, 200)):
        equal(ask(port, "/api/import", "POST", body, **{**good, **fields})[0], status, fields)
    equal(ask(port, "/api/import", **good)[0], 405)
    viewer = logged_in(service, port, **account("mail"))
    send(viewer, metabase((1, "Mail", 2525)))
    equal(viewer.status, 403)
    # who operates one virtual server takes no place from those who may: not one piece counts
    for each in (logged_in(service, port, **account("games")) for _ in range(3)):
        answer = each.request("/api/import", {"at": 0, "data": "YQ=="})
        equal((each.status, answer), (403, {"error": "import: you are no operator of the service"}))
    operator = logged_in(service, port, **account("daemon"))
    equal(send(operator, metabase((1, "Mail", 2525)))["status"], 0)
    equal(service.ctl("import", "/nonexistent", ok=False).returncode, 66)
    # one a person, in whatever session; and as many as there may be: a third person waits
    again, third = logged_in(service, port, **account("daemon")), logged_in(service, port, **account("bin"))
    for each in (operator, again, operator, browser):
        each.request("/api/import", {"at": 0, "data": "YQ=="})
        equal(each.status, 200)
    again.request("/api/import", {"at": 1, "data": "YQ=="})
    equal(again.status, 409)
    third.request("/api/import", {"at": 0, "data": "YQ=="})
    equal(third.status, 503)
    browser.request("/api/import", {"at": 1, "data": "", "last": True})
    third.request("/api/import", {"at": 0, "data": "YQ=="})
    equal(third.status, 200)


def test_page(t):
    """Chosen, read, looked at, one renamed and made, one that did not run made and stopped; taken back."""
    service, port = start_manager(t)
    ports = [t.port(), t.port()]
    file = t.folder / "MetaBase.xml"
    file.write_bytes(metabase((1, "Mail &lt;b>&amp;", ports[0]), (2, "Sleeper", ports[1])))
    page = Chromium(t)
    page.open(service.ctl("web", "login").stdout.strip())
    page.wait_text("All is well", "Live")
    page.go("#/new")
    page.click("a", "Import from IIS")
    page.wait_title("Import from IIS")
    field = page.find("field", "File")
    field.send_keys(str(t.folder / "no.xml") if (t.folder / "no.xml").write_text("hello") else "")
    page.click("button", "Read it")
    page.wait_text("no.xml is refused: it is neither XML nor JSON")
    page.look("a refused file")
    field.send_keys(str(file))
    page.click("button", "Read it")
    page.wait_text("Virtual servers in the file: 2.", "Mail <b>& (virtual server 1 of IIS)", "Sleeper (virtual server 2 of IIS)", "It did not run there",
                   "relay-list", "to be asked for")
    for width in (360, 1280):
        page.size(width)
        page.look(f"the report at {width} pixels")
    # default is there: it gets another name
    page.run("document.querySelector('#import-name-1').form.requestSubmit()")
    page.wait_text("default exists already")
    name = page.run("return document.querySelector('#import-name-1')")
    name.clear()
    name.send_keys("mail\n")
    page.wait_text("Make the virtual server mail?", f"+listen = 127.0.0.1:{ports[0]}", "+[domain alias1.example]")
    page.look("what would be made")
    page.click("button", "Make it")
    page.wait_text("mail has been made", "this is change 1")
    page.run("document.querySelector('#import-name-2').form.requestSubmit()")
    page.wait_text("Make the virtual server sleeper?")
    page.click("button", "Make it")
    page.wait_text("sleeper has been made")
    until(lambda: service.ctl("status", "sleeper").stdout.startswith("sleeper stopped "), what="it to be stopped")
    check(service.ctl("status", "mail").stdout.startswith("mail started "), "it runs")
    equal([row["author"] for row in json.loads(service.ctl("history", "mail", "--json").stdout)["changes"]][0], f"uid={service.test.uid}")
    equal(page.complaints(), [], "complaints of the browser")
    service.ctl("undo", "1")
    equal(service.ctl("status", "mail", ok=False).returncode, 3)


def test_as_cockpit_does(t):
    """The same document from posternctl api import, which reads the file from the standard input."""
    service = t.postern(start=False)

    def api(data):
        return subprocess.run([service.bin / "posternctl", "-c", service.config, "api", "import"], input=data, capture_output=True, check=False,
                              env={**os.environ, **SANITIZERS}, **service.account())
    answer = json.loads(api(metabase((1, "Mail", 2525), (2, "Sales", 2526))).stdout)
    equal((answer["status"], [row["create"][2] for row in answer["data"]["servers"]]), (0, ["default", "sales"]))
    done = api(b"hello")
    check(done.returncode == 65 and b"neither XML nor JSON" in done.stderr, done)
    done = api(b"a" * (9 << 20))
    check(done.returncode == 65 and b"too large" in done.stderr, done)
