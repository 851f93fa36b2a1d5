"""commands - what every command of posternctl has, and what every key has: help, a word for a misspelled option, JSON with a schema; set,
unset and taken back, with the file as it was
"""

import json
import re
import subprocess

from checks import check, equal
from programs import ROOT


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


def test_help(t):
    """--help behind each command shows how it is used; an option with a slip of the pen is named, with what was meant."""
    service = t.postern({"default": {}})
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
    "hosts": ("default",), "dkim": ("show", "default"),
}
LINES = {"trace"}       # a document a line


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
PASSWORDS, ACCOUNT = "access.authentication=basic access.password-file=PASSWORDS", "S.outbound-auth=basic S.user=bob S.secret-file=SECRET"
LDAP, LOCAL = "ldap.enable=yes ldap.uri=ldap://127.0.0.1 ldap.base=dc=example", "domain:default.example.drop=FOLDER"
# Keys that need another value, or others beside them. S: the section.
WORDS = {"general.user": "S.user=daemon", "general.pickup-group": "S.pickup-group=daemon", "general.drop-group": "S.drop-group=daemon",
         "general.log-group": "S.log-group=daemon", "general.tls-listen": f"{PAIR} S.tls-listen=127.0.0.1:2599",
         "general.client-prefix-ipv4": "S.client-prefix-ipv4=24", "general.client-prefix-ipv6": "S.client-prefix-ipv6=56",
         "general.log-fields": "S.log-fields=time", "general.log-keep": "S.log-keep=9d", "access.authentication": PASSWORDS, "access.password-file": PASSWORDS,
         "access.basic-domain": f"{PASSWORDS} S.basic-domain=EXAMPLE", "access.certificate": PAIR, "access.key": PAIR,
         "access.certificate-alarm": "S.certificate-alarm=9d", "access.tls-minimum": "S.tls-minimum=1.3",
         "access.relay": "S.relay=all-except S.relay-list=192.0.2.1", "access.proxy": "S.proxy=yes S.proxy-trusted=127.0.0.1",
         "messages.ndr-copy-to": "S.ndr-copy-to=a@b.example", "delivery.tls-report-contact": "S.tls-report-contact=a@b.example",
         "delivery.outbound-auth": ACCOUNT, "delivery.user": ACCOUNT, "delivery.secret-file": ACCOUNT,
         "delivery.client-certificate": OUT_PAIR, "delivery.client-key": OUT_PAIR, "delivery.source-address": "S.source-address=127.0.0.1",
         "ldap.enable": LDAP, "ldap.uri": LDAP, "ldap.filter": "S.filter=(mail=%s)", "ldap.recipient-delimiter": "S.recipient-delimiter=+",
         "domain.type": "S.type=alias", "domain.drop": LOCAL, "domain.drop-quota": f"{LOCAL} domain:default.example.drop-quota=5M", "domain.client-certificate": OUT_PAIR,
         "domain.client-key": OUT_PAIR, "domain.user": ACCOUNT, "domain.secret-file": ACCOUNT, "domain.outbound-auth": ACCOUNT}
# A keytab is made by a KDC, a profile stands in postern.ini, a key that signs has a file of its form: system/auth, oauth and dkim have them.
# Refused here, and nothing is written.
ELSEWHERE = {"access.keytab", "access.service-principal", "delivery.oauth", "delivery.dkim-key", "domain.oauth"}


def words_of(row, places):
    """What sets that key of a virtual server, with what it needs beside it."""
    section = "domain:far.example" if row["section"] == "domain" else row["section"]
    choices = [word for word in (row["range"] or "").split() if row["kind"].startswith("choice") and word != row["default"]]
    value = choices[0] if choices else VALUES.get(row["kind"], row["default"])
    words = WORDS.get(f"{row['section']}.{row['key']}")
    if words is None:
        return [f"{section}.{row['key']}={value}"]
    for name, path in places.items():
        words = words.replace(name, str(path))
    return [re.sub(r"^S\.", f"{section}.", word) for word in words.split()]


def test_keys(t):
    """Each key of the table set by command in a file full of comments, and unset or taken back: the file is the same, byte by byte."""
    service = t.postern({"default": {"domain far.example": {"type": "remote"}}})
    answer = json.loads(service.ctl("api", "command", input=json.dumps({"words": ["keys"]})).stdout)
    service.stop()
    places = {name: service.folder / name.lower() for name in ("CERTIFICATE", "KEY", "PASSWORDS", "SECRET", "FOLDER")}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", places["KEY"], "-out",
                    places["CERTIFICATE"], "-days", "90", "-subj", "/CN=default.example"], check=True, capture_output=True, timeout=60)
    places["SECRET"].write_text("word\n")
    places["FOLDER"].mkdir()
    service.ctl("passwd", "--stdin", places["PASSWORDS"], "bob", input="x\n")
    for name in ("KEY", "SECRET"):
        places[name].chmod(0o600)
    file = service.default.file
    sample = (ROOT / "etc/default.ini").read_text()
    file.write_text(f"{sample}\n; the domains\n[domain default.example]\ntype = default ; ours\n\n[domain far.example]\ntype = remote\n")
    service.own()
    before, comments = file.read_bytes(), {line for line in sample.splitlines() if line.startswith((";", "#"))}
    rows_of_server = [row for row in answer["data"]["keys"] if row["section"] in ("general", "access", "messages", "delivery", "ldap", "security", "domain")]
    check(len(rows_of_server) > 130, answer)
    for count, row in enumerate(rows_of_server):
        words = words_of(row, places)
        done = service.ctl("set", "default", *words, ok=False)
        elsewhere = f"{row['section']}.{row['key']}" in ELSEWHERE
        check(done.returncode == (78 if elsewhere else 0), words, done)
        if not elsewhere and "is so already" not in done.stdout:
            check(file.read_bytes() != before and comments <= set(file.read_text().splitlines()), words, "a comment is gone")
            if len(words) == 1 and row["section"] != "domain" and count % 5 > 0:
                service.ctl("unset", "default", words[0].partition("=")[0])
            else:
                service.ctl("undo", re.search(r"this is change (\d+)", done.stdout)[1])
        equal(file.read_bytes(), before, words)
