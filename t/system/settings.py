"""settings - posternctl get, set, unset: keys of a running service changed by command, judged, shown, taken back"""

import os
import pwd
import re

from checks import check, equal


def account(name):
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


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
    check(re.fullmatch(rf"messages.max-recipients +7 +100 +{file}:\d+", said[1]), said[1])
    check(said[2].split()[1] == "off" and said[2].endswith("default"), said[2])
    event = service.events.wait("change", key="messages.max-recipients")
    check(event["before"] == "-" and event["after"] == "7" and event["server"] == "default" and event["result"] == "ok", event.line)
    ctl("unset", "default", "messages.max-recipients", "general.banner")
    equal(file.read_text(), before, "as it was")
    for words, status, text in (
            (("set", "default", "messages.max-recipients=none"), 78, f"{file}:"), (("set", "default", "access.tsl=off"), 64, 'mean "tls"'),
            (("set", "default", "tls=off"), 64, "access.tls"), (("set", "default", "acess.tls=off"), 64, "did you mean access"),
            (("set", "default", "general.banner=a ; b"), 78, "semicolon"), (("set", "nowhere", "access.tls=off"), 3, "no virtual server"),
            (("set", "default", "service.grace=1s"), 64, "postern.ini"), (("set", "access.tsl=x"), 64, "mean"), (("unset", "default", "access.tls"), 3, "is not in"),
            (("set", "default", "access.tls=required"), 78, "certificate"), (("set", "service.user=other"), 1, "taken back")):
        done = ctl(*words, ok=False)
        equal(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        check(text in done.stdout + done.stderr, words, done.stdout, done.stderr)
    equal(file.read_text(), before, "nothing of it was written")


def test_dry_run_and_hand_edit(t):
    service = t.postern()
    file = service.default.file
    before = file.read_text()
    done = service.ctl("set", "default", "--dry-run", "general.banner=x", "domain:default.example.drop-quota=5M")
    check("+banner = x" in done.stdout and "+drop-quota = 5M" in done.stdout and "[domain default.example]" in done.stdout, done.stdout)
    equal(file.read_text(), before, "nothing was written")
    file.write_text("; by hand\n" + before)
    done = service.ctl("set", "default", "general.banner=x", ok=False)
    check(done.returncode == 1 and "changed by hand" in done.stdout and f"{file}:1:" in done.stdout, done.stdout)
    service.ctl("reload")
    service.ctl("set", "default", "general.banner=x")
    check(file.read_text().startswith("; by hand\n") and "banner = x" in file.read_text(), file.read_text())
    equal((file.parent / "default.ini.previous").read_text(), "; by hand\n" + before)


def test_taken_back(t):
    """A change that the service cannot run with: the file is as before, and so is the service."""
    service = t.postern({"default": {}, "more": {}})
    file = service["more"].file
    before, children = file.read_text(), service.children(server="more")
    done = service.ctl("set", "more", f"general.listen=127.0.0.1:{service.default.port}", ok=False)
    check(done.returncode == 1 and "taken back" in done.stdout, done.stdout)
    equal(file.read_text(), before, "the file")
    equal(service.children(server="more"), children, "its processes")
    service["more"].send(to="b@more.example")
    service.events.wait("change", result="taken-back", key="general.listen")


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
    equal(said("bin", "set", "one", "delivery.outbound-auth=basic", "delivery.user=u", f"delivery.secret-file={secret}")[0], 0)
    status, text = said("daemon", "set", "one", "delivery.smart-host=evil.example")
    check(status == 77 and "password" in text, text)
    equal(said("daemon", "set", "one", "messages.max-recipients=9")[0], 0)


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
