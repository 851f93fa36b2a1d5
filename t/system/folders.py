"""folders - a folder that cannot be used: what needs it waits, the rest of the virtual server lives, and all is well by itself when it is mended"""

import os
import shutil
import subprocess

from checks import check, equal
from patience import until

MODES = {"drop": 0o750, "badmail": 0o700, "pickup": 0o770, "queue": 0o700}


def status(service):
    return service.ctl("status", "default", ok=False).stdout


def with_folder(t, name, mode):
    """A service, not started, with a smart host; that folder of its home is there in that mode."""
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s"}}}, start=False)
    folder = service.home.path / name
    folder.mkdir(parents=True)
    service.own()
    folder.chmod(mode)
    t.cleanup(lambda: folder.exists() and folder.chmod(0o700))
    return service, folder, sink


def says(service, folder, what="Permission denied"):
    until(lambda: f"{folder} cannot be used: {what}" in status(service), what="the reason in status")
    until(lambda: service.ctl("status", "--check", ok=False).stdout.startswith("WARNING: "), what="a warning for monitoring")


def is_well(service):
    until(lambda: "reason=" not in status(service), what="no reason in status")
    until(lambda: service.ctl("status", "--check", ok=False).stdout.startswith("OK: "), what="good words for monitoring")


# shows 2.3e
def test_unusable_at_start(t):
    """Without drop, badmail and pickup: local mail waits, remote mail goes; each is used as soon as it can be."""
    service, folder, sink = with_folder(t, "drop", 0)
    for name in ("badmail", "pickup"):
        (service.home.path / name).mkdir()
    service.own()
    for name in ("badmail", "pickup"):
        (service.home.path / name).chmod(0)
    service.start()
    says(service, folder)
    for name in ("badmail", "pickup"):
        check(str(service.home.path / name) in status(service), name)
    service.default.send(to="x@default.example")
    service.default.send(to="x@elsewhere.example")
    sink.wait()
    equal(service.events.wait("deferred")["status"], "4.3.0")
    for name in ("drop", "badmail", "pickup"):
        (service.home.path / name).chmod(MODES[name])
    service.home.wait_drops(1)
    is_well(service)
    service.home.put("x", "x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n")
    service.home.wait_drops(2)
    service.home.put("y", "hello\n")
    service.home.wait_badmails(1)
    equal(service.events.all("crash"), [], "crashes")


def test_lost_while_it_runs(t):
    """A drop folder that is taken away and made again, and a log folder that becomes unusable."""
    service, folder, sink = with_folder(t, "drop", 0o750)
    service.start()
    service.default.send(to="x@default.example")
    service.home.wait_drops(1)
    logs = service.folder / "logs"
    logs = next(path for path in (logs / "default", logs, service.home.path / "logs") if path.is_dir())
    logs.chmod(0o500)
    t.cleanup(lambda: logs.chmod(0o700))
    says(service, logs)
    logs.chmod(0o700)
    is_well(service)
    folder.rename(folder.with_name("away"))
    folder.write_text("no folder\n")
    says(service, folder, "")
    service.default.send("second@s.example", "x@default.example")
    service.default.send(to="x@elsewhere.example")
    sink.wait()
    folder.unlink()
    until(lambda: any(drop.sender == "second@s.example" for drop in service.home.drops()), 20, "the mail in the new folder")
    is_well(service)


# shows 2.3e, 2.8d
def test_elsewhere(t):
    """Folders outside of the home, one of which is not there at the start, as when a disk is mounted late; the other is made anew."""
    late, again = t.folder / "disk" / "mail" / "drop", t.folder / "other" / "drop"
    again.mkdir(parents=True)
    service = t.postern({"default": {"general": {"drop": late}, "delivery": {"retry": "1s"}},
                         "second": {"general": {"drop": again}, "delivery": {"retry": "1s"}}}, start=False)
    late.parent.parent.mkdir()
    if os.geteuid() == 0:
        for path in (late.parent.parent, again.parent, again):
            os.chown(path, t.uid, t.gid)
    late.parent.write_text("no folder\n")
    service.start()
    says(service, late, "")
    service.default.send(to="x@default.example")
    late.parent.unlink()
    late.parent.mkdir()
    if os.geteuid() == 0:
        os.chown(late.parent, t.uid, t.gid)
    until(lambda: list(late.glob("*.eml")), 30, "mail in the folder that came late")
    service["second"].send(to="x@second.example")
    until(lambda: list(again.glob("*.eml")), what="mail in the other folder")
    again.rename(again.with_name("away"))
    again.write_text("no folder\n")
    until(lambda: f"{again} cannot be used" in service.ctl("status", "second", ok=False).stdout, what="the reason in status")
    again.unlink()
    service["second"].send(to="y@second.example")
    until(lambda: list(again.glob("*.eml")), 30, "mail in the folder that was made anew")
    is_well(service)


def test_only_what_waited(t):
    """A drop folder that is mended makes due what waited for it: mail for a host that said "later" keeps its time."""
    sink = t.sink(answers={"RCPT": "450 4.2.0 later"})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}}}, start=False)
    folder = service.home.path / "drop"
    folder.mkdir(parents=True)
    service.own()
    service.start()
    service.default.send(to="x@elsewhere.example")
    service.events.wait("deferred", recipient="x@elsewhere.example")
    folder.rename(folder.with_name("away"))
    folder.write_text("no folder\n")
    says(service, folder, "")
    for number in range(3):
        service.default.send(to=f"x{number}@default.example")
        service.events.wait("deferred", recipient=f"x{number}@default.example")
    folder.unlink()
    service.home.wait_drops(3)
    is_well(service)
    service.default.send(to="y@default.example")
    service.home.wait_drops(4)
    equal(len(service.events.all("deferred", recipient="x@elsewhere.example")), 1, "attempts for the host")


def test_queue(t):
    """Without its queue the listener answers at once, for now; deliver says why it does not run; then all is well."""
    service, folder, _ = with_folder(t, "queue", 0)
    service.start(wait=False)
    until(lambda: f"{folder} cannot be used: Permission denied" in status(service), what="the reason in status")

    def refused():
        with service.default.connect(ehlo="c", timeout=5) as client:
            client.expect(250, "MAIL FROM:<a@s.example>")
            client.expect(250, "RCPT TO:<x@default.example>")
            client.expect(354, "DATA")
            return client.cmd("hello\r\n.").code
    check(refused() in (451, 452), "the answer to a message")
    folder.chmod(0o700)
    until(lambda: status(service).split()[1] == "started", 40, "the virtual server to start")
    service.default.send(to="x@default.example")
    service.home.wait_drops(1)


def test_queue_made_anew(t):
    """What has the old one open cannot use the new one: that is said, with what to do, until it is done."""
    service = t.postern({"default": {}})
    folder = service.home.path / "queue"
    for replace in (lambda: shutil.rmtree(folder), lambda: shutil.rmtree(folder / "new")):
        replace()
        (folder / "new").mkdir(parents=True)
        service.own()
        says(service, folder, "removed or replaced while in use; stop and start this virtual server")
        service.ctl("stop", "default")
        service.ctl("start", "default")
        is_well(service)
        service.default.send(to="x@default.example")
        service.home.wait_queued(0)
    service.home.wait_drops(2)
    check(not any(e.get("state") == "usable" for e in service.events.all("service", doing="folder")), "it was said to be usable")


def as_member(group, *command):
    """Runs a command as a user who is in that group only."""
    return subprocess.run(command, user=64400, group=group, extra_groups=[], capture_output=True, text=True, check=False)


def test_groups(t):
    """As root: who writes to pickup reads nothing, who fetches drop writes nothing, who reads the log does neither."""
    t.need_root()
    pickup_group, drop_group, log_group = 64301, 64302, 64303
    service = t.postern({"default": {"general": {"pickup-group": pickup_group, "drop-group": drop_group, "log-group": log_group, "log": "yes"}}},
                        as_root=True)
    home, logs = service.home.path, service.folder / "logs/default"
    put = as_member(pickup_group, "sh", "-c", f"printf 'x-sender: a@s.example\\nx-receiver: b@default.example\\n\\nSubject: x\\n\\ny\\n' "
                    f">{home}/pickup/one.tmp && chmod 640 {home}/pickup/one.tmp && mv {home}/pickup/one.tmp {home}/pickup/one.eml")
    equal(put.returncode, 0, put.stderr)
    drop = service.home.wait_drops()[0]
    service.default.send()
    service.home.wait_drops(2)
    until(lambda: list(logs.glob("*.log")), what="a log")
    log = next(logs.glob("*.log"))
    equal((drop.path.stat().st_gid, log.stat().st_gid), (drop_group, log_group), "groups of the files")
    may = {("list", pickup_group): [], ("list", drop_group): [home / "drop"], ("list", log_group): [logs],
           ("read", pickup_group): [], ("read", drop_group): [drop.path], ("read", log_group): [log]}
    for (what, group), allowed in may.items():
        for path in ((home / "pickup", home / "drop", home / "queue", home / "badmail", logs) if what == "list" else (drop.path, log)):
            done = as_member(group, "ls" if what == "list" else "cat", path)
            equal(done.returncode == 0, path in allowed, f"{what} {path} as {group}: {done.stderr}")
    check(as_member(drop_group, "rm", "-f", drop.path).returncode != 0, "without drop-delete a file was removed")
    check(as_member(drop_group, "touch", home / "pickup/x").returncode != 0, "drop-group writes to pickup")
    (home / "pickup/.held").touch()
    check(as_member(pickup_group, "rm", "-f", home / "pickup/.held").returncode != 0, "another user's file was removed")
    service.default.set("general", drop_delete="yes")
    service.ctl("reload")
    equal(as_member(drop_group, "rm", drop.path).returncode, 0, "with drop-delete")
    service.default.set("general", drop_group="no-such-group")
    done = service.ctl("reload", ok=False)
    check("group no-such-group is not on this host" in done.stdout + done.stderr, done.stdout, done.stderr)


def test_link_below_home(t):
    """A folder for a group two levels below home: a worker that puts a link in its way leads root nowhere."""
    t.need_root()
    service = t.postern(as_root=True)
    service.stop()
    home, victim = service.home.path, t.folder / "victim"
    (home / "logs").mkdir()
    os.chown(home / "logs", t.uid, t.gid)
    service.default.set("general", log="yes", log_group="64303", log_directory=home / "logs/log")
    service.start()
    service.stop()
    check((home / "logs/log").stat().st_gid == 64303, "the folder of before")
    (victim / "log").mkdir(parents=True)
    before = (victim / "log").stat()
    (home / "logs").rename(home / "moved")
    (home / "logs").symlink_to(victim)
    service.start(wait=())
    service.events.wait("state", state="stopped", reason=lambda r: "logs/log cannot be made" in r)
    after = (victim / "log").stat()
    equal((after.st_uid, after.st_gid, after.st_mode), (before.st_uid, before.st_gid, before.st_mode), "a folder of root")
