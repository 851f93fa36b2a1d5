"""guide - the guides (postern-guide(7) and its kin): each command that they show is run, in the order of the page, and does what is said

Follow owns nothing; it runs a page against a service of the test, as root where the test is root. What cannot be run here is listed with its reason, and a row
of a list that fits no command of the page is a failure, so that the lists stay true.
"""

import json
import re
import shutil
import smtplib
import ssl
import subprocess

from checks import check, equal
from engine import Engine
from manual_pages import examples, here, run
from milter import ACCEPT, Milter, add_header, quarantine, reply_code
from patience import until
from processes import is_root
from programs import ROOT
from smtp import Smtp, mail
from token_hosts import REFRESH, SECRET, USER, Authority, Endpoint, MailHost

FOLDER = "etc/guide"
NOT_HERE = {
    "useradd ": "the accounts of the host",
    "systemctl ": "the service of a test is not that of the host; t/systemd boots one",
    "apt ": "the packages of the host",
    "certbot ": "t/system/acme runs it at an authority of its own",
    "Send-MailMessage ": "Windows",
    "make image": "t/image/check makes it",
    "podman ": "t/image/check runs them, in their order",
    "mkdir -p servers": "t/image/check",
    "kubectl ": "there is no cluster; t/image/check looks at the manifest",
}


class Follow:
    """
    A page at a service. there: text of the page, and what it is here; status: a beginning of a command, and its exit status when that is
    not 0; after: a beginning, and what is checked when it has run (it gets what was printed).
    """
    def __init__(self, service, page, there=None, status=None, after=None):
        self.service, self.page, self.there = service, f"{FOLDER}/{page}.7", dict(there or {})
        self.status, self.after = dict(status or {}), dict(after or {})
        self.work = service.folder / "work"
        self.work.mkdir(exist_ok=True)
        service.own()

    def go(self):
        left = {*self.status, *self.after}
        shown = examples(self.page)
        check(shown, self.page, "shows nothing")
        for example in shown:
            if example.file:
                self.add(example)
            elif not self.left_out(example.text):
                left -= {row for row in left if example.text.startswith(row)}
                self.run(example.text)
        equal(left, set(), f"{self.page}: rows of the test that no command of the page has")

    @staticmethod
    def left_out(command):
        return any(command.startswith(row) for row in NOT_HERE)

    def row(self, table, command, other):
        found = [row for row in table if command.startswith(row)]
        return table[max(found, key=len)] if found else other

    def run(self, command):
        done = run(self.service, command, self.work, self.there)
        equal(done.returncode, self.row(self.status, command, 0), f"{command}\n{done.stdout}{done.stderr}")
        self.row(self.after, command, lambda _: None)(done.stdout + done.stderr)

    def add(self, example):
        """An INI text goes behind what the file has; the service takes it."""
        path = self.service.folder / example.file
        with open(path, "a", encoding="ascii") as out:
            out.write("\n" + here(self.service, example.text, self.there))
        self.service.ctl("check")
        self.service.ctl("reload")


def says(*words):
    def look(text):
        for word in words:
            check(word in text, f"{word!r} is not in:\n{text}")
    return look


def in_turn(*calls):
    """For a command that the page shows again: what is checked each time. None: nothing."""
    left = iter(calls)

    def take(text):
        call = next(left)
        if call:
            call(text)
    return take


def pages():
    return sorted(path.stem for path in (ROOT / FOLDER).glob("*.7"))


def drops(service):
    return sorted((service.spool / "default/drop").glob("*.eml"))


def has_drops(service, number):
    until(lambda: len(drops(service)) == number, what=f"{number} drop files")


def installed(t, **keys):
    """A service with the file of a new installation, at another port; its events are in a file, which trace reads."""
    service = t.postern(as_root=is_root(), start=False, service={"events": t.folder / "service1/events", **keys})
    text = (ROOT / "etc/default.ini").read_text()
    service.default.file.write_text(text.replace("[general]\n", f"[general]\nlisten = 127.0.0.1:{service.default.port}\n", 1))
    service.own()
    service.start(wait=False)
    until(lambda: "default started" in service.ctl("status", ok=False).stdout, what="the start")
    return service


def fake_certbot(service):
    """A pair as certbot leaves it: links of live/ to archive/."""
    live, archive = service.folder / "le/live/mail.example.com", service.folder / "le/archive"
    for each in (live, archive):
        each.mkdir(parents=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mail.example.com", "-keyout",
                    archive / "privkey1.pem", "-out", archive / "fullchain1.pem"], check=True, capture_output=True)
    for name in ("privkey", "fullchain"):
        (live / f"{name}.pem").symlink_to(f"../../archive/{name}1.pem")


def test_first_hour(t):
    """postern-guide(7): names, a certificate, who may send, a smart host, two messages, the manager."""
    sink = t.sink()
    service = installed(t, **{"dns-server": t.dns("relay A 127.0.0.1").address})
    fake_certbot(service)
    web = t.port()
    work = service.folder / "work"
    work.mkdir()
    (work / "password.txt").write_text("s3cret\n")

    def sign(_):
        """What the authority of the network does with the request."""
        authority = Authority(t.folder)
        subprocess.run(["openssl", "x509", "-req", "-in", work / "mail.req", "-CA", authority.file, "-CAkey", authority.key, "-CAcreateserial",
                        "-copy_extensions", "copy", "-out", work / "mail.crt"], check=True, capture_output=True)
        (work / "mail.crt").write_text((work / "mail.crt").read_text() + authority.file.read_text())

    def certificate(_):
        with service.default.connect() as client:
            check("STARTTLS" in client.expect(250, "EHLO there").texts, "no STARTTLS")

    def account(_):
        """Logs in under TLS, and may send to another domain."""
        tls = ssl._create_unverified_context()
        with smtplib.SMTP("127.0.0.1", service.default.port, source_address=("127.0.0.2", 0)) as client:
            client.starttls(context=tls)
            client.login("printer", "s3cret")
            client.mail("me@example.com")
            equal(client.rcpt("someone@elsewhere.example")[0], 250)
    follow = Follow(
        service, "postern-guide",
        there={"/etc/letsencrypt": str(service.folder / "le"), "relay.example.net:587": f"relay.example:{sink.port}",
               "ufw allow": "ufw --dry-run allow", "127.0.0.1:25 ": f"127.0.0.1:{service.default.port} ", "127.0.0.1:2580": f"127.0.0.1:{web}"},
        status={"posternctl explain default --from 203.0.113.7 --rcpt someone@elsewhere": 1},
        after={"ufw ": says("--dport 25", "192.0.2.0/24"),
               "posternctl domain add default example.com": says("[domain example.com]", "type = default"),
               "posternctl set default general.description": says("Mail of the office"),
               "posternctl history": says("general.description"),
               "posternctl set default access.certificate": certificate,
               "posternctl certificate default request": sign,
               "posternctl certificate default install": certificate,
               "posternctl certificate default show": says("mail.example.com"),
               "posternctl dkim new default example.com s1": says("s1._domainkey.example.com. TXT", "v=DKIM1; k=rsa; p="),
               "posternctl set default 'delivery.dkim-key": says("s1"),
               "posternctl check --dns example.com": says("s1._domainkey.example.com", "dmarc"),
               "posternctl set default access.password-file": account,
               "posternctl passwd --list": says("printer"),
               "posternctl explain default --from 192.0.2.17": says("250", "relay-list"),
               "posternctl explain default --from 203.0.113.7 --rcpt someone@elsewhere": says("550"),
               "posternctl explain default --from 203.0.113.7 --rcpt someone@example.com": says("250", "drop"),
               "posternctl probe default": says("connect\tok"),
               "install -m 644 one.eml": lambda _: has_drops(service, 1),
               "swaks ": lambda _: has_drops(service, 2),
               "posternctl drop default list": says("me@example.com", "you@example.com"),
               "posternctl trace": says("accepted", "dropped"),
               "posternctl status --check": says("default"),
               "posternctl web login": says(f"http://127.0.0.1:{web}/#login=")})
    follow.go()
    heads = "".join(path.read_text() for path in drops(service))
    check("Subject: one" in heads and "Subject: two" in heads, heads)


def test_from_iis(t):
    """postern-guide-iis(7)."""
    service = t.postern(as_root=is_root())
    fixture = ROOT / "t/fixtures/import/MetaBase.xml"
    service.default.send()
    has_drops(service, 1)
    follow = Follow(service, "postern-guide-iis", status={"posternctl import --dry-run": 1},
                    after={"posternctl get default general.listen": says("general.listen", "25M"),
                           "posternctl domains default": says("partner.example", "[203.0.113.5]", "old.example"),
                           "install -m 644": lambda _: has_drops(service, 2)})
    shutil.copy(fixture, follow.work)
    service.own()
    follow.go()


def test_cloud(t):
    """
    postern-guide-cloud(7): mail to colleagues leaves this host; both accounts of OAuth2 log in with a token, and a host that knows us by our
    address is reached.
    """
    authority = Authority(t.folder)
    service = t.postern({"default": {"delivery": {"authorities": authority.file}}}, as_root=is_root(),
                        service={"dns-server": t.dns("submission A 127.0.0.1").address})
    service.authority, service.endpoint = authority, Endpoint(t.port(), authority.context())
    t.cleanup(service.endpoint.end)
    host = authority.context(MailHost.NAME)
    host.verify_mode = ssl.CERT_OPTIONAL    # asks for a certificate, as the connectors do
    host.load_verify_locations(authority.file)
    account, address = MailHost(t, service), t.sink(tls=host)
    authority.context("contoso.com")

    def to_a_colleague(text):
        says(f"{account.NAME}:{address.port}")(text)
        service.home.put("note", b"From: scanner@contoso.com\r\nTo: colleague@contoso.com\r\nSubject: scan\r\n\r\nHello\r\n")
        equal(address.wait()[0].recipients, ["colleague@contoso.com"])
        equal(drops(service), [])

    def renamed(_):
        check("contoso.com" not in service.ctl("domain", "list", "default").stdout.split(), "it is local still")

    def endpoint(name, provider):
        return {f"oauth:{name}.provider={provider}": f"oauth:{name}.provider={provider} oauth:{name}.token-url={service.endpoint.url} "
                                                     f"oauth:{name}.ca-file={authority.file}"}
    follow = Follow(
        service, "postern-guide-cloud",
        there={**endpoint("m365", "microsoft365"), **endpoint("gmail", "google"),
               "smtp.office365.com:587": f"{account.NAME}:{account.port}", "smtp.gmail.com:587": f"{account.NAME}:{account.port}",
               "contoso-com.mail.protection.outlook.com:25": f"{account.NAME}:{address.port}",
               "smtp-relay.gmail.com:587": f"{account.NAME}:{address.port}", "relay@contoso.com": USER},
        after={"posternctl domain list": says("contoso.com"), "posternctl domain rename": renamed,
               "posternctl explain default --from 192.0.2.17 --rcpt someone@elsewhere": says(account.NAME, "verify"),
               "posternctl explain default --from 192.0.2.17 --rcpt colleague": in_turn(says(f"{account.NAME}:{account.port}"), to_a_colleague),
               "posternctl explain default --from 192.0.2.17 --rcpt someone@partner": says(f"{account.NAME}:{address.port}", "verify"),
               "posternctl oauth test m365": says("result: a token was given"),
               "posternctl oauth test gmail": says("result: a token was given"),
               "posternctl probe default": in_turn(says("login\tok"), says("connect\tok", "client certificate shown"),
                                                   *[says("connect\tok")] * 3)})
    service.ctl("domain", "rename", "default", "default.example", "contoso.com")    # as a wizard or create may have made it
    for name, text in (("secret.txt", SECRET), ("client-secret.txt", SECRET), ("refresh-token.txt", REFRESH)):
        (follow.work / name).write_text(text + "\n")
    for end, made in (("crt", "crt"), ("key", "pkey")):
        shutil.copy(t.folder / f"ca-contoso.{made}", follow.work / f"contoso.{end}")
    service.own()
    follow.go()
    equal({form["grant_type"] for form in service.endpoint.wait(2)}, {"client_credentials", "refresh_token"})
    check(account.tokens(), "no login with a token")


def test_servers(t):
    """postern-guide-servers(7): two more virtual servers; mail moves from one to the other, and is sent from one to the other."""
    sink = t.sink(answers={"RCPT": lambda *_: "450 4.2.1 later"})
    service = t.postern(as_root=is_root(), service={"dns-server": t.dns("relay A 127.0.0.1").address})
    printers, programs = t.port(), t.port()

    def queue_one(_):
        with Smtp(("127.0.0.1", printers)) as client:
            client.message(sender="a@printers.example.com", to="b@far.example")
        until(lambda: "far.example" in service.ctl("queue", "printers", "list").stdout, what="the message in the queue")

    def moved(_):
        equal(service.ctl("queue", "printers", "list").stdout.count("far.example"), 0)
        check("far.example" in service.ctl("queue", "programs", "list").stdout, "the message is in no queue")

    def sent(text):
        says(f"[127.0.0.1]:{programs}")(text)
        with Smtp(("127.0.0.1", printers)) as client:
            client.message(to="user@programs.example.com")
        until(lambda: list((service.spool / "programs/drop").glob("*.eml")), what="the mail from the other virtual server")

    def stays(_):
        check((service.spool / "applications/drop").is_dir(), "the mail is gone")
        equal([path.name for path in (service.folder / "servers").glob("applications*")], ["applications.ini.deleted"])
    Follow(service, "postern-guide-servers",
           there={"[192.0.2.27]:587": f"[127.0.0.1]:{programs}", "192.0.2.27:587": f"127.0.0.1:{programs}", "192.0.2.26:25": f"127.0.0.1:{printers}",
                  "192.0.2.0/24": "127.0.0.0/8", "192.0.2.17": "127.0.0.1", "relay.example.net:587": f"relay.example:{sink.port}",
                  "add alice": "add nobody", "@helpdesk": f"@{t.nogroup}", "=scanners": f"={t.nogroup}", "=archive": f"={t.nogroup}"},
           after={"posternctl status": says("printers started", "programs started"),
                  "posternctl get printers": says("50M", "postern.ini"),
                  "posternctl start printers": queue_one,
                  "posternctl queue printers move": moved,
                  "posternctl explain printers": sent,
                  "posternctl operators printers add": says("operators"),
                  "posternctl operators printers list": says("nobody"),
                  "posternctl delete applications": stays,
                  "posternctl undo": lambda _: until(lambda: "applications started" in service.ctl("status").stdout, what="it to be back")}).go()


def test_operate(t):
    """postern-guide-operate(7): each order to the queue, and a backup that gives back settings and mail when both were lost."""
    sink = t.sink(answers={"RCPT": lambda *_: "450 4.2.1 later"})
    service = installed(t)
    for words in (["set", "default", "access.relay-list=127.0.0.1"],
                  *(["domain", "add", "default", f"{name}.example", "type=remote", f"route=[127.0.0.1]:{sink.port}"] for name in ("partner", "partnr"))):
        service.ctl(*words)
    ids = [service.default.send(sender=sender, to=to) for sender, to in (
        ("me@host.example", "user@partner.example"), ("you@host.example", "user@partner.example"), ("news@example.com", "list@partner.example"),
        ("me@host.example", "user@partnr.example"), ("", "user@partnr.example"))]

    def queue():
        return {row["id"]: row["state"] for row in json.loads(service.ctl("queue", "list", "--json").stdout)["messages"]}
    until(lambda: list(queue().values()) == ["waiting"] * 5, what="five messages that wait")

    def badmail_is_back(_):
        check("partnr.example" in service.ctl("queue", "list").stdout, "the badmail is not in the queue")
        service.ctl("queue", "delete", "--domain", "partnr.example", "--yes")
        service.ctl("queue", "hold", ids[0])

    def lose_the_settings(_):
        service.stop()
        for path in (service.config, service.default.file):
            path.unlink()
        shutil.rmtree(service.state)

    def begin(_):
        service.start(wait=False)
        until(lambda: "default started" in service.ctl("status", ok=False).stdout, what="the start")

    def lose_the_mail(_):
        shutil.rmtree(service.home.path)

    def take_it_out(text):
        says("deferred", "4.2.1")(text)
        service.ctl("queue", "delete", text.split()[-1], "--yes")

    def all_is_back(_):
        until(lambda: queue() == {ids[0]: "held", ids[1]: "waiting"}, what="the queue of the backup")
    Follow(service, "postern-guide-operate",
           there={"1k1d803g5zfpbxm8": ids[0], "127.0.0.1:2527": f"127.0.0.1:{t.port()}", "--timeout 30m": "--timeout 1s",
                  "/etc/postern /var/lib/postern": f"{service.config} {service.folder}/servers {service.state}"},
           status={"posternctl drain default": 75, "posternctl queue delete --domain": 1, "posternctl probe default --rcpt user@partner.example --send": 75},
           after={"posternctl queue list --domain": lambda text: check(text.splitlines()[0].split()[0] in ids, text),
                  "posternctl queue count": says("partner.example", "4.2.1 [127.0.0.1]: later"),
                  "posternctl queue default show": says("user@partner.example", "later"),
                  "posternctl trace": says("accepted", "deferred"),
                  "posternctl queue list --held": says("news@example.com"),
                  "posternctl queue bounce": lambda _: has_drops(service, 1),
                  "posternctl queue delete --sender": lambda _: equal(sorted(queue()), sorted(ids[:2])),
                  "posternctl queue delete --domain": lambda _: equal(sorted(queue()), sorted(ids[:2])),
                  "posternctl badmail list": says(ids[4]),
                  "posternctl badmail retry": badmail_is_back,
                  "posternctl probe default": says("connect\tok"),
                  "posternctl probe default --rcpt user@partner.example --send": take_it_out,
                  "ps ": says("postern-deliver"),
                  "posternctl queue default list": all_is_back,
                  "posternctl queue rescue list": says(ids[0], ids[1]),
                  "posternctl queue rescue move": all_is_back,
                  "posternctl drain default": says("2 messages are left"),
                  "posternctl stop default": in_turn(None, lose_the_mail),
                  "posternctl start default": in_turn(lose_the_settings, None, None),
                  "posternctl check": in_turn(begin, None)}).go()


def test_container(t):
    """postern-guide-container(7): t/image/check follows it with podman. Here its settings alone are taken."""
    service = t.postern(as_root=is_root())
    page = "postern-guide-container"
    texts = [each.text for each in examples(f"{FOLDER}/{page}.7") if each.file]
    equal(len(texts), 1)
    service.default.file.write_text(texts[0].replace("*:2525", f"127.0.0.1:{service.default.port}"))
    service.ctl("reload")
    check("example.com" in service.ctl("domains", "default").stdout, "the settings")
    left = [each.text for each in examples(f"{FOLDER}/{page}.7") if not each.file and not Follow.left_out(each.text)]
    equal(left, [], "t/image/check follows podman and kubectl only")


def test_filter(t):
    """postern-guide-filter(7): both filters see mail, one refuses and holds. t/system/filter_real meets rspamd and opendkim."""
    def verdict(session, _):
        body = session.message.body
        return reply_code("554 5.7.1 Gtube pattern") if b"spam" in body else [quarantine("odd"), ACCEPT] if b"odd" in body else None
    rspamd, opendkim = Milter(t, {"end": verdict}), Milter(t, {"end": [add_header("DKIM-Signature", "v=1"), ACCEPT]})
    service = installed(t)
    service.ctl("domain", "add", "default", "example.com", "type=default")

    def send(_):
        with service.default.connect(ehlo="c.example") as client:
            for body, code in (("spam\r\n", "554 5.7.1 Gtube"), ("odd\r\n", "250"), ("good\r\n", "250")):
                client.expect(250, "MAIL FROM:<odd@elsewhere.example>")
                client.expect(250, "RCPT TO:<user@example.com>")
                client.expect(354, "DATA")
                client.send(mail(body=body) + b".\r\n")
                client.expect(code)
        has_drops(service, 1)
        check(b"DKIM-Signature: v=1\r\n" in drops(service)[0].read_bytes(), "no field of opendkim")
        until(lambda: "odd@elsewhere" in service.ctl("queue", "default", "list", "--held", ok=False).stdout, what="the held one in the queue")
    Follow(service, "postern-guide-filter",
           there={"inet:127.0.0.1:11332": rspamd.connect, "inet:127.0.0.1:8891": opendkim.connect},
           after={"posternctl explain": lambda text: (says("rspamd", "451 if it fails", "opendkim", "passed by if it fails")(text), send(text)),
                  "posternctl trace": says("event=held", "filter=rspamd", "reason=odd"),
                  "posternctl queue default list --held": says("odd@elsewhere.example"),
                  "posternctl queue default release": lambda _: has_drops(service, 2)}).go()


def test_nodes(t):
    """postern-guide-nodes(7): the service takes its settings, and HAProxy those for it; what the key of the view of all asks is an answer."""
    engine = Engine(t)
    service = installed(t)
    Follow(service, "postern-guide-nodes", there={"inet:192.0.2.5:6379": engine.place, "postern-nodes": "daemon"}).go()
    done = subprocess.run(["haproxy", "-c", "-f", service.folder / "haproxy.cfg"], capture_output=True, text=True, check=False,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    check(done.returncode == 0, done.stdout, done.stderr)


# shows S3.10
def test_the_set(t):
    """Each guide is followed by a test of this file, names the others, and is named by postern(8) and README."""
    me = (ROOT / "t/system/guide.py").read_text()
    readme = (ROOT / "README.md").read_text()
    first = (ROOT / FOLDER / "postern-guide.7").read_text()
    for page in pages():
        check(f'"{page}"' in me, page, "is followed by no test")
        check(f".Xr {page} 7" in (ROOT / "master/postern.8").read_text(), page, "is not in postern(8)")
        check(page == "postern-guide" or f".Xr {page} 7" in first, page, "is not in postern-guide(7)")
        check("man postern-guide" in readme, "README has no guide")
    shown = "\n".join(each.text for page in pages() for each in examples(f"{FOLDER}/{page}.7") if not each.file)
    for row in NOT_HERE:
        check(re.search(rf"^{re.escape(row)}", shown, re.M), row, "is shown by no guide")
