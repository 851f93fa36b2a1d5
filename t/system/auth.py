"""auth - authentication with real clients: passwords, SCRAM, Kerberos; file permissions; delays after failures"""

import base64
import hashlib
import hmac
import os
import select
import smtplib
import ssl
import subprocess
import threading
import time

from checks import Failure, check, equal
from patience import until
from processes import descriptors_of, is_root, status_of
from programs import BUILD, ROLE_USERS, ROOT
from sasl import Kdc, b64, plain, run, verifier

PASSWORD = "s3cret pass"


def protected(t, authentication="basic", accounts=None, access=None, mode=0o600, general=None, **options):
    """A service with a password file that only the master's user can read."""
    service = t.postern(start=False, **options)
    file = service.folder / "passwords"
    file.write_text("".join(f"{name}:{text}\n" for name, text in (accounts or {"alice": verifier(PASSWORD)}).items()))
    file.chmod(mode)
    if is_root() and not service.as_root:
        os.chown(file, t.uid, t.gid)
    service.passwords = file
    service.default.set("general", **(general or {}))
    service.default.set("access", **{"authentication": authentication, "password_file": file, "basic_requires_tls": "no", "relay_list": None,
                                     **(access or {})})
    return service.start()


def scram(client, user, password, mechanism="SCRAM-SHA-256", header="n,,", binding=b""):
    """RFC 5802 by hand; the last reply."""
    nonce = b64(os.urandom(12))
    bare = f"n={user},r={nonce}"
    challenge = client.expect(334, f"AUTH {mechanism} {b64(header + bare)}").text
    first = base64.b64decode(challenge).decode()
    given = dict(part.split("=", 1) for part in first.split(","))
    check(given["r"].startswith(nonce), first)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(given["s"]), int(given["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    final = f"c={b64(header.encode() + binding)},r={given['r']}"
    message = f"{bare},{first},{final}".encode()
    proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.sha256(key).digest(), message, "sha256")))
    reply = client.cmd(b64(f"{final},p={b64(proof)}"))
    if reply.code != 334:
        return reply
    signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
    equal(base64.b64decode(reply.text).decode(), f"v={b64(signature)}", "the server's proof")
    return client.cmd("")


# shows 2.4b, 9.14
def test_passwords(t):
    """PLAIN and LOGIN with Python and swaks, against both kinds of hash; what becomes of the name."""
    made = subprocess.run([BUILD / "posternctl", "passwd", "--yescrypt", "--stdin", t.folder / "made", "bob"], input=b"hunter2\n",
                          capture_output=True, check=False)
    equal(made.returncode, 0, made.stderr)
    service = protected(t, accounts={"alice": verifier(PASSWORD), "bob": (t.folder / "made").read_text().split(":")[1].strip()})
    for user, password in (("alice", PASSWORD), ("bob", "hunter2")):
        for mechanism in ("plain", "login"):
            client = smtplib.SMTP("127.0.0.1", service.default.port)
            client.ehlo()
            client.user, client.password = user, password
            code, _ = client.auth(mechanism, getattr(client, f"auth_{mechanism}"), initial_response_ok=mechanism == "plain")
            equal(code, 235)
            client.sendmail("a@default.example", ["x@default.example"], b"hello\r\n")
            client.quit()
    for event in service.events.all("accepted"):
        check(event["user"] in ("alice", "bob"), event.line)
    drop = service.home.wait_drops(4)[0]
    check(b"with ESMTPA id" in drop.message, drop.message)
    done = subprocess.run(["swaks", "-s", f"127.0.0.1:{service.default.port}", "-a", "LOGIN", "-au", "bob", "-ap", "hunter2", "-t",
                           "x@elsewhere.example", "-q", "RCPT"], capture_output=True, check=False, timeout=60)
    equal(done.returncode, 0, done.stdout)


# shows 2.4d
def test_basic_domain(t):
    """basic-domain stands before a bare name; a name with a domain of its own is taken as it is."""
    accounts = {"OFFICE\\alice": verifier(PASSWORD), "LAB\\bob": verifier(PASSWORD), "carol": verifier(PASSWORD)}
    service = protected(t, accounts=accounts, access={"basic-domain": "OFFICE"})
    for name, code in (("alice", 235), ("OFFICE\\alice", 235), ("bob", 535), ("LAB\\bob", 235), ("carol", 235)):
        with service.default.connect(ehlo="c.example") as client:
            client.expect(code, f"AUTH PLAIN {plain(name, PASSWORD)}")


def test_wrong_password(t):
    """Costs time per address, is one event without the password in it; an unknown name is treated the same way."""
    service = protected(t)
    for user, source in (("alice", "127.0.0.2"), ("nobody", "127.0.0.3")):
        with service.default.connect(source=source, ehlo="c") as client:
            client.expect("535 5.7.8", f"AUTH PLAIN {plain(user, 'geheim')}")
            client.expect(530, "MAIL FROM:<a@b.example>")
        event = service.events.wait("auth", result="failed", user=user, client=source, mechanism="PLAIN")
        check("geheim" not in event.line and b64("geheim")[:6] not in event.line, event.line)
    with service.default.connect(source="127.0.0.2", ehlo="c") as client:
        equal(scram(client, "alice", "geheim").code, 535)
        client.expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")
    with service.default.connect(source="127.0.0.4", ehlo="c") as client:
        equal(scram(client, "nobody", "geheim").code, 535)
    check("geheim" not in (service.folder / "events.log").read_text(), "the log")
    check("\nlogins_refused_total 4\n" in service.ctl("counters", "default").stdout, "counted")


def timed(work):
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def beside(t, bad, count=12):
    """`count` threads that run `bad` again and again until the test ends, all of which have failed once."""
    over, rounds = threading.Event(), [0] * count

    def again(number):
        while not over.is_set():
            try:
                bad(number)
            except (OSError, Failure):
                pass
            rounds[number] += 1

    def end():
        over.set()
        for each in running:
            each.join()
    running = [threading.Thread(target=again, args=(number,)) for number in range(count)]
    for each in running:
        each.start()
    t.cleanup(end)
    until(lambda: min(rounds) >= 1, what="the bad clients to fail")


def test_right_beside_wrong(t):
    """Clients that fail, in each way, at the account itself and at others: the right password from the same address waits for none of them."""
    service = protected(t, accounts={name: verifier(PASSWORD) for name in ("alice", "bob")})

    def right():
        with service.default.connect(ehlo="c") as client:
            client.expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")
        with service.default.connect(ehlo="c") as client:
            equal(scram(client, "alice", PASSWORD).code, 235)

    def stays(number):
        with service.default.connect(ehlo="c", timeout=1) as client:
            client.cmd(f"AUTH PLAIN {plain(('alice', 'bob', 'nobody')[number % 3], 'old')}")

    def hangs_up(number):
        with service.default.connect(ehlo="c") as client:
            if number % 2:
                client.send(f"AUTH PLAIN {plain('alice', f'old {number}')}\r\n")
            else:
                client.expect(334, f"AUTH LOGIN {b64('alice')}")
                client.send(f"{b64('old')}\r\n")
            client.socket.settimeout(0.01)    # long enough to be checked, too short to be refused
            client.reply()
    right()
    for bad in (stays, hangs_up):
        beside(t, bad)
        for _ in range(3):
            check(timed(right) < 2, bad.__name__)    # two logins


def test_silent_clients_keep_nobody_out(t):
    """More begun logins than one address may have, and all are silent: one more from there and one from elsewhere get in; who lost its place hears 454."""
    service = protected(t, general={"connection-limit-per-client": "unlimited"})
    silent = [service.default.connect(source="127.0.0.9", ehlo="c") for _ in range(513)]
    for client in silent:
        client.expect(334, "AUTH LOGIN")
    for source in ("127.0.0.9", "127.0.0.10"):
        with service.default.connect(source=source, ehlo="c") as client:
            client.expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")
    silent[0].expect("454 4.7.0", b64("alice"))
    silent[0].expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")
    silent[-1].expect(334, b64("alice"))
    for client in silent:
        client.close()


def test_silent_addresses_keep_nobody_out(t):
    """Eight addresses with as many begun logins as one may have take all places of a worker: others still log in, in steps, too."""
    service = protected(t, general={"connection-limit-per-client": "unlimited"})
    silent = []
    for portion in range(0, 8 * 513, 216):
        some = [service.default.connect(source=f"127.0.1.{1 + number % 8}", banner=False) for number in range(portion, portion + 216)]
        for client in some:
            client.send("HELO c\r\nAUTH LOGIN\r\n")
        for client in some:
            for code in (220, 250, 334):
                client.expect(code)
        silent += some
    begin = time.monotonic()
    for source in ("127.0.0.9", "127.0.0.10"):
        with service.default.connect(source=source, ehlo="c") as client:
            client.expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")
        with service.default.connect(source=source, ehlo="c") as client:
            equal(scram(client, "alice", PASSWORD).code, 235)
    check(time.monotonic() - begin < 10, "the logins beside them")
    for client in silent:
        client.close()


def test_guesses_from_many_addresses(t):
    """200 addresses, one guess each at one account: some are checked, the others have a turn a second; the owner, where it logged in before, waits for none."""
    service = protected(t, general={"connection-limit-per-client": "unlimited"})

    def right():
        with service.default.connect(source="127.0.0.2", ehlo="c") as client:
            client.expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")
    right()
    clients = [service.default.connect(source=f"127.0.2.{1 + number}", ehlo="c") for number in range(200)]
    for client in clients:
        client.send(f"AUTH PLAIN {plain('alice', 'guess')}\r\n")
    until(lambda: len(service.events.all("auth", result="failed")) >= 16, what="the first guesses to be checked")
    for _ in range(3):
        check(timed(right) < 2, "the owner waits")
    codes = []

    def hear():
        codes.extend(client.reply().code for client in clients if select.select([client.socket], [], [], 0)[0])
        return codes.count(454) > 100
    until(hear, what="those that are too many to be refused")
    checked = len(service.events.all("auth", result="failed"))
    check(checked < 30, f"{checked} guesses were checked at once")
    service.events.wait("auth", result="later", user="alice")
    with service.default.connect(source="127.0.0.3", ehlo="c") as client:   # another account does not pay for it
        client.expect(535, f"AUTH PLAIN {plain('bob', 'guess')}")
    for client in clients:
        client.close()


# shows 2.4b, 9.14
def test_scram(t):
    """Own client; a crypt hash cannot do it; another's name; rubbish."""
    service = protected(t, accounts={"alice": verifier(PASSWORD), "bob": "$5$rounds=1000$abc$" + "a" * 43})
    with service.default.connect(ehlo="c") as client:
        equal(scram(client, "ALICE", PASSWORD).code, 235)
        client.expect(503, "AUTH LOGIN")
    service.events.wait("auth", result="ok", mechanism="SCRAM-SHA-256")
    with service.default.connect(source="127.0.0.5", ehlo="c") as client:
        equal(scram(client, "bob", PASSWORD).code, 535)
    with service.default.connect(source="127.0.0.6", ehlo="c") as client:
        equal(scram(client, "alice", PASSWORD, header="n,a=bob,").code, 535)
    with service.default.connect(source="127.0.0.7", ehlo="c") as client:
        client.expect(535, f"AUTH SCRAM-SHA-256 {b64('rubbish')}")


def test_salts_of_unknown_names(t):
    """A name without an account, or without a SCRAM verifier, has the same salt and iterations after a restart, as others have; a damaged key is replaced."""
    service = protected(t, accounts={"alice": verifier(PASSWORD), "bob": "$5$rounds=1000$abc$" + "a" * 43})
    key = service.state / "decoy-key"

    def shown(name):
        with service.default.connect(ehlo="c") as client:
            challenge = client.expect(334, f"AUTH SCRAM-SHA-256 {b64(f'n,,n={name},r=abc')}").text
            client.expect(501, "*")
        given = dict(part.split("=", 1) for part in base64.b64decode(challenge).decode().split(","))
        return given["s"], given["i"]
    before = {name: shown(name) for name in ("alice", "bob", "nobody", "NoBody")}
    equal(before["nobody"], before["NoBody"])
    equal({(len(salt), iterations) for salt, iterations in before.values()}, {(len(before["alice"][0]), before["alice"][1])})
    equal(key.stat().st_mode & 0o777, 0o600)
    service.stop()
    service.start()
    equal({name: shown(name) for name in before}, before)
    service.stop()
    key.write_bytes(b"short")
    service.start()
    check(shown("nobody") != before["nobody"], "the salt of another key")
    equal(shown("alice"), before["alice"])
    service.events.wait("trouble", file=str(key))
    equal(len(key.read_bytes()), 32)


# shows 2.1e, 2.4b
def test_file_changes(t):
    """A changed file counts by itself; one that every user may read is refused; with posternctl passwd."""
    service = protected(t)
    with service.default.connect(ehlo="c") as client:
        client.expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")
    for name, options, text in (("carol", (), b"one\n"), ("carol", ("--yescrypt",), b"two\n")):
        done = subprocess.run([service.bin / "posternctl", "-c", service.config, "passwd", "--stdin", *options, "default", name], input=text,
                              capture_output=True, check=False, **service.account())
        equal(done.returncode, 0, done.stderr)
        equal(service.passwords.stat().st_mode & 0o777, 0o600)

    def works():
        with service.default.connect(ehlo="c") as client:
            return client.cmd(f"AUTH PLAIN {plain('carol', 'two')}").code == 235
    until(works, what="the new account")
    service.passwords.chmod(0o644)

    def refused():
        with service.default.connect(ehlo="c") as client:
            return client.cmd(f"AUTH PLAIN {plain('carol', 'two')}").code == 454
    until(refused, what="the refusal of a file for everybody")
    check("0644" in service.events.wait("trouble", part="auth")["reason"])


def test_file_that_cannot_be_used(t):
    """Missing or for everybody: said at start, at reload and in status as `check` says it; AUTH waits; all is well when it is mended."""
    service = protected(t, mode=0o644)
    words = f"password-file {service.passwords}"

    def shown(what):
        text = service.ctl("status", "default").stdout
        return "password-file" in text and what in text
    check("password-file" in service.events.wait("trouble", server="default", doing="open")["reason"], words)
    check(shown("0644"), "the mode in status")
    check(service.ctl("status", "--check", ok=False).stdout.startswith("WARNING: "), "a warning for monitoring")
    with service.default.connect(ehlo="c") as client:
        client.expect("454 4.7.0", f"AUTH PLAIN {plain('alice', PASSWORD)}")
    away = service.passwords.rename(service.passwords.with_name("away"))
    check(shown("No such file"), "the reason in status")
    mark = service.events.mark()
    service.default.set("general", banner="anew")
    service.ctl("reload")
    service.events.wait("trouble", server="default", doing="open", since=mark)
    away.chmod(0o600)
    away.rename(service.passwords)
    check("reason=" not in service.ctl("status", "default").stdout, "no reason in status")

    def works():
        with service.default.connect(ehlo="c") as client:
            return client.cmd(f"AUTH PLAIN {plain('alice', PASSWORD)}").code == 235
    until(works, what="the account")


# shows 2.4a
def test_combinations(t):
    """Anonymous, basic and integrated, each with and without the others: what is offered and what MAIL says."""
    keytab = t.folder / "keytab"
    keytab.write_bytes(b"\5\2")
    keytab.chmod(0o600)
    if is_root():
        os.chown(keytab, t.uid, t.gid)
    names = ("anonymous", "basic", "integrated")
    sets = [[n for i, n in enumerate(names) if mask & 1 << i] for mask in range(1, 8)]
    service = protected(t)
    for words in sets:
        service.default.set("access", authentication=", ".join(words), keytab=keytab)
        service.ctl("reload")
        with service.default.connect() as client:
            offered = [line for line in client.expect(250, "EHLO c").lines if line[4:].startswith("AUTH")]
            wanted = (["GSSAPI"] if "integrated" in words else []) + (["SCRAM-SHA-256", "PLAIN", "LOGIN"] if "basic" in words else [])
            equal([line[9:].split() for line in offered], [wanted] if wanted else [], words)
            client.expect(250 if "anonymous" in words else "530 5.7.0", "MAIL FROM:<a@default.example>")
            client.expect(250, "RSET")
            client.expect(235 if "basic" in words else 504 if "integrated" in words else 502, f"AUTH PLAIN {plain('alice', PASSWORD)}")
            if "basic" in words:
                client.expect(250, "MAIL FROM:<a@default.example>")
                client.expect(250, "RCPT TO:<x@elsewhere.example>")


def test_root_only(t):
    """No process but the master runs as root: neither listener nor helper can open the file, and yet passwords are checked."""
    t.need_root()
    service = protected(t, as_root=True)
    equal(service.passwords.stat().st_uid, 0)
    with service.default.connect(ehlo="c") as client:
        client.expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")
    for role in ("listener", "auth"):
        pid = service.child(role)
        equal(status_of(pid)["Uid"].split()[0], ROLE_USERS[f"{role}-user"], role)
        check(not any("passwords" in target for target in descriptors_of(pid).values()), role, "holds the file open")
    check(subprocess.run(["cat", service.passwords], user=t.uid, group=t.gid, extra_groups=[], capture_output=True, check=False).returncode)


def test_hundred_checks(t):
    """100 slow checks under way: a session that needs none is answered, another address gets its check, all 100 end well."""
    service = protected(t, "anonymous, basic", accounts={"alice": verifier(PASSWORD, 60000), "bob": verifier("quick", 1000)})
    waiting = [service.default.connect(source="127.0.0.9", ehlo="c", timeout=200) for _ in range(100)]    # in whatever order they come
    for client in waiting:
        client.send(f"AUTH PLAIN {plain('alice', PASSWORD)}\r\n")
    service.events.wait("auth", result="ok", client="127.0.0.9")
    service.default.send(to="b@default.example")
    with service.default.connect(source="127.0.0.10", ehlo="c") as client:
        client.expect(235, f"AUTH PLAIN {plain('bob', 'quick')}")
    done = len(service.events.all("auth", client="127.0.0.9"))
    check(done < 100, "the 100 were done already, the test shows nothing")
    for client in waiting:
        client.expect(235)
        client.close()


def test_helper_dies(t):
    """A killed helper costs those who wait a 454, and the next one its start."""
    service = protected(t)
    with service.default.connect(ehlo="c") as client:
        client.expect(334, "AUTH LOGIN")
        os.kill(service.child("auth"), 9)
        service.events.wait("crash", role="auth")
        client.expect("454 4.7.0", b64("alice"))
        client.expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")


CLIENT = """
import base64, sys
import gssapi
from gssapi.raw import wrap, unwrap
port, service, spnego, authzid = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "spnego", sys.argv[4].encode()
sys.path.insert(0, sys.argv[5])
import ssl
from smtp import Smtp
binding = sys.argv[6] if len(sys.argv) > 6 else ""
name = gssapi.Name(service, gssapi.NameType.kerberos_principal)
mech = gssapi.OID.from_int_seq("1.3.6.1.5.5.2") if spnego else gssapi.MechType.kerberos
with Smtp(("127.0.0.1", port), ehlo="c") as client:
    tied = None
    if binding:
        client.expect(220, "STARTTLS")
        using = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        using.check_hostname, using.verify_mode = False, ssl.CERT_NONE
        using.maximum_version = ssl.TLSVersion.TLSv1_2
        client.socket = using.wrap_socket(client.socket)
        client.expect(250, "EHLO c")
        import hashlib
        data = {"none": None, "endpoint": b"tls-server-end-point:" + hashlib.sha256(client.socket.getpeercert(True)).digest(),
                "unique": b"tls-unique:" + client.socket.get_channel_binding("tls-unique"), "other": b"tls-server-end-point:" + b"x" * 32}[binding]
        tied = data and gssapi.raw.ChannelBindings(application_data=data)
    context = gssapi.SecurityContext(name=name, mech=mech, usage="initiate", channel_bindings=tied,
        flags=[gssapi.RequirementFlag.mutual_authentication, gssapi.RequirementFlag.integrity])
    first = base64.b64encode(context.step()).decode()
    if authzid == b"alone":
        client.expect(334, "AUTH GSSAPI")
        authzid = b""
        reply = client.cmd(first)
    else:
        reply = client.cmd("AUTH GSSAPI " + first)
    print(len(first), file=sys.stderr)
    while reply.code == 334:
        token = base64.b64decode(reply.text)
        if not context.complete:
            answer = context.step(token) or b""
        elif not token:
            answer = b""
        else:
            layers = context.unwrap(token).message
            assert layers == b"\\1\\0\\0\\0", layers
            answer = context.wrap(b"\\1\\0\\0\\0" + authzid, False).message
        reply = client.cmd(base64.b64encode(answer).decode())
    print(reply.code)
    if reply.code == 235:
        print(client.cmd("MAIL FROM:<a@default.example>").code)
"""


# shows 2.4e, 9.14
def test_kerberos(t):
    """A real KDC: raw Kerberos and SPNEGO tokens, a ticket for another service, another's name, a wrong keytab."""
    kdc = Kdc(t)
    keytab, user = t.folder / "service.keytab", t.folder / "user.keytab"
    kdc.add("smtp/default.example", keytab)
    kdc.add("imap/default.example", keytab)
    kdc.add("alice", user)
    run("kinit", "-k", "-t", user, "alice", env=kdc.env)
    keytab.chmod(0o600)
    as_root = is_root()
    service = t.postern(start=False, as_root=as_root, env=kdc.env)
    if as_root:
        t.folder.chmod(0o777)
    service.default.set("access", authentication="integrated", keytab=keytab)
    service.start()

    def login(principal="smtp/default.example@TEST.EXAMPLE", kind="raw", authzid=""):
        done = subprocess.run(["/usr/bin/python3", "-c", CLIENT, str(service.default.port), principal, kind, authzid,
                               str(ROOT / "t/lib")], env={**os.environ, **kdc.env}, capture_output=True, check=False, timeout=60)
        return done.stdout.decode().split() or Failure(done.stderr.decode())

    equal(login(), ["235", "250"], "raw Kerberos")
    equal(login(kind="spnego"), ["235", "250"], "SPNEGO")
    equal(service.events.wait("auth", result="ok", mechanism="GSSAPI", count=2)["user"], "alice@TEST.EXAMPLE")
    equal(login(authzid="alice"), ["235", "250"], "her own name")
    equal(login(authzid="bob"), ["535"], "another's name")
    equal(login(principal="imap/default.example@TEST.EXAMPLE"), ["535"], "a ticket for another service")
    check("another service" in service.events.wait("auth", result="failed", count=2)["reason"])
    service.default.set("access", service_principal="imap/default.example")
    service.ctl("reload")
    service.events.wait("config", server="default", result="renewed")
    equal(login(principal="imap/default.example@TEST.EXAMPLE"), ["235", "250"], "service-principal")
    equal(login(), ["535"], "not the service-principal")


def test_kerberos_beside_guesses(t):
    """Passwords guessed from many addresses at the name of a principal: a ticket of it does not wait for them."""
    kdc = Kdc(t)
    keytab, user = t.folder / "service.keytab", t.folder / "user.keytab"
    kdc.add("smtp/default.example", keytab)
    kdc.add("alice", user)
    run("kinit", "-k", "-t", user, "alice", env=kdc.env)
    keytab.chmod(0o600)
    if is_root():
        t.folder.chmod(0o777)
    service = protected(t, authentication="integrated, basic", access={"keytab": keytab}, as_root=is_root(), env=kdc.env,
                        general={"connection-limit-per-client": "unlimited"})
    name = "alice@TEST.EXAMPLE"
    clients = [service.default.connect(source=f"127.{3 + number}.0.1", ehlo="c") for number in range(120)]
    for client in clients:
        client.send(f"AUTH PLAIN {plain(name, 'guess')}\r\n")
    until(lambda: len(service.events.all("auth", result="later")) >= 1, what="a guess to be refused at once")
    done = subprocess.run(["/usr/bin/python3", "-c", CLIENT, str(service.default.port), "smtp/default.example@TEST.EXAMPLE", "raw", "",
                           str(ROOT / "t/lib")], env={**os.environ, **kdc.env}, capture_output=True, check=False, timeout=60)
    equal(done.stdout.decode().split(), ["235", "250"], done.stderr.decode())
    check(service.events.wait("auth", result="later", user=name)["unreported"] is not None)
    for client in clients:
        client.close()


def test_kerberos_large_tickets(t):
    """Users in very many groups: tokens up to the 48,000 octets that Windows allows, in the AUTH line and in their own, with and without TLS; over it."""
    kdc = Kdc(t)
    keytab, user = t.folder / "service.keytab", t.folder / "user.keytab"
    kdc.add("smtp/default.example", keytab)
    kdc.add("alice", user)
    keytab.chmod(0o600)
    as_root = is_root()
    service = t.postern(start=False, as_root=as_root, env=kdc.env)
    if as_root:
        t.folder.chmod(0o777)
    pair = [service.folder / "tls.pem", service.folder / "tls.key"]
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pair[1], "-out", pair[0], "-days", "9", "-subj", "/CN=localhost", env={})
    pair[1].chmod(0o600)
    service.default.set("access", authentication="integrated", keytab=keytab, certificate=pair[0], key=pair[1])
    service.start()

    def login(size, kind="raw", how="", binding=""):
        run("kinit", "-k", "-t", user, "alice", env=kdc.env)
        kdc.fill_ticket("smtp/default.example", size)
        done = subprocess.run(["/usr/bin/python3", "-c", CLIENT, str(service.default.port), "smtp/default.example@TEST.EXAMPLE", kind, how,
                               str(ROOT / "t/lib"), binding], env={**os.environ, **kdc.env}, capture_output=True, check=False, timeout=60)
        return done.stdout.decode().split()[:1] or Failure(done.stderr.decode()), int(done.stderr.split()[0])

    for size in (10000, 40000, 47200):
        for kind in ("raw", "spnego"):
            for how in ("", "alone"):
                for binding in ("", "none"):
                    code, length = login(size, kind, how, binding)
                    equal(code, ["235"], f"{size} octets, {length} letters, {kind} {how} {binding}")
                    check(size * 4 / 3 < length <= 64000, length)
    code, length = login(48000)
    equal(code, ["500"], "over the limit")
    check("5.5.6" in service.events.wait("refused", count=1)["reply"], "the event")


def test_kerberos_long_lines_keep_nobody_out(t):
    """More clients that begin a long line and rest than may: the oldest hears 454, and one more gets in."""
    kdc = Kdc(t)
    keytab, user = t.folder / "service.keytab", t.folder / "user.keytab"
    kdc.add("smtp/default.example", keytab)
    kdc.add("alice", user)
    run("kinit", "-k", "-t", user, "alice", env=kdc.env)
    kdc.fill_ticket("smtp/default.example", 40000)
    keytab.chmod(0o600)
    as_root = is_root()
    service = t.postern(start=False, as_root=as_root, env=kdc.env)
    if as_root:
        t.folder.chmod(0o777)
    service.default.set("general", connection_limit_per_client="unlimited")
    service.default.set("access", authentication="integrated", keytab=keytab)
    service.start()
    silent = [service.default.connect(ehlo="c") for _ in range(65)]
    for client in silent:
        client.send("AUTH GSSAPI " + "A" * 20000)
    service.events.wait("auth", result="replaced", mechanism="GSSAPI")
    oldest = next(client for client in silent if select.select([client.socket], [], [], 0.1)[0])
    equal(oldest.reply().code, 454)
    oldest.send("A" * 200 + "\r\n")
    oldest.expect(250, "RSET")
    done = subprocess.run(["/usr/bin/python3", "-c", CLIENT, str(service.default.port), "smtp/default.example@TEST.EXAMPLE", "raw", "",
                           str(ROOT / "t/lib")], env={**os.environ, **kdc.env}, capture_output=True, check=False, timeout=60)
    equal(done.stdout.split()[:1], [b"235"], done.stderr)
    for client in silent:
        client.close()


def test_kerberos_realms_and_binding(t):
    """Users of another realm, accounts by pattern; tickets tied to this connection in both ways, to another one, to none."""
    kdc = Kdc(t)
    keytab, user = t.folder / "service.keytab", t.folder / "user.keytab"
    kdc.add("smtp/default.example", keytab)
    kdc.add("alice", user)
    foreign = kdc.foreign("OTHER.EXAMPLE", "mallory")
    keytab.chmod(0o600)
    as_root = is_root()
    service = t.postern(start=False, as_root=as_root, env=kdc.env)
    if as_root:
        t.folder.chmod(0o777)
    pair = [service.folder / "tls.pem", service.folder / "tls.key"]
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pair[1], "-out", pair[0], "-days", "9", "-subj", "/CN=localhost", env={})
    pair[1].chmod(0o600)
    service.default.set("access", authentication="integrated", keytab=keytab, certificate=pair[0], key=pair[1])
    service.start()

    def login(who, binding="", kind="raw"):
        run("kinit", "-k", "-t", user if who == "alice" else foreign, who, env=kdc.env)
        done = subprocess.run(["/usr/bin/python3", "-c", CLIENT, str(service.default.port), "smtp/default.example@TEST.EXAMPLE", kind, "",
                               str(ROOT / "t/lib"), binding], env={**os.environ, **kdc.env}, capture_output=True, check=False, timeout=60)
        return done.stdout.decode().split()[:1] or Failure(done.stderr.decode())

    def change(**access):
        mark = service.events.mark()
        service.default.set("access", **access)
        service.ctl("reload")
        service.events.wait("config", server="default", result="renewed", since=mark)
    equal(login("alice"), ["235"], "a user of the service's realm")
    equal(login("mallory@OTHER.EXAMPLE"), ["535"], "a user of another realm")
    check("kerberos-realms" in service.events.wait("auth", result="failed")["reason"], "the reason")
    for kind in ("raw", "spnego"):
        for binding, code in (("none", "235"), ("endpoint", "235"), ("unique", "235"), ("other", "535")):
            equal(login("alice", binding, kind), [code], f"tied to {binding}, {kind}")
    check("another connection" in service.events.wait("auth", result="failed", count=2)["reason"], "the reason")
    change(kerberos_realms="TEST.EXAMPLE, OTHER.EXAMPLE", kerberos_accounts="mallory@*", kerberos_binding="required")
    equal(login("mallory@OTHER.EXAMPLE", "endpoint"), ["235"], "an account of a realm that counts")
    equal(login("mallory@OTHER.EXAMPLE", "none"), ["535"], "not tied")
    equal(login("mallory@OTHER.EXAMPLE"), ["535"], "no TLS")
    equal(login("alice", "endpoint"), ["535"], "an account that does not count")
    check("kerberos-accounts" in service.events.wait("auth", result="failed", user="alice@TEST.EXAMPLE")["reason"], "the reason")


def secured(t, **access):
    service = t.postern(start=False)
    pair = [service.folder / "tls.pem", service.folder / "tls.key"]
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pair[1], "-out", pair[0], "-days", "9", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", env={})
    file = service.folder / "passwords"
    file.write_text(f"alice:{verifier(PASSWORD)}\n")
    for each in (pair[1], file):
        each.chmod(0o600)
    service.own()
    service.default.set("access", authentication="basic", password_file=file, certificate=pair[0], key=pair[1], **access)
    service.certificate = pair[0]
    return service.start()


def under_tls(service, version, session=None, source=None):
    """A client behind STARTTLS and EHLO, and its words about AUTH."""
    using = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    using.check_hostname, using.verify_mode = False, ssl.CERT_NONE
    using.minimum_version = using.maximum_version = version
    client = service.default.connect(source=source, ehlo="c")
    client.expect(220, "STARTTLS")
    client.socket = (using if session is None else session[0]).wrap_socket(client.socket, session=session and session[1])
    offer = next(text for text in client.expect(250, "EHLO c").texts if text.startswith("AUTH "))
    return client, offer.split(), (using if session is None else session[0], client.socket.session)


# shows 9.14
def test_channel_binding(t):
    """SCRAM-SHA-256-PLUS with the gsasl program: tls-exporter under TLS 1.3, tls-unique under 1.2."""
    service = secured(t)
    for number, priority in enumerate(("NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"), 1):
        done = subprocess.run(["gsasl", "--smtp", "--connect", f"localhost:{service.default.port}", "-m", "SCRAM-SHA-256-PLUS", "-a", "alice",
                               "-z", "", "--password", PASSWORD, "--x509-ca-file", str(service.certificate), "--priority", priority, "--verbose"],
                              capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=60)
        event = service.events.wait("auth", count=number)
        check(event["mechanism"] == "SCRAM-SHA-256-PLUS" and event["result"] == "ok", priority, done.stdout.decode(), done.stderr.decode())


def test_binding_by_hand(t):
    """tls-unique of full and resumed handshakes; another connection's binding, and a client that was talked out of -PLUS, fail."""
    service = secured(t)
    plus = "SCRAM-SHA-256-PLUS"
    client, offer, session = under_tls(service, ssl.TLSVersion.TLSv1_2)
    first = client.socket.get_channel_binding("tls-unique")
    check(plus in offer, offer)
    equal(scram(client, "alice", PASSWORD, plus, "p=tls-unique,,", first).code, 235)
    session = (session[0], client.socket.session)
    client, _, _ = under_tls(service, ssl.TLSVersion.TLSv1_2, session)
    check(client.socket.session_reused, "not resumed")
    own = client.socket.get_channel_binding("tls-unique")
    check(own != first, "one binding for two connections")
    equal(scram(client, "alice", PASSWORD, plus, "p=tls-unique,,", own).code, 235)
    # Whoever sits between two connections has the binding of the other one.
    for number, (version, header, binding) in enumerate(((ssl.TLSVersion.TLSv1_2, "p=tls-unique,,", first), (ssl.TLSVersion.TLSv1_2, "p=tls-exporter,,", b"x" * 32),
                                                         (ssl.TLSVersion.TLSv1_3, "p=tls-exporter,,", b"x" * 32))):
        client, _, _ = under_tls(service, version, source=f"127.0.1.{number + 1}")
        equal(scram(client, "alice", PASSWORD, plus, header, binding).code, 535, header)
    # "y": I can bind, you cannot. We can: somebody took the word out of our answer (RFC 5802 6).
    client, offer, _ = under_tls(service, ssl.TLSVersion.TLSv1_3, source="127.0.1.9")
    check(plus in offer, offer)
    client.expect(535, f"AUTH SCRAM-SHA-256 {b64('y,,n=alice,r=abc')}")
    equal(scram(client, "alice", PASSWORD, header="n,,").code, 235)
    with service.default.connect(ehlo="c") as client:
        equal(scram(client, "alice", PASSWORD, header="y,,").code, 235, "where there is nothing to bind to")


def test_state_after_starttls(t):
    """RSET, a second EHLO and half an AUTH leave the user as it is; STARTTLS takes everything back, also what came in one packet with it."""
    service = secured(t, basic_requires_tls="no")
    known = f"AUTH PLAIN {plain('alice', PASSWORD)}"

    def shake(client):
        using = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        using.check_hostname, using.verify_mode = False, ssl.CERT_NONE
        client.socket = using.wrap_socket(client.socket)
    with service.default.connect(ehlo="c") as client:
        client.expect(235, known)
        client.expect(250, "RSET")
        client.expect(250, "EHLO d")
        client.expect(250, "MAIL FROM:<a@b.example>")
        client.expect(250, "RCPT TO:<x@elsewhere.example>")
        client.expect(220, "STARTTLS")
        shake(client)
        client.expect(503, "RCPT TO:<x@elsewhere.example>")
        client.expect(250, "EHLO c")
        client.expect(530, "MAIL FROM:<a@b.example>")
        client.send(f"{known}\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@elsewhere.example>\r\nRSET\r\n")
        for code in (235, 250, 250, 250):
            client.expect(code)
    with service.default.connect(ehlo="c") as client:
        client.expect(334, "AUTH LOGIN")
        client.expect(334, b64("alice"))
        client.expect(501, "*")
        client.expect(530, "MAIL FROM:<a@b.example>")
        client.expect(334, "AUTH PLAIN")
        client.send(f"{plain('alice', PASSWORD)}\r\nSTARTTLS\r\nEHLO inject\r\nMAIL FROM:<a@b.example>\r\n")
        client.expect(235)
        client.expect(220)
        shake(client)
        client.expect(250, "EHLO c")
        client.expect(530, "MAIL FROM:<a@b.example>")


def test_too_slow_an_answer(t):
    """The time of an answer runs from its first byte; nothing of it stays with the auth helper, and the name is not tried."""
    service = protected(t)
    service.default.set("general", connection_timeout="1s")
    service.ctl("reload")
    service.events.wait("config", server="default", result="renewed")
    for drip in (b"", b"YWxp"):
        with service.default.connect(ehlo="c") as client:
            client.expect(334, "AUTH LOGIN")
            begin = time.monotonic()
            stop = threading.Event()

            def slowly(text=drip, socket_of=client.socket, over=stop):
                while text and not over.wait(0.3):
                    try:
                        socket_of.send(text)
                    except OSError:
                        return
            dripping = threading.Thread(target=slowly)
            dripping.start()
            reply = client.reply()
            stop.set()
            dripping.join()
            check(reply.code == 421 and reply.text.startswith("4.4.2"), reply)
            check(0.9 <= time.monotonic() - begin, "the time it took")
    equal(service.events.all("auth"), [], "attempts")
    with service.default.connect(ehlo="c") as client:
        client.expect(235, f"AUTH PLAIN {plain('alice', PASSWORD)}")


def test_no_answer_in_the_protocol_log(t):
    """Whole dialogues of real clients: the log has each AUTH with its mechanism, and nothing of what was answered."""
    service = protected(t, access={"connection_list": None})
    heard = []
    for mechanism, password in (("PLAIN", PASSWORD), ("LOGIN", PASSWORD), ("PLAIN", "geheimnis"), ("LOGIN", "geheimnis")):
        done = subprocess.run(["swaks", "-s", f"127.0.0.1:{service.default.port}", "-a", mechanism, "-au", "alice", "-ap", password, "-t",
                               "x@default.example", "-f", "a@b.example", "-q", "MAIL"], capture_output=True, check=False, timeout=60, text=True)
        lines = [line.split(" ", 2)[2] for line in done.stdout.splitlines() if line.startswith(" ~> ") or line.startswith(" -> ")]
        at = next(i for i, line in enumerate(lines) if line.startswith("AUTH"))
        heard += [word for line in lines[at:] for word in line.split() if word not in ("AUTH", mechanism, "MAIL", "QUIT", "FROM:<a@b.example>")]
    check(len(heard) >= 6, heard)
    class Heard:
        def __init__(self, client):
            self.client = client

        def expect(self, code, line):
            heard.append(line.split()[-1])
            return self.client.expect(code, line)

        def cmd(self, line):
            heard.extend(line.split())
            return self.client.cmd(line)
    with service.default.connect(ehlo="c", source="127.0.0.8") as client:
        equal(scram(Heard(client), "alice", PASSWORD).code, 235)
        client.expect(221, "QUIT")
    service.stop()
    log = "".join(path.read_text() for path in service.folder.rglob("ex*.log"))
    auth = [line.split() for line in log.splitlines() if " AUTH - " in line]
    equal(sorted(next(w for w in word if w.startswith("+")) for word in auth),
          ["+LOGIN", "+LOGIN", "+PLAIN", "+PLAIN", "+SCRAM-SHA-256"], log)
    for secret in [*heard, PASSWORD, "geheimnis", b64(PASSWORD), b64("geheimnis"), b64("alice")]:
        check(secret not in log, "the log has", secret, log)
