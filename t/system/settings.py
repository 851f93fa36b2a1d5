"""settings - posternctl get, set, unset: keys of a running service changed by command, judged, shown, taken back"""

import fcntl
import json
import os
import pwd
import re
import subprocess

from checks import check, equal


def account(name):
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def ask_and_go(service, *words):
    """Says a command to the service and waits for no answer: goes when the change is on its way."""
    mark = service.events.mark()
    with subprocess.Popen([service.bin / "posternctl", "-c", service.config, *words], env=service.environment(), stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, **service.account()) as process:
        service.events.wait("config", since=mark, server=words[1], result="changed")
        process.kill()


# shows 1.9d, 1.9e, 2.1d
def test_set(t):
    """What is set counts at once and stands in the file; what is wrong is refused with file, line and what was meant."""
    service = t.postern()
    file, ctl = service.default.file, service.ctl
    before = file.read_text()
    file.chmod(0o640)
    ctl("set", "default", "general.banner=Hello there", "messages.max-recipients=7")
    with service.default.connect() as client:
        check("Hello there" in client.banner.text, client.banner)
    equal(file.read_text(), before.replace("\n\n[access]", "\nbanner = Hello there\n\n[access]", 1)
          .replace("[messages]\n", "[messages]\nmax-recipients = 7\n"), "the file")
    equal(file.stat().st_mode & 0o777, 0o640, "its mode")
    said = ctl("get", "default", "general.banner", "messages.max-recipients", "access.tls").stdout.splitlines()
    equal([line.split()[0] for line in said], ["general.banner", "messages.max-recipients", "access.tls"])
    check(re.fullmatch(rf"messages.max-recipients\t7\t100\t{file}:\d+", said[1]), said[1])
    check(said[2].split()[1] == "off" and said[2].endswith("default"), said[2])
    event = service.events.wait("change", key="messages.max-recipients", result="ok")
    check(event["before"] == "-" and event["after"] == "7" and event["server"] == "default" and event["result"] == "ok", event.line)
    ctl("unset", "default", "messages.max-recipients", "general.banner")
    equal(file.read_text(), before, "as it was")
    ctl("set", "default", "access.relay-list+=192.0.2.1,192.0.2.2", "access.relay-list-=x", ok=False)
    ctl("set", "default", "access.relay-list+=192.0.2.1,192.0.2.2")
    check("relay-list = 127.0.0.1, ::1, 192.0.2.1, 192.0.2.2\n" in file.read_text(), file.read_text())
    ctl("set", "default", "access.relay-list-=192.0.2.2, 192.0.2.1")
    equal(file.read_text(), before, "as it was")
    for words, status, text in (
            (("set", "default", "messages.max-recipients=none"), 78, f"{file}:"), (("set", "default", "access.tsl=off"), 64, 'mean "tls"'),
            (("set", "default", "tls=off"), 64, "access.tls"), (("set", "default", "acess.tls=off"), 64, "did you mean access"),
            (("set", "default", "general.banner=a ; b"), 78, "semicolon"), (("set", "nowhere", "access.tls=off"), 3, "no virtual server"),
            (("set", "default", "service.grace=1s"), 64, "postern.ini"), (("set", "default", "manager.hosts=x"), 64, "postern.ini"), (("set", "access.tsl=x"), 64, "mean"), (("unset", "default", "access.tls"), 3, "is not in"),
            (("set", "default", "access.relay-list+=127.0.0.1"), 78, "already"), (("set", "default", "access.relay-list-=1.2.3.4"), 78, "has no item"),
            (("set", "default", "access.authentication+=basic"), 78, "say all of it"), (("set", "default", "delivery.fqdn+=x"), 78, "is no list"),
            (("set", "default", "access.tls=required"), 78, "certificate"), (("set", "service.user=other"), 1, "taken back")):
        done = ctl(*words, ok=False)
        equal(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        check(text in done.stdout + done.stderr, words, done.stdout, done.stderr)
    equal(file.read_text(), before, "nothing of it was written")


# shows 1.9e
def test_dry_run_and_hand_edit(t):
    service = t.postern({"default": {}, "more": {}})
    file = service.default.file
    before = file.read_text()
    done = service.ctl("set", "default", "--dry-run", "general.banner=x", "domain:default.example.drop-quota=5M")
    check("+banner = x" in done.stdout and "+drop-quota = 5M" in done.stdout and "[domain default.example]" in done.stdout, done.stdout)
    equal(file.read_text(), before, "nothing was written")
    file.write_text("; by hand\n" + before)
    done = service.ctl("set", "default", "general.banner=x", ok=False)
    check(done.returncode == 1 and "changed by hand" in done.stderr and f"{file}:1:" in done.stderr, done.stderr)
    service.ctl("reload")
    service.ctl("set", "default", "general.banner=x")
    check(file.read_text().startswith("; by hand\n") and "banner = x" in file.read_text(), file.read_text())
    equal((file.parent / "default.ini.previous").read_text(), "; by hand\n" + before)
    # what is being written by hand into another file is not taken over with it
    other, number = service["more"].file, len(service.children(server="more"))
    text = other.read_text()
    other.write_text(text + "\n[half a wo")
    service.ctl("set", "default", "general.banner=y")
    check("no such" not in service.ctl("status").stdout and len(service.children(server="more")) == number, "the other one")
    equal(rows(service, "get", "more", "general.banner")[0][3], "default")
    done = service.ctl("set", "more", "general.banner=z", ok=False)
    check(done.returncode == 1 and f"{other}:{text.count(chr(10)) + 1}: was changed by hand" in done.stderr, done.stderr)
    other.write_text(text)
    service.ctl("set", "more", "general.banner=z")


# shows 1.9e
def test_taken_back(t):
    """A change that the service cannot run with: the file is as before, and so is the service."""
    service = t.postern({"default": {}, "more": {}})
    file = service["more"].file
    before, children = file.read_text(), service.children(server="more")
    done = service.ctl("set", "more", f"general.listen=127.0.0.1:{service.default.port}", ok=False)
    check(done.returncode == 1 and "taken back" in done.stderr, done.stderr)
    equal(file.read_text(), before, "the file")
    equal(service.children(server="more"), children, "its processes")
    service["more"].send(to="b@more.example")
    service.events.wait("change", result="taken-back", key="general.listen")
    # what only the new process finds out
    junk = service.folder / "junk.pem"
    junk.write_text("no certificate\n")
    junk.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(junk, t.uid, t.gid)
    words = ("set", "more", f"access.certificate={junk}", f"access.key={junk}")
    done = service.ctl(*words, ok=False)
    check(done.returncode == 1 and "taken back" in done.stderr and "junk.pem" in done.stderr, done.stderr)
    equal(file.read_text(), before, "the file")
    mark = service.events.mark()
    ask_and_go(service, *words)
    service.events.wait("change", since=mark, result="taken-back", key="access.key")
    equal(file.read_text(), before, "also when who asked has gone")
    service["more"].send(to="b@more.example")
    service.ctl("set", "more", "general.banner=x")


# shows 1.8b
def test_rights(t):
    """Operators of a virtual server set what cannot hurt others; viewers look; others are refused."""
    t.need_root()
    service = t.postern({"one": {"security": {"operators": "daemon", "viewers": "mail"}, "delivery": {"smart-host": "a.example"}}, "two": {}},
                        service={"operators": "bin"}, as_root=True)
    os.chmod(service.folder, 0o755)
    file = service["one"].file

    def said(name, *words):
        done = service.ctl(*words, ok=False, account=account(name))
        return done.returncode, done.stdout + done.stderr
    for words, status in ((("set", "one", "messages.max-recipients=7"), 0), (("set", "one", "delivery.smart-host=b.example"), 0),
                          (("set", "one", "access.relay-list=127.0.0.1"), 0), (("set", "one", "access.relay-list=127.0.0.1,/etc/shadow"), 77),
                          (("set", "one", "general.home=/tmp/x"), 77), (("set", "one", "general.listen=127.0.0.1:1"), 77),
                          (("set", "one", "delivery.outbound-auth=basic"), 77), (("set", "one", "security.operators=mail"), 77),
                          (("set", "two", "messages.max-recipients=7"), 77), (("set", "service.grace=7s"), 77), (("get", "one", "access.tls"), 0),
                          (("get", "two", "access.tls"), 77), (("get", "service.grace"), 77)):
        equal(said("daemon", *words)[0], status, f"{words}: {said('daemon', *words)[1]}")
    for words, status in ((("get", "one", "access.tls"), 0), (("set", "one", "messages.max-recipients=8"), 77), (("get", "two"), 77)):
        equal(said("mail", *words)[0], status, words)
    equal(said("bin", "set", "one", f"general.home={service.spool}/elsewhere", "delivery.smart-host=c.example")[0], 0)
    equal(said("bin", "set", "service.grace=7s")[0], 0, "the service's operator")
    equal(file.stat().st_uid, 0, "its owner")
    # who gets the mail gets the password, too
    secret = service.folder / "secret"
    secret.write_text("word\n")
    secret.chmod(0o600)
    # also while the account stands in a file that was refused: the operator would mend it, and take the password
    before = file.read_text()
    file.write_text(before.replace("max-recipients = 7", "max-recipients = 1OO")
                    + f"\n[domain far.example]\ntype = remote\noutbound-auth = basic\nuser = u\nsecret-file = {secret}\nroute = a.example\noutbound-tls = verify\n")
    service.ctl("reload", ok=False)
    words = ("set", "one", "messages.max-recipients=8", "domain:far.example.route=evil.example", "domain:far.example.outbound-tls=off")
    equal(said("daemon", *words)[0], 77, "the file has an account")
    file.write_text(before)
    service.ctl("reload")
    equal(said("bin", "set", "one", "delivery.outbound-auth=basic", "delivery.user=u", f"delivery.secret-file={secret}")[0], 0)
    status, text = said("daemon", "set", "one", "delivery.smart-host=evil.example")
    check(status == 77 and "password" in text, text)
    equal(said("daemon", "set", "one", "messages.max-recipients=9")[0], 0)
    # not as often as it likes
    words = ("set", "one", "--dry-run", "messages.max-recipients=10")
    check(any("too many changes" in said("daemon", *words)[1] for _ in range(40)), "40 of them")
    equal(said("bin", *words)[0], 0, "the service's operator")


# shows 1.9d, S1.5
def test_without_a_service(t):
    """The same by the same code, as the user who calls it."""
    service = t.postern(start=False)
    file = service.default.file
    before = file.read_text()
    done = service.ctl("set", "default", "general.banner=x")
    check("+banner = x" in done.stdout and "not running" in done.stdout, done.stdout)
    equal(service.ctl("get", "default", "general.banner").stdout.split()[:2], ["general.banner", "x"])
    done = service.ctl("set", "default", "messages.max-recipients=none", ok=False)
    check(done.returncode == 78 and f"{file}:" in done.stderr, done.stderr)
    service.ctl("unset", "default", "general.banner")
    equal(file.read_text(), before)


def rows(service, *words):
    return [line.split("\t") for line in service.ctl(*words).stdout.splitlines()]


# shows 1.9f, 2.8a, 2.8n
def test_domains(t):
    """Domains come, are changed, get another name and go, but the default one; what is written by hand around them stays."""
    service = t.postern()
    file, ctl = service.default.file, service.ctl
    before = file.read_text()
    equal([row[:2] for row in rows(service, "domain", "list", "default")], [["default.example", "default"]])
    ctl("domain", "add", "default", "B\u00fccher.example", "type=remote", "route=a.example", "hold=yes")
    equal(file.read_text(), before + "\n[domain B\u00fccher.example]\ntype = remote\nroute = a.example\nhold = yes\n")
    equal([row[0] for row in rows(service, "domain", "list", "default")], ["default.example", "xn--bcher-kva.example"])
    ctl("domain", "set", "default", "b\u00fccher.example", "route=b.example", "hold=no")
    ctl("domain", "rename", "default", "xn--bcher-kva.example", "new.example")
    check("[domain new.example]\ntype = remote\nroute = b.example\nhold = no\n" in file.read_text(), file.read_text())
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@sender.example>")
        client.expect(250, "RCPT TO:<b@new.example>")
    for words, status in ((("add", "default", "new.example", "type=alias"), 1), (("add", "default", "x.example"), 78),
                          (("add", "default", "a b", "type=alias"), 1), (("remove", "default", "none.example"), 3), (("remove", "default"), 64),
                          (("rename", "default", "new.example", "default.example"), 1),
                          (("odd", "default", "x.example"), 64), (("set", "default", "new.example"), 64), (("list", "nowhere"), 3)):
        done = ctl("domain", *words, ok=False)
        equal(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
    ctl("domain", "remove", "default", "new.example")
    equal(file.read_text(), before)
    # the default domain stays, by whatever name
    for words in (("domain", "remove", "default", "default.example"), ("domain", "set", "default", "default.example", "type=alias"),
                  ("unset", "default", "domain:default.example.type")):
        done = ctl(*words, ok=False)
        equal((done.returncode, file.read_text()), (1, before), f"{words}: {done.stdout}{done.stderr}")
        check("default.example is the default domain: it can be renamed" in done.stderr, done.stderr)
    ctl("domain", "add", "default", "next.example", "type=alias")
    ctl("set", "default", "domain:default.example.type=alias", "domain:next.example.type=default")
    ctl("undo")
    ctl("domain", "remove", "default", "next.example")
    equal(file.read_text(), before)
    ctl("domain", "rename", "default", "default.example", "other.example")
    equal([row[:2] for row in rows(service, "domain", "list", "default")], [["other.example", "default"]])
    service.default.send(to="b@other.example")
    equal(service.home.wait_drops()[0].receivers, ["b@other.example"])


# shows 1.9e, 7.2c, 9b.7
def test_history_and_undo(t):
    """The last changes with who and what; each can be taken back as long as its lines are as it left them."""
    service = t.postern()
    file, ctl = service.default.file, service.ctl
    before = file.read_text()
    ctl("set", "default", "general.banner=one")
    ctl("set", "default", "messages.max-recipients=7", "general.banner=two")
    ctl("set", "service.grace=7s")
    equal([row[2:8] for row in rows(service, "history")],
          [[f"uid={service.test.uid}", "-", "set", "service.grace", "5s", "7s"],
           [f"uid={service.test.uid}", "default", "set", "messages.max-recipients", "-", "7"],
           [f"uid={service.test.uid}", "default", "set", "general.banner", "one", "two"],
           [f"uid={service.test.uid}", "default", "set", "general.banner", "-", "one"]])
    equal([row[0] for row in rows(service, "history", "default", "1")], ["2", "2"])
    said = json.loads(ctl("history", "--json").stdout)
    equal((said["changes"][0]["number"], said["changes"][0]["key"], said["changes"][0]["after"]), (3, "service.grace", "7s"))
    done = ctl("undo", "1", ok=False)
    check(done.returncode == 1 and "its lines have changed since" in done.stderr, done.stderr)
    done = ctl("undo", "--dry-run", "2")
    check("-banner = two" in done.stdout and "+banner = one" in done.stdout and "nothing was written" in done.stdout, done.stdout)
    ctl("undo")
    equal(rows(service, "get", "service.grace")[0][1], "5s", "the latest")
    ctl("undo", "2")
    ctl("undo", "1")
    equal(file.read_text(), before, "all of it")
    event = service.events.wait("change", command="undo", key="general.banner", after="-", result="ok")
    equal(event["before"], "one")
    equal(ctl("undo", "99", ok=False).returncode, 3)
    service.stop()
    ctl("undo", "1", ok=False)
    equal(rows(service, "history", "1")[0][4], "undo", "without a service")
    ctl("undo")
    check("banner = one" in file.read_text(), file.read_text())


def test_stopping(t):
    """What stops is not waited for; a service that stops takes no change back."""
    service = t.postern({"one": {}, "two": {}}, service={"grace": "20s"})
    client = service["one"].connect(ehlo="c.example")
    client.expect(250, "MAIL FROM:<a@sender.example>")
    client.expect(250, "RCPT TO:<b@one.example>")
    client.expect(354, "DATA")
    ctl = [service.bin / "posternctl", "-c", service.config]
    with subprocess.Popen([*ctl, "stop", "one"], env=service.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          **service.account()) as stop:
        service.events.wait("state", server="one", state="stopping")
        done = service.ctl("set", "one", "general.description=x")
        check("one is stopping" in done.stdout, done.stdout)
        service.ctl("set", "two", "general.description=x")
        client.send(b".\r\n")
        equal(client.reply().code, 250, "the session is there all the time")
        client.close()
        equal(stop.wait(), 0)
    mark = service.events.mark()
    with subprocess.Popen([*ctl, "set", "two", "general.banner=y"], env=service.environment(), stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, **service.account()) as change:
        service.events.wait("change", since=mark, result="written", key="general.banner")
        service.stop()
        check("taken back" not in change.communicate()[0], "the change")
    check("banner = y" in service["two"].file.read_text(), service["two"].file.read_text())


def test_two_at_once(t):
    """The second is told, and changes nothing."""
    service = t.postern()
    before = service.default.file.read_text()
    service.ctl("set", "default", "general.banner=x")
    with open(service.state / "changes" / "lock", "r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for words in (("set", "default", "general.banner=y"), ("undo",), ("create", "new", f"listen=127.0.0.1:{t.port()}")):
            done = service.ctl(*words, ok=False)
            check(done.returncode == 1 and "another change is under way" in done.stderr, words, done.stderr)
    service.ctl("undo")
    equal(service.default.file.read_text(), before)


# shows 1.9a, 2.3e
def test_create_with_keys(t):
    """A new virtual server with any key, and one like another: its rules, but not its number, folders and addresses."""
    service = t.postern()
    ports = [t.port(), t.port()]
    done = service.ctl("create", "one", f"listen=127.0.0.1:{ports[0]}", f"general.home={service.spool}/elsewhere", "messages.max-recipients=3",
                       "domain=one.example", "description=The first", "access.relay-list=127.0.0.0/8")
    check("one is started" in done.stdout, done.stdout)
    check((service.spool / "elsewhere" / "queue").is_dir(), "its home")
    done = service.ctl("create", "two", "--from", "one", ok=False)
    check(done.returncode == 1 and "belongs to virtual server one; say listen=ADDRESS" in done.stderr, done.stderr)
    done = service.ctl("create", "two", "--from", "one", f"listen=127.0.0.1:{ports[1]}", "domain=two.example", "--dry-run")
    check("nothing was written" in done.stdout and not (service.folder / "servers" / "two.ini").exists(), done.stdout)
    service.ctl("create", "two", "--from", "one", f"listen=127.0.0.1:{ports[1]}", "domain=two.example", "messages.max-recipients=4")
    text = (service.folder / "servers" / "two.ini").read_text()
    check("max-recipients = 4" in text and "home" not in text and "The first" not in text and "127.0.0.0/8" in text and "one" not in text, text)
    equal([row[:2] for row in rows(service, "domain", "list", "two")], [["two.example", "default"]])
    for words, status in ((("three", "--from", "nowhere"), 3), (("three", "colour.red=x"), 64), (("three", "general.banner=x", "access.tls=odd"), 78),
                          (("one", f"listen=127.0.0.1:{ports[1]}"), 1), (("three", f"listen=127.0.0.1:{ports[1]}", "domain=three.example"), 1)):
        done = service.ctl("create", *words, ok=False)
        equal(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
    check(not (service.folder / "servers" / "three.ini").exists(), "a file is left")
