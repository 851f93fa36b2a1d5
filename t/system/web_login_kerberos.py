"""web_login_kerberos - logins to the manager with Kerberos: a real KDC, curl and python3-gssapi as clients; whose tickets count, and what
garbage, replays and large tokens get
"""

import base64
import json
import os
import signal
import subprocess

from checks import Failure, check, equal
from patience import until
from processes import is_root
from sasl import Kdc, run
from web_client import Browser, ask, ask_if_there, wait_served

JSON = {"Content_Type": "application/json"}
TOKEN = """
import base64, gssapi, sys
name = gssapi.Name(sys.argv[1], gssapi.NameType.kerberos_principal)
mech = gssapi.OID.from_int_seq("1.3.6.1.5.5.2" if sys.argv[2] == "spnego" else "1.2.840.113554.1.2.2")
flags = gssapi.RequirementFlag.mutual_authentication
context = gssapi.SecurityContext(name=name, mech=mech, usage="initiate", flags=flags)
print(base64.b64encode(context.step()).decode(), flush=True)
answer = sys.stdin.readline()
if answer.strip():
    context.step(base64.b64decode(answer))
    print(context.complete)
"""


class Ticket:
    """A client that has made its token, and takes the answer of the service."""
    def __init__(self, kdc, principal="HTTP/manager.example@TEST.EXAMPLE", kind="spnego"):
        self.client = subprocess.Popen(["/usr/bin/python3", "-c", TOKEN, principal, kind], env={**os.environ, **kdc.env}, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.token = self.client.stdout.readline().strip()
        if not self.token:
            raise Failure(self.client.stderr.read())

    def is_mutual(self, answer):
        said, _ = self.client.communicate(answer + "\n", timeout=60)
        return said.strip() == "True"

    def end(self):
        self.client.communicate("\n", timeout=60)
        return self.token


def start(t, **manager):
    kdc, port = Kdc(t), t.port()
    keytab, users = t.folder / "manager.keytab", t.folder / "users.keytab"
    for principal in ("HTTP/manager.example", "HTTP/other.example"):
        kdc.add(principal, keytab)
    for user in ("alice", "eve", "mallory"):
        kdc.add(user, users)
    keytab.chmod(0o600)
    as_root = is_root()
    if as_root:
        t.folder.chmod(0o777)
    service = t.postern(start=False, as_root=as_root, env=kdc.env, service={"operators": "kerberos:alice@TEST.EXAMPLE",
                                                                           "viewers": "kerberos:eve@TEST.EXAMPLE"})
    service.shared["manager"] = {"listen": f"127.0.0.1:{port}", "hosts": "manager.example", "keytab": keytab, **manager}
    service.write()
    service.start()
    wait_served(port)
    kdc.users = users
    log_in_at(kdc, "alice")
    return service, port, kdc


def log_in_at(kdc, user):
    run("kinit", "-k", "-t", kdc.users, user, env=kdc.env)


def send(port, token, **fields):
    """A login by that token: the browser, and what was said."""
    browser = Browser(port)
    session = browser.request("/login/negotiate", {}, Authorization=f"Negotiate {token}", Host="manager.example", **fields)
    if browser.status == 200:
        browser.cookie, browser.csrf = browser.fields["Set-Cookie"].split(";")[0], session["csrf"]
    return browser, session


def test_tickets(t):
    service, port, kdc = start(t)
    equal(json.loads(ask(port, "/api/ways")[2])["ways"], ["link", "kerberos"])
    # curl, as a script would
    jar = t.folder / "jar"
    done = subprocess.run(["curl", "-sS", "--negotiate", "-u", ":", "--resolve", f"manager.example:{port}:127.0.0.1", "-c", jar, "-H",
                           "Content-Type: application/json", "-d", "{}", f"http://manager.example:{port}/login/negotiate"],
                          env={**os.environ, **kdc.env}, capture_output=True, check=False, timeout=60)
    session = json.loads(done.stdout or b"{}")
    equal((session.get("name"), session.get("uid", 0), session.get("way"), session.get("right")), ("alice@TEST.EXAMPLE", None, "kerberos", "operator"), done)
    event = service.events.wait("operator", command="login", result="ok", way="kerberos")
    equal((event["user"], event["client"]), ("kerberos:alice@TEST.EXAMPLE", "127.0.0.1"))
    # SPNEGO and raw Kerberos; the service proves itself; a second try with the same token is a replay
    for kind in ("spnego", "raw"):
        ticket = Ticket(kdc, kind=kind)
        browser, session = send(port, ticket.token)
        equal((kind, browser.status), (kind, 200), session)
        scheme, _, answer = browser.fields["WWW-Authenticate"].partition(" ")
        equal((kind, scheme, ticket.is_mutual(answer)), (kind, "Negotiate", True))
        equal(browser.command("pause", "default", Host="manager.example")["status"], 0)
        equal(browser.command("continue", "default", Host="manager.example")["status"], 0)
        again, _ = send(port, ticket.token)
        equal((kind, again.status), (kind, 403))
        check("WWW-Authenticate" not in again.fields and "Set-Cookie" not in again.fields, again.fields)
    equal(service.events.wait("operator", command="pause")["user"], "kerberos:alice@TEST.EXAMPLE")
    check("replay" in service.events.wait("auth", result="failed", mechanism="Negotiate")["reason"].lower())
    # a ticket for another service, for the same keytab
    browser, session = send(port, Ticket(kdc, "HTTP/other.example@TEST.EXAMPLE").end())
    equal(browser.status, 403)
    check("another service" in until(lambda: service.events.all("auth", result="failed")[2:], what="the third event")[0]["reason"])
    service.events.wait("operator", command="login", result="refused", way="kerberos")
    # a viewer looks, and one who has no right is told so
    log_in_at(kdc, "eve")
    eve, session = send(port, Ticket(kdc).end())
    equal((session["right"], eve.command("pause", "default", Host="manager.example")["status"]), ("viewer", 77))
    log_in_at(kdc, "mallory")
    browser, session = send(port, Ticket(kdc).end())
    equal((browser.status, "viewer of anything" in session["error"]), (403, True))
    log_in_at(kdc, "alice")
    # not at once, not from another site, not without JSON
    browser, session = Browser(port), None
    session = browser.request("/login/negotiate", {}, Host="manager.example")
    equal((browser.status, browser.fields["WWW-Authenticate"]), (401, "Negotiate"), session)
    token = Ticket(kdc).end()
    for wanted, fields in ((403, {"Sec_Fetch_Site": "cross-site"}), (403, {"Sec_Fetch_Site": "same-site"}), (403, {"Origin": "http://evil.example"}),
                           (415, {"Content_Type": "text/plain"}), (421, {})):
        if wanted == 421:
            equal(ask(port, "/login/negotiate", "POST", "{}", Authorization=f"Negotiate {token}", Host="evil.example", **JSON)[0], 421)
            continue
        equal((fields, send(port, token, **fields)[0].status), (fields, wanted))
    equal(ask(port, "/login/negotiate", Authorization=f"Negotiate {token}", Host="manager.example")[0], 405)
    equal(send(port, token)[0].status, 200)
    # rights are looked up each time: the name goes, and the session has none
    service.service["operators"] = None
    service.write()
    service.ctl("reload")
    equal(ask(port, "/api/session", Host="manager.example", Cookie=eve.cookie, X_Postern_Token=eve.csrf)[0], 200)


def test_garbage(t):
    """What is no ticket is refused in words, whatever it is, and the helpers live on."""
    service, port, kdc = start(t)
    pids = service.child("web")
    good = base64.b64decode(Ticket(kdc).end())

    def said(value):
        return ask(port, "/login/negotiate", "POST", "{}", Authorization=value, Host="manager.example", **JSON)[0]
    for value in ("", "Negotiate", "Negotiate ", "Negotiate !!!", "Negotiate YQ", "Basic YTpi", "NTLM TlRMTVNTUAA=", "Bearer x", "Negotiate Y Q = ="):
        equal((value, said(value)), (value, 400))
    equal(said("Negotiate " + base64.b64encode(os.urandom(48001)).decode()), 400)
    # more than is ever read: refused while the client is still sending, who may hear no more than the end of the connection
    status, _, _ = ask_if_there(port, "/login/negotiate", "POST", "{}", Host="manager.example", X_Filler="f" * 70000, Authorization="Negotiate " +
                                base64.b64encode(os.urandom(48000)).decode(), **JSON)
    check(status in (None, 400, 413, 431), status)
    # few of them: each refusal from this address takes twice as long as the one before
    for token in (b"NTLMSSP\0\1\0\0\0" + bytes(20), os.urandom(48000), good[:-1], good[: len(good) // 2] + bytes(len(good) - len(good) // 2)):
        status = said("Negotiate " + base64.b64encode(token).decode())
        equal((token[:12], len(token), status), (token[:12], len(token), 403))
    # a large header is for a ticket alone
    equal(ask(port, "/api/ways", Host="manager.example", X_Filler="f" * 9000)[0], 431)
    equal(ask(port, "/api/ways", Host="manager.example", X_Filler="f" * 7000)[0], 200)
    # a ticket of a user in very many groups
    log_in_at(kdc, "alice")
    kdc.fill_ticket("HTTP/manager.example", 30000)
    ticket = Ticket(kdc).end()
    check(len(ticket) > 30000, len(ticket))
    equal(send(port, ticket)[0].status, 200)
    equal(service.child("web"), pids)
    # the helper that judges them is killed, and comes again
    os.kill(service.child("auth"), signal.SIGKILL)
    until(lambda: send(port, Ticket(kdc).end())[0].status == 200, what="the next auth helper")


def test_other_realms(t):
    service, port, kdc = start(t)
    keytab = kdc.foreign("OTHER.EXAMPLE", "bob")
    run("kinit", "-k", "-t", keytab, "bob@OTHER.EXAMPLE", env=kdc.env)
    equal(send(port, Ticket(kdc).end())[0].status, 403)
    check("realm" in service.events.wait("auth", result="failed", mechanism="Negotiate")["reason"])
    service.shared["manager"]["kerberos-realms"] = "OTHER.EXAMPLE"
    service.service["viewers"] = "kerberos:bob@OTHER.EXAMPLE"
    service.write()
    service.ctl("reload")
    browser, session = send(port, Ticket(kdc).end())
    equal((browser.status, session["right"], session["name"]), (200, "viewer", "bob@OTHER.EXAMPLE"), session)
    service.shared["manager"]["service-principal"] = "HTTP/other.example"
    service.write()
    service.ctl("reload")
    equal(send(port, Ticket(kdc).end())[0].status, 403)
    browser, session = send(port, Ticket(kdc, "HTTP/other.example@TEST.EXAMPLE").end())
    equal(browser.status, 200, session)
