"""commands - what every command of posternctl has, and what every key has: help, a word for a misspelled option, JSON with a schema; set,
unset and taken back, with the file as it was
"""

import json
import re
import subprocess

from checks import check, equal
from programs import ROOT, quick


def rows(service):
    """(name, arguments) of each, as help shows them."""
    listed = service.ctl("help").stdout
    names = re.findall(r"^  ([a-z]+) ", listed, re.M)
    check(len(names) > 30 and len(set(names)) == len(names), names)
    return [(name, service.ctl("help", name).stdout.splitlines()[0].partition(name)[2]) for name in names]


def refused(service, name, wrong, said):
    for more in ((), ("x",), ("x", "y"), ("list",), ("test",), ("list", "default")):      # as many words as it needs
        done = service.ctl(name, *more, wrong, ok=False)
        lines = done.stderr.splitlines()
        equal((done.returncode, done.stdout), (64, ""), f"{name} {more} {wrong}: {done}")
        check(lines[0].startswith("posternctl: ") and len(lines) == 2, name, wrong, done.stderr)
        check(lines[1].startswith(f"usage: posternctl {name}"), name, done.stderr)
        if wrong in lines[0] and said in lines[0]:
            return
    check(False, name, wrong, done.stderr)


# shows S3.14
def test_help(t):
    """--help behind each command shows how it is used; an option with a slip of the pen is named, with what was meant."""
    service = t.postern({"default": {}}, build=quick())
    for name, arguments in rows(service):
        equal(service.ctl(name, "--help").stdout, service.ctl("help", name).stdout, name)
        option = re.search(r"--[a-z]+-?[a-z]+", arguments)
        for wrong in (f"{option[0][:-2]}{option[0][:-3:-1]}", option[0][:-1]) if option else ("--hepl",):
            refused(service, name, wrong, f"did you mean {option[0]}?" if option else "there is no option")


# The words of a read for each command whose usage has --json; without a service, or with one.
READS = {
    "status": (), "counters": (), "sessions": (), "check": (), "config": (), "domains": (), "queue": ("list",), "badmail": ("list",), "drop": ("list",),
    "get": ("default",), "domain": ("list", "default"), "operators": ("list",), "viewers": ("default", "list"), "history": (), "passwd": ("--list", "FILE"),
    "certificate": ("default", "show"), "oauth": ("test", "none"), "probe": ("default",), "import": ("--dry-run", "IIS"), "version": (),
    "explain": ("--from", "127.0.0.1", "--rcpt", "a@default.example"), "trace": ("--sender", "a@b.example"),
    "hosts": ("default",), "dkim": ("show", "default"), "nodes": (),
}
LINES = {"trace"}       # a document a line


# shows 9b.1
def test_words_that_are_none(t):
    """What the service would not take as a command is refused in words, before it is asked."""
    service = t.postern({"default": {}})
    for word in ("", "a\nb", "\x1b[31m", "\udcff", "x" * 9000):
        for command in (("counters", word), ("status", word), ("sessions", word), ("pause", word), ("probe", word),
                        ("watch", word), ("start", word), ("hosts", word)):
            done = service.ctl(*command, ok=False)
            said = f"{command[0]} {word[:10]!r}: {done.stdout}{done.stderr}"
            check(done.returncode == 64 and "a word of the command is empty, longer than 8191 bytes" in done.stderr or
                  done.returncode == 3 and "there is no virtual server" in done.stderr, said)
    equal(service.events.all("operator", reason="not a command"), [])


# shows 9b.1
def test_remarks(t):
    """A program that reads the output meets no remark in it, with a service and without one."""
    service = t.postern({"default": {}})
    for turn in ("with a service", "without"):
        for command, status, said in ((("get", "default", "nosuch.key"), 64, "unknown section [nosuch]"), (("get", "x.y"), 64, "unknown section [x]"),
                                      (("get", "default", "domain:x.example.type"), 3, "there is no"),
                                      (("history", "default", "0"), 64, "say how many changes: 1 to 100")):
            done = service.ctl(*command, ok=False)
            equal((done.returncode, done.stdout), (status, ""), f"{turn}: {command}: {done.stderr}")
            check(f"posternctl: {said}" in done.stderr, turn, command, done.stderr)
        equal(service.ctl("get", "default", "access.tls").stdout.split("\t")[:2], ["access.tls", "off"], turn)
        if turn == "with a service":
            service.stop()


def test_json(t):
    """Each command that can speak JSON: one document, or one a line, with its schema."""
    service = t.postern({"default": {}})
    service.ctl("passwd", "--stdin", service.folder / "passwords", "bob", input="x\n")
    service.default.send(sender="a@b.example")
    service.home.wait_drops()
    places = {"FILE": service.folder / "passwords", "IIS": ROOT / "t/fixtures/import/MetaBase.xml"}
    speak = {name for name, arguments in rows(service) if "--json" in arguments}
    for name in sorted(speak | {"sessions", "queue", "badmail", "drop"}):     # these have it among "option"
        check(name in READS, f"{name} speaks JSON: its words are missing in this test")
        done = service.ctl(name, *(places.get(word, word) for word in READS[name]), "--json", ok=False)
        documents = [json.loads(line) for line in done.stdout.splitlines()] if name in LINES else [json.loads(done.stdout)]
        check(all(document["schema"] == 1 for document in documents), name, done.stdout[:300])


# A value for keys whose default is none, or no constant.
VALUES = {"text": "some text", "path": "/nonexistent/x", "host": "host.example", "bool": "yes", "number": "3", "size": "5M", "time": "5m", "times": "5m 10m",
          "texts": "one.example", "networks": "192.0.2.1", "addresses": "127.0.0.1:2599"}
PAIR, OUT_PAIR = "access.certificate=CERTIFICATE access.key=KEY", "S.client-certificate=CERTIFICATE S.client-key=KEY"
EVACUATE_PAIR = "S.evacuate-certificate=CERTIFICATE S.evacuate-key=KEY"
PASSWORDS, ACCOUNT = "access.authentication=basic access.password-file=PASSWORDS", "S.outbound-auth=basic S.user=bob S.secret-file=SECRET"
LDAP, LOCAL = "ldap.enable=yes ldap.uri=ldap://127.0.0.1 ldap.base=dc=example", "domain:default.example.drop=FOLDER"
# Keys that need another value, or others beside them. S: the section.
WORDS = {"general.user": "S.user=daemon", "general.pickup-group": "S.pickup-group=daemon", "general.drop-group": "S.drop-group=daemon",
         "general.log-group": "S.log-group=daemon", "general.tls-listen": f"{PAIR} S.tls-listen=127.0.0.1:2599",
         "general.client-prefix-ipv4": "S.client-prefix-ipv4=24", "general.client-prefix-ipv6": "S.client-prefix-ipv6=56",
         "general.log-fields": "S.log-fields=time", "general.log-keep": "S.log-keep=9d", "access.authentication": PASSWORDS, "access.password-file": PASSWORDS,
         "access.basic-domain": f"{PASSWORDS} S.basic-domain=EXAMPLE", "access.certificate": PAIR, "access.key": PAIR,
         "access.certificate-alarm": "S.certificate-alarm=9d", "access.tls-minimum": "S.tls-minimum=1.3",
         "access.evacuate-from": f"{PAIR} S.evacuate-from={'ab' * 32}",
         "access.relay": "S.relay=all-except S.relay-list=192.0.2.1", "access.proxy": "S.proxy=yes S.proxy-trusted=127.0.0.1",
         "messages.ndr-copy-to": "S.ndr-copy-to=a@b.example", "delivery.tls-report-contact": "S.tls-report-contact=a@b.example",
         "delivery.outbound-auth": ACCOUNT, "delivery.user": ACCOUNT, "delivery.secret-file": ACCOUNT,
         "delivery.evacuate-certificate": EVACUATE_PAIR, "delivery.evacuate-key": EVACUATE_PAIR,
         "delivery.client-certificate": OUT_PAIR, "delivery.client-key": OUT_PAIR, "delivery.source-address": "S.source-address=127.0.0.1",
         "ldap.enable": LDAP, "ldap.uri": LDAP, "ldap.base": "S.base=dc=example", "ldap.filter": "S.filter=(mail=%s)", "ldap.recipient-delimiter": "S.recipient-delimiter=+",
         "domain.type": "S.type=alias", "domain.drop": LOCAL, "domain.drop-quota": f"{LOCAL} domain:default.example.drop-quota=5M", "domain.client-certificate": OUT_PAIR,
         "domain.client-key": OUT_PAIR, "domain.user": ACCOUNT, "domain.secret-file": ACCOUNT, "domain.outbound-auth": ACCOUNT}
# Of postern.ini. The folders of the service are not what one moves while it runs; those here are empty and the test's own.
SERVICE_WORDS = {"service.hostname": "S.hostname=other.example", "service.sendmail": "S.sendmail=default", "service.operators": "S.operators=daemon,@daemon",
                 "service.viewers": "S.viewers=account:bob", "service.operator-listen": "S.operator-listen=192.0.2.10:25-2599,[2001:db8::1]:*",
                 "service.dns-server": "S.dns-server=127.0.0.1:53", "service.dnssec": "S.dnssec=resolver S.dns-server=127.0.0.1",
                 "service.trust-anchor": "S.trust-anchor=FOLDER/anchor", "service.sandbox": "S.sandbox=no", "service.syslog": "S.syslog=no",
                 "service.events": "S.events=FOLDER/events.log", "service.metrics": "S.metrics=127.0.0.1:2599,FOLDER/metrics.sock",
                 "service.spool": "S.spool=FOLDER", "service.logs": "S.logs=FOLDER", "service.run": "S.run=FOLDER", "service.state": "S.state=FOLDER",
                 "manager.listen": "S.listen=127.0.0.1:2599", "manager.certificate": "S.certificate=CERTIFICATE S.key=KEY", "manager.key": "S.certificate=CERTIFICATE S.key=KEY",
                 "manager.accounts": "S.accounts=PASSWORDS", "manager.keytab": "S.keytab=SECRET",
                 "manager.service-principal": "S.service-principal=HTTP/a.example", "manager.kerberos-realms": "S.kerberos-realms=EXAMPLE.COM",
                 "manager.hosts": "S.hosts=mail.example.com", "limits.engine": "S.engine=inet:127.0.0.1:6379", "limits.user": "S.user=bob S.password-file=SECRET",
                 "limits.password-file": "S.password-file=SECRET", "limits.prefix": "S.prefix=mail", "limits.node": "S.node=n1",
                 "oauth.provider": "S.provider=google S.flow=refresh-token S.refresh-token-file=SECRET", "oauth.tenant": "S.provider=microsoft365 S.tenant=example.com",
                 "oauth.flow": "S.flow=refresh-token S.refresh-token-file=SECRET", "oauth.refresh-token-file": "S.flow=refresh-token S.refresh-token-file=SECRET",
                 "oauth.token-url": "S.token-url=https://login.example.com/other", "oauth.client-id": "S.client-id=other", "oauth.secret-file": "S.secret-file=OTHER",
                 "oauth.key-file": "S.secret-file= S.key-file=KEY", "oauth.certificate-file": "S.secret-file= S.key-file=KEY S.certificate-file=CERTIFICATE",
                 "oauth.key-id": "S.secret-file= S.key-file=KEY S.key-id=one", "oauth.audience": "S.secret-file= S.key-file=KEY S.audience=them",
                 "oauth.signature": "S.secret-file= S.key-file=KEY S.signature=es256", "oauth.ca-file": "S.ca-file=CERTIFICATE"}
# Keys that cannot be set here, with the reason. Each is refused here, and nothing is written: one that is taken, and one that is no key, must go.
ELSEWHERE = {"access.keytab": "a keytab is made by a KDC: system/auth", "access.service-principal": "the same",
             "manager.keytab": "the same: system/web_login_kerberos", "delivery.oauth": "its profile stands in postern.ini: system/oauth", "domain.oauth": "the same",
             "delivery.dkim-key": "a key that signs has a form of its own: system/dkim"}


NAMED = {"domain": "domain:far.example", "host": "host:mx.far.example", "filter": "filter:one", "oauth": "oauth:tokens"}
FILTER = "connect", "inet:127.0.0.1:8891"       # what each [filter] needs


def words_of(row, places):
    """What sets that key, with what it needs beside it."""
    section = NAMED.get(row["section"], row["section"])
    choices = [word for word in (row["range"] or "").split() if row["kind"].startswith("choice") and word != row["default"]]
    value = "daemon" if row["section"] == "service" and re.search("user$|group$", row["key"]) else choices[0] if choices else VALUES.get(row["kind"], row["default"])
    words = {**WORDS, **SERVICE_WORDS}.get(f"{row['section']}.{row['key']}")
    if row["section"] == "filter" and row["key"] == FILTER[0]:
        value = FILTER[1]
    if words is None:
        return [f"{section}.{row['key']}={value}"]
    for name, path in places.items():
        words = words.replace(name, str(path))
    return [re.sub(r"^S\.", f"{section}.", word) for word in words.split()]


def make_places(service):
    """Files that keys name."""
    places = {name: service.folder / name.lower() for name in ("CERTIFICATE", "KEY", "PASSWORDS", "SECRET", "OTHER", "FOLDER")}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", places["KEY"], "-out",
                    places["CERTIFICATE"], "-days", "90", "-subj", "/CN=default.example"], check=True, capture_output=True, timeout=60)
    places["FOLDER"].mkdir()
    (places["FOLDER"] / "anchor").write_text(". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n")
    service.ctl("passwd", "--stdin", places["PASSWORDS"], "bob", input="x\n")
    for name in ("SECRET", "OTHER"):
        places[name].write_text("word\n")
    for name in ("KEY", "SECRET", "OTHER"):
        places[name].chmod(0o600)
    service.own()
    return places


def set_and_take_back(service, file, rows_to_set, places, target):
    """Each key set by command and shown, and unset or undone: the file is the same, byte by byte, and no comment was touched meanwhile."""
    before = file.read_bytes()
    comments = {line for line in before.decode().splitlines() if line.startswith((";", "#"))}
    for count, row in enumerate(rows_to_set):
        words, name = words_of(row, places), f"{row['section']}.{row['key']}"
        done = service.ctl("set", *target, *words, ok=False)
        check(done.returncode == (78 if name in ELSEWHERE else 0), words, done)
        if name not in ELSEWHERE and "is so already" not in done.stdout:
            check(file.read_bytes() != before and comments <= set(file.read_text().splitlines()), words, "a comment is gone")
            place, _, wanted = next(word for word in words if word.partition("=")[0].endswith(f".{row['key']}")).partition("=")
            shown = json.loads(service.ctl("get", *target, place, "--json").stdout)
            check(set(re.split("[, ]+", wanted)) <= set(re.split("[, ]+", shown["keys"][0]["value"])), place, wanted, shown)
            old = re.search(rf"^{row['key']} = (.*)$", before.decode(), re.M)
            if name == "service.state":         # the history is there
                service.ctl("set", f"{name}={old[1]}")
            elif len(words) == 1 and row["section"] not in NAMED and old is None and count % 5 > 0:
                service.ctl("unset", *target, place)
            else:
                service.ctl("undo", re.search(r"this is change (\d+)", done.stdout)[1])
        equal(file.read_bytes(), before, words)


def table_of(service, *sections):
    answer = json.loads(service.ctl("api", "command", input=json.dumps({"words": ["keys"]})).stdout)
    keys = answer["data"]["keys"]
    names = {f"{row['section']}.{row['key']}" for row in keys}
    equal(sorted((set(ELSEWHERE) | set(WORDS) | set(SERVICE_WORDS)) - names), [], "words for what is no key")
    # a section that is new is in one of these tests, too
    equal(sorted({row["section"] for row in keys} - set(OF_SERVER + OF_SERVICE)), [], "sections that no test sets")
    return [row for row in keys if row["section"] in sections]


OF_SERVER, OF_SERVICE = ("general", "access", "messages", "delivery", "ldap", "security", "domain", "host", "filter"), ("service", "manager", "limits", "oauth")


# shows 1.9d
def test_keys(t):
    """Each key of a virtual server, in a file full of comments."""
    service = t.postern({"default": {"domain far.example": {"type": "remote"}}}, build=quick())
    rows_to_set = table_of(service, *OF_SERVER)
    service.stop()
    places = make_places(service)
    file = service.default.file
    file.write_text(f"{(ROOT / 'etc/default.ini').read_text()}\n; the domains\n[domain default.example]\ntype = default ; ours\n\n[domain far.example]\ntype = remote\n"
                    "\n; its host\n[host mx.far.example]\nrecipients = 7\n" +
                    ("\n[filter one]\nconnect = inet:127.0.0.1:8890 ; near\n" if any(row["section"] == "filter" for row in rows_to_set) else ""))
    service.own()
    check(len(rows_to_set) > 135, rows_to_set)
    set_and_take_back(service, file, rows_to_set, places, ("default",))


# shows 1.9d
def test_keys_of_the_service(t):
    """Each key of postern.ini: of the service, of the manager, of a profile of OAuth."""
    service = t.postern(build=quick())
    rows_to_set = table_of(service, *OF_SERVICE)
    service.stop()
    places = make_places(service)
    file = service.config
    file.write_text(f"; ours\n{file.read_text()}\n; tokens\n[oauth tokens]\n; the endpoint\ntoken-url = https://login.example.com/token\nclient-id = postern ; that one\n"
                    f"secret-file = {places['SECRET']}\n; the end\n")
    service.own()
    check(len(rows_to_set) > 45, rows_to_set)
    set_and_take_back(service, file, rows_to_set, places, ())
