"""answers - every read of posternctl as JSON, and as a table of a terminal; what it says can be said to it again"""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata

from checks import check, equal
from patience import until

SENDER = '"a\\\\b \\"c\\" <x>\u00ad\u202e"@spät.example'    # a backslash, quotes, blanks, what no eye sees
RECIPIENT = '"tab x\\\\x41"@ünder.example'
HEADER = b"X-Odd: \xff\xfe \x1b[31m"
CLIENT = "c.example"


def begin(t):
    """Two virtual servers whose mail waits: their smart host is not there. One message is hostile."""
    keys = {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", "retry": "1h"}}
    service = t.postern({"default": {"general": {"description": 'The "one" = \\x41 ä'}, **keys},
                         "two": {**keys, "domain far.example": {"type": "remote", "relay": "yes", "route": "[192.0.2.1]:26"}}})
    with service.default.connect(ehlo=CLIENT) as client:
        client.expect(250, f"MAIL FROM:<{SENDER}> SMTPUTF8".encode())
        client.expect(250, f"RCPT TO:<{RECIPIENT}>".encode())
        client.expect(354, "DATA")
        client.send(b"From: a\r\n" + HEADER + b"\r\n\r\nx\r\n.\r\n")
        client.expect(250)
    service["two"].send("plain@sender.example", "b@remote.example")
    service.events.wait("deferred", count=2)
    return service


def read(service, *args, status=0):
    done = service.ctl(*args, ok=False)
    equal(done.returncode, status, f"{args}: {done.stdout}{done.stderr}")
    document = json.loads(done.stdout)
    equal(document["schema"], 1, args)
    return document


# shows 9b.1
def test_documents(t):
    """Each read: the values are as they are, and go into the next command."""
    service = begin(t)
    status = read(service, "status", "--json")
    equal([(row["name"], row["state"], row["queue"]) for row in status["servers"]], [("default", "started", 1), ("two", "started", 1)])
    equal((status["servers"][0]["description"], status["servers"][0]["reason"]), ('The "one" = \\x41 ä', None))
    equal(status["servers"][0]["listener"], service.children("listener", "default"))
    equal((status["service"]["pid"], status["remarks"]), (service.process.pid, []))
    equal([row["name"] for row in read(service, "status", "two", "--json")["servers"]], ["two"])
    none = read(service, "status", "none", "--json", status=3)
    equal((none["servers"], none["remarks"]), ([], ["there is no virtual server none"]))
    health = read(service, "status", "--check", "--json")
    equal((health["health"], [row["health"] for row in health["parts"]]), ("ok", ["ok", "ok", "ok"]))
    service.ctl("pause", "two")
    health = read(service, "status", "--check", "--json", status=1)
    equal([(row["name"], row["state"], row["health"]) for row in health["parts"]],
          [("default", "started", "ok"), ("two", "paused", "warning"), ("(service)", "started", "ok")])
    equal(read(service, "status", "--check", "none", "--json", status=3)["health"], "unknown")
    service.ctl("continue", "two")

    counters = read(service, "counters", "--json")
    equal((counters["counters"]["queue_length"], [row["server"] for row in counters["servers"]]), (2, ["default", "two"]))
    equal((counters["servers"][1]["counters"]["state"], "state" in counters["counters"]), (2, False))
    equal(read(service, "counters", "two", "--json")["counters"]["state"], 2)

    with service.default.connect(ehlo=CLIENT):
        (session,) = read(service, "sessions", "--json")["sessions"]
        equal((session["client"], session["helo"], session["user"], session["tls"]), ("127.0.0.1", CLIENT, None, None))
        read(service, "sessions", "terminate", session["id"], "--json")

    (row,) = read(service, "queue", "default", "list", "--json")["messages"]
    equal((row["sender"], row["to"], row["server"]), (SENDER, [RECIPIENT], "default"))
    equal(read(service, "queue", "list", "--sender", row["sender"], "--json")["matched"], 1)
    equal(read(service, "queue", "list", f"--recipient={row['to'][0]}", "--json")["messages"], [row])
    (shown,) = read(service, "queue", "show", row["id"], "--json")["messages"]
    equal((shown["sender"], shown["recipients"][0]["address"], shown["notes"][0]["text"][:5]), (SENDER, RECIPIENT, "4.4.1"))
    at = shown["raw"]["header"].index(HEADER.hex())
    check(shown["header"][at].startswith("X-Odd: \ufffd\ufffd") and shown["raw"]["header"][at - 1] is None, shown)
    check("\x1b" not in service.ctl("queue", "show", row["id"], "--json").stdout, "the terminal is safe")
    equal(sorted(one["messages"] for one in read(service, "queue", "count", "--json")["domains"]), [1, 1])
    equal(read(service, "queue", "hold", "--recipient", row["to"][0], "--json")["done"], 1)
    equal(read(service, "queue", "bounce", "--held", "--json")["action"], "bounce")
    equal(read(service, "queue", "delete", "--sender", "nobody@x.example", "--json", status=3)["matched"], 0)
    equal(read(service, "badmail", "list", "--json")["messages"], [])
    none = read(service, "queue", "none", "list", "--json", status=3)
    equal((none["messages"], none["remarks"]), ([], ["there is no virtual server none"]))
    moved = read(service, "queue", "two", "move", "--all", "--to", "none", "--yes", "--json", status=3)
    equal((moved["action"], moved["done"], moved["remarks"]), ("move", 0, ["none is no virtual server"]))

    equal(read(service, "version", "--json")["name"], "postern")
    check(read(service, "check", "--json")["good"], "check")
    read(service, "oauth", "test", "none", "--json", status=3)
    passwords = service.folder / "passwords"
    service.ctl("passwd", "--stdin", passwords, "ünal", input="x\n")
    equal(read(service, "passwd", "--list", "--json", passwords)["accounts"], [{"name": "ünal", "kind": "scram-sha-256"}])
    keys = read(service, "config", "two", "--json")["keys"]
    equal({(row["name"], row["value"]) for row in keys if row["section"] == "domain" and row["key"] == "route"},
          {("far.example", "[192.0.2.1]:26")})
    check(all((row["file"] is None) == (row["line"] is None) for row in keys), "places")
    check(any(row["section"] == "service" and row["server"] is None for row in read(service, "config", "--json")["keys"]), "all")
    domains = read(service, "domains", "two", "--json")["domains"]
    equal([(row["type"], row["relay"], row["route"]) for row in domains if row["domain"] == "far.example"], [("remote", "yes", "[192.0.2.1]:26")])
    told = read(service, "explain", "two", "--from=192.0.2.7", "--rcpt", "a@far.example", "--json")
    equal([row["value"] for row in told["steps"] if row["step"] == "route"], ["[192.0.2.1]:26"])
    equal((told["refused"], [row["key"] for row in told["steps"] if row["step"] == "relay"]), (False, ["relay"]))
    told = read(service, "explain", "two", "--from", "192.0.2.7", "--rcpt", "a@else.example", "--json", status=1)
    equal((told["refused"], told["steps"][-1]["value"]), (True, "550 5.7.1 Unable to relay for a@else.example"))


def test_faults_as_json(t):
    """Errors have their place; a server whose file is bad does not hide the others."""
    service = t.postern({"default": {}, "two": {"general": {"listne": "x"}}}, start=False)
    found = read(service, "check", "--json", status=78)
    (fault,) = [row for row in found["faults"] if row["severity"] == "error"]
    equal((found["good"], found["errors"], found["servers"], fault["server"]), (False, 1, ["default"], "two"))
    check("listne" in fault["text"] and fault["file"].endswith("two.ini") and fault["line"] > 0, fault)


def on_terminal(service, columns, *args, **env):
    """What posternctl prints on a terminal of so many columns: its lines."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**service.environment(), "TERM": "xterm", "LC_ALL": "C.UTF-8", **env}
    with subprocess.Popen([service.bin / "posternctl", "-c", service.config, *args], stdin=slave, stdout=slave, stderr=slave, cwd="/",
                          env=environment, **service.account()) as process:
        os.close(slave)
        text = b""
        while True:
            try:
                text += os.read(master, 65536)
            except OSError:     # the other end is closed
                break
        process.wait(60)
    os.close(master)
    return text.decode().replace("\r\n", "\n").splitlines()


COLOR = re.compile("\x1b\\[[0-9;]*m")


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in COLOR.sub("", line))


# shows 9b.1
def test_tables(t):
    """Tables fit 60 and 200 columns, have headings, and colours unless NO_COLOR is set; piped nothing has changed."""
    service = begin(t)
    with service.default.connect(ehlo="a-client-with-a-very-long-name." * 5 + "example"):
        until(lambda: "sessions=1" in service.ctl("status").stdout, what="the session")
        for args, first, wide in ((["status"], "SERVER", "DESCRIPTION"), (["sessions"], "ID", "HELO"), (["queue", "list"], "ID", "REASON"),
                                  (["queue", "count"], "DOMAIN", "older"), (["counters"], "COUNTER", "two"), (["domains"], "SERVER", "ROUTE")):
            for columns in (60, 200):
                lines = on_terminal(service, columns, *args)
                heading = COLOR.sub("", lines[0]).split()
                equal(heading[0], first, lines)
                check(len(lines) > 1 and max(map(width, lines)) <= columns, f"{args} at {columns}:", *lines)
                check(columns == 60 or wide in heading, f"{args}:", *lines)
                check(not COLOR.search("\n".join(on_terminal(service, columns, *args, NO_COLOR="1"))), "NO_COLOR")
                check("\u202e" not in "".join(lines), "what no eye sees")
        check(any(COLOR.search(line) for line in on_terminal(service, 200, "status")), "colours")
        check(not any(COLOR.search(line) for line in on_terminal(service, 200, "status", TERM="dumb")), "a dumb terminal")
    status = service.ctl("status").stdout.splitlines()
    check(status[0].startswith("default started number=2 id=1 description=\"") and status[2].startswith("(service) started pid="), *status)
    check(re.match(r"messages_received_total \d+\n", service.ctl("counters").stdout), "counters")
    equal(on_terminal(service, 80, "status", "none"), ["there is no virtual server none"])


def test_words(t):
    """What is not understood is named, with what was meant and one line of usage; help and version have long options."""
    service = t.postern({"default": {}})
    for args, reason in ((["--vresion"], "there is no option --vresion; did you mean --version?"),
                         (["statsu"], "there is no command statsu; did you mean status?"),
                         (["status", "--jsno"], "there is no option --jsno; did you mean --json?"),
                         (["check", "more"], "more: a domain is for --dns"),
                         (["explain", "--form", "127.0.0.1", "--rcpt", "a@b"], "there is no option --form; did you mean --from?"),
                         (["explain", "--from", "1.2.3", "--rcpt", "a@b"],
                          "--from 1.2.3: must be the address of a client, like 192.0.2.7 or 2001:db8::7"),
                         (["explain", "--from", "127.0.0.1", "--json"], "say to whom: --rcpt RECIPIENT"),
                         (["counters", "--json", "--prometheus"], "--json and --prometheus are two formats: say one of them"),
                         (["status", "a", "b"], "b: a is named already"), (["pause", "a", "b"], "b is one word too many"),
                         (["pause", "--now"], "there is no option --now"), (["rename", "a"], "rename needs 1 word more"),
                         (["passwd", "--lits", "x"], "there is no option --lits; did you mean --list?"),
                         (["passwd", "--json", "/x", "a"], "--json is for --list"), (["oauth", "tset", "x"],
                         "there is no command of oauth tset; did you mean test?"), (["oauth", "test", "--json"], "say which profile")):
        done = service.ctl(*args, ok=False)
        equal(done.returncode, 64, args)
        equal(done.stdout, "", args)
        lines = done.stderr.splitlines()
        equal(lines[0], f"posternctl: {reason}", args)
        check(len(lines) <= 2, f"{args}:", *lines)
    equal(service.ctl("--version").stdout, service.ctl("version").stdout)
    check(service.ctl("--help").stdout.startswith("usage: posternctl"), "help")
    for args, status, said in ((["--version"], 0, "postern "), (["--help"], 0, "usage: postern "), (["--tset"], 64, "usage: postern "),
                               (["more"], 64, "postern: more: there are options only")):
        done = subprocess.run([service.bin / "postern", *args], capture_output=True, text=True, check=False, **service.account())
        equal(done.returncode, status, args)
        check(said in done.stdout + done.stderr and (status == 0) == (done.stderr == ""), done)
    equal(service.ctl("status", "--help").stdout, service.ctl("help", "status").stdout)
