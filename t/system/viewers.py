"""viewers - who may look, operate and configure: each command for each kind of user, one row a command"""

import json
import os
import pwd

from checks import check, equal

LOOKS = (
    ("badmail", "one", "tally"), ("drop", "one", "tally"), ("operators", "one", "list"),
    ("status",), ("status", "one"), ("status", "--check"), ("status", "--check", "one"), ("counters", "one"), ("counters", "--prometheus", "one"), ("counters", "one", "--history", "day"),
    ("sessions",), ("sessions", "one"), ("queue", "one", "list"), ("queue", "list"), ("queue", "one", "count"), ("queue", "one", "tally"), ("badmail", "one", "list"), ("hosts", "one"), ("tls-reports", "one"),
    ("certificate", "one", "served"),
)
OPERATES = (
    ("pause", "one"), ("continue", "one"), ("retry", "one"), ("stop", "one"), ("start", "one"), ("sessions", "terminate", "one", "--all"),
    ("queue", "one", "hold", "--all", "--yes"), ("queue", "one", "release", "--all", "--yes"), ("queue", "one", "retry", "--all", "--yes"),
    ("queue", "one", "delete", "--all", "--yes"), ("queue", "one", "bounce", "--all", "--yes"), ("queue", "one", "move", "--all", "--to", "two", "--yes"),
    ("hosts", "reset", "one", "*"), ("tls-reports", "send", "one"), ("badmail", "one", "retry", "--all", "--yes"), ("badmail", "one", "purge", "--all", "--yes"),
    ("probe", "one"), ("probe", "one", "--rcpt", "b@one.example", "--send"),
)
OF_SERVICE = (("pause",), ("continue",), ("retry",), ("reload",), ("stop",))
REFUSED = 77


def account(name):
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def served(t):
    t.need_root()
    service = t.postern({"one": {"security": {"operators": "daemon", "viewers": "@games, mail"}, "delivery": {"tls-reports": "yes"}}, "two": {}},
                        service={"operators": "bin", "viewers": "sys"}, as_root=True)
    os.chmod(service.folder, 0o755)
    return service


# shows 1.8c
def test_viewers(t):
    """A viewer looks, and that is all: of the service, of one virtual server, by user and by group."""
    service = served(t)
    service["one"].send(to="b@one.example")
    for name in ("sys", "games", "mail", "daemon", "bin"):
        for words in LOOKS:
            done = service.ctl(*words, ok=False, account=account(name))
            check(done.returncode in (0, 3) and "viewer" not in done.stdout + done.stderr, name, words, done.returncode, done.stdout, done.stderr)
    service["one"].home.wait_drops()
    for name in ("sys", "games", "mail"):
        for words in OPERATES + OF_SERVICE:
            done = service.ctl(*words, ok=False, account=account(name))
            said = done.stdout + done.stderr
            equal(done.returncode, REFUSED, f"{name} {words}: {said}")
            check("are no operator of " in said and ("you may look" in said or len(words) == 1), name, words, said)
    check(service.ctl("status", "one").stdout.startswith("one started "), "all as before")
    equal({e.get("result") for e in service.events.all("operator", uid=str(pwd.getpwnam("games").pw_uid))}, {"refused"})
    check(service.events.all("operator", reason="a viewer only"), "an event for each refusal")


# shows 1.8a
def test_only_their_own(t):
    """Viewers and operators of one virtual server see and change no other."""
    service = served(t)
    for name in ("games", "daemon"):
        said = service.ctl("status", account=account(name)).stdout
        check(said.startswith("one started ") and "two" not in said and "(service)" not in said, said)
        equal(service.ctl("status", "--check", account=account(name)).stdout, "OK: one started\n")
        for words in (("status", "two"), ("counters", "two"), ("queue", "two", "list"), ("pause", "two"), ("status", "nowhere")):
            equal(service.ctl(*words, ok=False, account=account(name)).returncode, REFUSED, f"{name} {words}")
        equal(service.ctl("status", "--check", "two", ok=False, account=account(name)).returncode, 3)
    check("(service) started" in service.ctl("status", account=account("sys")).stdout, "a viewer of the service sees all")


def test_each_row_says_the_right(t):
    service = served(t)
    for name, rights, of_service in (("sys", {"one": "look", "two": "look"}, "look"), ("games", {"one": "look"}, None),
                                     ("daemon", {"one": "configure"}, None), ("bin", {"one": "configure", "two": "configure"}, "configure")):
        said = json.loads(service.ctl("status", "--json", account=account(name)).stdout)
        equal({row["name"]: row["right"] for row in said["servers"]}, rights, name)
        equal(said["service"] and said["service"]["right"], of_service, name)


# shows 1.8a, 1.8d
def test_operators(t):
    service = served(t)
    for name in ("daemon", "bin"):
        for words in OPERATES:
            if name == "daemon" and "move" in words:
                continue
            done = service.ctl(*words, ok=False, account=account(name))
            check(done.returncode in (0, 3) and "operator" not in done.stderr, name, words, done.returncode, done.stdout, done.stderr)
    equal(service.ctl("queue", "one", "move", "--all", "--to", "two", "--yes", ok=False, account=account("daemon")).returncode, REFUSED)
    for words in OF_SERVICE:
        equal(service.ctl(*words, ok=False, account=account("daemon")).returncode, REFUSED, words)
    for words in OF_SERVICE[:-1]:
        service.ctl(*words, account=account("bin"))


# shows 1.8e
def test_strangers(t):
    """Neither: a refusal that says what would help; for monitoring it is the status "unknown", on one line."""
    service = served(t)
    stranger = {"user": 12345, "group": 12345, "extra_groups": []}
    for words in LOOKS + OPERATES + OF_SERVICE:
        done = service.ctl(*words, ok=False, account=stranger)
        said = done.stdout + done.stderr
        if "--check" in words:
            equal(done.returncode, 3, f"{words}: {said}")
            check(done.stdout.startswith("UNKNOWN: this user is neither operator nor viewer") and done.stdout.count("\n") == 1, said)
        else:
            equal(done.returncode, REFUSED, f"{words}: {said}")
            check("you are n" in said, words, said)


def test_rights_change_with_a_reload(t):
    service = served(t)
    equal(service.ctl("status", ok=False, account=account("man")).returncode, REFUSED)
    service["one"].set("security", viewers="man, nobody-of-this-name")
    said = service.ctl("check", ok=False).stdout
    check("viewers: there is no user nobody-of-this-name on this host" in said, said)
    service.ctl("reload")
    service.ctl("status", "one", account=account("man"))
    equal(service.ctl("status", "one", ok=False, account=account("games")).returncode, REFUSED)
    check(service.events.all("config", key="viewers"), "the unknown name is told")
