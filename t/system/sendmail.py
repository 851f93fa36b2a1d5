"""sendmail - sendmail(1), mailq(1) and newaliases(1) as their callers use them: cron, PHP, s-nail, git send-email, Python"""

import os
import pwd
import shutil
import signal
import subprocess

from checks import check, equal
from disks import small_disk
from patience import until

USAGE, DATAERR, NOUSER, UNAVAILABLE, CANTCREAT, TEMPFAIL, NOPERM, CONFIG = 64, 65, 67, 69, 73, 75, 77, 78


def sendmail(service, *words, text=b"Subject: s\n\nx\n", status=0, name="sendmail", **options):
    """As the user of the service, whose pickup folder it may write to."""
    options = {**service.account(), **options}
    done = subprocess.run([name, *(["-C", service.config] if name == "sendmail" else []), *map(str, words)], input=text, capture_output=True,
                          executable=service.bin / "postern-sendmail", env=service.environment(), cwd="/", timeout=60, check=False, **options)
    equal(done.returncode, status, f"{words}: {done.stderr.decode(errors='replace')}")
    return (done.stdout + done.stderr).decode(errors="replace")


def user_of(service):
    return pwd.getpwuid(service.account().get("user", os.getuid()))


# shows S4.70
def test_callers(t):
    """cron's command line, Python's, -t with Bcc, -f, -F, a group and a comment among the addresses; no header, no input."""
    service = t.postern()
    user = user_of(service)
    sendmail(service, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root", text=b"From: root (Cron Daemon)\nTo: root\nSubject: Cron\n\n.\n..\nend\n")
    drop = service.home.wait_drops()[0]
    equal((drop.sender, drop.receivers, drop.body), (f"{user.pw_name}@default.example", ["root@default.example"], b".\r\n..\r\nend\r\n"))
    check(f"from mail pickup service (uid {user.pw_uid})".encode() in drop.message, drop.message)
    equal(service.events.wait("accepted")["uid"], str(user.pw_uid))
    sendmail(service, "-t", "-oi", "-f", "app@s.example", text=b"To: A <a@default.example> (the first),\n Team: b@default.example;\n"
             b"Bcc: c@default.example\nSubject: s\n\n\xe9\n.\nend\n")
    drop = service.home.wait_drops(2)[-1]
    equal((drop.sender, sorted(drop.receivers)), ("app@s.example", ["a@default.example", "b@default.example", "c@default.example"]))
    check(b"Bcc" not in drop.message and b"\xe9\r\n.\r\nend\r\n" in drop.message, drop.message)
    check(b"From: <app@s.example>" in drop.message, drop.message)
    sendmail(service, "-F", "A Name", "b", text=b"no header\na\rb\0c\n.\nnot sent\n")
    drop = service.home.wait_drops(3)[-1]
    equal((drop.email["From"], drop.body), (f"A Name <{user.pw_name}@default.example>", b"no header\r\na\r\nbc\r\n"))
    sendmail(service, "-f", "", "b", text=b"")
    drop = service.home.wait_drops(4)[-1]
    equal((drop.sender, drop.body), ("", b""))
    sendmail(service, "b", text=b"x-receiver: evil@default.example\nSubject: s\n\nx\n")
    drop = service.home.wait_drops(5)[-1]
    equal(drop.receivers, ["b@default.example"])
    check(b"x-receiver: evil" in drop.message, "it is an ordinary field")


def test_any_dots(t):
    """pickup-dots is about other programs."""
    service = t.postern({"default": {"messages": {"pickup-dots": "stuffed"}}})
    sendmail(service, "-i", "b", text=b"Subject: s\n\n..\n.\nend\n")
    equal(service.home.wait_drops()[0].body, b"..\r\n.\r\nend\r\n")


def test_large(t):
    service = t.postern({"default": {"messages": {"max-message-size": "3M"}}})
    text = b"Subject: s\n\n" + b"x" * 77 + b"\n" + b"y" * 60 + b"\n" * 20
    text += (b"z" * 70 + b"\n") * 30000
    sendmail(service, "b", text=text)
    equal(service.home.wait_drops()[0].body, text.split(b"\n\n", 1)[1].replace(b"\n", b"\r\n"))
    said = sendmail(service, "b", text=text * 2, status=DATAERR)
    check("max-message-size" in said, said)
    said = sendmail(service, "-t", text=b"To: b\n" + b"X: y\n" * 300000 + b"\nx\n", status=DATAERR)
    check("1 MiB" in said, said)
    equal(list(service.home.pickup.iterdir()), [], "nothing is left")


def test_stopped(t):
    """Mail is taken while the service does not run, and sent when it does."""
    service = t.postern()
    service.stop()
    sendmail(service, "b", text=b"Subject: early\n\nx\n")
    check("not running" in sendmail(service, "-q", status=UNAVAILABLE), "said by posternctl")
    said = sendmail(service, "-bs", text=b"QUIT\r\n", status=UNAVAILABLE)
    check(said.startswith("421 4.3.2 "), said)
    service.start()
    equal(service.home.wait_drops()[0].email["Subject"], "early")


def test_refused(t):
    """What cannot be sent ends with a status and words, and leaves nothing."""
    service = t.postern(start=False)
    said = sendmail(service, "b", status=TEMPFAIL)
    check("the first start of the service makes it" in said, said)
    service.start()
    service.stop()
    for words, status in ((["-t"], USAGE), ([], USAGE), (["a@@b"], NOUSER), (["-f", "no address", "b"], USAGE), (["-bd"], USAGE), (["-q1h"], USAGE),
                          (["-Z"], USAGE), (["--help"], USAGE), (["b", "-t"], USAGE)):
        check("sendmail: " in sendmail(service, *words, status=status), words)
    said = sendmail(service, "b", status=CANTCREAT, text=b"x" * 5000, preexec_fn=lambda: __import__("resource").setrlimit(1, (1000, 1000)))
    check("ulimit" in said, said)
    equal(list(service.home.pickup.iterdir()), [])
    service.service["sendmail"] = "other"
    service.add("second")
    service.write()
    said = sendmail(service, "b", status=CONFIG)
    check("no virtual server other" in said, said)
    service.config.unlink()
    sendmail(service, "b", status=CONFIG)


def test_killed(t):
    """An end by a signal sends nothing; what SIGKILL leaves goes after a day; a crash after the rename has sent it."""
    service = t.postern()

    def start():
        child = subprocess.Popen([service.bin / "postern-sendmail", "-C", service.config, "b"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 env=service.environment(), **service.account())
        child.stdin.write(b"Subject: s\n\n" + b"x\n" * 1000000)
        child.stdin.flush()
        return child, until(lambda: list(service.home.pickup.glob(".sendmail-*")), what="a file that is being written")[0]
    child, path = start()
    child.terminate()
    equal(child.wait(60), TEMPFAIL)
    check(not path.exists(), "it was left")
    child, path = start()
    child.kill()
    equal(child.wait(60), -signal.SIGKILL)
    check(path.exists(), "it is gone at once")
    os.utime(path, (1, 1))
    service.home.put("b", "x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n")
    until(lambda: not path.exists(), what="the file to be removed")
    equal(len(service.home.wait_drops()), 1)
    for point, count in (("sendmail-written", 1), ("sendmail-renamed", 2)):
        service.env["POSTERN_CRASH"] = point
        sendmail(service, "b", status=-signal.SIGKILL)
        del service.env["POSTERN_CRASH"]
        service.home.wait_drops(count)
    sendmail(service, "b")
    service.home.wait_drops(3)
    equal(len(service.home.drops()), 3)


def test_full_disk(t):
    disk = small_disk(t, "3M")
    service = t.postern({"default": {"general": {"home": disk / "home"}, "messages": {"disk-reserve": "0"}}}, start=False)
    service.default.home = type(service.home)(disk / "home")
    service.start()
    said = sendmail(service, "b", text=b"x" * 70 + b"\n" * 5000000, status=TEMPFAIL)
    check("No space left" in said, said)
    equal(list(service.home.pickup.iterdir()), [])
    sendmail(service, "b")
    service.home.wait_drops(1)
    (disk / "filler").write_bytes(b"x" * 2000000)
    service.default.set("messages", disk_reserve="50")
    said = sendmail(service, "b", status=TEMPFAIL)
    check("disk-reserve" in said, said)


def test_session(t):
    """-bs is a session with the listener: its rules are the listener's."""
    service = t.postern({"default": {"access": {"relay-list": "192.0.2.1"}}})
    said = sendmail(service, "-bs", text=b"EHLO c\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<x@elsewhere.example>\r\nRCPT TO:<b@default.example>\r\n"
                    b"DATA\r\nSubject: s\r\n\r\nx\r\n.\r\nQUIT\r\n")
    codes = [line[:3] for line in said.splitlines() if line[3:4] == " "]
    equal(codes, ["220", "250", "250", "550", "250", "354", "250", "221"], said)
    equal(service.home.wait_drops()[0].receivers, ["b@default.example"])


def test_other_names(t):
    """mailq and -q are answered by posternctl."""
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{t.port()}"}}})
    check("nothing to do" in sendmail(service, name="newaliases"), "newaliases")
    check("nothing to do" in sendmail(service, "-bi"), "-bi")
    sendmail(service, "x@elsewhere.example")
    service.home.wait_queued(1)
    check("elsewhere.example" in sendmail(service, "-bp"), "-bp")
    sendmail(service, "-q")


# shows S4.70
def test_programs(t):
    """PHP's mail(), s-nail and git send-email, each as Debian has it."""
    service = t.postern()
    command = f"{service.bin}/postern-sendmail -C {service.config}"
    for need in ("php", "s-nail", "git"):
        if not shutil.which(need):
            t.skip(f"{need} is not installed")

    def run(*words, **options):
        done = subprocess.run(list(map(str, words)), capture_output=True, env={**service.environment(), **options.pop("env", {})}, cwd=t.folder, timeout=120,
                              check=False, **service.account(), **options)
        equal(done.returncode, 0, f"{words}: {done.stdout} {done.stderr}")
    run("php", "-d", f"sendmail_path={command} -t -i", "-r",
        "exit(mail('b@default.example', 'php', \"line\\n.\\nend\", \"From: p@s.example\\r\\nBcc: c@default.example\", '-fbounce@s.example') ? 0 : 1);")
    drop = service.home.wait_drops()[0]
    equal((drop.sender, sorted(drop.receivers), drop.email["Subject"]), ("bounce@s.example", ["b@default.example", "c@default.example"], "php"))
    check(b"line\r\n.\r\nend\r\n" in drop.body and b"Bcc" not in drop.message, drop.message)
    run("s-nail", "-:/", "-S", f"mta={service.bin}/postern-sendmail", "-S", f"mta-arguments=-C {service.config}", "-S", "sendwait", "-r", "n@s.example",
        "-s", "nail", "b@default.example", input=b".\ntext\n", env={"HOME": str(t.folder)})
    drop = service.home.wait_drops(2)[-1]
    equal((drop.sender, drop.email["Subject"]), ("n@s.example", "nail"))
    (t.folder / "one.patch").write_text("From 0123 Mon Sep 17 00:00:00 2001\nFrom: G <g@s.example>\nDate: Mon, 30 Nov 2026 10:00:00 +0000\n"
                                        "Subject: [PATCH] git\n\n---\n x | 1 +\n")
    (t.folder / "one.patch").chmod(0o644)
    git = {f"GIT_{who}_{what}": "g@s.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    run("git", "send-email", "--no-validate", "--confirm=never", "--suppress-cc=all", "--quiet", f"--sendmail-cmd={command}", "--from=g@s.example",
        "--to=b@default.example", t.folder / "one.patch", env={"HOME": str(t.folder), "GIT_CONFIG_NOSYSTEM": "1", **git})
    equal(service.home.wait_drops(3)[-1].email["Subject"], "[PATCH] git")


def as_user(uid, group, *command, **options):
    return subprocess.run(list(map(str, command)), user=uid, group=group, extra_groups=[], capture_output=True, check=False, **options)


def test_root_without_a_pickup_group(t):
    """What root sends where no group was set up, as in a first try, has the group of the folder: it is read, and comes."""
    t.need_root()
    service = t.postern(as_root=True)
    sendmail(service, "b", user=0, group=0)
    equal(service.home.wait_drops()[0].receivers, ["b@default.example"])


def test_other_users(t):
    """As root: with its set-gid bit it lets every user in, under the user's own number; nobody reads or removes what others left."""
    t.need_root()
    group = 64301
    service = t.postern({"default": {"general": {"pickup-group": group}}}, as_root=True)
    service.stop()
    pickup = service.home.pickup
    program = service.folder / "postern-sendmail"
    shutil.copy(service.bin / "postern-sendmail", program)
    os.chown(program, 0, group)
    program.chmod(0o2755)
    env = service.environment()
    # With -C another configuration is read, so the group is gone.
    done = as_user(64401, 64401, program, "-C", service.config, "b", input=b"x\n", env=env)
    equal(done.returncode, NOPERM, done.stderr)
    check(b"only members of the group" in done.stderr, done.stderr)
    for uid in (64401, 64402):
        forged = f"Received: from mail pickup service (uid 1)\nFrom: root\nx-receiver: c\n\nfrom {uid}\n".encode()
        done = as_user(uid, group, program, "-C", service.config, "-f", "root", "b", input=forged, env=env)
        equal(done.returncode, 0, done.stderr)
    files = sorted(pickup.iterdir())
    equal(sorted(path.stat().st_uid for path in files), [64401, 64402])
    equal({(path.stat().st_gid, oct(path.stat().st_mode & 0o7777)) for path in files}, {(group, "0o640")})
    for path in files:
        other = 64403 - path.stat().st_uid + 64400
        for command in (["ls", pickup], ["rm", "-f", path], ["mv", path, pickup / "x"], ["ln", path, pickup / "x"], ["sh", "-c", f"echo >>{path}"],
                        ["touch", path]):
            check(as_user(other, group, *command).returncode != 0, command)
        check(as_user(other, other, "cat", path).returncode != 0, "an outsider reads it")
    service.start()
    for drop in service.home.wait_drops(2):
        uid = drop.body.decode().split()[1]
        check(drop.message.startswith(f"Received: from mail pickup service (uid {uid})\r\n".encode()), drop.message)
        equal(drop.receivers, ["b@default.example"])


def test_copied_by_root(t):
    """As root: a file that root copies into pickup has the folder's group and is taken; a moved one may not be readable, which is said."""
    t.need_root()
    service = t.postern({"default": {"general": {"pickup-group": 64301}}}, as_root=True)
    source = t.folder / "report.eml"
    source.write_text("x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n")
    source.chmod(0o640)
    subprocess.run(["cp", source, service.home.pickup], check=True)
    service.home.wait_drops()
    subprocess.run(["mv", source, service.home.pickup], check=True)
    event = service.events.wait("badmailed", timeout=60)
    equal(event["reason"], "cannot be read")
    check("owner root (0)" in event["detail"] and "mode 0640" in event["detail"], event.line)
    source.write_text("x")
    os.chown(source, 64399, 64399)      # a user whom this host does not know is not looked for
    source.chmod(0o600)
    source.rename(service.home.pickup / "other.eml")
    event = service.events.wait("badmailed", timeout=60, count=2)
    check("owner 64399, group 64399, mode 0600" in event["detail"], event.line)
    equal(service.events.all("trouble", part="sandbox"), [])


test_programs.limit = 300
