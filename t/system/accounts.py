"""accounts - the accounts of a password file by command: made, changed, removed; who may; what is refused; two at a time; a full disk; no
password anywhere"""

import fcntl
import json
import os
import subprocess
import threading

from checks import check, equal
from disks import small_disk
from patience import until
from processes import is_root
from programs import BUILD
from sasl import plain, verifier
from stand_in import service_with
from web_accounts import PASSWORD, log_in, start
from web_client import Browser, start_manager

OPEN = {"authentication": "anonymous, basic", "basic-requires-tls": "no", "relay-list": None}


def administrator(service, port):
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login").stdout)
    equal(browser.status, 200)
    return browser


def accounts(browser, *words, secret=None, name="default"):
    """The answer to a command on the accounts of that virtual server."""
    body = {"words": ["accounts", name, *words]}
    if secret is not None:
        body["secret"] = secret
    return browser.request("/api/command", body)


def may_log_in(service, user, password, name="default"):
    with service[name].connect() as client:
        client.expect(250, "EHLO client.example")
        return client.cmd(f"AUTH PLAIN {plain(user, password)}").code == 235


def password_file(service, accounts_there, name="default"):
    """In the folder in which the manager changes files."""
    file = service.folder / "passwords" / name
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text("".join(f"{user}:{text}\n" for user, text in accounts_there.items()))
    file.chmod(0o600)
    service.own()
    return file


def nowhere(service, *passwords):
    """In no file of the service, its log and its history among them."""
    for file in (each for each in service.folder.rglob("*") if each.is_file() and not each.is_symlink()):
        data = file.read_bytes()
        for password in passwords:
            check(password.encode() not in data, f"{password} is in {file}")


def test_from_nothing(t):
    """No password file: it is made, the keys name it, and each change counts at once."""
    service, port = start_manager(t, {"default": {"access": {"basic-requires-tls": "no", "relay-list": None}}})
    root = administrator(service, port)
    file = service.folder / "passwords" / "default"
    answer = accounts(root, "list")
    equal((answer["status"], answer["text"]), (3, "this virtual server has no password file\n"))
    equal(accounts(root, "set", "bob", secret="x")["status"], 3)
    shown = accounts(root, "make", "dry-run")
    equal(shown["status"], 0, shown)
    check(f"+password-file = {file}" in shown["text"] and "+authentication = anonymous, basic" in shown["text"].replace(",basic", ", basic"), shown)
    check(not file.exists(), "a question has made the file")
    equal(accounts(root, "make")["status"], 0)
    equal((file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777, file.read_bytes()), (0o600, 0o700, b""))
    changes = json.loads(service.ctl("history", "--json").stdout)["changes"]
    equal({row["key"] for row in changes}, {"access.password-file", "access.authentication"})
    equal((accounts(root, "make")["status"], accounts(root, "list")["data"]["accounts"]), (1, []))
    equal(may_log_in(service, "bob", "first-password"), False)
    for number, password in enumerate(("first-password", "second pass:wört", "third-password")):
        answer = accounts(root, "set", "bob", secret=password)
        equal((answer["status"], answer["text"]), (0, f"account bob {'changed' if number else 'made'}\n"), answer)
        equal(may_log_in(service, "bob", password), True, password)
        event = service.events.wait("operator", command="accounts", verb="set", account="bob", result="changed" if number else "made")
        equal((event["server"], event["by"]), ("default", "web"))
    equal(may_log_in(service, "bob", "second pass:wört"), False)
    equal(accounts(root, "set", "carol", "yescrypt", secret="crypt-password")["status"], 0)
    equal(may_log_in(service, "CAROL", "crypt-password"), True)
    equal(accounts(root, "set", "dave", secret="dave-password")["status"], 0)
    rows = accounts(root, "list")["data"]["accounts"]
    equal([(row["name"], row["kind"], row["login"] is not None) for row in rows],
          [("bob", "scram-sha-256", True), ("carol", "crypt", True), ("dave", "scram-sha-256", False)])
    listed = json.loads(service.ctl("passwd", "--list", "--json", "default").stdout)["accounts"]
    equal([row["name"] for row in listed], ["bob", "carol", "dave"])
    answer = accounts(root, "remove", "BOB")
    equal((answer["status"], answer["text"]), (0, "account BOB removed\n"))
    equal(may_log_in(service, "bob", "third-password"), False)
    service.events.wait("operator", command="accounts", verb="remove", account="BOB", result="removed")
    answer = accounts(root, "remove", "bob")
    equal((answer["status"], answer["text"]), (3, "there is no such account any more\n"))
    equal(file.stat().st_mode & 0o777, 0o600)
    equal([each.name for each in file.parent.iterdir()], ["default"])
    nowhere(service, "first-password", "second pass", "third-password", "crypt-password", "dave-password")
    lines = {line.split(":")[1] for line in file.read_text().splitlines()}
    for each in (each for each in service.folder.rglob("*") if each.is_file() and each != file):
        check(not any(line.encode() in each.read_bytes() for line in lines), f"a hash is in {each}")


def test_posternctl_api(t):
    """What a page of Cockpit asks: the words and the password on the standard input."""
    service = t.postern({"default": {"access": OPEN}}, start=False)
    file = password_file(service, {"bob": verifier(PASSWORD)})
    service.default.set("access", password_file=file)
    service.start()
    for secret, status in (("api-password", 0), ("", 65), ("a\nb", 65)):
        done = service.ctl("api", "command", input=json.dumps({"words": ["accounts", "default", "set", "eve"], "secret": secret}))
        equal((secret, json.loads(done.stdout)["status"]), (secret, status), done)
    equal(may_log_in(service, "eve", "api-password"), True)
    equal(service.ctl("api", "command", input=json.dumps({"words": ["status"], "secret": 7}), ok=False).returncode, 65)
    nowhere(service, "api-password")


def test_refused(t):
    """Hostile names and passwords: a clear answer, and not a byte of the file is another one."""
    service, port = start_manager(t, {"default": {"access": {"basic-requires-tls": "no"}}})
    root = administrator(service, port)
    equal(accounts(root, "make")["status"], 0)
    equal(accounts(root, "set", "bob", secret=PASSWORD)["status"], 0)
    file = service.folder / "passwords" / "default"
    before = file.read_bytes()
    for name in ("a:b", "#a", " a", "a ", "x" * 256, "x" * 5000):
        check(accounts(root, "set", name, secret="y")["status"] in (64, 65), name)
    for name in ("a\nb", "a\tb", "a\x01", ""):      # no words of a command
        accounts(root, "set", name, secret="y")
        equal((name, root.status), (name, 400))
    for secret, why in (("", "empty"), ("y" * 511, "longer than 510"), ("y" * 5000, "at most 510"), ("a\nb", "end of a line"), (None, "came with")):
        answer = accounts(root, "set", "bob", secret=secret)
        equal(answer["status"], 65, answer)
        check(why in answer["text"], answer)
    for secret in (7, ["x"], {"x": 1}, True, "a\0b"):
        accounts(root, "set", "bob", secret=secret)
        equal(root.status, 400)
    for words in ((), ("list", "x"), ("set",), ("set", "bob", "md5"), ("remove",), ("remove", "bob", "x"), ("old",), ("make", "x")):
        equal((words, accounts(root, *words, secret="y")["status"]), (words, 64))
    equal(file.read_bytes(), before)
    # names that are fine, and only look odd
    for name in ("Jörg", "o'neil", "EXAMPLE\\bob", "a" * 255, "!bang", "=equal", "@at", "-", "--list"):
        equal((name, accounts(root, "set", name, secret=PASSWORD)["status"]), (name, 0))
    names = [row["name"] for row in accounts(root, "list")["data"]["accounts"]]
    equal(len(names), 10, names)
    # a password of 510 bytes is one
    equal(accounts(root, "set", "bob", secret="p" * 510)["status"], 0)
    equal(may_log_in(service, "bob", "p" * 510), True)
    # what others have put into the file stays: comments, further fields, lines that are none
    file.write_text("# ours\nbob:" + verifier(PASSWORD) + ":1000:1000\nbroken\n\ncarol:" + verifier(PASSWORD) + ":x\n")
    answer = accounts(root, "list")
    equal([row["name"] for row in answer["data"]["accounts"]], ["bob", "carol"])
    equal(answer["data"]["remarks"], ["Line 3 of the password file: no colon between name and hash; nobody can log in by it."])
    equal(accounts(root, "remove", "bob")["status"], 0)
    equal(file.read_text(), "# ours\nbroken\n\ncarol:" + verifier(PASSWORD) + ":x\n")
    # not through a link, not where everybody may read
    file.chmod(0o644)
    answer = accounts(root, "set", "bob", secret=PASSWORD)
    check(answer["status"] == 74 and "everybody may read" in answer["text"], answer)
    file.rename(file.with_name("other"))
    file.symlink_to("other")
    for words in (("list",), ("remove", "carol")):
        answer = accounts(root, *words)
        check(answer["status"] == 74 and "is a link" in answer["text"], answer)
    check(file.is_symlink(), "the link was replaced")
    file.unlink()
    check("No such file" in accounts(root, "list")["text"], "a file that is not there")


def test_rights(t):
    """Viewers see no name; an operator of one virtual server changes its own accounts, and none that count elsewhere."""
    people = {name: verifier(PASSWORD) for name in ("boss", "eve", "dept")}
    servers = {name: {"access": {"basic-requires-tls": "no"}, "security": {"operators": "account:dept"} if name != "two" else {}} for name in ("one", "two", "three", "four")}
    service, port = start(t, people, servers=servers, service={"operators": "account:boss", "viewers": "account:eve"})
    files = {name: password_file(service, {"user": verifier(PASSWORD)}, name) for name in ("one", "two")}
    folder = service.folder / "passwords"
    os.link(files["two"], folder / "another-name")
    for name, file in (("one", files["one"]), ("two", files["two"]), ("three", folder / "another-name"), ("four", folder / "accounts")):
        service[name].set("access", password_file=file, authentication="anonymous, basic")
    service.ctl("reload")
    boss, eve, dept = (log_in(port, name)[0] for name in ("boss", "eve", "dept"))
    before = {file: file.read_bytes() for file in (*files.values(), folder / "accounts")}
    for words in (("list",), ("set", "x"), ("remove", "user"), ("make",)):
        for name in ("one", "two", "-"):
            equal((words, name, accounts(eve, *words, secret="y", name=name)["status"]), (words, name, 77))
        for name in ("two", "-"):
            equal((words, name, accounts(dept, *words, secret="y", name=name)["status"]), (words, name, 77))
    # its own virtual server, but the file of another one, or of the manager: that would make it an operator of the service
    for name in ("three", "four"):
        for words in (("list",), ("set", "boss"), ("remove", "boss")):
            answer = accounts(dept, *words, secret="y", name=name)
            equal((words, name, answer["status"]), (words, name, 77))
            check("others use the same file" in answer["text"], answer)
    service.events.wait("operator", command="accounts", result="refused", user="account:dept")
    equal({file: file.read_bytes() for file in before}, before)
    equal(accounts(dept, "set", "new", secret=PASSWORD, name="one")["status"], 0)
    equal(service.events.wait("operator", command="accounts", result="made")["user"], "account:dept")
    equal(may_log_in(service, "new", PASSWORD, "one"), True)
    # who operates one may not do it as fast as a machine
    statuses = [accounts(dept, "remove", "nobody", name="one")["status"] for _ in range(30)]
    check(statuses.count(1) > 0 and statuses[0] == 3, statuses)
    equal(accounts(boss, "list", name="two")["data"]["remarks"], ["The virtual server three uses the same file."])
    # the accounts of the manager: another password ends the sessions of the one before
    equal(accounts(boss, "set", "eve", secret="another pass", name="-")["status"], 0)
    until(lambda: eve.request("/api/session") and eve.status == 401, timeout=60, what="the session of the other password to end")
    equal((log_in(port, "eve", PASSWORD)[0].status, log_in(port, "eve", "another pass")[0].status), (401, 200))
    equal([row["name"] for row in accounts(boss, "list", name="-")["data"]["accounts"]], ["boss", "dept", "eve"])
    # a request from elsewhere, or without the token of the tab, changes nothing
    for fields, status in (({"X_Postern_Token": None}, 401), ({"Sec_Fetch_Site": "cross-site"}, 403), ({"Content_Type": "text/plain"}, 415)):
        boss.request("/api/command", {"words": ["accounts", "one", "remove", "user"], "secret": "x"}, **fields)
        equal((fields, boss.status), (fields, status))
    equal(may_log_in(service, "user", PASSWORD, "one"), True)
    nowhere(service, PASSWORD, "another pass")


def outsider(service, folder, mode=0o640):
    """A file of the service's user that is no password file of it; its bytes."""
    file = folder / "shadow"
    file.write_text(f"root:{verifier('root')}:19000:0:99999:7:::\n")
    file.chmod(mode)
    os.chown(file, *((0, 0) if service.as_root or not is_root() else (service.test.uid, service.test.gid)))
    return file, file.read_bytes()


def check_elsewhere(t, as_root):
    service, port = start(t, {"boss": verifier(PASSWORD)}, servers={"default": {"access": {"basic-requires-tls": "no"}}},
                          service={"operators": "account:boss"}, as_root=as_root)
    boss = log_in(port, "boss")[0]
    apart = t.folder / "etc"
    apart.mkdir()
    usual = service.folder / "passwords"
    (service.folder / "deeper").mkdir()
    for folder in (apart, service.folder, service.folder / "deeper"):
        file, before = outsider(service, folder)
        names, times = sorted(each.name for each in folder.iterdir()), file.stat()
        equal(boss.command("set", "default", f"access.password-file={file}", "access.authentication=anonymous,basic")["status"], 0)
        for words in (("set", "root"), ("set", "new"), ("remove", "root")):
            answer = accounts(boss, *words, secret="mine")
            equal((file, words, answer["status"]), (file, words, 1))
            equal(answer["text"], f"{file} is changed by posternctl passwd alone: the manager changes files in {usual}\n")
        answer = accounts(boss, "list")
        if folder == service.folder:        # beside postern.ini: shown
            equal([row["name"] for row in answer["data"]["accounts"]], ["root"])
            equal(answer["data"]["remarks"], [f"{file} is changed by posternctl passwd alone: the manager changes files in {usual}"])
        else:
            check(answer["status"] == 1 and "is shown by posternctl passwd --list alone" in answer["text"], answer)
        now = file.stat()
        equal((file.read_bytes(), now.st_ino, now.st_mtime_ns, now.st_uid, now.st_mode),
              (before, times.st_ino, times.st_mtime_ns, times.st_uid, times.st_mode))
        equal(sorted(each.name for each in folder.iterdir()), names)
    # a link in the folder leads nowhere either
    (usual / "link").symlink_to(apart / "shadow")
    equal(boss.command("set", "default", f"access.password-file={usual / 'link'}")["status"], 0)
    for words in (("set", "root"), ("remove", "root")):
        answer = accounts(boss, *words, secret="mine")
        check(answer["status"] == 74 and "is a link" in answer["text"], answer)
    for folder in (apart, service.folder):
        equal((folder / "shadow").read_bytes(), before)
    nowhere(service, "mine")


def test_elsewhere(t):
    """An operator of the service, who is not root, names a file that is not in the folder for that: not a byte of it changes."""
    check_elsewhere(t, as_root=False)


def test_elsewhere_of_root(t):
    """The same where the supervisor is root, and could write all files."""
    t.need_root()
    check_elsewhere(t, as_root=True)


def test_folder_not_safe(t):
    """The folder of password files is a link, or others than the service may write to it: nothing is listed, made or changed there."""
    service, port = start_manager(t, {name: {"access": {"basic-requires-tls": "no"}} for name in ("default", "two")})
    root = administrator(service, port)
    folder, apart = service.folder / "passwords", service.folder / "apart"
    equal(accounts(root, "make")["status"], 0)
    equal(accounts(root, "set", "bob", secret=PASSWORD)["status"], 0)
    before = (folder / "default").read_bytes()

    def refused(why):
        for name, *words in (("default", "list"), ("default", "set", "bob"), ("default", "remove", "bob"), ("two", "make")):
            answer = accounts(root, *words, secret="mine", name=name)
            check(answer["status"] == 1 and answer["text"].startswith(f"{folder}: ") and why in answer["text"], words, answer)
        equal(((folder / "default").read_bytes(), [each.name for each in folder.iterdir()]), (before, ["default"]))

    for mode in (0o770, 0o707, 0o702):
        folder.chmod(mode)
        refused("may write to this folder")
    folder.chmod(0o700)
    folder.rename(apart)
    folder.symlink_to(apart)
    refused("a link to one")
    folder.unlink()
    apart.rename(folder)
    if is_root():
        os.chown(folder, t.uid - 1, t.gid)
        folder.chmod(0o755)
        refused("belongs to another user")
        os.chown(folder, t.uid, t.gid)
    equal(accounts(root, "set", "bob", secret="another")["status"], 0)
    equal(accounts(root, "make", name="two")["status"], 0)


def test_others_not_known(t):
    """While the file of another virtual server has errors, only an operator of the service changes accounts: it may use the same file."""
    service, port = start(t, {name: verifier(PASSWORD) for name in ("boss", "dept")}, service={"operators": "account:boss"},
                          servers={name: {"access": {"basic-requires-tls": "no"}, "security": {"operators": "account:dept"}} for name in ("one", "three")})
    file = password_file(service, {"user": verifier(PASSWORD)})
    service["one"].set("access", password_file=file, authentication="anonymous, basic")
    service.ctl("reload")
    boss, dept = (log_in(port, name)[0] for name in ("boss", "dept"))
    equal(accounts(dept, "list", name="one")["status"], 0)
    two = service.folder / "servers" / "two.ini"
    two.write_text(f"[access]\npassword-file = {file}\nnonsense = 7\n")
    service.own()
    service.ctl("reload", ok=False)
    before = file.read_bytes()
    for words in (("list",), ("set", "new"), ("remove", "user")):
        answer = accounts(dept, *words, secret="mine", name="one")
        equal((words, answer["status"]), (words, 1))
        equal(answer["text"], "whether others use the same file cannot be judged now: another virtual server has errors\n")
    equal(file.read_bytes(), before)
    equal(accounts(boss, "set", "new", secret=PASSWORD, name="one")["status"], 0)
    two.unlink()
    service.ctl("reload")
    equal(accounts(dept, "remove", "new", name="one")["status"], 0)


# An auth helper that was taken over: what it says that it has done, and how large the new file is. A file of that size has holes.
HOSTILE = """
cases = [(b"made", 0), (b"made", (16 << 20) + 1), (b"made result=ok", 20), (b"removed", 20), (b"", 20), (b"changed", 20)]
say(READY)
new = None
while True:
    got, fds, _, _ = socket.recv_fds(master, 65536, 4)
    if not got or struct.unpack_from("=II", got, 4)[0] in (DRAIN, STOP):
        sys.exit(0)
    kind, request = struct.unpack_from("=II", got, 4)
    if kind == ACCOUNTS and got[16] == 1:
        new = fds.pop()
    elif kind == ACCOUNTS and got[16] == 3:
        text, size = cases.pop(0)
        os.truncate(new, size)
        if text:
            say(TEST_TEXT, text, request)
        say(TEST_END, struct.pack("=i", 0), request)
        os.close(new)
    elif kind == ACCOUNTS and got[16] == 5:
        say(TEST_END, struct.pack("=i", 0), request)
    for fd in fds:
        os.close(fd)
"""


def test_hostile_helper(t):
    """What the auth helper has written takes the place of no account, and not more than its size; what it says is no text of an event."""
    service = service_with(t, HOSTILE, role="auth")

    def ask(*words, secret="x"):
        return json.loads(service.ctl("api", "command", input=json.dumps({"words": ["accounts", "bad", *words], "secret": secret})).stdout)

    equal(ask("make")["status"], 0)
    file = service.folder / "passwords" / "bad"
    file.write_bytes(b"# ours\n")
    for why, status in (("is empty", 74), ("is too large", 74), *[("the answer of the auth helper is none", 70)] * 3):
        answer = ask("set", "bob")
        check(answer["status"] == status and why in answer["text"] and "nothing was changed" in answer["text"], why, answer)
        equal((file.read_bytes(), [each.name for each in file.parent.iterdir()]), (b"# ours\n", ["bad"]))
    equal(service.events.all("operator", command="accounts"), [])
    answer = ask("set", "bob")
    equal((answer["status"], answer["text"], file.read_bytes()), (0, "account bob changed\n", bytes(20)))
    service.events.wait("operator", command="accounts", account="bob", result="changed")


def test_two_at_a_time(t):
    """The manager and posternctl passwd: neither loses what the other has written; a lock is waited for, and not by the supervisor."""
    service, port = start_manager(t, {"default": {"access": {"basic-requires-tls": "no"}}})
    root = administrator(service, port)
    equal(accounts(root, "make")["status"], 0)
    file = service.folder / "passwords" / "default"
    answers = []

    def by_browser(part):
        browser = administrator(service, port)
        answers.extend(accounts(browser, "set", f"web{part}-{n}", secret=PASSWORD)["status"] for n in range(6))

    def by_posternctl(part):
        for n in range(6):
            answers.append(subprocess.run([BUILD / "posternctl", "passwd", "--stdin", file, f"ctl{part}-{n}"], input=PASSWORD.encode() + b"\n",
                                          capture_output=True, check=False).returncode)

    threads = [threading.Thread(target=what, args=(part,)) for what in (by_browser, by_posternctl) for part in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(answers, [0] * 36)
    equal(sorted(line.split(":")[0] for line in file.read_text().splitlines()),
          sorted(f"{way}{part}-{n}" for way in ("web", "ctl") for part in range(3) for n in range(6)))
    with open(file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(target=by_browser, args=("late",))
        waiting.start()
        equal(root.command("status")["status"], 0)      # the loop goes on
        equal(len(accounts(root, "list")["data"]["accounts"]), 36)
        check(waiting.is_alive() and len(answers) == 36, "the lock was not waited for")
    waiting.join()
    equal(answers, [0] * 42)


def test_full_disk(t):
    """Nothing is lost, and it is said."""
    service, port = start_manager(t)
    place = small_disk(t, "64k", service.folder / "passwords")
    place.chmod(0o700)
    file = place / "default"
    file.write_text("".join(f"user{n}:{verifier(PASSWORD)}\n" for n in range(200)))
    file.chmod(0o600)
    for each in (place, file):
        os.chown(each, t.uid, t.gid)
    root = administrator(service, port)
    equal(root.command("set", "default", f"access.password-file={file}", "access.authentication=anonymous,basic",
                       "access.basic-requires-tls=no")["status"], 0)
    before = file.read_bytes()
    (place / "filler").write_bytes(b"x" * (36 << 10))
    for words in (("set", "more"), ("set", "user7"), ("remove", "user7")):
        answer = accounts(root, *words, secret="another")
        equal(answer["status"], 74, answer)
        check("No space left" in answer["text"], answer)
    equal((file.read_bytes(), sorted(each.name for each in place.iterdir())), (before, ["default", "filler"]))
    equal(may_log_in(service, "user7", PASSWORD), True)
    (place / "filler").unlink()
    equal(accounts(root, "set", "user7", secret="another")["status"], 0)
    equal((may_log_in(service, "user7", "another"), may_log_in(service, "user7", PASSWORD)), (True, False))


def test_killed(t):
    """Before the new file has its name: the old one is there, and the next change takes the place of what was left."""
    service, port = start_manager(t, {"default": {"access": {"basic-requires-tls": "no"}}}, env={"POSTERN_CRASH": "accounts-written:2"})
    root = administrator(service, port)
    equal(accounts(root, "make")["status"], 0)
    equal(accounts(root, "set", "bob", secret=PASSWORD)["status"], 0)
    file = service.folder / "passwords" / "default"
    before = file.read_bytes()
    try:
        accounts(root, "set", "bob", secret="another")
    except OSError:
        pass
    service.wait_end()
    equal(file.read_bytes(), before)
    check(file.with_name("default.new").exists(), "there is no new file")
    service.env.clear()
    service.start()
    root = administrator(service, port)
    equal(may_log_in(service, "bob", PASSWORD), True)
    equal(accounts(root, "set", "bob", secret="another")["status"], 0)
    equal((may_log_in(service, "bob", "another"), [each.name for each in file.parent.iterdir()]), (True, ["default"]))


def test_as_root(t):
    """Installed: the file is root's, and the process that hashes is not; neither it nor the web helper can open the file."""
    t.need_root()
    service, port = start_manager(t, {"default": {"access": {"basic-requires-tls": "no"}}}, as_root=True)
    root = administrator(service, port)
    equal(accounts(root, "make")["status"], 0)
    file = service.folder / "passwords" / "default"
    equal(accounts(root, "set", "bob", secret=PASSWORD)["status"], 0)
    equal((file.stat().st_uid, file.stat().st_mode & 0o777), (0, 0o600))
    os.chown(file, t.uid, t.gid)
    file.chmod(0o640)
    equal(accounts(root, "set", "carol", secret=PASSWORD)["status"], 0)
    equal((file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777), (t.uid, t.gid, 0o640))
    equal(may_log_in(service, "carol", PASSWORD), True)
