"""nodes - posternctl --on: the same command on several hosts by ssh, real ones: rows say of which node they are, a dead node is one line"""

import json
import os
import subprocess

from checks import check, equal
from programs import BUILD
from ssh_nodes import SshNodes
from terminal import Terminal

# What a shell could take for its own: each has to arrive as it is.
WORDS = ["", " ", "a b", "'", "''", "it's", '"', "$(touch stolen)", "`touch stolen`", "$HOME", "a;b", "a\nb\n", "\t", "\\", "\\'", "~", "=ls",
         "*", "!x", "{a,b}", "#x", "&", "|x", ">stolen", "--x=y", "ä\u202e", "\x1b[31m", "'$(touch stolen)'", "%s%n"]


def control(nodes, hosts, *args, **options):
    return subprocess.run([BUILD / "posternctl", "--on", hosts, *map(str, args)], capture_output=True, text=True, timeout=90, check=False,
                          env=nodes.environment(), cwd=nodes.folder, stdin=subprocess.DEVNULL, **options)


def begin(t):
    """Three nodes with a service each; a message waits on the first and on the third one."""
    nodes, services = SshNodes(t), []
    for name in ("n1", "n2", "n3"):
        service = t.postern({name: {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", "retry": "1h"}}})
        nodes.add_service(name, service)
        services.append(service)
    for at in (0, 2):
        services[at].default.send(f"from{at}@a.example", "b@remote.example")
        services[at].events.wait("deferred")
    return nodes, services


# shows 9c.1
def test_words(t):
    """Every word arrives as it is, and no part of it is run: arguments, -c and -s."""
    nodes = SshNodes(t)
    nodes.add("echo", "import json, sys\nprint(json.dumps(sys.argv[1:]))", interpreter="/usr/bin/python3")
    for word in WORDS:
        done = control(nodes, "echo", "trace", "--message-id", word)
        equal((done.returncode, done.stderr), (0, ""), repr(word))
        equal(json.loads(done.stdout.removeprefix("echo: ")), ["trace", "--message-id", word])
    done = control(nodes, "echo", "-c", "it's $(touch stolen)", "-s", "a b", "set", *WORDS[1:29])
    equal(json.loads(done.stdout.removeprefix("echo: ")), ["-c", "it's $(touch stolen)", "-s", "a b", "set", *WORDS[1:29]])
    check(not list(nodes.folder.rglob("stolen")) and not os.path.exists(os.path.expanduser("~/stolen")), "a word was run")


def test_misuse(t):
    """What is wrong is said here, and no node is asked: an unknown command or option, a name that ssh would take for an option."""
    nodes = SshNodes(t)
    asked = nodes.folder / "asked"
    nodes.add("n1", f"echo asked >>{asked}")
    for hosts, args, text in (("n1", ["statis"], "did you mean status?"), ("n1", ["pause", "a", "b"], "one word too many"),
                              ("-oProxyCommand=touch x", ["status"], "is no name of a host"), ("n1,,n1", ["status"], "is no name of a host"),
                              ("n1,n1", ["status"], "n1 is there twice"), ("n1", ["new"], "needs an input"),
                              ("n1", ["--on-timeout", "5", "status"], "a time with its unit"), ("n1", ["queue"], "needs 1 word more"),
                              ("n1", ["drain", "--timeout", "5"], "--timeout 5: it wants a time with its unit"),
                              ("n1", ["queue", "evacuate", "--all", "--wait", "5"], "--wait 5: it wants a time with its unit"),
                              ("n1", ["--on-timeout", "5s", "queue", "evacuate", "--all", "--wait", "6s"], "--wait 6s: --on-timeout ends it before"),
                              ("n1", ["--on-timeout=5s", "drain", "--timeout=1m"], "--timeout 1m: --on-timeout ends it before"),
                              ("n1", ["queue", "list", "--older=5"], "--older 5: it wants a time with its unit")):
        done = control(nodes, hosts, *args)
        equal((done.returncode, done.stdout), (64, ""), args)
        check(text in done.stderr, done.stderr)
    check(not asked.exists(), "a node was asked")
    equal(control(nodes, "n1", "help", "status").returncode, 0)
    check(asked.exists(), "the node is there")


# shows 9c.1
def test_json(t):
    """One document: rows of all nodes, each with its node; a node that is dead, one that is slow, one that answers nonsense."""
    nodes, _ = begin(t)
    nodes.add_dead("dead")
    nodes.add("slow", "echo begun >&2; exec tail -f /dev/null")
    nodes.add("odd", "echo nonsense")
    found = json.loads(control(nodes, "n1,n2,n3", "queue", "list", "--json").stdout)
    equal([(row["node"], row["server"], row["sender"]) for row in found["messages"]],
          [("n1", "n1", "from0@a.example"), ("n3", "n3", "from2@a.example")])
    equal([(row["node"], row["status"], row["error"], row["matched"]) for row in found["nodes"]],
          [("n1", 0, None, 1), ("n2", 0, None, 0), ("n3", 0, None, 1)])
    done = control(nodes, "n1,dead,odd,n2", "status", "--json")
    found = json.loads(done.stdout)
    equal((done.returncode, found["schema"], [(row["node"], row["name"], row["state"]) for row in found["servers"]]),
          (69, 1, [("n1", "n1", "started"), ("n2", "n2", "started")]))
    by_name = {row["node"]: row for row in found["nodes"]}
    equal((by_name["n1"]["service"]["state"], by_name["n1"]["error"], by_name["odd"]["status"]), ("started", None, 69))
    lines = done.stderr.splitlines()
    equal([line.split(": ")[1] for line in lines], ["dead", "odd"])
    check("does not answer: ssh: connect to host" in lines[0] and "no JSON" in lines[1], done.stderr)
    equal([by_name[name]["error"] for name in ("dead", "odd")], [line.split(": ", 2)[2] for line in lines])
    done = control(nodes, "slow", "--on-timeout", "5s", "status", "--json")     # for the others that may be too short
    equal(done.returncode, 69)
    check("no answer in 5s" in done.stderr and "no answer in 5s" in json.loads(done.stdout)["nodes"][0]["error"], done)


def test_lines(t):
    """In a pipe each line has its node in front; the exit status is the worst; a refusal of one node stops no other."""
    nodes, services = begin(t)
    done = control(nodes, "n1,n2,n3", "status")
    equal((done.returncode, [line.split()[:3] for line in done.stdout.splitlines() if "(service)" not in line]),
          (0, [[f"{name}:", name, "started"] for name in ("n1", "n2", "n3")]))
    done = control(nodes, "n1,n2,n3", "pause", "n2")
    equal((done.returncode, services[1].ctl("status").stdout.split()[:2]), (3, ["n2", "paused"]))
    check("n1: there is no virtual server n2" in done.stdout and "n2: " in done.stdout, done.stdout)
    services[1].ctl("continue", "n2")
    equal([row.split()[1] for row in control(nodes, "n1,n2,n3", "-c", services[0].config, "status").stdout.splitlines()[::2]],
          ["n1", "n1", "n1"], "-c is a file of the node")
    done = control(nodes, "n1", "status", "--check")
    equal((done.returncode, done.stdout[:7]), (0, "n1: OK:"))
    nodes.add_dead("dead")
    done = control(nodes, "n1,dead", "status", "--check")
    equal((done.returncode, done.stderr), (2, ""))
    check(done.stdout.splitlines()[1].startswith("dead: CRITICAL: does not answer: ssh: "), done.stdout)
    nodes.add("bare", 'printf "a\\033[31mb\\n\\tc"; echo "no such thing" >&2; exit 7')
    done = control(nodes, "bare", "reload")
    equal((done.returncode, done.stdout, done.stderr), (7, "bare: a\\x1B[31mb\nbare: \tc\n", "posternctl: bare: no such thing\n"))


# shows 9c.1
def test_health(t):
    """What monitoring reads of several nodes has each of them: one that is dead, or whose posternctl fails, is critical, with the reason."""
    nodes, _ = begin(t)
    nodes.add_dead("dead")
    nodes.add("barred", 'echo "posternctl: you are no operator" >&2; exit 77')
    done = control(nodes, "n1,dead,barred", "status", "--check", "--json")
    found = json.loads(done.stdout)
    equal(done.returncode, 2, done)
    equal([(row["node"], row["name"], row["health"]) for row in found["parts"]],
          [("n1", "n1", "ok"), ("n1", "(service)", "ok"), ("dead", None, "critical"), ("barred", None, "critical")])
    by_name = {row["node"]: row for row in found["nodes"]}
    equal([by_name[name]["health"] for name in ("n1", "dead", "barred")], ["ok", "critical", "critical"])
    equal((by_name["barred"]["text"], by_name["barred"]["error"], by_name["barred"]["status"]),
          ("CRITICAL: you are no operator", "you are no operator", 77))
    check(found["parts"][2]["reason"].startswith("does not answer: ssh: "), found["parts"][2])
    equal([line.split(": ")[:2] for line in done.stderr.splitlines()], [["posternctl", "dead"], ["posternctl", "barred"]])
    equal(done.stderr.splitlines()[1], "posternctl: barred: you are no operator")
    equal(control(nodes, "n1,n2", "status", "--check", "--json").returncode, 0)
    done = control(nodes, "n1,barred", "queue", "count", "--json")
    equal((done.stderr, done.returncode), ("posternctl: barred: you are no operator\n", 77))
    equal([(row["node"], row["domain"], row["messages"]) for row in json.loads(done.stdout)["domains"]], [("n1", "remote.example", 1)])


def test_table(t):
    """On a terminal the rows of all nodes are one table, with a column that says the node."""
    nodes, _ = begin(t)
    for args, texts in ((["status"], ["NODE", "SERVER", "STATE", "n1", "n1", "started", "n1", "(service)", "n3", "n3", "started"]),
                        (["queue", "list"], ["NODE", "ID", "n1", "from0@a.example", "n3", "from2@a.example"]),
                        (["queue", "count"], ["NODE", "DOMAIN", "(all)", "(all)", "2", "n1", "remote.example", "1", "n3", "remote.example", "1"]),
                        (["counters"], ["COUNTER", "n1", "n2", "n3", "queue_length", "1", "0", "1"])):
        with Terminal([BUILD / "posternctl", "--on", "n1,n2,n3", *args], columns=240, env=nodes.environment()) as terminal:
            terminal.expect(*texts)
            equal(terminal.process.wait(), 0)


# shows 9c.1
def test_watch(t):
    """Events of all nodes come as they happen, each with its node; there is no time limit but the one that is given."""
    nodes, services = begin(t)
    process = subprocess.Popen([BUILD / "posternctl", "--on", "n1,n2", "watch", "--topic", "state"], stdout=subprocess.PIPE, text=True,
                               env=nodes.environment())
    try:
        rows = map(json.loads, process.stdout)
        equal(sorted(next(rows)["node"] for _ in range(2)), ["n1", "n2"], "both are watched")
        for service, name in zip(services, ("n1", "n2")):
            service.ctl("pause", name)
            row = next(row for row in rows if row.get("state") == "paused")
            equal((list(row)[0], row["node"], row["server"]), ("node", name, name))
    finally:
        process.kill()
        process.wait()
