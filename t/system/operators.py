"""operators - posternctl operators and viewers: who may, shown and changed as by set, with its judgement, history and undo"""

import json
import os
import pwd
import socket

from checks import check, equal
from terminal import Terminal


def account(name):
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def listed(service, *words, member="operators"):
    """(who, of, origin) of each row."""
    document = json.loads(service.ctl(*words, "--json").stdout)
    equal(document["schema"], 1)
    return [(row["who"], row["of"], row["origin"]) for row in document[member]]


def test_of_a_server(t):
    """Accounts come and go one by one; comments stay, and each change is in the history and can be taken back."""
    service = t.postern({"default": {}, "list": {}})
    file, ctl = service.default.file, service.ctl
    file.write_text(file.read_text() + "\n; who may\n[security]\n; the day shift\noperators = daemon ; and more\n")
    ctl("reload")
    before = file.read_text()
    line = before[:before.index("operators")].count("\n") + 1
    equal(listed(service, "operators", "default", "list"), [("daemon", "default", f"{file}:{line}")])
    equal(ctl("operators", "default", "list").stdout.split(), ["daemon", "default", f"{file}:{line}"])
    done = ctl("operators", "default", "add", "account:bob", "--dry-run")
    check("+operators = account:bob\n" in done.stdout and "nothing was written" in done.stdout, done.stdout)
    equal(file.read_text(), before, "a dry run")
    ctl("operators", "default", "add", "account:bob")
    equal(file.read_text(), before + "operators = account:bob\n", "the file: a line with a comment stays as it is")
    event = service.events.wait("change", key="security.operators", result="ok")
    equal((event["before"], event["after"], event["command"]), ("daemon", "daemon, account:bob", "set"))
    equal([row[0] for row in listed(service, "operators", "default", "list")], ["daemon", "account:bob"])
    ctl("operators", "default", "remove", "daemon")
    ctl("undo")
    ctl("undo", "1")
    equal(file.read_text(), before, "as it was")
    # a list that the file does not have begins as the one that counts
    ctl("viewers", "default", "add", "mail")
    check("viewers = mail\n" in file.read_text(), file.read_text())
    ctl("undo")
    by_hand = service.config.read_text()
    service.config.write_text(by_hand + "\n[security]\nviewers = games\n")
    ctl("viewers", "default", "add", "mail")
    check("viewers = mail\n" in file.read_text(), "what the service has not read yet counts", file.read_text())
    ctl("undo")
    service.config.write_text(by_hand)
    ctl("set", "security.viewers=sys, games")
    ctl("viewers", "default", "add", "mail")
    check("viewers = sys, games, mail\n" in file.read_text(), file.read_text())
    ctl("undo")
    ctl("viewers", "default", "remove", "sys")
    check("viewers = games\n" in file.read_text(), file.read_text())
    ctl("viewers", "default", "remove", "games")
    equal(listed(service, "viewers", "default", "list", member="viewers"), [])
    check("default has no viewers" in ctl("viewers", "default", "list").stderr, "an empty list says so")
    # a virtual server may have the name of a verb
    ctl("operators", "list", "add", "mail")
    check("operators = mail\n" in service["list"].file.read_text(), "of the virtual server list")
    equal([row[0] for row in listed(service, "operators", "list", "list")], ["mail"])


def test_of_the_service(t):
    """Without a name it is about all of it; who is operator of the service is one of each virtual server, too."""
    service = t.postern({"default": {"security": {"operators": "mail"}}})
    file, ctl = service.config, service.ctl
    before = file.read_text()
    equal(listed(service, "operators", "list"), [])
    ctl("operators", "add", "@daemon")
    check("operators = @daemon\n" in file.read_text(), file.read_text())
    equal([row[:2] for row in listed(service, "operators", "list")], [("@daemon", None)])
    equal([row[:2] for row in listed(service, "operators", "default", "list")], [("mail", "default"), ("@daemon", None)])
    with Terminal([service.bin / "posternctl", "-c", service.config, "operators", "default", "list"], columns=200, env=service.environment(),
                  **service.account()) as screen:
        screen.expect("WHO", "mail", "default", "@daemon", "(service)").end()
    ctl("undo")
    equal(file.read_text(), before)
    service.stop()
    ctl("viewers", "add", "sys")
    equal([row[:2] for row in listed(service, "viewers", "list", member="viewers")], [("sys", None)], "without a service")


def test_refused(t):
    """What is wrong is said, with what was meant, and nothing is written."""
    service = t.postern({"default": {"security": {"operators": "mail"}}})
    before = service.default.file.read_text(), service.config.read_text()
    for words, status, text in ((("default", "add", "mail"), 78, "already"), (("default", "remove", "daemon"), 78, "no item daemon"),
                                (("default", "add"), 64, "say who"), (("default", "add", ""), 64, "empty"), (("default",), 64, "list, add or remove"),
                                (("default", "ad", "mail"), 64, "did you mean add?"), (("default", "list", "mail"), 64, "one word too many"),
                                (("add", "default", "mail"), 78, "already"), (("default", "add", "a,b"), 64, "one at a time"),
                                (("nowhere", "add", "mail"), 3, "no virtual server"), (("nowhere", "list"), 3, "no virtual server"),
                                (("default", "add", "mail", "--jsn"), 64, "did you mean --json"), (("default", "add", "two words:"), 78, "operators")):
        done = service.ctl("operators", *words, ok=False)
        check(done.returncode == status and text in done.stderr, words, done.returncode, done.stderr)
    equal((service.default.file.read_text(), service.config.read_text()), before)


# shows 1.8b
def test_listen(t):
    """An operator of a virtual server gives it addresses within operator-listen, and takes his changes back; others are refused with the range."""
    t.need_root()
    low, other = t.port(), t.port()
    service = t.postern({"one": {"security": {"operators": "daemon"}}, "two": {}}, as_root=True)
    os.chmod(service.folder, 0o755)
    file, ctl = service["one"].file, service.ctl
    before, first, taken = file.read_text(), service["one"].port, service["two"].port
    ctl("set", f"service.operator-listen=127.0.0.1:{low}, 127.0.0.1:{taken}")
    ctl("set", "one", f"general.listen=127.0.0.1:{first}, 127.0.0.1:{low}", account=account("daemon"))
    service["one"].send()
    socket.create_connection(("127.0.0.1", low), timeout=30).close()
    for word, said in ((f"general.listen=127.0.0.1:{other}", f"127.0.0.1:{other} is outside of operator-listen of [service], which allows 127.0.0.1:{low},"),
                       (f"general.listen=*:{low}", f"*:{low} is outside of operator-listen"), (f"general.tls-listen=127.0.0.1:{other}", "general.tls-listen: only an"),
                       (f"general.listen+=127.0.0.1:{taken}", f"127.0.0.1:{taken} is that of another virtual server")):
        done = ctl("set", "one", word, ok=False, account=account("daemon"))
        check(done.returncode == 77 and said in done.stderr, word, done)
    done = ctl("unset", "one", "general.listen", ok=False, account=account("daemon"))
    check(done.returncode == 77 and "*:25 is outside" in done.stderr, done)
    event = service.events.wait("operator", result="refused", key="general.listen")
    check("outside of operator-listen" in event["reason"], event.line)
    ctl("undo", account=account("daemon"))
    equal(file.read_text(), before)
    # where the service's operators allow nothing, nothing is allowed; they themselves may
    ctl("unset", "service.operator-listen")
    done = ctl("set", "one", f"general.listen=127.0.0.1:{low}", ok=False, account=account("daemon"))
    check(done.returncode == 77 and "which allows no address" in done.stderr, done)
    ctl("set", "one", f"general.listen=127.0.0.1:{low}")


# shows 1.8b
def test_open_relay(t):
    """An operator of a virtual server says who may relay, but does not make it a relay for the world; one of the service may."""
    t.need_root()
    service = t.postern({"one": {"security": {"operators": "daemon"}}}, as_root=True)
    os.chmod(service.folder, 0o755)
    before, ctl = service["one"].file.read_text(), service.ctl
    world = ",".join(f"{i}.0.0.0/8" for i in range(1, 224))
    for words, said in ((("set", "one", "access.relay=all-except", "access.relay-list=192.0.2.1"), "every client outside relay-list"),
                        (("set", "one", f"access.relay-list={world}"), "a large part of all addresses"),
                        (("set", "one", "access.relay-list=2000::/4, 3000::/5"), "a large part of all addresses"),
                        (("set", "one", "access.relay-list=com, org"), "below a top-level domain"),
                        (("domain", "add", "one", "*.com", "type=remote", "relay=yes"), "below a top-level domain")):
        done = ctl(*words, ok=False, account=account("daemon"))
        check(done.returncode == 77 and said in done.stderr + done.stdout, words, done)
    equal(service["one"].file.read_text(), before)
    check("every client" in service.events.wait("operator", result="refused", key="access.relay")["reason"], "reason")
    ctl("set", "one", "access.relay-list=10.0.0.0/8, 192.168.0.0/16, 172.16.0.0/12, fc00::/7, example.com", account=account("daemon"))
    check("warning" in ctl("set", "one", "access.relay=all-except").stdout, "a warning for the service's operator")
    ctl("set", "one", "general.description=mine", account=account("daemon"))       # it was open before


# shows 1.8b
def test_ceilings(t):
    """An operator of a virtual server lifts its limits up to operator-... of [service]; higher ones are the administrator's, and check names them."""
    t.need_root()
    service = t.postern({"one": {"security": {"operators": "daemon"}, "messages": {"max-recipients": "5000"}}, "free": {}},
                        service={"operator-max-message-size": "30M", "operator-drop-quota": "1G", "operator-rate": "60",
                                 "operator-max-session-size": "1G", "operator-connections-per-domain": "100"}, as_root=True)
    os.chmod(service.folder, 0o755)
    ctl, daemon, place = service.ctl, account("daemon"), "domain:one.example.drop-quota"
    ctl("set", "one", f"{place}=1G", "host:mx.far.example.rate=60")
    before = service["one"].file.read_text()
    beyond = (("messages.max-message-size", "31M", "max-message-size = 31M is beyond operator-max-message-size of [service], which is 30M"),
              ("messages.max-message-size", "unlimited", "max-message-size = unlimited is beyond"), ("messages.max-session-size", "2G", "which is 1G"),
              ("messages.max-recipients", "5001", "max-recipients = 5001 is beyond operator-max-recipients of [service], which is 1000"),
              ("delivery.connections-per-domain", "101", "which is 100"), ("delivery.expire", "8d", "operator-expire of [service], which is 7d"),
              ("delivery.local-expire", "9999d", "local-expire = 9999d is beyond"), (place, "2G", "which is 1G"),
              ("host:mx.far.example.rate", "61", "which is 60"), ("host:mx.near.example.rate", "unlimited", "rate = unlimited is beyond operator-rate"))
    for key, value, said in beyond:
        done = ctl("set", "one", f"{key}={value}", ok=False, account=daemon)
        check(done.returncode == 77 and f"{key}: only an operator of the service may change this: " in done.stderr and said in done.stderr, key, value, done)
        event = service.events.wait("operator", result="refused", key=key)
        check("is beyond operator-" in event["reason"], event.line)
    done = ctl("unset", "one", place, ok=False, account=daemon)
    check(done.returncode == 77 and "drop-quota = unlimited is beyond" in done.stderr, done)
    done = ctl("domain", "add", "one", "other.example", "type=remote", "rate=100", ok=False, account=daemon)
    check(done.returncode == 77 and "domain:other.example.rate" in done.stderr, done)
    equal(service["one"].file.read_text(), before)
    # up to it, also beside what is beyond already, which may come down; not back again by undo
    ctl("set", "one", "messages.max-message-size=30M", "delivery.expire=7d", "host:mx.near.example.rate=59", account=daemon)
    ctl("set", "one", "messages.max-recipients=4000", account=daemon)
    done = ctl("undo", ok=False, account=daemon)
    check(done.returncode == 77 and "max-recipients = 5000 is beyond" in done.stderr, done)
    said = ctl("check").stdout
    check(f"{service['one'].file}:" in said and "warning: max-recipients = 4000 is beyond operator-max-recipients" in said, said)
    # the administrator goes further, and is told so where somebody else operates it
    check("warning: max-message-size = 40M is beyond" in ctl("set", "one", "messages.max-message-size=40M").stdout, "no warning")
    check("beyond" not in ctl("set", "free", "messages.max-message-size=40M").stdout, "it has no operators of its own")


def test_rights(t):
    """Who may is for operators of the service to say; others see what they may see."""
    t.need_root()
    service = t.postern({"one": {"security": {"operators": "daemon"}}}, service={"operators": "bin"}, as_root=True)
    os.chmod(service.folder, 0o755)
    for name, words, status, text in (("daemon", ("one", "add", "mail"), 77, "operator of the service"), ("daemon", ("one", "list"), 0, "daemon"),
                                      ("daemon", ("list",), 77, "no"), ("mail", ("one", "list"), 77, "no"),
                                      ("bin", ("one", "add", "mail"), 0, "mail"), ("mail", ("one", "list"), 0, "mail")):
        done = service.ctl("operators", *words, ok=False, account=account(name))
        check(done.returncode == status and text in done.stdout + done.stderr, name, words, done)
    done = service.ctl("operators", "one", "list", ok=False, account=account("daemon"))
    check("bin" not in done.stdout and "those of the service are not shown" in done.stderr, done)
