"""service - processes: their users, titles, descriptors and environment; crash and restart; make run"""

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from checks import check, equal
from events import Events
from patience import until
from processes import descriptors_of, is_alive, is_root, program_of, status_of
from programs import BUILD, PROGRAMS, ROLE_USERS, ROOT, SANITIZERS
from smtp import Smtp
from spool_files import Home

ROLES = ("listener", "pickup", "deliver")


def test_processes_and_titles(t):
    service = t.postern({"one": {"general": {"processes": "2"}}, "two": {}})
    equal(len(service.children("listener", "one")), 2, "listeners of one")
    for role in ROLES:
        for name in ("one", "two"):
            pid = service.child(role, name)
            check(f"postern-{role}" in service.title(pid), service.title(pid))
    check("postern" in service.title(service.process.pid), "title of the master")
    equal(service.children("resolver"), [], "nobody needed a resolver yet")


def test_titles_say_what_for(t):
    service = t.postern()
    for role, words in (("listener", "SMTP"), ("pickup", "from files"), ("deliver", "returns mail")):
        check(words.lower() in service.title(service.child(role)).replace(f"postern-{role}", "").lower(), service.title(service.child(role)))


def allowed(role, number, what):
    """Whether a worker may have this descriptor open."""
    return (number <= 2 or re.match(r"socket:|anon_inode:|pipe:|/memfd:|/dev/(null|urandom)", what)
            or "/spool/" in what or "[eventfd]" in what
            or role == "pickup" and re.search(r"/logs/default/ex\d+\.log$", what))     # it writes the protocol log, a second late


def inspect_descriptors(service):
    for role in ROLES:
        pid = service.child(role)
        descriptors = descriptors_of(pid)
        for number, what in descriptors.items():
            check(allowed(role, number, what), role, "has open:", number, what)
        check(len(descriptors) < 40, role, "has open:", len(descriptors), "descriptors")
    for number, what in descriptors_of(service.process.pid).items():
        check("/spool/" not in what or what.endswith("/spool"), "the master has open:", number, what)


def test_descriptors(t):
    service = t.postern()
    service.default.send()
    service.home.wait_drops()
    inspect_descriptors(service)


# shows 2.2c
def test_as_a_user(t):
    """Started as a user: all run as that user, none gains anything; that user and group are not what was configured is a note."""
    service = t.postern(service={"user": "root", "group": "root"})
    check("users of [service] are ignored" in service.events.wait("service", note=lambda said: "not root" in said).line, service.events.lines)
    for pid in [service.process.pid] + service.children():
        status = status_of(pid)
        equal(set(map(int, status["Uid"].split())), {t.uid}, f"uids of {pid}")
        equal(int(status["CapEff"], 16), 0, f"capabilities of {pid}")
    for pid in service.children():
        equal(status_of(pid)["NoNewPrivs"], "1", f"NoNewPrivs of {service.title(pid)}")


# shows 2.2b
def test_as_root(t):
    """Started as root: the master stays root; each worker has given up everything for ever."""
    t.need_root()
    service = t.postern(as_root=True, env={"SECRET": "x"})
    service.default.send()
    service.home.wait_drops()
    equal(int(status_of(service.process.pid)["Uid"].split()[0]), 0, "the master's uid")
    for role in ROLES:
        status = status_of(service.child(role))
        own = ROLE_USERS.get(f"{role}-user")    # without: it owns the mail
        uid, gid = (int(own), int(own)) if own else (t.uid, t.gid)
        equal(set(map(int, status["Uid"].split())), {uid}, f"uids of the {role}")
        equal(set(map(int, status["Gid"].split())), {gid}, f"gids of the {role}")
        equal(set(map(int, status["Groups"].split())) - {gid}, set(), f"groups of the {role}")
        for caps in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            if caps != "CapBnd":
                equal(int(status[caps], 16), 0, f"{caps} of the {role}")
        equal(status["NoNewPrivs"], "1", f"NoNewPrivs of the {role}")
    inspect_descriptors(service)
    equal(service.stop(), 0, "exit status")


def test_release_environment_is_clean(t):
    build = ROOT / "build/release"
    service = t.postern(build=build, env={"SECRET": "x", "POSTERN_CRASH": "draft-written", "POSTERN_NO_HINTS": "1"})
    for role in ROLES:
        text = Path(f"/proc/{service.child(role)}/environ").read_bytes() if is_root() else b""
        check(b"SECRET" not in text and b"POSTERN_" not in text, role, text)
    service.default.send()      # the crash point does not exist there
    service.home.wait_drops()
    names = subprocess.run(["nm", "-D", build / "postern-listener"], capture_output=True, text=True, check=True).stdout
    check("asan" not in names, "the release build has sanitizers")
    for program in PROGRAMS:
        check(b"POSTERN_CRASH" not in (build / program).read_bytes(), program, "knows crash points")


def test_workers_refuse_to_be_started_by_hand(t):
    for role in (*ROLES, "resolver"):
        done = subprocess.run([t.programs(BUILD) / f"postern-{role}"], capture_output=True, stdin=subprocess.DEVNULL, check=False,
                              timeout=20, env={**os.environ, **SANITIZERS})
        equal(done.returncode, 64, f"exit status of postern-{role}")


# shows 1.11a, 1.11b, 7.2c
def test_crash_and_restart(t):
    """A killed worker is one event, starts again; the other virtual server notices nothing; the delay doubles."""
    service = t.postern({"one": {}, "two": {}})
    other = [service.child(role, "two") for role in ROLES]
    with service["two"].connect(ehlo="c.example") as session:
        delays = []
        for number in range(3):
            mark = service.events.mark()
            pid = service.child("listener", "one")
            os.kill(pid, signal.SIGKILL)
            crash = service.events.wait("crash", since=mark)
            delays.append(crash.line)
            until(lambda old=pid: [p for p in service.children("listener", "one") if p != old], 30, "a new listener")
        until(lambda: answers(service["one"]), what="the new listener to answer")
        session.message(ehlo=None)
    equal(other, [service.child(role, "two") for role in ROLES], "workers of the other virtual server")
    equal(len(service.events.all("crash")), 3, "crash events")


def test_crashes_in_a_row(t):
    """The first restarts come at once, and clients find the next listener; then connections are refused until there is one, also across a reload."""
    service = t.postern({"one": {}, "two": {}})
    where = ("127.0.0.1", service["one"].port)

    def kill(wait):
        mark, pid = service.events.mark(), service.child("listener", "one")
        os.kill(pid, signal.SIGKILL)
        service.events.wait("crash", since=mark, restart=wait)
        return mark
    for _ in range(3):
        kill("0.0s")
        with service["one"].connect():
            pass
    for wait in ("1.0s", "2.0s"):
        kill(wait)
        until(lambda: refused(where), 5, "connections to be refused while no listener is there")
        equal(service.ctl("status", "two").stdout.split()[1], "started")
        until(lambda: answers(service["one"]), 20, "the next listener to answer")
    kill("4.0s")
    service["one"].set("general", connection_limit=77)
    service.ctl("reload")
    until(lambda: answers(service["one"]), 20, "the listener of the new configuration")
    service.events.wait("config", server="one", result="renewed")
    kill("0.0s")
    service.ctl("pause", "one")
    service.ctl("continue", "one")
    with service["one"].connect():
        pass


def refused(where):
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex(where) == errno.ECONNREFUSED


def answers(server):
    try:
        with server.connect():
            return True
    except (OSError, EOFError):
        return False


# shows 1.11a
def test_each_worker_comes_back(t):
    service = t.postern()
    for role in ROLES:
        pid = service.child(role)
        os.kill(pid, signal.SIGKILL)
        until(lambda: [p for p in service.children(role) if p != pid], 30, f"a new {role}")
    service.default.send()
    service.home.put("x", "x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n")
    service.home.wait_drops(2)


def test_master_killed_workers_end(t):
    service = t.postern()
    workers = service.children()
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()
    until(lambda: not any(is_alive(pid) for pid in workers), 30, "the workers to end")
    service.start()
    service.default.send()
    service.home.wait_drops()


def test_master_killed_and_started_again(t):
    """
    A session that outlives the master keeps no address: the next master opens it at once. Its message is taken: the home has the same
    holder.
    """
    service = t.postern(service={"grace": "60s"})
    client = service.default.connect(ehlo="c.example")
    client.expect(250, "MAIL FROM:<a@s.example>")
    client.expect(250, "RCPT TO:<b@default.example>")
    client.expect(354, "DATA")
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()

    def is_refused():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", service.default.port)) != 0

    until(is_refused, what="the address to be free")
    service.start()
    client.send(b"Subject: x\r\n\r\nhello\r\n.\r\n")
    equal(client.reply().code, 250, "the session of the old listener")
    client.close()
    service.default.send()
    service.home.wait_drops(2, 40)


def test_hung_worker_of_before(t):
    """The deliver worker of a killed master hangs, and has the queue: mail is taken, health says what is wrong; when it ends, all goes out."""
    service = t.postern(service={"grace": "1s"})
    (hung,) = service.children("deliver")
    until(lambda: service.ctl("queue", "default", "list", ok=False).returncode == 0, what="it to have the queue")
    os.kill(hung, signal.SIGSTOP)
    t.cleanup(lambda: is_alive(hung) and os.kill(hung, signal.SIGKILL))
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()
    service.start()
    service.default.send_by_queue()

    def said():
        done = service.ctl("status", "--check", ok=False)
        return done.returncode == 1 and f"fuser -v {service.home.queue}/owner names it" in done.stdout

    until(said, 60, "the health to say so")
    equal(list(service.home.drops()), [])
    os.kill(hung, signal.SIGKILL)
    service.home.wait_drops(1, 40)
    until(lambda: service.ctl("status", "--check", ok=False).returncode == 0, what="all to be well")


# shows 2.2d
def test_reload_cannot_move_the_service(t):
    """What cannot change in a running service changes nothing at all: not for workers that start later, nor in part."""
    service = t.postern()
    service.service["state"] = t.folder / "elsewhere"
    service.write()
    service.default.set("messages", max_recipients="50")
    done = service.ctl("reload", ok=False)
    equal(done.returncode, 1, done.stdout)
    check("[service] state can only change" in done.stdout, done.stdout)
    equal(service.events.all("config", result="changed"), [], "changed virtual servers")
    service.service["state"] = service.state
    service.write()
    service.ctl("reload")
    equal(len(service.events.all("config", result="changed")), 1, "changed virtual servers")


def test_second_master_refuses(t):
    service = t.postern()
    second = subprocess.run([service.bin / "postern", "-f", "-c", service.config], capture_output=True, text=True, timeout=30, check=False,
                            env=service.environment(), cwd="/", **service.account())
    check(second.returncode not in (0, -6), "a second master on the same folders:", second.returncode, second.stderr)
    service.default.send()


# shows 2.2d
def test_daemon(t):
    """Without -f the parent exits 0 when the service is up; the pid file names it and is locked."""
    service = t.postern(start=False, service={"syslog": "no"})
    done = subprocess.run([service.bin / "postern", "-c", service.config], capture_output=True, text=True, timeout=40, check=False,
                          env=service.environment(), stdin=subprocess.DEVNULL, **service.account())
    equal(done.returncode, 0, "exit status: " + done.stdout + done.stderr)
    pid = int((service.run / "postern.pid").read_text())
    check(is_alive(pid) and program_of(pid) == "postern", "pid file")
    service.default.send()
    service.home.wait_drops()
    equal(service.ctl("status", "--check").returncode, 0)
    os.kill(pid, signal.SIGTERM)
    until(lambda: not is_alive(pid), 40, "the service to end")


def left_out(folder, names):
    """Of a copy of the checkout: what neither `make run` nor its build needs."""
    out = {ROOT: ("run", "t"), ROOT / "build": ("check",)}.get(Path(folder), ())
    return [name for name in names if name in (".git", "__pycache__", *out)]


# shows 1.1d
def test_make_run(t):
    """The newcomer: a fresh checkout, make run, a first message, Ctrl-C; the second start finds the queue again."""
    tree = t.folder / "tree"
    shutil.copytree(ROOT, tree, ignore=left_out, symlinks=True)
    for path in (tree / "build").rglob("*"):      # what is built stays built
        os.utime(path)
    if is_root():
        for path in [tree, *tree.rglob("*")]:
            os.chown(path, t.uid, t.gid, follow_symlinks=False)
    account = {"user": t.uid, "group": t.gid, "extra_groups": []} if is_root() else {}

    def run():
        process = subprocess.Popen(["make", "run"], cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True, env={"PATH": os.environ["PATH"], "HOME": str(t.folder)}, **account)
        return process, Events(process.stdout, t.folder / "make-run.log")
    port = t.port()
    (tree / "run/servers").mkdir(parents=True)
    # the port of `make run` may be in use on this host: this one key is written beforehand, as a user might
    text = re.search(r"write_server\(\) \{\n\tcat <<'END'\n(.*?)\nEND\n", (tree / "etc/run-local").read_text(), re.S)[1]
    check("127.0.0.1:2525" in text, "the standard port")
    (tree / "run/servers/default.ini").write_text(text.replace(":2525", f":{port}") + "\n")
    if is_root():
        for path in (tree / "run", tree / "run/servers", tree / "run/servers/default.ini"):
            os.chown(path, t.uid, t.gid)
    process, events = run()
    events.wait("state", state="started", timeout=90)
    with Smtp(("127.0.0.1", port)) as client:
        client.message(to="you@postern.example")
        client.expect(250, "MAIL FROM:<a@b.example>")
        client.expect(250, "RCPT TO:<x@elsewhere.example>")
    home = Home(tree / "run/spool/default")
    home.wait_drops()
    text = "\n".join(events.lines)
    check(str(home.drop) in text or "run/spool/default/drop" in text, "it says where the message lies:", text)
    check("posternctl" in text and "status" in text, "it says how to see status:", text)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(40)
    events.wait_closed(40)
    before = (tree / "run/postern.ini").read_bytes()
    # a message that cannot leave stays over the restart
    process, events = run()
    events.wait("state", state="started", timeout=90)
    equal((tree / "run/postern.ini").read_bytes(), before, "the configuration is written once")
    equal(len(home.drops()), 1, "the first message is still there")
    os.killpg(process.pid, signal.SIGINT)
    process.wait(40)


def test_run_local_as_root(t):
    """As root the configuration of `make run` names a user for the workers that exists."""
    t.need_root()
    tree = t.folder / "tree"
    (tree / "etc").mkdir(parents=True)
    shutil.copy(ROOT / "etc/run-local", tree / "etc")
    fake = tree / "fake"
    fake.mkdir()
    (fake / "postern").write_text("#!/bin/sh\nexit 0\n")
    (fake / "postern").chmod(0o755)
    subprocess.run([tree / "etc/run-local", fake], check=True)
    text = (tree / "run/postern.ini").read_text()
    user = re.search(r"^user = (\w+)$", text, re.M)[1]
    check(user != "root", text)
    equal((tree / "run/spool").owner(), user, "owner of the spool")
