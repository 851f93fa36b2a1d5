"""sessions - posternctl sessions: all columns over all listener processes; sessions ended one by one and by filter; who
may do so
"""

import base64
import json
import os
import shutil
import signal
import subprocess

from checks import check, equal
from disks import loop_disk
from patience import until
from processes import is_root
from spool_files import Home


def rows(service, *args, **options):
    return json.loads(service.ctl("sessions", *args, "--json", **options).stdout)["sessions"]


def open_sessions(server, count, helo="client.example", source=None):
    found = []
    for _ in range(count):
        client = server.connect(source=source)
        client.expect(250, f"HELO {helo}")
        found.append(client)
    return found


def is_ended(client):
    reply = client.reply()
    check(reply.code == 421 and reply.text.startswith("4.3.2"), reply)
    check(client.is_closed(), "open after 421")


# shows 1.10a
def test_columns(t):
    service = t.postern()
    equal(rows(service), [], "sessions of an idle service")
    fresh = service.default.connect()
    busy = service.default.connect(source="127.0.0.5")
    busy.message(ehlo="busy.example")
    busy.expect(250, "MAIL FROM:<a@sender.example>")
    found = {row["client"]: row for row in rows(service)}
    equal(len(found), 2, "sessions")
    equal([found["127.0.0.1"][k] for k in ("server", "state", "messages", "helo", "user", "tls")], ["default", "connected", 0, None, None, None])
    equal([found["127.0.0.5"][k] for k in ("server", "state", "messages", "helo", "user", "tls")],
          ["default", "sender", 1, "busy.example", None, None])
    check(found["127.0.0.5"]["since"].startswith("20") and found["127.0.0.5"]["since"].endswith("Z"), found)
    check(0 <= found["127.0.0.5"]["idle"] < 20, found)
    busy.expect(250, "RCPT TO:<b@default.example>")
    busy.expect(354, "DATA")
    busy.send(b"half a message\r\n")
    until(lambda: {row["client"]: row["state"] for row in rows(service)} == {"127.0.0.1": "connected", "127.0.0.5": "content"}, what="content")
    table = service.ctl("sessions").stdout.splitlines()
    equal(len(table), 2, "a line for each, and no headings")
    check(table[0].split()[1] == "default" and "(busy.example)" in table[1], table)
    fresh.close()
    until(lambda: len(rows(service)) == 1, what="one session left")


# shows 1.10b
def test_all_processes(t):
    """Every listener answers, also one that is draining; and one session is ended by its id."""
    service = t.postern({"default": {"general": {"processes": 3}}, "other": {}})
    until(lambda: len(service.children("listener", "default")) == 3, what="three listeners")
    clients = open_sessions(service.default, 12)
    elsewhere = open_sessions(service["other"], 2)
    equal(len(rows(service)), 14, "all sessions")
    equal(len(rows(service, "default")), 12, "sessions of default")
    check(len({row["id"] for row in rows(service)}) == 14, "ids are unique")
    service.default.set("messages", max_recipients=9)
    service.ctl("reload")
    equal(len(rows(service, "default")), 12, "sessions of draining listeners")
    clients += open_sessions(service.default, 3)
    equal(len(rows(service, "default")), 15, "old and new")

    victim = rows(service, "other")[0]["id"]
    done = service.ctl("sessions", "terminate", victim)
    check("1 session ended" in done.stdout and victim in done.stdout, done.stdout)
    until(lambda: len(rows(service, "other")) == 1, what="one left")
    equal(service.ctl("sessions", "terminate", victim, ok=False).returncode, 3, "not there any more")
    service.events.wait("operator", command="terminate", server="other", client="127.0.0.1", uid=str(service.test.uid))
    service.events.wait("operator", command="terminate", result="ok", sessions="1")
    for client in clients:
        client.expect(250, "NOOP")
    del elsewhere


# shows 1.10b
def test_long_names(t):
    """A name as long as a line is shown in part, and hides no other session."""
    service = t.postern()
    clients = open_sessions(service.default, 4) + [service.default.connect() for _ in range(6)]
    for i, client in enumerate(clients[4:]):
        client.send(b"HELO " + b"\x80" * (200 if i % 2 else 2000) + b"\r\n")
        client.expect(250)
    found = rows(service)
    equal((len(found), sum(row["helo"] == "client.example" for row in found)), (10, 4), "sessions")
    service.ctl("sessions", "terminate", "--all", "default", "--yes")
    for client in clients:
        is_ended(client)


def test_many_need_yes(t):
    service = t.postern({"default": {"general": {"processes": 2}}})
    clients = open_sessions(service.default, 5)
    shown = service.ctl("sessions", "terminate", "--all", ok=False)
    equal(shown.returncode, 1, "exit status without --yes")
    check("5 sessions would be ended" in shown.stderr and len(shown.stdout.splitlines()) == 5, shown)
    for client in clients:
        client.expect(250, "NOOP")
    check("5 sessions ended" in service.ctl("sessions", "terminate", "--all", "default", "--yes").stdout, "ended")
    for client in clients:
        is_ended(client)
    equal(service.ctl("sessions", "terminate", "--all", "--yes", ok=False).returncode, 3, "nobody left")


# shows 1.10b
def test_filters(t):
    service = t.postern()
    here, there = open_sessions(service.default, 2), open_sessions(service.default, 2, helo="spam.example", source="127.0.0.9")
    equal(len(rows(service, "--from", "127.0.0.8/30")), 2, "by network")
    equal(len(rows(service, "--user", "spam.example")), 2, "by name")
    equal(len(rows(service, "--idle", "1h")), 0, "by idle time")
    service.ctl("sessions", "terminate", "--from", "127.0.0.9", "--yes")
    for client in there:
        is_ended(client)
    idle = until(lambda: rows(service, "--idle", "1s"), what="idle for a second")
    check(len(idle) <= 2, idle)
    here[0].expect(250, "NOOP")
    until(lambda: len(rows(service, "--idle", "1s")) in (1, 2), what="idle sessions")
    service.ctl("sessions", "terminate", "--user", "client.example", "--yes")
    for client in here:
        is_ended(client)
    for wrong in (["--idle", "soon"], ["terminate"], ["terminate", "--yes"], ["terminate", "--from", "no.network.example"]):
        equal(service.ctl("sessions", *wrong, ok=False).returncode, 64, wrong)
    equal(service.ctl("sessions", "nobody", ok=False).returncode, 3, "no such virtual server")


def test_content_is_thrown_away(t):
    """A session ended in the middle of its content leaves no message."""
    service = t.postern()
    client = service.default.connect()
    client.expect(250, "EHLO x")
    client.expect(250, "MAIL FROM:<a@sender.example>")
    client.expect(250, "RCPT TO:<b@default.example>")
    client.expect(354, "DATA")
    client.send(b"half a message\r\n")
    until(lambda: [row["state"] for row in rows(service)] == ["content"], what="content")
    service.ctl("sessions", "terminate", "--all")
    is_ended(client)
    equal(service.home.drops(), [], "drop files")
    equal(service.home.queued(), [], "queue files")


def test_stored_is_answered_first(t):
    """The disk stands still when a session is ended: it says nothing until its message is safe, then 250, then 421."""
    disk, _ = loop_disk(t)
    freeze = shutil.which("fsfreeze", path="/usr/sbin:/sbin")
    if not freeze:
        t.skip("fsfreeze is not installed")
    service = t.postern({"default": {"general": {"home": disk / "home"}}}, start=False)
    home = service.default.home = Home(disk / "home")
    service.start()
    client = service.default.connect(ehlo="client.example")
    client.expect(250, "MAIL FROM:<a@sender.example>")
    client.expect(250, "RCPT TO:<b@default.example>")
    client.expect(354, "DATA")
    if subprocess.run([freeze, "-f", disk], capture_output=True, check=False).returncode != 0:
        t.skip("this file system cannot be frozen")
    try:
        client.send(b"Subject: x\r\n\r\nwhole\r\n.\r\n")
        until(lambda: [row["state"] for row in rows(service)] == ["storing"], what="storing")
        service.ctl("sessions", "terminate", "--all")
        equal([row["state"] for row in rows(service)], ["storing"], "after it was ended")
    finally:
        subprocess.run([freeze, "-u", disk], check=True)
    client.expect("250 2.6.0")
    is_ended(client)
    check(b"whole" in home.wait_drops()[0].message, "the message")


# shows 1.10a
def test_authenticated_user(t):
    """Shown by name, and all of one user's sessions can be ended, also where the HELO names are others."""
    passwords = t.folder / "passwords"
    passwords.write_text("alice:" + subprocess.run(["openssl", "passwd", "-6", "secret"], check=True, capture_output=True, text=True).stdout)
    os.chown(passwords, t.uid, t.gid)
    passwords.chmod(0o600)
    service = t.postern({"default": {"access": {"authentication": "anonymous, basic", "basic-requires-tls": "no", "password-file": passwords}}})
    known = service.default.connect()
    known.expect(250, "EHLO one.example")
    known.expect(235, "AUTH PLAIN " + base64.b64encode(b"\0alice\0secret").decode())
    unknown = open_sessions(service.default, 1, helo="alice.example")[0]
    found = {(row["user"], row["helo"]) for row in rows(service)}
    equal(found, {("alice", None), (None, "alice.example")}, "users and HELO names")
    service.ctl("sessions", "terminate", "--user", "alice")
    is_ended(known)
    unknown.expect(250, "NOOP")


def test_silent_listener_does_not_hang(t):
    """What the others said is shown, and who did not answer is named."""
    service = t.postern({"default": {"general": {"processes": 2}}})
    until(lambda: len(service.children("listener")) == 2, what="two listeners")
    clients = open_sessions(service.default, 4)
    stuck = service.children("listener")[0]
    os.kill(stuck, signal.SIGSTOP)
    try:
        done = service.ctl("sessions", "--json", ok=False)
        equal(done.returncode, 75, "exit status")
        check(f"listener {stuck} of default did not answer" in done.stderr, done.stderr)
        document = json.loads(done.stdout)
        check(len(document["sessions"]) <= 4 and str(stuck) in document["remarks"][0], done.stdout)
    finally:
        os.kill(stuck, signal.SIGCONT)
    until(lambda: len(rows(service)) == 4, what="all four")
    for client in clients:
        client.expect(250, "NOOP")


def test_thousands(t):
    """More than a page, over many pages, and the end of all."""
    service = t.postern()
    clients = [service.default.connect() for _ in range(700)]
    equal(len(rows(service)), 700, "sessions")
    check("700 sessions ended" in service.ctl("sessions", "terminate", "--all", "--yes").stdout, "ended")
    for client in clients[::50]:
        is_ended(client)
    for client in clients:
        client.close()


# shows 1.8a, 1.8e
def test_operators_of_one_server(t):
    """Who may control one virtual server sees and ends its sessions alone; others are refused, which is an event."""
    if not is_root():
        t.skip("needs root")
    import pwd
    daemon = pwd.getpwnam("daemon")
    service = t.postern({"default": {"security": {"operators": "daemon"}}, "other": {}})
    mine, others = open_sessions(service.default, 1), open_sessions(service["other"], 1)
    account = {"user": daemon.pw_uid, "group": daemon.pw_gid, "extra_groups": []}
    equal([row["server"] for row in rows(service, account=account)], ["default"], "what an operator sees")
    other_id = rows(service, "other")[0]["id"]
    equal(service.ctl("sessions", "terminate", other_id, account=account, ok=False).returncode, 3, "not visible to this operator")
    equal(service.ctl("sessions", "other", account=account, ok=False).returncode, 77, "no right")
    service.ctl("sessions", "terminate", "--all", account=account)
    is_ended(mine[0])
    others[0].expect(250, "NOOP")
    service.events.wait("operator", command="terminate", uid=str(daemon.pw_uid), result="ok")
    games = pwd.getpwnam("games")
    account = {"user": games.pw_uid, "group": games.pw_gid, "extra_groups": []}
    equal(service.ctl("sessions", account=account, ok=False).returncode, 77, "no operator")
    service.events.wait("operator", uid=str(games.pw_uid), result="refused")
