"""web_login_password - logins to the manager by the accounts of a password file: rights, words, limits, and what ends a session"""

import http.client
import json
import os
import pwd
import select
import signal
import subprocess
import threading

from checks import check, equal
from patience import until
from programs import BUILD
from sasl import verifier
from web_accounts import PASSWORD, log_in, start, write_accounts
from web_client import Browser, ask

WRONG = {"error": "the name or the password is wrong"}


def ways(port):
    return json.loads(ask(port, "/api/ways")[2])["ways"]


def test_rights_and_words(t):
    made = t.folder / "made"
    for name in ("bob", "Jörg"):
        done = subprocess.run([BUILD / "posternctl", "passwd", "--stdin", made, name], input=PASSWORD.encode() + b"\n", capture_output=True, check=False)
        equal(done.returncode, 0, done.stderr)
    accounts = dict(line.split(":", 1) for line in made.read_text().splitlines())
    accounts.update({"eve": verifier(PASSWORD), "nobody": verifier(PASSWORD), "with blank": verifier(PASSWORD)})
    service, port = start(t, accounts, servers={"one": {"security": {"operators": "account:with blank"}}, "two": {}},
                          service={"operators": "account:bob, account:Jörg", "viewers": "account:eve"})
    equal(service.ctl("check").returncode, 0)
    equal(ways(port), ["link", "password"])
    bob, session = log_in(port, "BOB")
    equal(bob.status, 200, session)
    equal((session["name"], session["uid"], session["way"], session["right"]), ("bob", None, "password", "operator"))
    event = service.events.wait("operator", command="login", result="ok", way="password")
    equal((event["user"], event["client"], event["by"]), ("account:bob", "127.0.0.1", "web"))
    equal(bob.command("pause", "one")["status"], 0)
    equal(service.events.wait("operator", command="pause")["user"], "account:bob")
    equal(bob.command("set", "two", "messages.max-recipients=7")["status"], 0)
    equal(service.events.wait("change", result="ok")["user"], "account:bob")
    rows = json.loads(service.ctl("history", "--json").stdout)["changes"]
    equal(rows[0]["author"], "user=account:bob")
    check("account:bob" in service.ctl("history").stdout, "the history names nobody")
    # a viewer looks; of an operator of one virtual server the other one is not
    eve, session = log_in(port, "eve")
    equal(session["right"], "viewer")
    equal(len(eve.command("status")["data"]["servers"]), 2)
    for words in (("pause", "two"), ("stop",), ("reload",), ("queue", "two", "delete", "all")):
        equal((words, eve.command(*words)["status"]), (words, 77))
    blank, session = log_in(port, "with blank")
    equal((blank.status, blank.command("continue", "one")["status"], blank.command("pause", "two")["status"]), (200, 0, 77))
    equal(log_in(port, "Jörg")[0].status, 200)
    # who has a right to nothing is told so, once it has proved who it is
    browser, session = log_in(port, "nobody")
    equal((browser.status, session), (403, {"error": "you are neither operator nor viewer of anything"}))
    service.events.wait("operator", command="login", result="refused", user="account:nobody")
    # a wrong password, a name that there is not, and what cannot be either are one sentence
    for name, password in (("bob", "geheim"), ("carol", "geheim"), ("root", PASSWORD), ("b" * 255, "x"), ("b" * 256, "x"), ("b\x01b", "x"), ("a:b", "x"),
                           ("bob", "p" * 511), ("bob", "p" * 512), ("bob", "p" * 60000), ("", PASSWORD), ("bob", ""),
                           ("jörg\udcff".encode("utf-8", "replace").decode(), "x")):
        browser, session = log_in(port, name, password)
        equal((name[:9], password[:9], browser.status, session), (name[:9], password[:9], 401, WRONG))
        check("Set-Cookie" not in browser.fields, browser.fields)
    event = service.events.wait("operator", command="login", result="refused", way="password", name="carol")
    equal((event["reason"], event["client"]), ("wrong name or password", "127.0.0.1"))
    # a name may not hide what follows, however long it becomes where it is shown
    log_in(port, "a " + "\u202e" * 84, "x")
    event = service.events.wait("operator", command="login", result="refused", name=lambda name: name.startswith("a "))
    equal((event["reason"], event["client"]), ("wrong name or password", "127.0.0.1"))
    for body in ({"name": "bob"}, {"password": "x"}, {"name": ["bob"], "password": "x"}, {"name": "bob", "password": 1},
                 {"name": "bob", "password": PASSWORD + "\x00"}):
        equal((body, browser.request("/api/login", body) and browser.status), (body, 400))
    # not from another site, not as a form, and a cookie that was there before is no session
    for wanted, fields in ((403, {"Sec_Fetch_Site": "cross-site"}), (403, {"Origin": "http://evil.example"}), (415, {"Content_Type": "text/plain"}),
                           (415, {"Content_Type": "application/x-www-form-urlencoded"})):
        browser, _ = log_in(port, "bob", **fields)
        equal((fields, browser.status), (fields, wanted))
    fixed = Browser(port)
    fixed.cookie = "postern=" + "1" * 64
    victim, _ = log_in(port, "bob", browser=fixed)
    thief = Browser(port)
    thief.cookie = "postern=" + "1" * 64
    equal((thief.request("/api/session") and thief.status, thief.request("/api/session", X_Postern_Token="1" * 128) and thief.status), (401, 401))
    equal(victim.command("status")["status"], 0)
    log = (service.folder / "events.log").read_text()
    check(PASSWORD not in log and "geheim" not in log and "pppp" not in log, "a password is in the log")


def test_names_of_this_host(t):
    """An account of the password file is no user of this host of the same name, nor the other way round."""
    t.need_root()
    accounts = {name: verifier(PASSWORD) for name in ("root", "bin", "sys", "@sys", "games")}
    service, port = start(t, accounts, service={"operators": "bin, @sys, account:sys", "viewers": "games"}, as_root=True)
    for name, status in (("root", 403), ("bin", 403), ("@sys", 403), ("games", 403), ("sys", 200)):
        equal((name, log_in(port, name)[0].status), (name, status))
    account = pwd.getpwnam("sys")
    done = service.ctl("web", "login", account={"user": account.pw_uid, "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}, ok=False)
    equal(done.returncode, 77, done)


def test_accounts_that_go(t):
    """An account that is removed, or has another password, loses its sessions while they are used; others stay."""
    accounts = {name: verifier(PASSWORD) for name in ("bob", "carol", "dave")}
    service, port = start(t, accounts, service={"operators": "account:bob, account:carol, account:dave"})
    browsers = {name: log_in(port, name)[0] for name in accounts}
    equal({browser.command("status")["status"] for browser in browsers.values()}, {0})
    write_accounts(service, {"bob": accounts["bob"], "dave": verifier("another")})
    until(lambda: browsers["carol"].request("/api/session") and browsers["carol"].status == 401, timeout=60, what="the session of the account to end")
    until(lambda: browsers["dave"].request("/api/session") and browsers["dave"].status == 401, timeout=60, what="the session of the other password to end")
    service.events.wait("operator", command="logout", user="account:carol")
    equal(browsers["bob"].command("status")["status"], 0)
    equal((log_in(port, "carol")[0].status, log_in(port, "dave")[0].status), (401, 401))
    equal(log_in(port, "dave", "another")[0].status, 200)
    # the key goes: so do the way and its sessions, not those of links
    link = Browser(port)
    link.log_in(service.ctl("web", "login").stdout)
    del service.shared["manager"]["accounts"]
    service.write()
    service.ctl("reload")
    until(lambda: ways(port) == ["link"], what="the new web helper")
    equal(browsers["bob"].request("/api/session") and browsers["bob"].status, 401)
    equal(link.command("status")["status"], 0)
    equal(log_in(port, "bob")[0].status, 403)


class Slow:
    """A login that is sent, and answered later."""
    def __init__(self, port, name, password, source="127.0.0.1"):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120, source_address=(source, 0))
        self.connection.request("POST", "/api/login", json.dumps({"name": name, "password": password}), {"Content-Type": "application/json"})

    def answer(self):
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        self.connection.close()
        return answer.status, body


def test_many_at_a_time(t):
    """Who begins as many logins as there may be, in vain, keeps no other client out: its own oldest one goes."""
    service, port = start(t, {"bob": verifier(PASSWORD)}, service={"operators": "account:bob"})
    equal(log_in(port, "bob")[0].status, 200)
    auth = service.child("auth")
    os.kill(auth, signal.SIGSTOP)
    t.cleanup(lambda: os.kill(auth, signal.SIGCONT))
    greedy = [Slow(port, f"nobody{number}", "x", f"127.0.0.{2 + number % 8}") for number in range(72)]
    until(lambda: select.select([one.connection.sock for one in greedy], [], [], 0.1)[0], what="one of them to be refused")
    other = Slow(port, "bob", PASSWORD, "127.0.1.1")
    mark = service.events.mark()
    service.events.wait("operator", command="login", result="refused", reason="too many logins at a time", since=0)
    os.kill(auth, signal.SIGCONT)
    equal(other.answer()[0], 200, service.events.all("operator", since=mark))
    check({one.answer()[0] for one in greedy} <= {401, 429, 503}, "an answer to each")


def test_helper_killed_or_stopped(t):
    service, port = start(t, {"bob": verifier(PASSWORD)}, service={"operators": "account:bob"})
    browser, _ = log_in(port, "bob")
    auth = service.child("auth")
    os.kill(auth, signal.SIGSTOP)
    first = Slow(port, "bob", PASSWORD)
    equal(browser.command("status")["status"], 0, "the master waits")     # it went to the master after that login
    os.kill(auth, signal.SIGKILL)
    status, body = first.answer()
    equal(status, 503, body)
    check("cannot be checked now" in body["error"] and "posternctl web login" in body["error"], body)
    event = service.events.wait("operator", command="login", result="refused", name="bob")
    equal(event["reason"], "the auth helper ended")
    until(lambda: log_in(port, "bob")[0].status == 200, what="the next auth helper")
    # one that does not answer: others go on, the login is refused in time, and a link works meanwhile
    auth = service.child("auth")
    os.kill(auth, signal.SIGSTOP)
    t.cleanup(lambda: os.kill(auth, signal.SIGCONT))
    slow = Slow(port, "bob", PASSWORD)
    equal(browser.command("status")["status"], 0)
    equal(Browser(port).log_in(service.ctl("web", "login").stdout)["right"], "operator")
    status, body = slow.answer()
    equal(status, 503, body)
    os.kill(auth, signal.SIGCONT)
    equal(log_in(port, "bob")[0].status, 200)


def test_right_beside_wrong(t):
    """Who guesses from the same address, as a local user can, does not keep the right password out; its own refusals take longer and longer."""
    service, port = start(t, {name: verifier(PASSWORD) for name in ("bob", "carol")}, service={"operators": "account:bob"})
    over, statuses = threading.Event(), []

    def guess(number):
        while not over.is_set():
            statuses.append(log_in(port, "carol" if number % 2 else f"nobody{number}", "x")[0].status)
    running = [threading.Thread(target=guess, args=(number,)) for number in range(12)]
    for each in running:
        each.start()
    try:
        until(lambda: len(statuses) >= 12, what="the guesses to fail")
        for _ in range(3):
            browser, session = log_in(port, "bob")
            equal(browser.status, 200, session)
            equal(browser.request("/api/logout", {}), {})
    finally:
        over.set()
        for each in running:
            each.join()
    check(set(statuses) <= {401, 503}, set(statuses))


def memory_has(pid, needle):
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            place, rights = line.split()[:2]
            begin, end = (int(x, 16) for x in place.split("-"))
            if not rights.startswith("rw") or "vvar" in line or end - begin > 1 << 30:
                continue
            try:
                mem.seek(begin)
                if needle in mem.read(end - begin):
                    return True
            except OSError:
                pass
    return False


def test_passwords_are_wiped(t):
    """Afterwards neither a good nor a wrong one is in the memory of a process."""
    t.need_root()
    service, port = start(t, {"bob": verifier("zv7-right-Password-41")}, service={"operators": "account:bob"}, as_root=True)
    equal(log_in(port, "bob", "zv7-right-Password-41")[0].status, 200)
    equal(log_in(port, "bob", "zv7-wrong-Password-41")[0].status, 401)
    for name, pid in (("postern", service.process.pid), ("web", service.child("web")), ("auth", service.child("auth"))):
        for needle in (b"right-Password-41", b"wrong-Password-41"):
            check(not memory_has(pid, needle), name, needle)


def test_check(t):
    service = t.postern(start=False)
    accounts = write_accounts(service, {"bob": verifier(PASSWORD)})
    port = t.port()

    def said(**manager):
        service.shared["manager"] = {"listen": f"127.0.0.1:{port}", **manager}
        service.write()
        done = service.ctl("check", ok=False)
        return done.stdout + done.stderr
    check("accounts" not in said(accounts=accounts), "a good file is blamed")
    accounts.chmod(0o644)
    check("everybody may read" in said(accounts=accounts), "not refused")
    accounts.chmod(0o600)
    check("No such file" in said(accounts=service.folder / "missing"), "not missed")
    text = said(accounts=accounts, listen=f"0.0.0.0:{port}")
    check("needs certificate and key" in text, text)
    text = said(keytab=service.folder / "missing")
    check("keytab" in text and "No such file" in text, text)
    text = said(keytab=accounts)
    check("is no keytab" in text, text)
    service.service["operators"] = "account:bob, kerberos:bob@EXAMPLE.COM"
    text = said()
    check("account:bob cannot log in" in text and "kerberos:bob@EXAMPLE.COM cannot log in" in text, text)
    for bad in ("account:", "kerberos:bob", "kerberos:@REALM", "web:bob", "account:a:b"):
        service.service["operators"] = bad
        text = said(accounts=accounts)
        check("operators" in text and "wrong" in text or "must" in text or bad in text, text)
