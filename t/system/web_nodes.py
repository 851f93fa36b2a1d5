"""web_nodes - several nodes in one view: an account with a key asks them by ssh, the service shows what it left, and has no key itself"""

import json
import os
import subprocess

from checks import check, equal
from chromium import Chromium
from programs import BUILD
from ssh_nodes import SshNodes
from web_client import start_manager

HEAD = "postern-nodes 1\n"
# what a node that is not ours any more may answer
HOSTILE = {"schema": 1, "parts": [{"name": "a\tb\n!x", "state": "<img src=x onerror=alert(1)>", "health": "splendid", "sessions": -5,
                                   "queue": "many", "reason": "\u202e" + "\x1b[31m" + "z" * 5000}, 7, {"name": 5}]}


def rows(service, **options):
    done = service.ctl("nodes", "--json", **options)
    return [(row["node"], row["name"], row["state"], row["health"], row["sessions"], row["queue"]) for row in json.loads(done.stdout)["nodes"]]


def gather(nodes, service, *args):
    """As the account that has the key: the one of this test."""
    return subprocess.run([BUILD / "posternctl", "-c", service.config, "nodes", "gather", *args], capture_output=True, text=True, timeout=90,
                          check=False, env=nodes.environment(), cwd=nodes.folder, stdin=subprocess.DEVNULL)


def begin(t):
    nodes = SshNodes(t)
    far = t.postern({"far": {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}", "retry": "1h"}}, "idle": {}})
    far["far"].send("a@far.example", "b@remote.example")
    far.events.wait("deferred")
    far.ctl("stop", "idle")
    nodes.add_service("n1", far)
    nodes.add_dead("dead")
    nodes.add("slow", "exec tail -f /dev/null")
    nodes.add("hostile", f"cat <<'END'\n{json.dumps(HOSTILE)}\nEND")
    file = t.folder / "nodes"
    service, port = start_manager(t)
    service.shared["manager"].update({"nodes": "n1, dead, hostile", "nodes-file": file})
    service.write()
    service.ctl("reload")
    return nodes, service, port, file


# shows 9c.1
def test_view(t):
    """A row for each virtual server of each node; one that is dead or slow is one row; what a hostile one says is text."""
    nodes, service, _, file = begin(t)
    equal(service.ctl("nodes", ok=False).returncode, 3)
    done = gather(nodes, service, "--timeout", "60s")
    equal((done.returncode, done.stdout), (0, ""), done.stderr)
    found = rows(service)
    equal([row for row in found if row[0] != "hostile"],
          [("n1", "far", "started", "ok", 0, 1), ("n1", "idle", "stopped", "ok", 0, 0), ("n1", "(service)", "started", "ok", None, None),
           ("dead", None, None, "critical", None, None)])
    hostile = [row for row in json.loads(service.ctl("nodes", "--json").stdout)["nodes"] if row["node"] == "hostile"]
    check(all(row["health"] == "critical" and row["queue"] is None and len(row["reason"]) < 1300 for row in hostile), hostile)
    check(len(file.read_text().splitlines()) == 1 + len(found), file.read_text())
    page = Chromium(t)
    page.open(service.ctl("web", "login").stdout.strip())
    page.wait_text("Live")
    page.click("a", "Nodes")
    page.wait_title("Nodes")
    page.wait_text("3 nodes, 1 without an answer, 1 with trouble.", "far", "idle", "no answer", "<img src=x onerror=alert(1)>",
                   "posternctl nodes")
    for width in (360, 1280):
        page.size(width)
        page.look(f"the nodes at {width} pixels")
    # what was heard long ago does not look like now
    file.write_text(HEAD + "\t".join(("n1", "1000000000", "far", "started", "OK", "0", "1", "")) + "\n")
    page.go("#/")
    page.wait_title("Service")
    page.go("#/nodes")
    page.wait_text("1 node, 1 without an answer.", "not heard of")
    equal(page.complaints(), [], "complaints of the browser")


def test_the_file(t):
    """The account that writes the file gains nothing by it: no link, no other file, no line of another form, no more than its size."""
    service, _ = start_manager(t)
    file, secret = t.folder / "nodes", t.folder / "secret"
    service.shared["manager"].update({"nodes": "n1", "nodes-file": file})
    service.write()
    service.ctl("reload")
    row = "\t".join(("n1", "1790000000", "a", "started", "OK", "1", "2", "why"))
    secret.write_text(f"root:secret\n{row}\n")
    for make in (lambda: file.symlink_to(secret), lambda: os.link(secret, file), lambda: os.mkfifo(file), lambda: file.write_text(row + "\n"),
                 lambda: file.mkdir(), lambda: file.write_text(HEAD + (row + "\n") * 40000)):
        make()
        done = service.ctl("nodes", ok=False)
        check(done.returncode == 3 and "secret" not in done.stdout, done.returncode, done.stdout)
        check("nodes gather writes it" in done.stderr, done.stderr)
        (file.rmdir if file.is_dir() else file.unlink)()
    file.write_text(HEAD + row + "\n")
    file.chmod(0o666)
    equal(service.ctl("nodes", ok=False).returncode, 3, "others may write it")
    file.chmod(0o644)
    equal(rows(service), [("n1", "a", "started", "ok", 1, 2)])
    odd = ("!a remark\t1\ta\tb\tOK\t1\t2\t", row + "\tmore", row[:-4].rstrip("\t"), row.replace("OK", "FINE"), row.replace("1790000000", "now"),
           row.replace("why", "\x1b[31m"), row.replace("why", "\u202e"), "", "\t" * 7, row.replace("\t2\t", "\t-2\t"), "=next")
    file.write_text(HEAD + "".join(line + "\n" for line in odd) + row + "\n" + row)
    done = service.ctl("nodes", "--json")
    equal(len(json.loads(done.stdout)["nodes"]), 1, done.stdout)
    check(f"{len(odd) + 1} lines of the file are none" in done.stderr, done.stderr)


def test_gather(t):
    """It says what is missing, asks nobody then, and leaves what is there as it is."""
    nodes, service, _, file = begin(t)
    service.shared["manager"].update({"nodes": "n1"})
    service.write()
    equal(gather(nodes, service).returncode, 0)
    equal(file.stat().st_mode & 0o777, 0o644)
    check(file.read_text().startswith(HEAD + "n1\t"), file.read_text())
    # one that hangs is a row of its time, and no failure
    service.shared["manager"].update({"nodes": "slow"})
    service.write()
    equal(gather(nodes, service, "--timeout", "2s").returncode, 0)
    before = file.read_text()
    check("\tCRITICAL\t-\t-\tno answer in 2s" in before and before.count("\n") == 2, before)
    for keys, status, said in (({"nodes": "n1, n1"}, 78, "twice"), ({"nodes": None}, 78, "nodes and nodes-file of [manager]"),
                               ({"nodes": "n1", "nodes-file": t.folder / "no/where"}, 73, "No such file")):
        service.shared["manager"].update(keys)
        service.shared["manager"] = {key: value for key, value in service.shared["manager"].items() if value is not None}
        service.write()
        done = gather(nodes, service)
        check(done.returncode == status and said in done.stderr, keys, done.returncode, done.stderr)
    equal(file.read_text(), before)
    service.shared["manager"]["nodes"] = "-oProxyCommand=x"
    service.write()
    check("nodes" in service.ctl("check", ok=False).stdout and service.ctl("check", ok=False).returncode == 78, "an option of ssh is no node")
