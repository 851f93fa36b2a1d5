"""upgrade - programs that were installed under a running service take over: no connection is refused, no session ends, no message is lost"""

import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from checks import check, equal
from installed import CTL_FIRST, CTL_VERSION, OTHER, VERSION, Installed
from patience import until
from processes import descriptors_of, is_alive
from programs import BUILD
from sasl import verifier
from web_accounts import PASSWORD, log_in, write_accounts
from web_client import Stream, wait_served


def installed(t, *args, start=True, **options):
    service = t.postern(*args, start=False, **options)
    programs = Installed(t, service)
    return service.start() if start else service, programs


def upgrade(service, version, before):
    mark = service.events.mark()
    done = service.ctl("upgrade")
    check(done.stdout.endswith(f"postern {version} has taken over from {before}\n"), done)
    service.events.wait("service", since=mark, note="taken-over", version=version)


class Clients(threading.Thread):
    """Short sessions one after the other, until end(): what got 250 is in `taken`."""
    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.server, self.name, self.taken, self.over, self.fault = server, name, [], threading.Event(), None
        self.start()

    def run(self):
        try:
            while not self.over.is_set():
                subject = f"{self.name}-{len(self.taken)}."
                self.server.send("a@sender.example", [f"b@{self.server.name}.example"], f"Subject: {subject}\r\n\r\nx\r\n".encode())
                self.taken.append(subject)
        except BaseException as fault:
            self.fault = fault

    def wait_more(self):
        before = len(self.taken)
        until(lambda: self.fault or len(self.taken) > before + 2, what="messages after the upgrade")
        check(self.fault is None, repr(self.fault))

    def end(self):
        self.over.set()
        self.join(60)
        check(not self.is_alive() and self.fault is None, repr(self.fault))


def dropped(server):
    found = []
    for path in server.home.drop.glob("*.eml"):
        found += re.findall(r"^Subject: (\S+)\r$", path.read_bytes().decode(), re.M)
    return sorted(found)


def wait_dropped(server, subjects):
    until(lambda: len(dropped(server)) >= len(subjects), what=lambda: f"{sorted(set(subjects) - set(dropped(server)))}")
    equal(dropped(server), sorted(subjects))


def say(client, server, subject):
    client.message("a@sender.example", [f"b@{server.name}.example"], f"Subject: {subject}\r\n\r\nx\r\n".encode())


def version_of(build):
    """Of the tree whose build it is: TREE/build/check."""
    return re.search(r"^VERSION *:= *(\S+)", (Path(build).parents[1] / "Makefile").read_text(), re.M)[1]


def under_load(t, as_root, messages=(), trees=()):
    """`messages`: versions of the control messages, in turn; `trees`: builds, in turn; all programs are others then."""
    service, programs = installed(t, {"one": {}, "two": {}, "three": {}}, as_root=as_root)
    one, pid = service["one"], service.process.pid
    service.ctl("pause", "two")
    service.ctl("stop", "three")
    loads = [Clients(one, f"load{n}") for n in range(3)]
    sessions, taken, half = [], [], one.connect(ehlo="half.example")
    half.expect(250, "MAIL FROM:<a@sender.example>")
    half.expect(250, "RCPT TO:<b@one.example>")
    half.expect(354, "DATA")
    half.send(b"Subject: half.\r\n")
    before, received = VERSION, 0
    for number, version in enumerate([version_of(tree) for tree in trees] or (OTHER, VERSION, OTHER)):
        session = one.connect(ehlo="long.example")
        say(session, one, f"long{number}-begin.")
        taken.append(f"long{number}-begin.")
        sessions.append(session)
        if messages:
            programs.messages(messages[number], version)
        elif trees:
            programs.tree(trees[number])
        else:
            programs.version(version)
        upgrade(service, version, before)
        before = version
        for load in loads:
            load.wait_more()
        for k, session in enumerate(sessions):
            say(session, one, f"long{k}-after{number}.")
            taken.append(f"long{k}-after{number}.")
        equal(service.process.poll(), None)
        counters = dict(line.split() for line in service.ctl("counters", "one").stdout.splitlines())
        check(int(counters["messages_received_total"]) > received, counters)
        received = int(counters["messages_received_total"])
        states = [line.split()[:2] for line in service.ctl("status").stdout.splitlines()]
        equal(sorted(words for words in states if words[0] != "(service)"), [["one", "started"], ["three", "stopped"], ["two", "paused"]])
    half.send(b"\r\nx\r\n.\r\n")
    equal(half.reply().code, 250)
    for load in loads:
        load.end()
    for session in [half, *sessions]:
        session.expect(221, "QUIT")
    subjects = taken + ["half."] + [each for load in loads for each in load.taken]
    wait_dropped(one, subjects)
    check(received >= len([each for each in subjects if each.startswith("long")]), received)
    equal((service.process.pid, (service.run / "postern.pid").read_text()), (pid, f"{pid}\n"))
    service.ctl("continue", "two")
    service.ctl("start", "three")
    for name in ("two", "three"):
        service[name].send("a@sender.example", [f"b@{name}.example"], b"Subject: then.\r\n\r\nx\r\n")
        wait_dropped(service[name], ["then."])


# shows 1.12c
def test_under_load(t):
    """Three times, to another version and back, with sessions that live through all of them; as a plain user."""
    under_load(t, as_root=False)


# shows 1.12c
def test_under_load_as_root(t):
    """The same as root, with a user for each role."""
    t.need_root()
    under_load(t, as_root=True)


def test_other_messages(t):
    """The same where the processes of both versions cannot speak with each other: each listener keeps the pickup of its version."""
    under_load(t, as_root=False, messages=(CTL_VERSION + 1, CTL_VERSION, CTL_VERSION + 70))


def test_another_tree(t):
    """To the programs of a tree that differs in what it likes (make check-upgrade AGAINST=TREE), back, and to them again."""
    other, own = os.environ.get("POSTERN_OTHER_BUILD"), BUILD
    if not other:
        t.skip("no other tree is named: make check-upgrade AGAINST=TREE")
    under_load(t, as_root=False, trees=(other, own, other))


def test_messages_of_before(t):
    """A version that did not know of others yet: refused in words, and nothing has changed."""
    service, programs = installed(t, start=False)
    programs.messages(CTL_FIRST - 1, OTHER)
    service.start()
    programs.messages(CTL_VERSION, VERSION)
    mark = service.events.mark()
    done = service.ctl("upgrade", ok=False)
    equal(done.returncode, 76, done)        # posternctl cannot read such an answer either
    check("restart the service" in done.stderr, done)
    event = service.events.wait("service", since=mark, note="upgrade-failed")
    for part in (f"version {CTL_VERSION} of the control messages", f"has version {CTL_FIRST - 1}", "restart the service"):
        check(part in event["reason"], event.line)


def test_sessions_of_another_version(t):
    """They are not listed, and end on their own; nothing waits for their process. A stop ends them all the same."""
    service, programs = installed(t)
    with service.default.connect(ehlo="old.example") as client:
        programs.messages(CTL_VERSION + 1, OTHER)
        upgrade(service, OTHER, VERSION)
        equal([line for line in service.ctl("sessions").stdout.splitlines() if "127.0.0.1" in line], [])
        client.expect(250, "NOOP")
        client.send(b"AUTH PLAIN AHgAeA==\r\n")
        client.reply()
        equal(service.stop(), 0)


def test_nothing_piles_up(t):
    """After the old processes have ended, the service has as many descriptors and processes as before."""
    service, programs = installed(t)

    def counts():
        return len(descriptors_of(service.process.pid)), len(service.children())

    upgrade(service, VERSION, VERSION)
    until(lambda: len(service.children()) == 3, what="the end of the old processes")
    before = counts()
    for _ in range(3):
        upgrade(service, VERSION, VERSION)
        until(lambda: counts() == before, what=f"{before} descriptors and processes")


def refused(service, *parts):
    """It runs on: the same listener takes the next message."""
    listener = service.child("listener")
    mark = service.events.mark()
    done = service.ctl("upgrade", ok=False)
    equal(done.returncode, 1)
    for part in ("the service runs on as it was", *parts):
        check(part in done.stdout + done.stderr, done)
    service.events.wait("service", since=mark, note="upgrade-failed")
    check(is_alive(listener) and service.children("listener") == [listener], "another listener")
    service.default.send("a@sender.example", ["b@default.example"], b"Subject: on.\r\n\r\nx\r\n")


def test_broken_programs(t):
    """A new program that cannot start: the old one goes on and says why; after that a good one takes over."""
    service, programs = installed(t)
    programs.put(b"#!/bin/sh\necho it has a fault\nexit 1\n")
    refused(service, "it has a fault; it ended with exit status 1")
    programs.put(b"#!/bin/sh\nkill -SEGV $$\n")
    refused(service, "it ended by signal 11")
    programs.put(programs.original, 0o644)
    refused(service, "Permission denied", "exit status 127")
    programs.put(b"\x7fELFrubbish")
    refused(service, "Exec format error")
    (programs.folder / "postern").unlink()
    refused(service, "No such file or directory")
    programs.version(OTHER)
    deliver = (programs.folder / "postern-deliver").readlink()
    (programs.folder / "postern-deliver").unlink()
    refused(service, "postern-deliver: cannot be executed")
    (programs.folder / "postern-deliver").symlink_to(deliver)
    upgrade(service, OTHER, VERSION)


def test_configuration_comes_first(t):
    """What is on disk is taken over before; with errors in it there is no upgrade."""
    service, programs = installed(t)
    programs.version(OTHER)
    service.default.set("general", listen="rubbish:rubbish")
    done = service.ctl("upgrade", ok=False)
    check(done.returncode != 0 and "mend the configuration first" in done.stdout + done.stderr, done)
    service.default.set("general", listen=f"127.0.0.1:{service.default.port}", description="new")
    upgrade(service, OTHER, VERSION)
    check("description=new" in service.ctl("status").stdout, "the old configuration")


def ctl_begin(service, *args):
    return subprocess.Popen([service.bin / "posternctl", "-c", service.config, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, env=service.environment(), cwd="/", **service.account())


def test_two_at_once(t):
    """The second is told that the first is under way; a reload beside them gets its answer."""
    service, programs = installed(t)
    gate = t.folder / "gate"
    os.mkfifo(gate)
    gate.chmod(0o666)
    real = programs.folder / "postern.real"
    real.write_bytes(programs.original)
    real.chmod(0o755)
    programs.put(f'#!/bin/sh\nread x <{gate}\nexec {real} "$@"\n'.encode())
    with ctl_begin(service, "upgrade") as first:
        with open(gate, "w") as opened:     # the trial has begun
            done = service.ctl("upgrade", ok=False)
            equal((done.returncode, done.stdout + done.stderr), (1, "an upgrade is under way already\n"))
            equal(service.ctl("reload").returncode, 0)
            programs.put(programs.original)
            opened.write("\n")
        out, _ = first.communicate(timeout=60)
        check(first.returncode == 0 and "has taken over" in out, out)
    service.default.send("a@sender.example", ["b@default.example"], b"Subject: on.\r\n\r\nx\r\n")


class Trial:
    """The new program tries as ever, and its answer is held back until let_go()."""
    def __init__(self, t, programs):
        self.programs, self.gate, told = programs, t.folder / "gate", t.folder / "told"
        for fifo in (self.gate, told):
            os.mkfifo(fifo)
            fifo.chmod(0o666)
        real = programs.folder / "postern.real"
        real.write_bytes(programs.original)
        real.chmod(0o755)
        programs.put(f'#!/bin/sh\n{real} "$@"\nstatus=$?\necho $status >{told}\nread x <{self.gate}\nexit $status\n'.encode())
        self.told = told

    def wait_judged(self):
        """The status with which it has ended."""
        return int(self.told.read_text())

    def let_go(self):
        self.programs.put(self.programs.original)
        self.gate.write_text("\n")


def faults_after_the_trial(t, *faults):
    """What is on disk by then counts for nothing: the service runs on with what was tried, until a reload."""
    service, programs = installed(t, {"one": {}, "two": {}, "three": {}}, start=False)
    path = service.folder / "relay.list"
    path.write_text("127.0.0.2\n")
    service["one"].set("access", relay_list=path)
    service.own()
    service.start()
    service.ctl("stop", "three")
    before = {name: service[name].file.read_bytes() for name in ("one", "two")} | {"": service.config.read_bytes()}
    trial, mark = Trial(t, programs), service.events.mark()
    with ctl_begin(service, "upgrade") as asked:
        equal(trial.wait_judged(), 0)
        if "server" in faults:
            service["one"].file.write_text("[general]\nlisten = rubbish:rubbish\n")
        if "gone" in faults:
            service["two"].file.unlink()
        if "service" in faults:
            service.config.write_text("[rubbish\n")
        if "list" in faults:
            path.write_text("rubbish/rubbish\n")
        trial.let_go()
        out, _ = asked.communicate(timeout=60)
        equal((asked.returncode, out), (0, f"postern {VERSION} has taken over from {VERSION}\n"))
    service.events.wait("service", since=mark, note="taken-over")
    for name in ("one", "two"):
        service[name].send("a@sender.example", [f"b@{name}.example"], b"Subject: on.\r\n\r\nx\r\n")
        wait_dropped(service[name], ["on."])
    if "list" in faults:
        event = service.events.wait("config", since=mark, file=str(path), line="1")
        check("rubbish" in event["error"], event.line)
    service.config.write_bytes(before[""])
    for name in ("one", "two"):
        service[name].file.write_bytes(before[name])
    path.write_text("127.0.0.3\n")
    service.own()
    states = [line.split()[:2] for line in service.ctl("status").stdout.splitlines()]
    equal(sorted(words for words in states if words[0] != "(service)"), [["one", "started"], ["three", "stopped"], ["two", "started"]])

    def relays():
        with service["one"].connect(source="127.0.0.3") as client:
            client.expect(250, "HELO c.example")
            client.expect(250, "MAIL FROM:<a@s.example>")
            return client.cmd("RCPT TO:<b@remote.example>").code == 250

    until(relays, what="the list that has changed since")
    equal(service.ctl("reload").returncode, 0)


# shows 1.12c
def test_faults_of_servers_after_the_trial(t):
    """The file of one virtual server gets an error between the trial and the step, another one goes: both run on."""
    faults_after_the_trial(t, "server", "gone")


def test_faults_of_the_service_after_the_trial(t):
    """The same of postern.ini."""
    faults_after_the_trial(t, "service")


def test_faults_of_a_list_after_the_trial(t):
    """The same of a file with a list: it is looked at again soon, and mended without a reload."""
    faults_after_the_trial(t, "list")


def test_reload_after_the_trial(t):
    """What a reload has taken over meanwhile is tried, too; one with errors ends the upgrade."""
    service, programs = installed(t)
    trial, mark = Trial(t, programs), service.events.mark()
    with ctl_begin(service, "upgrade") as asked:
        equal(trial.wait_judged(), 0)
        service.default.set("general", description="later")
        equal(service.ctl("reload").returncode, 0)
        trial.let_go()
        out, _ = asked.communicate(timeout=60)
        check(asked.returncode == 0 and "has taken over" in out, out)
    check("description=later" in service.ctl("status").stdout, "the configuration before the reload")
    (t.folder / "gate").unlink()
    (t.folder / "told").unlink()
    trial = Trial(t, programs)
    with ctl_begin(service, "upgrade") as asked:
        equal(trial.wait_judged(), 0)
        service.default.set("general", listen="rubbish:rubbish")
        check(service.ctl("reload", ok=False).returncode != 0, "the reload")
        trial.let_go()
        out, _ = asked.communicate(timeout=60)
        check(asked.returncode == 1 and "the configuration on disk has errors by now" in out, out)
    service.events.wait("service", since=mark, note="upgrade-failed")
    service.default.send("a@sender.example", ["b@default.example"], b"Subject: on.\r\n\r\nx\r\n")


class Again(threading.Thread):
    """Does the same until end(), each time as soon as the time before is over."""
    def __init__(self, call):
        super().__init__(daemon=True)
        self.call, self.count, self.over = call, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            try:
                self.call()
            except (OSError, http.client.HTTPException, ValueError):     # the manager starts anew
                pass
            self.count += 1

    def end(self):
        self.over.set()
        self.join(60)


def with_manager(t):
    """A service with the manager and accounts, its programs, and the port: eve may look, carol operates "one"; "two" is stopped."""
    port = t.port()
    service, programs = installed(t, {"one": {"security": {"operators": "account:carol"}}, "two": {}}, start=False, service={"viewers": "account:eve"})
    accounts = write_accounts(service, {name: verifier(PASSWORD) for name in ("eve", "carol")})
    service.shared["manager"] = {"listen": f"127.0.0.1:{port}", "accounts": accounts}
    service.write()
    service.start()
    wait_served(port)
    service.ctl("stop", "two")
    return service, programs, port


# shows 1.12c
def test_who_looks_holds_nothing_up(t):
    """Who watches, a page that follows the log, lists asked for all the time, wrong passwords without end: none delays it."""
    service, programs, port = with_manager(t)
    eve, _ = log_in(port, "eve")
    stream = Stream(eve, X_Postern_Watch="-")
    equal(stream.first("watching", "unwatched"), "watching")
    with ctl_begin(service, "watch") as watch:
        check("watching" in watch.stdout.readline(), "no watch")
        wrong = [Again(lambda n=n: log_in(port, f"name{n}", "wrong")) for n in range(3)]
        lists = Again(lambda: service.ctl("queue", "two", "list", ok=False))
        until(lambda: all(each.count > 0 for each in (*wrong, lists)), what="passwords and lists")
        begun = time.monotonic()
        upgrade(service, VERSION, VERSION)
        check(time.monotonic() - begun < 25, "it took", time.monotonic() - begun)
        rest, _ = watch.communicate(timeout=30)
        check(watch.returncode == 75 and rest.endswith("an upgrade of the service came first: say this again\n"), watch.returncode, rest)
        for each in (*wrong, lists):
            each.end()
    stream.close()
    service["one"].send("a@sender.example", ["b@one.example"], b"Subject: on.\r\n\r\nx\r\n")


def test_who_operates_one_waits(t):
    """While it waits, who operates a virtual server cannot begin what it would wait for; who looks, and who operates all, can."""
    service, programs, port = with_manager(t)
    carol, _ = log_in(port, "carol")
    trial = Trial(t, programs)
    with ctl_begin(service, "upgrade") as asked:
        equal(trial.wait_judged(), 0)
        for words in (("pause", "one"), ("set", "one", "general.description=x"), ("probe", "one", "b@one.example"), ("queue", "one", "delete", "all")):
            done = carol.command(*words)
            equal((words, done["status"]), (words, 75), done)
            check("an upgrade of the service is under way" in json.dumps(done), done)
        equal(carol.command("status", "one")["status"], 0)
        equal(carol.command("queue", "one", "list")["status"], 0)
        equal(service.ctl("pause", "one").returncode, 0)
        with ctl_begin(service, "queue", "two", "list") as listed:      # no process is started for it; it asks again
            trial.let_go()
            out, _ = asked.communicate(timeout=60)
            check(asked.returncode == 0 and "has taken over" in out, out)
            listed.communicate(timeout=60)
            equal(listed.returncode, 0)
    check("one paused" in service.ctl("status").stdout, "the state")
    service.ctl("continue", "one")


def test_while_a_reload_runs(t):
    """It waits for the end of the reload, and the reload is answered."""
    service, programs = installed(t)
    programs.version(OTHER)
    service.default.set("general", description="new")
    with ctl_begin(service, "reload") as reload:
        upgrade(service, OTHER, VERSION)
        out, _ = reload.communicate(timeout=60)
        equal(reload.returncode, 0, out)


def test_term_right_after(t):
    """A signal between the two programs is not lost."""
    service, programs = installed(t)
    mark = service.events.mark()
    with ctl_begin(service, "upgrade") as asked:
        service.events.wait("service", since=mark, state="upgrading")
        service.signal(signal.SIGTERM)
        equal(service.wait_end(), 0)
        asked.communicate(timeout=60)
    check(not (service.run / "postern.pid").exists(), "the pid file is left")


def test_who_may(t):
    """A user who operates nothing may not."""
    t.need_root()
    service, programs = installed(t, as_root=True)
    done = service.ctl("upgrade", ok=False, account={"user": t.uid, "group": t.gid, "extra_groups": []})
    equal(done.returncode, 77)
    check("you are no operator of the service" in done.stdout + done.stderr, done)
