"""manage_servers - posternctl create, rename and delete: virtual servers made, renamed and removed"""

import pwd
import re
import subprocess
from pathlib import Path

from checks import check, equal
from patience import until
from smtp import Smtp
from spool_files import Home


# shows 1.9a, 2.3b
def test_create(t):
    """One command makes the file and, in a running service, the virtual server; no other one is touched."""
    service = t.postern()
    port = t.port()
    other = service.children(server="default")
    done = service.ctl("create", "new", f"listen=127.0.0.1:{port}", "domain=new.example", "description=A new one")
    check("new is started" in done.stdout, done.stdout)
    with Smtp(("127.0.0.1", port)) as client:
        client.message(to="b@new.example")
    Home(service.spool / "new").wait_drops()
    equal(service.children(server="default"), other, "processes of the other virtual server")
    check("A new one" in service.ctl("status", "new").stdout)
    with Smtp(("127.0.0.1", port)) as client:
        check("A new one" not in client.banner.text, "the description is in the banner:", client.banner)
    equal(service.ctl("create", "new", ok=False).returncode, 1, "once more")


def test_create_with_domains(t):
    """Further domains and a number of its own are words of the same command, and of the same change."""
    service = t.postern(start=False)
    service.ctl("create", "new", f"listen=127.0.0.1:{t.port()}", "domain=new.example", "general.id=7", "domain:other.example.type=alias",
                "domain:far.example.type=remote", "domain:far.example.relay=yes")
    text = (service.folder / "servers/new.ini").read_text()
    check("id = 7" in text and text.count("[domain ") == 3 and "relay = yes" in text, text)
    equal(service.ctl("create", "more", "domain:x.example.colour=red", ok=False).returncode, 64)
    service.ctl("check")


def test_create_refuses(t):
    """What would be refused at start is refused now, with the reason, and leaves nothing behind."""
    service = t.postern()
    files = sorted(p.name for p in (service.folder / "servers").iterdir())
    for words, status in ((("Upper",), 64), (("../x",), 64), (("-x",), 64), (("x" * 33,), 64), (("new", "colour=red"), 64),
                          (("new", "listen=nowhere"), 78), (("new", "domain=a b"), 78), (("new", "description=a\nb = c"), 64), ((), 64),
                          (("new", "listen=192.0.2.77:25"), 1)):
        done = service.ctl("create", *words, ok=False)
        equal(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        check(done.stderr.strip(), words, "without a word")
        check("new.ini" not in done.stderr, "it names a file that there is not:", done.stderr)
    equal(sorted(p.name for p in (service.folder / "servers").iterdir()), files, "files")


# shows 1.2b
def test_create_with_a_taken_address(t):
    """It could never start beside the one that has the address: it is not made."""
    service = t.postern()
    files = sorted(p.name for p in (service.folder / "servers").iterdir())
    address = f"127.0.0.1:{service.default.port}"
    done = service.ctl("create", "new", f"listen={address}", "domain=new.example", ok=False)
    equal(done.returncode, 1, done.stdout)
    check(f"{address} belongs to virtual server default" in done.stderr, done.stderr)
    equal(sorted(p.name for p in (service.folder / "servers").iterdir()), files, "files")
    service.default.send()


def test_create_beside_all_addresses(t):
    """As installed: the default virtual server has every address, and a new one gets one of them."""
    port = t.port()
    service = t.postern({"default": {"general": {"listen": f"*:{port}"}}})
    done = service.ctl("create", "sales", f"listen=127.0.0.2:{port}", "domain=sales.example")
    check("sales is started" in done.stdout, done.stdout)
    with Smtp(("127.0.0.2", port)) as client:
        client.message(to="b@sales.example")
    Home(service.spool / "sales").wait_drops()


# shows 1.9b
def test_rename(t):
    """Mail and wanted state go along."""
    service = t.postern({"default": {}, "old": {}})
    service["old"].send(to="b@old.example")
    service["old"].home.wait_drops()
    service.ctl("rename", "old", "young")
    equal(len(Home(service.spool / "young").drops()), 1, "the mail")
    check(not (service.spool / "old").exists(), "the old home is still there")
    service["old"].send(to="b@old.example")        # the same address, the other name
    Home(service.spool / "young").wait_drops(2)
    equal(service.ctl("status", "old", ok=False).returncode, 3)
    service.ctl("stop", "young")
    service.ctl("rename", "young", "aged")
    check(service.ctl("status", "aged").stdout.startswith("aged stopped "), "it had been stopped")
    equal(service.ctl("rename", "aged", "default", ok=False).returncode, 1, "a name that is taken")


def test_rename_takes_the_log(t):
    """The folder of the protocol log has the name, too: what was logged before and after is in one place."""
    service = t.postern({"default": {}, "old": {}})
    logs = service.folder / "logs"
    service["old"].send(to="b@old.example")
    until(lambda: list((logs / "old").glob("ex*.log")), what="a log")
    before = sorted(p.name for p in (logs / "old").iterdir())
    (logs / "young").mkdir()
    service.own()
    children = service.children(server="old")
    equal(service.ctl("rename", "old", "young", ok=False).returncode, 1, "a folder is in the way")
    equal(service.children(server="old"), children, "it was not stopped for that")
    check((service.spool / "old").exists(), "the home folder stays, too")
    (logs / "young").rmdir()
    service.ctl("rename", "old", "young")
    check(not (logs / "old").exists() and set(before) <= {p.name for p in (logs / "young").iterdir()}, "the log folder")


def test_rename_with_paths(t):
    """Folders that the file names stay, and one that it names in the home folder keeps that from being moved away."""
    service = t.postern({"default": {}, "old": {}}, start=False)
    home, logs = service.folder / "elsewhere", service.folder / "written"
    service["old"].set("general", home=home, log_directory=logs)
    service.start()
    service.ctl("rename", "old", "young")
    check(home.exists() and logs.exists() and not (service.spool / "young").exists(), "they stay")
    named = file_of(service, "young")
    named.write_text(named.read_text().replace(f"home = {home}\n", f"drop = {service.spool}/young/drop\n"))
    service.ctl("reload")
    children = service.children(server="young")
    done = service.ctl("rename", "young", "aged", ok=False)
    check(done.returncode == 1 and "in the home folder that would move" in done.stderr, done.stderr)
    now = service.children(server="young")      # one of before the reload may have ended meanwhile
    check(len(now) >= 3 and set(now) <= set(children), "it was stopped for that:", now, children)


def test_rename_that_would_not_do(t):
    """Another virtual server names the folder that would be its home: it runs on as it was."""
    service = t.postern({"default": {}, "old": {}, "zed": {}}, start=False)
    service["zed"].set("general", home=service.spool / "young")
    service.start()
    service.ctl("stop", "zed")
    (service.spool / "young").rename(service.spool / "aside")
    done = service.ctl("rename", "old", "young", ok=False)
    check(done.returncode != 0 and "young" in done.stderr, done.stderr)
    check(service.ctl("status", "old").stdout.startswith("old started "), "it runs")
    service["old"].send(to="b@old.example")
    service["old"].home.wait_drops()


# shows 1.9b, 1.9c
def test_rename_default(t):
    """It is renamed like any other; explain then means the only one."""
    service = t.postern()
    service.default.send()
    service.home.wait_drops()
    check('description="Default SMTP Virtual Server"' in service.ctl("status").stdout, service.ctl("status").stdout)
    service.ctl("rename", "default", "main")
    check("main started number=2 id=1 description=main " in service.ctl("status", "main").stdout, service.ctl("status").stdout)
    equal(len(Home(service.spool / "main").drops()), 1, "the mail")
    service.default.send()
    Home(service.spool / "main").wait_drops(2)
    said = service.ctl("explain", "--from", "127.0.0.1", "--rcpt", "b@default.example").stdout
    check(said.split()[:2] == ["server", "main,"], said)
    equal(service.ctl("delete", "main", ok=False).returncode, 1, "the last one")


def test_refused_orders_change_nothing(t):
    """One who may write the files, but is no operator of the service: the files stay as they are."""
    t.need_root()
    service = t.postern({"default": {}, "more": {"security": {"operators": "daemon"}}}, as_root=True)
    service.folder.chmod(0o755)
    entry = pwd.getpwnam("daemon")
    for folder in (service.folder / "servers", service.state, service.spool, service.folder / "logs"):
        folder.chmod(0o777)
    before = sorted(p.name for p in (service.folder / "servers").iterdir())
    children = service.children()
    for words in (("create", "new", f"listen=127.0.0.1:{t.port()}"), ("delete", "more"), ("rename", "more", "also")):
        done = service.ctl(*words, ok=False, account={"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []})
        equal(done.returncode, 77, f"{words}: {done.stdout}{done.stderr}")
    equal(sorted(p.name for p in (service.folder / "servers").iterdir()), before, "files")
    equal(service.children(), children, "nothing was interrupted")


def test_rename_undone(t):
    """A home of the new name is in the way: everything stays, and runs."""
    service = t.postern({"default": {}, "old": {}})
    (service.spool / "young").mkdir()
    service.own()
    before = service.children(server="old")
    equal(service.ctl("rename", "old", "young", ok=False).returncode, 1)
    (service.spool / "young").rmdir()
    for folder in (service.folder / "servers", service.state, service.spool):    # where a name changes
        folder.chmod(0o500)
        done = service.ctl("rename", "old", "young", ok=False)
        equal(done.returncode, 77, done.stdout + done.stderr)
        check(str(folder) in done.stderr, done.stderr)
        folder.chmod(0o755)
    equal(service.children(server="old"), before, "it was not stopped for a rename that was refused")
    service["old"].send(to="b@old.example")
    service["old"].home.wait_drops()


# shows 1.9c
def test_delete(t):
    """The file is kept aside, the mail stays; default and the last one cannot go."""
    service = t.postern({"default": {}, "more": {}})
    service["more"].send(to="b@more.example")
    service["more"].home.wait_drops()
    service.ctl("delete", "more")
    equal(service.ctl("status", "more", ok=False).returncode, 3)
    equal(len(service["more"].home.drops()), 1, "its mail")
    check(Path(f"{service['more'].file}.deleted").is_file() and not service["more"].file.exists(), "its file")
    equal(service.ctl("delete", "default", ok=False).returncode, 1)
    equal(service.ctl("delete", "nobody", ok=False).returncode, 3)
    service.default.send()


# shows 1.9c
def test_delete_the_last(t):
    service = t.postern({"only": {}})
    done = service.ctl("delete", "only", ok=False)
    check(done.returncode == 1 and "last" in done.stderr, done.stderr)
    service["only"].send(to="b@only.example")


def rows(service, *words):
    return [line.split("\t") for line in service.ctl(*words).stdout.splitlines()]


def changes(service, *words):
    """(number, command, whether its virtual server has gone) of each, the latest first."""
    return list(dict.fromkeys((int(row[0]), row[4], row[8]) for row in rows(service, "history", *words)))


def test_moves_are_changes(t):
    """Shown before they are made, in the history and the event log with who and what, and taken back by undo."""
    service = t.postern({"default": {}, "old": {}})
    who, old, young = f"uid={service.test.uid}", file_of(service, "old"), file_of(service, "young")
    text = old.read_text()
    children = service.children(server="old")
    done = service.ctl("rename", "--dry-run", "old", "young")
    check(f"-{old}\n+{young}\n" in done.stdout and f"+{service.spool}/young\n" in done.stdout and "nothing was written" in done.stdout, done.stdout)
    check(f"-{old}\n+{old}.deleted" in service.ctl("delete", "old", "--dry-run").stdout, "what delete would do")
    equal(service.children(server="old"), children, "it was only asked")
    done = service.ctl("rename", "old", "young")
    check("old is now young" in done.stdout and "young is started" in done.stdout and "this is change 1" in done.stdout, done.stdout)
    equal(rows(service, "history")[0][2:], [who, "young", "rename", "name", "old", "young", "-"])
    event = service.events.wait("change", server="young", command="rename", result="ok")
    equal((event["uid"], event["key"], event["before"], event["after"]), (str(service.test.uid), "name", "old", "young"))
    check("+" + str(old) in service.ctl("undo", "--dry-run").stdout, "what undo would do")
    done = service.ctl("undo")
    check("young is now old" in done.stdout and "old is started" in done.stdout, done.stdout)
    check((service.spool / "old").exists() and not (service.spool / "young").exists() and old.read_text() == text, "all is back")
    service["old"].send(to="b@old.example")
    service["old"].home.wait_drops()
    # one that was stopped, with its number, mail and file
    service.ctl("stop", "old")
    service.ctl("delete", "old")
    equal(rows(service, "history", "1")[0][2:], [who, "old", "delete", "name", "old", "-", "yes"])
    done = service.ctl("undo")
    check("old is there again" in done.stdout and "old is stopped" in done.stdout, done.stdout)
    equal((old.read_text(), number(service, "old"), Path(f"{old}.deleted").exists()), (text, "2", False))
    service.ctl("start", "old")
    equal(len(service["old"].home.drops()), 1, "its mail")
    equal(service.ctl("undo", "1", ok=False).returncode, 3, "there is no young any more")
    # what brought it back is a change, too
    check("old has been deleted" in service.ctl("undo").stdout and not old.exists(), "the undo of an undo")
    service.ctl("undo")
    equal((old.read_text(), len(service["old"].home.drops())), (text, 1))


def test_create_undone(t):
    """A virtual server that was made goes by undo, unless mail waits in its queue; another undo brings it back."""
    sink = t.sink(answers={"MAIL": lambda *_: "450 4.2.1 later"})
    service = t.postern()
    words = (f"listen=127.0.0.1:{t.port()}", "domain=new.example", f"delivery.smart-host=[127.0.0.1]:{sink.port}", "access.relay-list=127.0.0.1")
    done = service.ctl("create", "new", *words)
    check("this is change 1" in done.stdout, done.stdout)
    file, text = file_of(service, "new"), file_of(service, "new").read_text()
    check(f"-{file}\n" in service.ctl("undo", "--dry-run").stdout and file.exists(), "what undo would do")
    address = ("127.0.0.1", int(words[0].rpartition(":")[2]))
    with Smtp(address) as client:
        client.message(to="b@far.example")
    children = service.children(server="new")
    done = service.ctl("undo", ok=False)
    check(done.returncode == 1 and "mail waits in its queue" in done.stderr and "posternctl delete new" in done.stderr, done.stderr)
    equal(service.children(server="new"), children, "it was not stopped for that")
    service.ctl("queue", "new", "delete", "--all", "--yes")
    done = service.ctl("undo")
    check("new has been deleted" in done.stdout and not file.exists() and Path(f"{file}.deleted").exists(), done.stdout)
    equal(service.ctl("status", "new", ok=False).returncode, 3)
    event = service.events.wait("change", command="undo", key="name", result="ok")
    equal((event["before"], event["after"]), ("new", "-"))
    service.ctl("undo")
    equal(file.read_text(), text)
    with Smtp(address) as client:
        client.message(to="b@new.example")
    Home(service.spool / "new").wait_drops()
    # without a service
    service.stop()
    check("new has been deleted" in service.ctl("undo").stdout and not file.exists(), "without a service")
    (service.spool / "new/queue/0ab").mkdir(exist_ok=True)
    (service.spool / "new/queue/0ab/1k1gxbsnkn16qf2h").write_text("x")
    service.own()
    service.ctl("undo")
    done = service.ctl("undo", ok=False)
    check(done.returncode == 1 and "mail waits in its queue" in done.stderr and file.exists(), done.stderr)


def test_mail_before_it_has_stopped(t):
    """A message that comes while the virtual server stops for the undo of its create: it stays, and runs on."""
    sink = t.sink(answers={"MAIL": lambda *_: "450 4.2.1 later"})
    service = t.postern(service={"grace": "20s"})
    port = t.port()
    service.ctl("create", "new", f"listen=127.0.0.1:{port}", "domain=new.example", f"delivery.smart-host=[127.0.0.1]:{sink.port}",
                "access.relay-list=127.0.0.1")
    with Smtp(("127.0.0.1", port)) as client:
        client.expect(250, "EHLO c.example")
        for status, line in ((250, "MAIL FROM:<a@sender.example>"), (250, "RCPT TO:<b@far.example>"), (354, "DATA")):
            client.expect(status, line)
        with subprocess.Popen([service.bin / "posternctl", "-c", service.config, "undo"], env=service.environment(), stderr=subprocess.PIPE,
                              text=True, **service.account()) as undo:
            service.events.wait("state", server="new", state="stopping")
            client.send(b".\r\n")
            equal(client.reply().code, 250)
            client.close()
            check("mail waits in its queue" in undo.communicate()[1] and undo.returncode == 1, "the answer")
    until(lambda: service.ctl("status", "new").stdout.startswith("new started "), what="it to run on")
    equal([row[4] for row in rows(service, "history")][0], "create")


def test_names_used_again(t):
    """The history of a virtual server is its own: it goes with its name, and not to a later one of the same name."""
    service = t.postern({"default": {}, "old": {}})
    ctl = service.ctl
    ctl("set", "old", "general.banner=one")
    ctl("rename", "old", "young")
    equal(changes(service, "young"), [(2, "rename", "-"), (1, "set", "-")], "it goes with its name")
    equal([row[3] for row in rows(service, "history")], ["young", "young"])
    ctl("undo", "1")
    check("banner" not in file_of(service, "young").read_text(), "a change before the rename")
    ctl("set", "young", "general.banner=two")
    ctl("delete", "young")
    ctl("create", "young", f"listen=127.0.0.1:{t.port()}", "domain=young.example", "general.banner=two")
    text = file_of(service, "young").read_text()
    equal(changes(service, "young"), [(6, "create", "-")])
    equal([(n, gone) for n, _, gone in changes(service)], [(6, "-")] + [(n, "yes") for n in range(5, 0, -1)])
    for n in ("1", "2", "3", "4"):
        done = ctl("undo", n, ok=False)
        check(done.returncode == 3 and "any more" in done.stderr, n, done.stderr)
    done = ctl("undo", "5", ok=False)
    check(done.returncode == 1 and "exists already" in done.stderr, done.stderr)
    equal(file_of(service, "young").read_text(), text)
    ctl("undo")
    ctl("undo", "5")
    equal([n for n, _, _ in changes(service, "young")], [8, 5, 4, 3, 2, 1], "it came back with what was its own")
    check("banner = two" in file_of(service, "young").read_text(), "its file")
    service.stop()
    equal([n for n, _, _ in changes(service, "young")], [8, 5, 4, 3, 2, 1], "without a service")


def test_moves_wait(t):
    """A rename waits for the sessions, and other changes for it; what was changed by hand is not moved unseen."""
    service = t.postern({"default": {}, "old": {}}, service={"grace": "20s"})
    client = service["old"].connect(ehlo="c.example")
    client.expect(250, "MAIL FROM:<a@sender.example>")
    client.expect(250, "RCPT TO:<b@old.example>")
    client.expect(354, "DATA")
    ctl = [service.bin / "posternctl", "-c", service.config]
    with subprocess.Popen([*ctl, "rename", "old", "young"], env=service.environment(), stdout=subprocess.PIPE, text=True,
                          **service.account()) as rename:
        service.events.wait("state", server="old", state="stopping")
        done = service.ctl("delete", "old", ok=False)
        check(done.returncode == 1 and "another change is under way" in done.stderr, done.stderr)
        done = service.ctl("start", "old", ok=False)
        check(done.returncode == 1 and "is being removed" in done.stdout + done.stderr, done.stdout, done.stderr)
        client.send(b".\r\n")
        equal(client.reply().code, 250, "the session ends as it likes")
        client.close()
        check("young is started" in rename.communicate()[0], "the rename")
    Home(service.spool / "young").wait_drops()
    young = file_of(service, "young")
    young.write_text(young.read_text() + "; by hand\n")
    for words in (("rename", "young", "aged"), ("delete", "young")):
        done = service.ctl(*words, ok=False)
        check(done.returncode == 1 and f"{young}:" in done.stderr and "by hand" in done.stderr, done.stderr)


def test_moves_without_a_service(t):
    """The same by the same code, with history and undo."""
    service = t.postern({"default": {}, "old": {}})
    service["old"].send(to="b@old.example")
    service["old"].home.wait_drops()
    service.stop()
    done = service.ctl("rename", "old", "young")
    check("old is now young" in done.stdout and "not running" in done.stdout, done.stdout)
    equal(len(Home(service.spool / "young").drops()), 1, "the mail")
    service.ctl("undo")
    service.ctl("delete", "old")
    check(not file_of(service, "old").exists(), "it is deleted")
    service.ctl("undo")
    equal([row[4:8] for row in rows(service, "history")][:4], [["undo", "-", "-", "-"], ["delete", "name", "old", "-"],
          ["undo", "name", "young", "old"], ["rename", "name", "old", "young"]])
    service.start()
    equal((number(service, "old"), len(service["old"].home.drops())), ("2", 1))


def test_rename_ends_anywhere(t):
    """After a crash at any point the next start finishes it: the mail is where the virtual server is."""
    for hit in range(1, 6):
        service = t.postern({"default": {}, "old": {}}, start=False, env={"POSTERN_CRASH": f"change-moved:{hit}"})
        service.start()
        service["old"].send(to="b@old.example")
        service["old"].home.wait_drops()
        until(lambda service=service: list((service.folder / "logs" / "old").glob("ex*.log")), what="a log")
        service.ctl("stop", "old")
        service.ctl("rename", "old", "young", ok=False)
        service.wait_end()
        service.kill()
        service.env.clear()
        service.servers["young"] = service.servers.pop("old")
        service.start(wait=["default"])
        equal(service.events.wait("change", result="finished")["result"], "finished")
        check(service.ctl("status", "young").stdout.startswith("young stopped "), "it had been stopped")
        equal((number(service, "young"), len(Home(service.spool / "young").drops())), ("2", 1), f"crash {hit}")
        check((service.folder / "logs" / "young").exists() and not (service.spool / "old").exists(), f"the folders, crash {hit}")
        equal(service.ctl("status", "old", ok=False).returncode, 3)
        equal([row[4:8] for row in rows(service, "history")], [["rename", "name", "old", "young"]])
        service.stop()


def test_rename_beside_a_new_folder(t):
    """A program makes the old home folder anew before the next start: the mail is where the virtual server is all the same."""
    service = t.postern({"default": {}, "old": {}}, start=False, env={"POSTERN_CRASH": "change-moved:2"})
    service.start()
    service["old"].send(to="b@old.example")
    service["old"].home.wait_drops()
    service.ctl("rename", "old", "young", ok=False)
    service.wait_end()
    service.kill()
    service.env.clear()
    (service.spool / "old" / "pickup").mkdir(parents=True)
    service.own()
    service.servers["young"] = service.servers.pop("old")
    service.start()
    equal(service.events.wait("change", result="finished")["result"], "finished")
    equal(len(Home(service.spool / "young").drops()), 1, "the mail")
    equal([row[4:8] for row in rows(service, "history")], [["rename", "name", "old", "young"]])


def test_rename_that_cannot_be_finished(t):
    """A folder is in the way at the next start: the steps before are taken back, and it runs under the name before."""
    service = t.postern({"default": {}, "old": {}}, start=False, env={"POSTERN_CRASH": "change-moved:2"})
    service.start()
    service["old"].send(to="b@old.example")
    until(lambda: list((service.folder / "logs" / "old").glob("ex*.log")), what="a log")
    service.ctl("rename", "old", "young", ok=False)
    service.wait_end()
    service.kill()
    service.env.clear()
    (service.folder / "logs" / "young").mkdir()
    service.own()
    service.start()
    check("logs/young" in service.events.wait("change", result="taken-back")["reason"], "why")
    equal(len(service["old"].home.wait_drops()), 1, "the mail")
    check(not (service.spool / "young").exists(), "the home folder")
    equal(rows(service, "history"), [])


def file_of(service, name):
    return service.folder / "servers" / f"{name}.ini"


def number(service, name):
    return re.search(r" id=(\d+) ", service.ctl("status", name).stdout)[1]


# shows 1.2d, 2.3a
def test_numbers_never_move(t):
    """A file that sorts before the others, a reload, a restart, a rename, files that go and come back."""
    service = t.postern({"default": {}, "more": {}})
    equal([number(service, name) for name in ("default", "more")], ["1", "2"])
    service.add("aaa")
    service.own()
    service.ctl("reload")
    equal([number(service, name) for name in ("aaa", "default", "more")], ["3", "1", "2"], "after a reload")
    service.ctl("rename", "more", "also")
    aside = file_of(service, "aaa").rename(service.folder / "aaa.aside")
    service.stop()
    del service.servers["aaa"]
    service.servers["also"] = service.servers.pop("more")
    service.start(wait=["default", "also"])
    service.ctl("create", "new", f"listen=127.0.0.1:{t.port()}", "domain=new.example")
    equal([number(service, name) for name in ("default", "also", "new")], ["1", "2", "4"], "after a restart")
    aside.rename(file_of(service, "aaa"))
    service.ctl("reload")
    equal(number(service, "aaa"), "3", "its file came back")
    service.ctl("delete", "new")
    service.ctl("create", "newer", f"listen=127.0.0.1:{t.port()}", "domain=new.example")
    equal(number(service, "newer"), "4", "a deleted one's number is free")


# shows S2.6
def test_start_after_mending(t):
    """start reads a file again that had errors; what is still wrong is told with its line, and nothing else."""
    service = t.postern({"default": {}, "more": {}}, start=False)
    good = service["more"].file.read_text()
    service["more"].file.write_text(good + "\n[general]\nbroken\n")
    service.start(wait=["default"])
    before = service.children(server="default")
    service["more"].file.write_text("; moved\n" + good + "\n[general]\nbroken\n")
    done = service.ctl("start", "more", ok=False)
    check(f":{(good.count(chr(10)) + 4)}: error: " in done.stdout, done.stdout)
    service["more"].file.write_text(good)
    done = service.ctl("start", "more")
    check("more is started" in done.stdout and "default" not in done.stdout, done.stdout)
    check(" id=2 " in service.ctl("status", "more").stdout, "its number")
    service["more"].send(to="b@more.example")
    equal(service.children(server="default"), before, "the other one")


def test_says_only_what_was_asked(t):
    """A virtual server in trouble and warnings of other files are nothing that create, rename and delete tell, or fail by."""
    service = t.postern({"default": {}, "bad": {"general": {"id": "x"}}, "odd": {"delivery": {"fqdn": "odd"}}}, start=False)
    service.start(wait=["default", "odd"])
    done = service.ctl("create", "new", f"listen=127.0.0.1:{t.port()}", "domain=new.example")
    equal(re.sub("(?m)^new (is started|has been made: .*)$|^this is change 1$", "", done.stdout).split(), [], done.stdout)
    done = service.ctl("rename", "new", "newer")
    check("bad" not in done.stdout and "odd" not in done.stdout, done.stdout)
    done = service.ctl("delete", "newer")
    check("bad" not in done.stdout and "odd" not in done.stdout, done.stdout)
    done = service.ctl("reload", ok=False)
    check(done.returncode == 78 and "bad" in done.stdout and ":0:" not in done.stdout, done.stdout)
