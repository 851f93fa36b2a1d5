"""web_drop - the drop folder by posternctl and in the manager: listed newest first, looked at, saved, deleted after a question; ten thousand
files; hostile mail; a stopped virtual server; who may only look sees no message
"""

import base64
import json
import os
import pwd

from checks import check, equal
from chromium import manager_page
from patience import until
from web_client import Browser, start_manager

SENDER = '"<script>document.title=1</script>"@s.example'
HOSTILE = (b"Subject: =?utf-8?q?=3Cscript=3Ealert=281=29=3C/script=3E?= \xff\xfe\r\nFrom: \"<img src=x onerror=alert(1)>\" <a@s.example>\r\n"
           b"Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\nno part\r\n--b\r\nContent-Type: text/html\r\n\r\n<script>document.title=2</script>\r\n"
           b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe <b>bold</b>=\r\n!\r\n--b--\r\n")


def rows(service, *words, **options):
    return json.loads(service.ctl("drop", *words, "--json", **options).stdout)["messages"]


def log_in(service, port, **options):
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login", **options).stdout)
    return browser


def read(browser, server, name):
    data, at = b"", None
    while True:
        answer = browser.command("drop", server, "read", f"id={name}", *([f"at={at}"] if at else []))
        equal(answer["status"], 0, answer["text"])
        data += base64.b64decode(answer["data"]["messages"][0]["data"])
        at = answer["data"]["next"]
        if at is None:
            return data


def test_console(t):
    service, port = start_manager(t)
    home = service.home
    ids = []
    for n in range(3):
        ids.append(service.default.send(sender=f"s{n}@s.example", to="b@default.example", data=b"Subject: %d\r\n\r\n" % n + b"x" * 100 * n + b"\r\n"))
        home.wait_drops(n + 1)
    # what is not deliver's is left alone
    for name in ("other.eml", "1k1gj34kp3gm6dec.eml", f"{ids[0]}-1.txt", ".1k1gj34k.part"):
        (home.path / "drop" / name).write_text("x-sender: no@s.example\n\nno\n")
    os.symlink("/etc/passwd", home.path / "drop" / "1k1gj34kp3gm6dec-7.eml")
    (home.path / "drop" / "2k1gj34kp3gm6dec-0.eml").mkdir()
    listed = rows(service, "default", "list")
    equal([row["sender"] for row in listed], ["s2@s.example", "s1@s.example", "s0@s.example"])
    equal((listed[0]["to"], listed[0]["recipients"]), (["b@default.example"], 1))
    equal([row["sender"] for row in rows(service, "default", "list", "--sender", "s1*")], ["s1@s.example"])
    shown = rows(service, "default", "show", listed[1]["id"])[0]
    check("Subject: 1" in shown["header"] and shown["recipients"] == [{"mark": "delivered", "address": "b@default.example"}], shown)
    equal(service.events.wait("opened")["drop"], listed[1]["id"])
    # more than one needs --yes; what is deleted is an event
    equal(service.ctl("drop", "delete", "--all", ok=False).returncode, 1)
    equal(len(rows(service, "list")), 3)
    check("1 message deleted" in service.ctl("drop", "delete", listed[0]["id"]).stdout, "one")
    equal(service.events.wait("drop-deleted")["drop"], listed[0]["id"])
    service.ctl("drop", "default", "delete", "--all", "--yes")
    equal(rows(service, "list"), [])
    check((home.path / "drop" / "other.eml").exists(), "not ours")
    equal(service.ctl("drop", "show", listed[0]["id"], ok=False).returncode, 3)
    equal(service.ctl("drop", "read", listed[0]["id"], ok=False).returncode, 64)
    # large: whole, in pieces; a stopped virtual server
    service.default.send(to="b@default.example", data=b"Subject: big\r\n\r\n" + b"0123456789\r\n" * 30000)
    until(lambda: rows(service, "default", "list"), what="the large one")
    name = rows(service, "default", "list")[0]["id"]
    browser = log_in(service, port)
    equal(read(browser, "default", name), (home.path / "drop" / f"{name}.eml").read_bytes())
    # whoever reads is in the log, once, and wherever the reading begins
    equal(len(service.events.all("opened", drop=name)), 1)
    service.default.send(to="b@default.example")
    until(lambda: len(rows(service, "default", "list")) == 2, what="another one")
    other = rows(service, "default", "list")[0]["id"]
    process = browser.command("drop", "default", "read", f"id={name}")["data"]["next"].partition(":")[0]
    service.events.wait("opened", drop=name, count=2)
    for _ in range(2):
        check(browser.command("drop", "default", "read", f"id={other}", f"at={process}:1")["data"]["messages"][0]["data"], "nothing")
    service.events.wait("opened", drop=other)
    browser.command("drop", "default", "read", f"id={name}", f"at={process}:18000")
    service.events.wait("opened", drop=name, count=3)
    equal(len(service.events.all("opened", drop=other)), 1)
    service.ctl("drop", "default", "delete", other)
    service.ctl("stop", "default")
    equal([row["id"] for row in rows(service, "default", "list")], [name])
    for words in (("read", "all"), ("read", "id=x*"), ("read", f"id={name}", f"id={name}"), ("delete",), ("what",)):
        check(browser.command("drop", "default", *words)["status"] in (0, 64), words)
    equal(browser.command("drop", "default", "delete")["status"], 64)
    equal(browser.command("drop", "default", "read", "id=../../etc/passwd")["data"]["messages"], [])
    service.ctl("drop", "default", "delete", name)
    check(not (home.path / "drop" / f"{name}.eml").exists(), "deleted while stopped")


def test_rights(t):
    t.need_root()
    service, port = start_manager(t, {"mine": {"security": {"viewers": "daemon"}}}, as_root=True)
    service["mine"].send(to="b@mine.example")
    service["mine"].home.wait_drops()
    entry = pwd.getpwnam("daemon")
    browser = log_in(service, port, account={"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []})
    name = browser.command("drop", "mine", "list")["data"]["messages"][0]["id"]
    for verb in ("show", "read", "delete"):
        equal(browser.command("drop", "mine", verb, f"id={name}")["status"], 77, verb)
    equal(len(service["mine"].home.drops()), 1)


def test_many(t):
    """Ten thousand files: a page comes at once, and all pages together have each once, the newest first."""
    service, port = start_manager(t)
    service.default.send(to="b@default.example")
    service.home.wait_drops()
    folder = service.home.path / "drop"
    text = next(folder.glob("*.eml")).read_bytes()
    names = [f"1j{n:014d}-0" for n in range(10000)]
    for name in names:
        (folder / f"{name}.eml").write_bytes(text)
    browser = log_in(service, port)
    found, at = [], None
    while at is not None or not found:
        answer = browser.command("drop", "default", "list", *([f"at={at}"] if at else []))
        check(len(answer["text"]) < 40000, len(answer["text"]))
        found += [row["id"] for row in answer["data"]["messages"]]
        at = answer["data"]["next"]
        if len(found) > 1000:
            break
    equal(found[1:], names[::-1][:len(found) - 1])


def test_page(t):
    service, _ = start_manager(t)
    home = service.home
    ids = [service.default.send(sender=SENDER, to="b@default.example", data=HOSTILE)]
    home.wait_drops()
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=\"%d\"\r\n\r\n--%d\r\n" % (n, n) for n in range(300)) + b"\r\nend\r\n"
    ids.append(service.default.send(to="b@default.example", data=deep))
    home.wait_drops(2)
    page = manager_page(t, service, "#/server/default/drop")
    page.wait_text(SENDER, "2 messages on this page")
    page.look("the drop folder")
    # by keyboard alone
    page.reach("a", f"{ids[0]}-0")
    page.press("ENTER")
    page.wait_text("Gr\u00fc\u00dfe <b>bold</b>!", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "text/html", "Save as a file")
    page.look("a message")
    equal(page.run("return document.querySelectorAll('main script, main img, main b, main iframe').length"), 0)
    equal(page.driver.title, f"Message {ids[0]}-0 - Postern")
    page.size(360)
    page.look("a message at 360 pixels")
    page.size(1280)
    page.go(f"#/server/default/drop/{ids[1]}-0")
    page.wait_text("Save as a file", "multipart/mixed")
    page.reach("button", "Delete")
    page.press("ENTER")
    page.wait_text("Delete 1 message?", "cannot be undone")
    page.click("button", "Cancel")
    equal(len(home.drops()), 2)
    page.click("button", "Delete")
    page.click("button", "Delete 1 message")
    page.wait_text("1 message deleted.", "not in the drop folder any more")
    equal(len(home.drops()), 1)
    # blanks that end nowhere keep no browser busy
    (home.path / "drop" / "1k1gj34kp3gm6ded-0.eml").write_bytes(
        b"x-sender: a@s.example\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nwide" + b" " * 800000 + b"!\r\n")
    page.go("#/server/default/drop/1k1gj34kp3gm6ded-0")
    page.wait_text("Save as a file", "wide")
    page.go("#/server/default/drop/1k1gj34kp3gm6dec-0")
    page.wait_text("not in the drop folder any more")
    equal(page.complaints(), [], "complaints of the browser")
