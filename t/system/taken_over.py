"""taken_over - a stand-in in place of each process, with its descriptors, user and limits: what it may do, and nothing more

Two virtual servers, the first with a user of its own. The stand-in (t/lib/intruder.c) tries everything on what belongs to either, to
root and to the service; a test knows what its role may. With the sandbox, and without it: then the users alone are the wall.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from checks import check, equal
from patience import until
from processes import status_of
from programs import BUILD, PROGRAMS, ROLE_USERS
from sasl import plain
from smtp import Smtp

WORKERS = ("listener", "pickup", "deliver", "maintenance")
OWN_USER = "64111"
# What each user of the host may do: the sandbox takes that, too.
EVERYBODY = {"listen", "run", "shrink", "read INI", "read one/ini", "read two/ini", "read state", "list state"}


# What only one of the INI files says: the own server's first.
CONFIG_TEXTS = ("one.example", "two.example", "account-two", "passwords.two", "passwords.out", "servers/two.ini")


def programs_with(t, role):
    folder = Path(tempfile.mkdtemp(dir=t.folder))
    folder.chmod(0o755)
    for program in PROGRAMS:
        shutil.copy(BUILD / program, folder)
    shutil.copy(BUILD / "t/intruder", folder / f"postern-{'deliver' if role == 'maintenance' else role}")
    return folder


def secret(path):
    path.write_text("secret")
    path.chmod(0o600)


def service_with_mail(t, user=OWN_USER, **more):
    """Both servers' folders with mail in them, made by a service that is whole, and secrets of root. It has stopped.

    `user`: of server one; None: the same as that of the other.
    """
    t.need_root()
    passwords = t.folder / "passwords"
    service = t.postern({"one": {"general": {"log": "yes", **({"user": user} if user else {})}, "delivery": {"reverse-dns": "yes"},
                                 "access": {"authentication": "anonymous, basic", "password-file": passwords, "basic-requires-tls": "no"}},
                         "two": {"general": {"log": "yes"},
                                 "access": {"authentication": "anonymous, basic", "password-file": passwords.with_suffix(".two"),
                                            "basic-requires-tls": "no"},
                                 "delivery": {"smart-host": "relay.two.example", "outbound-auth": "basic", "user": "account-two",
                                              "secret-file": passwords.with_suffix(".out"), "outbound-tls": "verify"}}}, as_root=True, start=False,
                        service={"metrics": t.folder / "metrics.sock", **more},
                        shared={"manager": {"listen": t.folder / "web.sock", "hosts": "localhost"}})
    for path in (passwords, passwords.with_suffix(".two"), passwords.with_suffix(".out")):
        secret(path)
    secret(service.folder / "key.pem")
    service.start()
    for name in ("one", "two"):
        service[name].send(to=f"b@{name}.example")
        service[name].home.wait_drops()
    service.stop()
    for name in ("one", "two"):
        home = service[name].home.path
        shutil.copy(next((home / "drop").glob("*.eml")), home / "badmail/old.bad")
        os.chown(home / "badmail/old.bad", home.stat().st_uid, home.stat().st_gid)
        (home / "badmail/old.bad").chmod(0o600)
    return service


def places(t, service):
    """{word: path} of what belongs to somebody."""
    found = {"INI": service.config, "passwords": t.folder / "passwords", "key": service.folder / "key.pem", "state": service.state}
    for name in ("one", "two"):
        home = service[name].home.path
        found.update({f"{name}/{folder}": home / folder for folder in ("queue", "drop", "badmail", "pickup")})
        found.update({f"{name}/mail": next((home / "drop").glob("*.eml")), f"{name}/bad": home / "badmail/old.bad",
                      f"{name}/ini": service.folder / f"servers/{name}.ini", f"{name}/log": service.folder / "logs" / name})
    return found


def attempts(found, port):
    words = []
    for path in found.values():
        words += [f"read:{path}", f"write:{path}"]
        words += [f"list:{path}", f"make:{path}"] if path.is_dir() else [f"mode:{path}", f"remove:{path}"]
    words += [f"config:{text}" for text in CONFIG_TEXTS]
    return words + ["signal:1", "trace:1", "memory:1", "run:/bin/true", "root:0", "shrink:0", f"connect:{port}", "listen:0"]


def wake(t, service, role):
    """What does not start by itself starts when it is asked; the answer never comes."""
    asks = {"fetch": ["oauth", "test", "p"], "maintenance": ["queue", "one", "list"]}
    if role in asks:
        service.wait_started("one") if role == "fetch" else service.events.wait("service", state="started")
        asker = subprocess.Popen([service.bin / "posternctl", "-c", service.config, *asks[role]], env=service.environment(),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        t.cleanup(lambda: (asker.kill(), asker.wait()))
    elif role == "filter":
        service.wait_started("one")
        client = socket.create_connection(("127.0.0.1", service["one"].port))     # its greeting never comes
        t.cleanup(client.close)
    elif role in ("resolver", "auth", "directory"):
        service.wait_started("one")
        client = Smtp(("127.0.0.1", service["one"].port))
        client.send(f"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@one.example>\r\n".encode() if role == "directory" else
                    f"EHLO c.example\r\nAUTH PLAIN {plain('a', 'b')}\r\n".encode())
        t.cleanup(client.close)


def intrude(t, service, role):
    """{"what word", ...}: what the stand-in of that role could do, for server one or as a helper."""
    found = places(t, service)
    service.bin = programs_with(t, role)
    service.intruder = True
    service.env["POSTERN_INTRUDER"] = " ".join(attempts(found, t.port()))
    if role == "maintenance":
        (service.state / "one.state").write_text("stopped\n")
    service.start(wait=())
    who = {"role": role, "server": "one" if role in WORKERS else "-"}
    wake(t, service, role)
    service.events.wait("intruder", result="over", **who)
    names = {str(path): word for word, path in found.items()} | {text: text for text in CONFIG_TEXTS}
    done = {f"{e['what']} {names.get(e['argument'], '')}".strip() for e in service.events.all("intruder", result="done", **who)}
    return done


# shows 2.2b
def test_users(t):
    """Each process has the user that its key names; those of a virtual server with a user of its own have that one."""
    t.need_root()
    service = t.postern({"one": {"general": {"user": OWN_USER}}, "two": {}}, as_root=True,
                        service={"metrics": t.folder / "metrics.sock", "listener-user": "64201", "metrics-user": "64206"})
    wanted = {("listener", "one"): "64201", ("listener", "two"): "64201", ("pickup", "one"): OWN_USER, ("deliver", "one"): OWN_USER,
              ("pickup", "two"): str(t.uid), ("deliver", "two"): str(t.uid), ("metrics", ""): "64206"}
    for role in ("listener", "pickup", "deliver", "metrics"):
        for pid in until(lambda r=role: service.children(r), what=role):
            server = service.title(pid).split(": ")[1] if role != "metrics" else ""
            until(lambda p=pid, w=wanted[role, server]: status_of(p)["Uid"].split()[0] == w, what=f"the {role} of {server} to have its user")
    for key in ("listener-user", "resolver-user", "auth-user", "directory-user", "fetch-user", "filter-user", "limits-user", "metrics-user",
                "web-user"):
        service.service[key] = "64999"
        service.write()
        done = service.ctl("reload", ok=False)
        check(f"{key} can only change while the service is stopped" in done.stdout + done.stderr, key, done.stdout, done.stderr)
        service.service[key] = {"listener-user": "64201", "metrics-user": "64206"}.get(key, ROLE_USERS[key])
    service.write()
    service["one"].set("general", user="64112")
    done = service.ctl("reload", ok=False)
    check("user can only change while the virtual server is stopped" in done.stdout + done.stderr, done.stdout, done.stderr)


def test_user_of_filters(t):
    """A host without the user of filters (from a version that had none) starts; it must be there when a filter is named."""
    t.need_root()
    service = t.postern(as_root=True, service={"filter-user": "nosuchuser"})
    service.default.send()
    service.home.wait_drops()
    service.ctl("check")
    service.default.set("filter one", connect="inet:127.0.0.1:9")
    said = [service.ctl(word, ok=False) for word in ("check", "reload")]
    for done in said:
        check(done.returncode != 0 and "there is no user nosuchuser" in done.stdout + done.stderr, done.stdout, done.stderr)
    with service.default.connect(ehlo="c.example") as client:      # as before
        client.expect(250, "MAIL FROM:<a@b.example>")


def test_listener(t):
    """It reaches no folder at all: not its own server's mail, nor its log, nor any secret; no process, no other host."""
    done = intrude(t, service_with_mail(t), "listener")
    equal(done, {"config one.example"}, "what a listener could do")


def test_listener_without_sandbox(t):
    """Its user alone keeps it from all mail, logs and secrets."""
    done = intrude(t, service_with_mail(t, sandbox="no"), "listener")
    equal(done - EVERYBODY, {"config one.example"}, "what a listener could do")


def test_pickup(t):
    """It has its own server's folders, and nothing of the other one's or of root."""
    done = intrude(t, service_with_mail(t), "pickup")
    check({"list one/queue", "make one/queue", "read one/bad"} <= done, "its own folders:", done)
    equal({word for word in done if " one/" not in word}, {"config one.example"}, "what is not its own")
    equal({word for word in done if word.endswith("one/ini")}, set(), "the INI file")


# shows 1.2a
def test_deliver(t):
    """Both servers have one user: the sandbox alone keeps it from the other one's queue, drop, badmail, pickup, logs and files.

    And its configuration is that of its own server.
    """
    for role in ("deliver", "maintenance"):
        done = intrude(t, service_with_mail(t, user=None), role)
        check({"list one/queue", "make one/queue", "read one/bad", "config one.example"} <= done, role, "its own folders:", done)
        allowed = {"config one.example", "listen"} if role == "deliver" else {"config one.example"}
        equal({word for word in done if " one/" not in word and not word.startswith("connect")} - allowed, set(), f"what is not that of {role}")
        equal({word for word in done if word.endswith("one/ini")}, set(), "the INI file")


def test_deliver_without_sandbox(t):
    """The user of its virtual server alone keeps it from the mail of the other one."""
    done = intrude(t, service_with_mail(t, sandbox="no"), "deliver")
    check({"list one/queue", "read one/mail"} <= done, "its own folders:", done)
    equal({word for word in done if " one/" not in word} - EVERYBODY, {"config one.example"}, "what is not its own")


def test_helpers(t):
    """Neither mail nor logs nor a file of root; they cannot start a program."""
    for role in ("resolver", "auth", "metrics", "web", "directory", "fetch", "filter"):
        service = service_with_mail(t)
        service["one"].set("ldap", enable="yes", uri="ldap://127.0.0.1:9", base="dc=x")
        service["one"].set("filter f", connect="inet:127.0.0.1:9", on_failure="accept")
        service.shared["oauth p"] = {"token-url": "https://localhost:9/", "client-id": "x", "flow": "client-credentials", "scope": "x",
                                     "secret-file": service.folder / "key.pem"}
        service.write()
        done = intrude(t, service, role)
        # Those that answer the workers of all virtual servers know them all.
        known = {f"config {text}" for text in CONFIG_TEXTS if role in ("auth", "directory", "fetch", "filter")}
        equal({word for word in done if word.startswith("config")}, known, f"what {role} was told")
        equal({word for word in done - known if " " in word or word in ("run", "root", "signal", "trace", "memory")}, set(), f"what {role} could do")


def test_channels(t):
    """A listener that asks for channels to its helpers again and again has one: it takes no place of others."""
    for helper, name in ((0, "resolver"), (5, "pickup")):
        service = t.postern({"one": {"delivery": {"reverse-dns": "yes"}}}, as_root=os.geteuid() == 0, start=False)
        service.bin = programs_with(t, "listener")
        service.intruder = True
        service.env["POSTERN_INTRUDER"] = f"channels:{helper}"
        service.start(wait=())
        ends = [service.events.wait("intruder", role="listener", what="channel", argument=str(i))["result"] for i in range(3)]
        equal(ends, ["done", "over", "over"], f"channels to {name}")
        service.stop()
