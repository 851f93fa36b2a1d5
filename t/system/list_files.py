"""list_files - lists of addresses in files of their own: long ones, changed ones, wrong ones"""

import os
import signal
import time

from checks import check, equal
from patience import until


def may_relay(server, source):
    with server.connect(source=source) as client:
        client.expect(250, "HELO c.example")
        client.expect(250, "MAIL FROM:<a@s.example>")
        return client.cmd("RCPT TO:<b@remote.example>").code == 250


def begin(t, text):
    service = t.postern(start=False)
    path = service.folder / "relay.list"
    path.write_text(text)
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, t.uid, t.gid)
    service.default.set("access", relay_list=f"{path}, 127.0.0.9")
    return service.start(), path


def test_list_of_a_file(t):
    """Entries of the file and of the line; a changed file is taken up by itself; one with an error changes nothing."""
    service, path = begin(t, "# who may\n127.0.0.2   ; printer\n127.0.0.4/31\n")
    equal([may_relay(service.default, f"127.0.0.{n}") for n in (1, 2, 4, 5, 6, 9)], [False, True, True, True, False, True])
    check("127.0.0.4/31" in service.ctl("config").stdout, "posternctl config")
    path.write_text("127.0.0.6\n")
    until(lambda: may_relay(service.default, "127.0.0.6"), what="the changed file")
    equal([may_relay(service.default, f"127.0.0.{n}") for n in (2, 9)], [False, True])
    mark = service.events.mark()
    path.write_text("127.0.0.2\n127.0.0.333\n")
    event = service.events.wait("config", since=mark, file=str(path), line="2")
    check("127.0.0.333" in event["error"], event.line)
    path.chmod(0o666)
    event = service.events.wait("config", since=mark, file=str(path), error="may be written by every user; chmod o-w " + str(path))
    check("line" not in event and "line=" not in event.line, "a line of the file as a whole", event.line)
    path.chmod(0o644)
    equal([may_relay(service.default, f"127.0.0.{n}") for n in (2, 6)], [False, True], "the list before")
    done = service.ctl("check", ok=False)
    check(done.returncode == 78 and f"{path}:2: error: relay-list" in done.stdout + done.stderr, done.stdout, done.stderr)
    path.write_text("127.0.0.2\n")
    until(lambda: may_relay(service.default, "127.0.0.2"), what="the mended file")


def test_long_list(t):
    """50,000 networks are read in a moment, and a client is looked up in them in no time."""
    lines = [f"10.{i >> 8 & 255}.{i & 255}.0/25\n" for i in range(50000)]
    service, path = begin(t, "".join(lines) + "127.0.0.2\n")
    begun = time.monotonic()
    service.ctl("check")
    check(time.monotonic() - begun < 10, "check takes", time.monotonic() - begun)
    check(may_relay(service.default, "127.0.0.2") and not may_relay(service.default, "127.0.0.3"), "who may relay")
    path.write_text("".join(lines[1:]) + "127.0.0.3\n")
    until(lambda: may_relay(service.default, "127.0.0.3"), what="the changed file")


def with_lists(t, *names, wait=True, **lists):
    """Virtual servers that each have a list of their own; returns the service and the paths. `lists`: another text at the start."""
    service = t.postern({name: {} for name in names}, start=False)
    paths = {}
    for name in names:
        paths[name] = service.folder / f"{name}.list"
        paths[name].write_text(lists.get(name, "127.0.0.1\n"))
        service[name].set("access", relay_list=str(paths[name]))
    service.own()
    return service.start(wait=wait), paths


def reload_refused(service, name):
    done = service.ctl("reload", ok=False)
    check(done.returncode != 0 and f"{name}: not changed" in done.stdout + done.stderr, done.stdout, done.stderr)


def test_mended_after_a_refused_reload(t):
    """A list that made a reload fail is taken when it is mended; meanwhile other servers' lists are taken as they change."""
    service, paths = with_lists(t, "a", "b")
    paths["a"].write_text("127.0.0.2\nnonsense!\n")
    reload_refused(service, "a")
    paths["b"].write_text("127.0.0.3\n")
    until(lambda: may_relay(service["b"], "127.0.0.3"), what="the other server's list")
    check(may_relay(service["a"], "127.0.0.1"), "the list before")
    paths["a"].write_text("127.0.0.2\n")
    until(lambda: may_relay(service["a"], "127.0.0.2"), what="the mended list")
    check(not may_relay(service["a"], "127.0.0.1"), "an entry that went")


def test_one_wrong_list(t):
    """A list that goes bad while the service runs holds up no other server's list; its fault is told once for each change."""
    service, paths = with_lists(t, "a", "b")
    mark = service.events.mark()
    paths["a"].write_text("nonsense!\n")
    told = service.events.wait("config", since=mark, server="a", result="not changed")
    check("a.list:1" in told["reason"] and "reload" in told["reason"], told.line)
    paths["b"].write_text("127.0.0.3\n")
    until(lambda: may_relay(service["b"], "127.0.0.3"), what="the other server's list")
    equal(len(service.events.all("config", since=mark, server="a", result="not changed")), 1, "times that it is told")
    equal(len(service.events.all("config", since=mark, file=str(paths["a"]))), 1, "times that the fault is told")
    paths["a"].write_text("127.0.0.4\n")
    until(lambda: may_relay(service["a"], "127.0.0.4"), what="the mended list")


def test_fault_in_the_ini_file_stays(t):
    """The list is mended, the INI file is not: that is said, once; lists of the configuration that runs are taken as they change."""
    service, paths = with_lists(t, "a", "b")
    new = service.folder / "new.list"
    new.write_text("nonsense!\n")
    service["a"].set("access", relay_list=str(new))
    service["a"].set("messages", max_recipient="5")
    reload_refused(service, "a")
    mark = service.events.mark()
    new.write_text("127.0.0.5\n")
    told = service.events.wait("config", since=mark, server="a", result="not changed")
    check("max-recipient" in told["reason"] and "reload" in told["reason"], told.line)
    paths["a"].write_text("127.0.0.2\n")
    until(lambda: may_relay(service["a"], "127.0.0.2"), what="the list of the configuration that runs")
    check(not may_relay(service["a"], "127.0.0.5"), "the list of a refused INI file")
    equal(len(service.events.all("config", since=mark, server="a", result="not changed")), 1, "times that it is told")
    service["a"].set("messages", max_recipient=None)
    service.ctl("reload")
    until(lambda: may_relay(service["a"], "127.0.0.5"), what="the new list")


def test_list_of_all_servers(t):
    """A list in the shared part: while it is wrong the service file is refused; mended, that reload is done."""
    service, paths = with_lists(t, "a", "b")
    shared = service.folder / "shared.list"
    shared.write_text("nonsense!\n")
    service.shared = {"access": {"connection-control": "all-except", "connection-list": str(shared)}}
    service.write()
    service.signal(signal.SIGHUP)   # posternctl reload judges first, and does not ask the service
    service.events.wait("config", result="not-all-reloaded")
    paths["b"].write_text("127.0.0.3\n")
    until(lambda: may_relay(service["b"], "127.0.0.3"), what="a list of what runs")
    mark = service.events.mark()
    shared.write_text("127.0.0.66\n")
    service.events.wait("config", since=mark, result="reloaded")

    def is_refused():
        with service["a"].connect(source="127.0.0.66") as client:
            return client.banner.code == 554
    until(is_refused, what="the list of all servers")


def test_wrong_at_the_start(t):
    """A virtual server that did not start for its list starts when that is mended."""
    service, paths = with_lists(t, "a", "b", a="nonsense!\n", wait=["b"])
    paths["a"].write_text("127.0.0.2\n")
    service.wait_state("a", "started")
    check(may_relay(service["a"], "127.0.0.2"), "the mended list")
