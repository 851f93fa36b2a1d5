"""web_login - sessions of the manager: one-time links, commands on behalf of a user, what is refused"""

import json
import os
import pwd
import signal

from checks import check, equal
from patience import until
from web_client import Browser, ask, connect, start_manager, wait_served


# shows 9b.5, 9b.7
def test_login_and_commands(t):
    service, port = start_manager(t)
    link = service.ctl("web", "login").stdout
    check(link.startswith(f"http://127.0.0.1:{port}/#login="), link)
    one = Browser(port)
    equal(one.request("/api/session") and one.status, 401)
    session = one.log_in(link)
    equal((one.status, session["right"], len(session["csrf"])), (200, "operator", 128), session)
    cookie = one.fields["Set-Cookie"]
    check(cookie.startswith("postern=") and "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie, cookie)
    equal(one.fields["Cache-Control"], "no-store")
    check(one.csrf not in cookie, "the token is in the cookie")
    token = session.pop("csrf")
    equal(one.request("/api/session"), session)
    # the cookie alone, which a browser shows to every port of this host, is no right, and asks for none
    for target in ("/api/session", "/api/events"):
        for fields in ({"X_Postern_Token": None}, {"X_Postern_Token": token[:64]}, {"Cookie": None}):
            said = one.request(target, **fields)
            equal((target, fields, one.status, set(said)), (target, fields, 401, {"error"}))
    # another tab has the cookie and a session of its own, so both have theirs; a planted cookie is told apart
    tab = Browser(port)
    tab.cookie = one.cookie
    tab.log_in(service.ctl("web", "login").stdout)
    equal((tab.cookie, tab.csrf == token), (one.cookie, False))
    equal(tab.request("/api/logout", {}) == {} and tab.request("/api/session") and tab.status, 401)
    equal(one.request("/api/session", Cookie=f"postern={'1' * 64}; {one.cookie}"), session)
    # a command as the console's, in text and as JSON
    answer = one.command("status")
    equal((one.status, answer["status"]), (200, 0))
    check(answer["text"].startswith("default started number=2"), answer)
    equal(answer["data"]["servers"][0]["name"], "default")
    answer = one.command("pause", "default")
    equal((answer["status"], answer["text"]), (0, "default is paused\n"))
    check("default paused" in service.ctl("status").stdout, "not paused")
    event = service.events.wait("operator", command="pause")
    equal((event["by"], event["uid"]), ("web", str(t.uid)))
    equal(one.command("continue", "default")["status"], 0)
    equal(one.command("queue", "nothing", "list")["status"], 3)
    equal(one.command("web-login", "-", "x")["status"], 77)
    # the link is used up, and a wrong one is none
    two = Browser(port)
    equal(two.log_in(link) and two.status, 401)
    equal(two.log_in("0" * 64) and two.status, 401)
    # what comes without the session, or from elsewhere, changes nothing
    words = {"words": ["pause", "default"]}
    for wanted, fields in ((401, {"Cookie": None}), (401, {"Cookie": "postern=" + "0" * 64, "X_Postern_Token": "0" * 64}),
                           (401, {"X_Postern_Token": None}), (401, {"X_Postern_Token": "0" * 64}),
                           (403, {"Sec_Fetch_Site": "cross-site"}), (403, {"Sec_Fetch_Site": "same-site"}), (403, {"Sec_Fetch_Site": "none"}),
                           (403, {"Origin": "http://evil.example"}), (421, {"Host": "evil.example"}),
                           (415, {"Content_Type": "text/plain"}), (415, {"Content_Type": None}),
                           (401, {"Cookie": "__Host-" + one.cookie})):
        one.request("/api/command", words, **fields)
        equal((fields, one.status), (fields, wanted))
    for body in ("", "[]", "{", '{"words":[]}', '{"words":"status"}', '{"words":["a\\u0000b"]}', '{"words":[1]}', '{"words":[""]}',
                 '{"words":["' + "a" * 9000 + '"]}', '{"words":["status"],"words":["pause"]}', '{"words":["a\\nb"]}', "[" * 60000):
        one.request("/api/command", body)
        equal((body[:40], one.status), (body[:40], 400))
    equal(ask(port, "/api/command", Cookie=one.cookie)[0], 405)
    check("default started" in service.ctl("status").stdout, "it was paused")
    # the helper ends and comes again: the session is the master's
    os.kill(service.child("web"), signal.SIGKILL)
    service.events.wait("crash", role="web")
    wait_served(port)
    equal(one.command("status")["status"], 0)
    # logout
    equal(one.request("/api/logout", {}) == {} and one.status, 200)
    check("Max-Age=0" in one.fields["Set-Cookie"], one.fields)
    equal(one.request("/api/session") and one.status, 401)
    equal(one.command("status") and one.status, 401)


def test_forged_links_hold_up_nothing(t):
    """Who guesses at links, as a local user can from 127.0.0.1, neither makes others wait nor fills the log."""
    service, port = start_manager(t)
    guess = Browser(port)
    for number in range(60):
        equal(guess.log_in(f"{number:064x}") and guess.status, 401)
    link = service.ctl("web", "login").stdout
    token = link.strip().rpartition("=")[2]
    equal(guess.log_in(token[:-1] + ("0" if token[-1] != "0" else "1")) and guess.status, 401)
    equal(guess.log_in(link) and guess.status, 200)
    event = service.events.wait("operator", command="login", result="refused", way="link")
    equal((event["client"], event["reason"]), ("127.0.0.1", "a link that this service has not made"))
    told = service.events.all("operator", command="login", result="refused")
    check(len(told) < 30, len(told))
    equal(service.events.wait("operator", command="login", result="ok")["way"], "link")


def test_rights(t):
    """A viewer looks, an operator of one virtual server has that one, a stranger gets no link; the last right taken ends it all."""
    t.need_root()
    service, port = start_manager(t, servers={"one": {"security": {"operators": "bin"}}, "two": {}}, service={"viewers": "sys"}, as_root=True)

    def log_in(name):
        account = pwd.getpwnam(name)
        browser = Browser(port)
        link = service.ctl("web", "login", account={"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}, ok=False)
        return browser, link.returncode, browser.log_in(link.stdout) if link.returncode == 0 else None

    viewer, _, session = log_in("sys")
    equal((session["right"], session["name"]), ("viewer", "sys"))
    equal(len(viewer.command("status")["data"]["servers"]), 2)
    for words in (("pause", "one"), ("stop",), ("reload",), ("queue", "one", "delete", "all"), ("sessions", "-", "terminate", "--all")):
        equal((words, viewer.command(*words)["status"]), (words, 77))
    operator, _, session = log_in("bin")
    equal(session["right"], "operator")
    equal([s["name"] for s in operator.command("status")["data"]["servers"]], ["one"])
    equal(operator.command("pause", "one")["status"], 0)
    equal(operator.command("pause", "two")["status"], 77)
    equal(log_in("games")[1], 77)
    service["one"].set("security", operators=None)
    service.ctl("reload", account={})
    equal(operator.command("continue", "one")["status"], 77)
    equal(operator.request("/api/session") and operator.status, 403)
    check("one paused" in service.ctl("status", account={}).stdout, "changed")


def test_sessions_end_with_the_manager(t):
    service, port = start_manager(t)
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login").stdout)
    equal(browser.command("status")["status"], 0)
    manager = service.shared.pop("manager")
    service.write()
    service.ctl("reload")
    done = service.ctl("web", "login", ok=False)
    equal(done.returncode, 1)
    check("[manager]" in done.stdout + done.stderr, done)
    service.shared["manager"] = manager
    service.write()
    service.ctl("reload")
    wait_served(port)
    equal(browser.request("/api/session") and browser.status, 401)


def test_behind_a_web_server(t):
    """By a socket with a path: another web server has TLS and the name, and says whom it serves."""
    service = t.postern(start=False)
    path = service.run / "web.sock"
    service.shared["manager"] = {"listen": path, "hosts": "manager.example"}
    service.write()
    service.start()
    wait_served(path)
    equal(oct(path.stat().st_mode & 0o777), "0o660")
    link = service.ctl("web", "login").stdout
    check(link.startswith("https://manager.example/#login="), link)
    browser = Browser(path)
    said = {"Host": "manager.example", "Origin": "https://manager.example", "X_Forwarded_For": "198.51.100.1, 192.0.2.9"}
    token = link.strip().rpartition("=")[2]
    equal(browser.request("/api/login", {"token": token}, **{**said, "Origin": "http://manager.example"}) and browser.status, 403)
    session = browser.request("/api/login", {"token": token}, **said)
    equal(browser.status, 200, session)
    check(browser.fields["Set-Cookie"].startswith("__Host-postern=") and "; Secure" in browser.fields["Set-Cookie"], browser.fields)
    browser.cookie, browser.csrf = browser.fields["Set-Cookie"].split(";")[0], session["csrf"]
    equal(service.events.wait("operator", command="login")["client"], "192.0.2.9")
    equal(browser.command("status", **said)["status"], 0)
    equal(browser.command("status", **{**said, "Host": "127.0.0.1"}) and browser.status, 421)
    # a web server that adds a field of its own behind that of the browser, which may say anything
    connection = connect(path)
    connection.putrequest("POST", "/api/login", skip_host=True)
    body = json.dumps({"token": "0" * 64})
    for name, value in (("Host", "manager.example"), ("X-Forwarded-For", "203.0.113.1"), ("X-Forwarded-For", "192.0.2.8"),
                        ("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
        connection.putheader(name, value)
    connection.endheaders(body.encode())
    equal(connection.getresponse().status, 401)
    equal(service.events.wait("operator", command="login", result="refused")["client"], "192.0.2.8")
