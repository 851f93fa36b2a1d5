"""completion - what bash offers behind posternctl, with a running service: names, ids, options, and no old name for a new server"""

import subprocess

from checks import check, equal
from programs import ROOT

SCRIPT = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_posternctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(service, *words):
    done = subprocess.run(["bash", "-c", SCRIPT, "bash", ROOT / "etc/posternctl.bash", service.bin / "posternctl", "-c", service.config,
                           *words], capture_output=True, text=True, timeout=60, check=False, env=service.environment(), **service.account())
    equal(done.returncode, 0, done.stderr)
    return done.stdout.split()


def test_completion(t):
    """The words for each place; ids of queued messages and of sessions."""
    service = t.postern({"one": {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}"}}, "two": {}})
    message = service["one"].send(to="b@remote.example")
    equal(offered(service, "pau"), ["pause"])
    equal(sorted(offered(service, "pause", "")), ["one", "two"])
    equal(offered(service, "--on", "mx1,mx2", "--on-timeout", "9s", "pau"), ["pause"])
    equal(offered(service, "set", "one", "access.tls-mi"), ["access.tls-minimum="])
    equal(offered(service, "get", "service.gra"), ["service.grace"])
    check({"one", "two"} <= set(offered(service, "unset", "")), "names")
    equal(offered(service, "create", ""), [], "names of the servers that are there")
    equal(offered(service, "create", "three", ""), ["listen=", "domain=", "description=", "--from", "--dry-run"])
    equal(offered(service, "domain", "re"), ["remove", "rename"])
    service.ctl("operators", "one", "add", "daemon")
    service.ctl("operators", "add", "@games")
    equal(offered(service, "operators", "o"), ["one"])
    equal(offered(service, "viewers", "one", "l"), ["list"])
    equal(offered(service, "operators", "one", "remove", "d"), ["daemon"])
    equal(offered(service, "operators", "remove", ""), ["@games"])
    equal(sorted(offered(service, "certificate", "")), ["one", "two"])
    equal(offered(service, "certificate", "one", "se"), ["served", "self-signed"])
    equal(sorted(offered(service, "rename", "")), ["--dry-run", "one", "two"])
    equal(offered(service, "domain", "set", "one", ""), ["one.example"])
    equal(sorted(offered(service, "counters", "")), ["--history", "--json", "--prometheus", "one", "two"])
    check("--check" in offered(service, "status", ""), "status")
    equal(sorted(offered(service, "probe", "")), ["--json", "--rcpt", "--send", "one", "two"])
    equal(offered(service, "probe", "one", ""), ["--rcpt", "--send", "--json"])
    equal(offered(service, "probe", "one", "--rcpt", ""), [], "a recipient")
    equal(offered(service, "unit", ""), ["--write"])
    check(message in offered(service, "queue", "one", "show", ""), "the id of a message")
    check(message not in offered(service, "queue", "one", ""), "an id in front of the verb")
    equal(offered(service, "queue", "one", "show", "--id", message[:6]), [message])
    with service["two"].connect(ehlo="c.example"):
        row = service.ctl("sessions", "two").stdout.splitlines()[0].split()[0]
        check(row in offered(service, "sessions", "two", "terminate", ""), "the id of a session")
