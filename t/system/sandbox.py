"""sandbox - what the processes of the service have given up: system calls, core files, memory that others may read"""

import re
from pathlib import Path

from checks import check, equal
from patience import until
from processes import is_root, status_of
from sasl import verifier, plain
from smtp import Smtp

WORKERS = ("listener", "pickup", "deliver")
HELPERS = ("resolver", "auth", "directory", "fetch", "metrics", "web", "filter")


def own_file(service, name, text):
    path = service.folder / name
    path.write_text(text)
    path.chmod(0o600)
    service.own()
    return path


def has_filter(pid):
    return status_of(pid)["Seccomp"] == "2"


def core_limit(pid):
    found = re.search(r"^Max core file size +(\S+) +(\S+)", Path(f"/proc/{pid}/limits").read_text(), re.M)
    return found.groups()


def with_all_roles(t, **options):
    """A service in which each helper has been asked once. The servers that helpers ask are not there."""
    closed = t.port()
    service = t.postern({"default": {"ldap": {"enable": "yes", "uri": f"ldap://127.0.0.1:{closed}", "bind": "anonymous",
                                              "base": "dc=example", "timeout": "2s"},
                                     "filter one": {"connect": f"inet:127.0.0.1:{closed}", "on-failure": "accept"}},
                         "other": {}}, start=False, **options)
    service.service.update({"dns-server": f"127.0.0.1:{closed}", "metrics": service.run / "metrics.sock"})
    service.shared["manager"] = {"listen": service.run / "web.sock", "hosts": "localhost"}
    secret = own_file(service, "secret", "text\n")
    service.shared["oauth m365"] = {"token-url": f"https://127.0.0.1:{closed}/token", "client-id": "x", "scope": "y", "timeout": "2s",
                                    "flow": "client-credentials", "secret-file": secret}
    service.write()
    service.default.set("access", authentication="anonymous, basic", password_file=own_file(service, "passwords", f"a:{verifier('b')}\n"),
                        basic_requires_tls="no")
    service.start()
    with service.default.connect(ehlo="c.example") as client:
        client.expect(235, f"AUTH PLAIN {plain('a', 'b')}")
        client.expect(250, "MAIL FROM:<a@s.example>")
        client.cmd("RCPT TO:<x@default.example>")      # the directory is asked
    service["other"].send(to="x@elsewhere.example")     # and the resolver
    service.ctl("oauth", "test", "m365", ok=False)
    return service


def test_every_role(t):
    """Each process has its filter and cannot get more rights; no core file; nobody but root reads its memory."""
    service = with_all_roles(t, as_root=is_root())
    pids = {role: service.child(role) for role in WORKERS + HELPERS}
    service.ctl("stop", "other")
    service.ctl("queue", "other", "list", ok=False)
    pids["maintenance"] = until(lambda: [pid for pid in service.children("deliver") if "keeps the queue" in service.title(pid)],
                                what="the process for a queue that rests")[0]
    for role, pid in {**pids, "master": service.process.pid}.items():
        found = status_of(pid)
        equal((found["Seccomp"], found["NoNewPrivs"]), ("2", "1"), role)
        equal(core_limit(pid), ("0", "0"), f"core files of {role}")
    if is_root():
        for role, pid in pids.items():
            equal(Path(f"/proc/{pid}/environ").stat().st_uid, 0, f"the memory of {role}")
    equal(service.events.all("trouble", part="sandbox"), [], "calls that were refused")


def test_off_and_on(t):
    """[service] sandbox: a change at a reload starts all processes anew, and no connection is refused."""
    service = t.postern(service={"sandbox": "no"})
    service.events.wait("service", note=lambda note: "sandbox = no" in note)
    old = {role: service.child(role) for role in WORKERS}
    for role, pid in old.items():
        check(not has_filter(pid), role)
        equal(core_limit(pid), ("0", "0"), f"core files of {role}")
    with service.default.connect(ehlo="c.example") as client:
        service.service["sandbox"] = "yes"
        service.write()
        service.ctl("reload")
        for role in WORKERS:
            pid = until(lambda role=role: [pid for pid in service.children(role) if pid != old[role] and has_filter(pid)],
                        what=f"another {role}")
            check(pid, role)
        service.default.send()
        client.message(to="b@default.example")
    service.home.wait_drops(2)
    equal(service.events.all("crash"), [], "crashes")
    # the old one ends with the old listener, whose session has ended
    before = until(lambda: (lambda found: len(found) == 1 and found)(service.children("pickup")), what="one pickup")
    service.ctl("reload")
    equal(service.children("pickup"), before, "a reload that changes nothing")
