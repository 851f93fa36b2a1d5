"""event_log - where events go: a named file, what is said when nothing takes them"""

import base64
import json
import os
import re
import signal
import subprocess
import unicodedata

from checks import check, equal
from patience import until
from processes import descendants_of
from programs import ROOT

LINE = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (postern(?:-[a-z]+)?)\[\d+\]: \S+ event=\S+.*")


def in_background(service, ok=0):
    """Starts the service with its own command, which returns when the service is up."""
    done = subprocess.run([service.bin / "postern", "-c", service.config], capture_output=True, text=True, timeout=40, check=False,
                          env=service.environment(), stdin=subprocess.DEVNULL, cwd="/", **service.account())
    equal(done.returncode, ok, done.stderr)
    done.said = [line for line in done.stderr.splitlines() if line.startswith("postern: ")]
    return done


def programs_in(path):
    """The programs whose lines are in the file; each line is whole."""
    found = set()
    for line in path.read_text().splitlines():
        match = LINE.fullmatch(line)
        check(match, "no event:", line)
        found.add(match[1])
    return found


def with_file(t, **service):
    file = t.folder / "log" / "events.log"
    file.parent.mkdir()
    if os.geteuid() == 0:
        os.chown(file.parent, t.uid, t.gid)
    return t.postern(start=False, service={"events": file, **service}), file


ALL = {"postern", "postern-listener", "postern-deliver"}


def test_named_file(t):
    """All processes write to the file; a reload opens it anew, as after logrotate."""
    service, file = with_file(t)
    equal(in_background(service).said, [])
    service.default.send_by_queue()
    service.home.wait_drops()
    until(lambda: ALL <= programs_in(file), what="lines of each process")
    equal(file.stat().st_mode & 0o777, 0o640, "mode")
    moved = file.with_suffix(".1")
    file.rename(moved)
    service.ctl("reload")
    until(file.exists, what="the next file")
    size = moved.stat().st_size
    service.default.send_by_queue()
    service.home.wait_drops(2)
    until(lambda: ALL <= programs_in(file), what="lines of each process in the next file")
    equal(moved.stat().st_size, size, "size of the file before")
    service.ctl("stop")
    check("event=service state=stopped" in file.read_text(), file.read_text())


def test_logrotate(t):
    """The installed file of logrotate, with logrotate itself: events go on in a new file, and no protocol log is touched."""
    service, file = with_file(t)
    month = service.folder / "logs/default/ex2612.log"
    month.parent.mkdir(parents=True, exist_ok=True)
    month.write_text("a line\n")
    in_background(service)
    rules = (ROOT / "etc/postern.logrotate").read_text()
    for old, new in (("/var/log/postern/events.log", file), ("/var/log/postern", service.folder / "logs"),
                     ("/usr/bin/posternctl", f"{service.bin}/posternctl -c {service.config}")):
        rules = rules.replace(old, str(new))
    config = t.folder / "logrotate.conf"
    config.write_text(rules)
    config.chmod(0o644)
    for _ in range(2):      # in the second round what it renamed is compressed
        done = subprocess.run(["/usr/sbin/logrotate", "--force", "--state", t.folder / "logrotate.state", config], capture_output=True,
                              text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, check=False)
        equal((done.returncode, done.stderr), (0, ""))
        until(file.exists, what="the next file")
    check(file.with_name("events.log.2.gz").exists(), list(file.parent.iterdir()))
    equal([path.name for path in month.parent.glob("*2612.*")], [month.name], "the protocol log of a month")
    service.default.send_by_queue()
    service.home.wait_drops()
    until(lambda: ALL <= programs_in(file), what="lines of each process in the next file")
    service.ctl("stop")


def test_named_file_as_root(t):
    """The file is root's, and the group of the service may read it; workers write to it all the same."""
    t.need_root()
    file = t.folder / "events.log"
    service = t.postern(start=False, as_root=True, service={"events": file})
    in_background(service)
    service.default.send_by_queue()
    service.home.wait_drops()
    until(lambda: ALL <= programs_in(file), what="lines of each process")
    equal((file.stat().st_uid, file.stat().st_gid), (0, t.gid), "owner and group")
    service.ctl("stop")


def test_named_file_in_the_foreground(t):
    service, file = with_file(t)
    service.spawn()
    service.events.wait("service", note="events-go-to", file=str(file))
    until(lambda: file.exists() and "event=service state=started" in file.read_text(), what="the service in its file")
    service.stop()
    check("event=service state=stopped" in file.read_text(), file.read_text())
    equal([e for e in service.events.all("service") if e.get("state")], [], "events on the standard error output")


def test_bad_file(t):
    """A link, a folder, what everybody may write to, what another user owns: neither check nor start takes it."""
    service, file = with_file(t)
    other = file.parent / "other"

    def link():
        file.symlink_to(other)

    def second_name():
        other.touch()
        os.chown(other, t.uid, t.gid)
        file.hardlink_to(other)

    def loose():
        file.touch()
        os.chown(file, t.uid, t.gid)
        file.chmod(0o666)

    def foreign():
        file.touch()
        os.chown(file, 12345, 12345)

    rows = [(link, "it is a link"), (file.mkdir, "it is no regular file"), (loose, "everybody may write to it"),
            (second_name, "it has a second name")]
    if os.geteuid() == 0:
        rows.append((foreign, "it belongs to another user"))
    for make, why in rows:
        make()
        done = service.ctl("check", ok=False)
        check(done.returncode == 78 and f"{file}: {why}" in done.stdout + done.stderr, why, done.stdout, done.stderr)
        if make is not foreign:
            done = in_background(service, ok=73)
            check(why in done.stderr or "Is a directory" in done.stderr, why, done.stderr)
        check(not other.exists() or other.stat().st_size == 0, "something was written")
        (file.rmdir if file.is_dir() and not file.is_symlink() else file.unlink)()


def test_reload_moves_events(t):
    """To another file, and a file that cannot be used changes nothing."""
    service, file = with_file(t)
    in_background(service)
    second = file.with_name("second.log")
    service.service["events"] = second
    service.write()
    service.ctl("reload")
    until(lambda: second.exists() and "event=config result=reloaded" in second.read_text(), what="the second file")
    service.default.send_by_queue()
    service.home.wait_drops()
    until(lambda: ALL <= programs_in(second), what="lines of each process")
    service.service["events"] = t.folder / "nowhere" / "x.log"
    service.write()
    done = service.ctl("reload", ok=False)
    check(done.returncode == 73 and "nowhere/x.log: No such file" in done.stdout, done.stdout)
    service.default.send()
    service.home.wait_drops(2)
    service.ctl("stop")
    check("event=service state=stopped" in second.read_text(), second.read_text())


def test_reload_to_syslog(t):
    """A process in its sandbox cannot connect to syslog unless it began with it: all are replaced."""
    service, _ = with_file(t)
    in_background(service)
    master = int((service.run / "postern.pid").read_text())
    old = set(descendants_of(master))
    service.service["events"] = "syslog"
    service.write()
    service.ctl("reload")
    until(lambda: len(descendants_of(master)) >= len(old) and not old & set(descendants_of(master)), what="other processes")
    service.default.send()
    service.home.wait_drops()
    service.ctl("stop")


def json_lines(path):
    """Each line is one JSON object, with these names."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    for each in found:
        check({"time", "level", "program", "pid", "event"} <= set(each), each)
    return found


def test_json(t):
    """events = json: each event of each process is an object on a line of the standard output; a reload to a file and back."""
    service = t.postern(start=False, service={"events": "json"})
    out, file = service.folder / "stdout", service.folder / "file"
    service.spawn()

    def events(path=out, **facts):
        return [each for each in json_lines(path) if facts.items() <= each.items()]
    until(lambda: events(event="service", state="started"), what="the service")
    id = service.default.send(sender='"odd \\" name"@b.example')
    service.home.wait_drops()
    until(lambda: events(event="dropped", id=id, server="default", program="postern-pickup"), what="the drop")
    equal(events(event="accepted", id=id)[0]["sender"], '"odd \\" name"@b.example')
    service.default.send_by_queue()
    until(lambda: {each["program"] for each in events()} >= ALL, what="lines of each process")
    equal({each["level"] for each in events(event="accepted")}, {"fact"})
    for events_key, path in ((file, file), ("json", out)):
        service.service["events"] = events_key
        service.write()
        service.ctl("reload")
        before = path.read_text()
        service.default.send()
        until(lambda: "event" in path.read_text()[len(before):] and "dropped" in path.read_text()[len(before):], what="the next drop")
    service.stop()
    check(events(event="service", state="stopped"), "the end")
    equal(service.events.lines, [], "the standard error output")


def test_json_of_an_older_configuration(t):
    """A process that is born of an older configuration, as the file of its virtual server has an error, writes as all others do."""
    service = t.postern({"default": {}, "other": {}}, start=False)
    file, out = service.folder / "file", service.folder / "stdout"
    service.service["events"] = file
    service.write()
    service.spawn()
    until(lambda: file.exists() and "event=service state=started" in file.read_text(), what="the service")
    listener = service.child("listener", "default")
    service.service["events"] = "json"
    service.write()
    service.default.file.write_text(service.default.file.read_text() + "\n[messages]\nmax-recipients = many\n")
    service.ctl("reload", ok=False)
    os.kill(service.child("listener", "default"), signal.SIGKILL)
    until(lambda: [each for each in json_lines(out) if each["event"] == "crash"], what="the crash")
    until(lambda: service.child("listener", "default") not in (None, listener), what="another listener")
    id = service.default.send()
    until(lambda: [each for each in json_lines(out) if each["event"] == "accepted" and each["id"] == id], what="its event")
    service.stop()
    json_lines(out)
    check(not any("event=accepted" in line for line in service.events.lines), "the standard error output")


# shows 2.2i
def test_lost_events_are_told(t):
    """In the background nothing reads stderr, and syslog may have no daemon: the start says so in one line."""
    rows = [({"syslog": "no"}, "has no standard output"), ({"events": "stderr"}, "has no standard output"), ({"events": "json"}, "has no standard output")]
    if not os.path.exists("/dev/log"):
        rows += [({}, "no syslog daemon listens at /dev/log"), ({"events": "syslog"}, "no syslog daemon listens at /dev/log")]
    for keys, why in rows:
        service = t.postern(start=False, service=keys)
        lines = in_background(service).said
        equal(len(lines), 1, lines)
        check("events are lost" in lines[0] and why in lines[0] and "events = FILE" in lines[0], lines)
        service.ctl("stop")


HOSTILE = (b"\x9b31mx", "\u009b2J".encode(), "a\u202eb".encode(), "\u2028event=x".encode(), "\ufeff\u200b".encode(), b"\xed\xa0\x80", b"\xc0\xaf",
           "\U000e0041".encode(), b"\xff", "\x1b]0;t\x07".encode())


# shows 7.2a
def test_nothing_for_a_terminal(t):
    """Names in AUTH and EHLO, addresses, file names in pickup, a host's replies: the log has ASCII and letters, nothing that a terminal obeys."""
    passwords = t.folder / "passwords"
    passwords.write_text("alice:$5$rounds=1000$abc$" + "a" * 43 + "\n")
    passwords.chmod(0o600)
    sink = t.sink(answers={"RCPT": "550 5.1.1 no \u009b31m \u202e such"})
    service = t.postern({"default": {"access": {"authentication": "anonymous, basic", "relay-list": "127.0.0.1", "password-file": passwords, "basic-requires-tls": "no"},
                                     "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    for name in HOSTILE:
        with service.default.connect(source="127.0.0.9") as client:
            client.expect(250, b"HELO c" + name)
            client.cmd(b"AUTH PLAIN " + base64.b64encode(b"\0" + name + b"\0x"))
            client.cmd(b"MAIL FROM:<" + name + b"@b.example>")
    for number, name in enumerate(HOSTILE):
        (service.home.pickup / os.fsdecode(name + b"%d" % number)).write_bytes(b"no header\n")
    service.default.send(to="x@elsewhere.example")
    until(lambda: len(service.events.all("badmailed")) >= len(HOSTILE), what="the files in badmail")
    service.events.wait("failed", recipient="x@elsewhere.example")
    text = (service.folder / "events.log").read_bytes().decode()     # it is UTF-8
    odd = [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")]
    equal(odd, [], "characters of the log")
    for escaped in (r"\x9b31mx", r"\xc2\x9b2J", r"a\xe2\x80\xaeb"):
        check(escaped in text, escaped)
