"""dkim - outgoing mail is signed with our keys: verified by python3-dkim, Mail::DKIM and opendkim; whose mail, which key, awkward
messages, keys that change, days that end
"""

import base64
import hashlib
import json
import os
import random
import re
import subprocess
from datetime import datetime, timedelta, timezone

from checks import check, equal
from dkim_verifiers import by_dkimpy, by_opendkim, by_perl, has_blank_colon
from processes import is_root
from sasl import verifier
from smtp import mail

KINDS = {"rsa": ["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"], "ed25519": ["-algorithm", "ed25519"]}


def owned(service, path, mode=0o600):
    path.chmod(mode)
    if is_root() and not service.as_root:
        os.chown(path, service.test.uid, service.test.gid)
    return path


def new_key(service, name, kind="rsa"):
    """A key file as OpenSSL makes it; (path, text of its record)."""
    path = service.folder / f"{name}.key"
    subprocess.run(["openssl", "genpkey", *KINDS[kind], "-out", path], check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    text = base64.b64encode(public if kind == "rsa" else public[-32:]).decode()
    return owned(service, path), f"v=DKIM1; k={kind}; p={text}"


class Keys:
    """The keys of a service, and their records in the DNS."""
    def __init__(self, service):
        self.service, self.items, self.records = service, [], {}

    def add(self, domain, selector, kind="rsa", days=""):
        path, record = new_key(self.service, f"{selector}.{domain}", kind)
        self.items.append(f"{domain} {selector} {days + ' ' if days else ''}{path}")
        self.records[f"{selector}._domainkey.{domain}"] = record
        return path

    def use(self, **more):
        self.service.default.set("delivery", dkim_key=self.items, **more)


def both(t, sink, **sections):
    """A service that signs for a.example with both kinds of keys, and sends all to the sink."""
    service = t.postern({"default": sections}, start=False)
    keys = Keys(service)
    keys.add("a.example", "r1")
    keys.add("a.example", "e1", "ed25519")
    keys.use(smart_host=f"[127.0.0.1]:{sink.port}")
    return service.start(), keys


def signatures(data):
    """The tags of the DKIM-Signature fields: [{tag: value}]."""
    header = re.sub(rb"\r\n(?=[ \t])", b"", data.partition(b"\r\n\r\n")[0]).decode("latin-1")
    found = [line.partition(":")[2] for line in header.split("\r\n") if line.lower().startswith("dkim-signature:")]
    return [{k.strip(): "".join(v.split()) for k, _, v in (tag.partition("=") for tag in text.split(";"))} for text in found]


def selectors(data):
    return [(tags["d"], tags["s"]) for tags in signatures(data)]


def relaxed_hash(body):
    """By the words of RFC 6376 3.4.4."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return base64.b64encode(hashlib.sha256(b"".join(line + b"\r\n" for line in lines)).digest()).decode()


def verify(t, messages, records):
    """All signatures of all messages are right, say those verifiers that know their kind."""
    folder = t.folder / f"mail{t.count('mail')}"
    folder.mkdir()
    paths = []
    for number, data in enumerate(messages):
        paths.append(folder / f"{number}")
        stored = data if data.endswith(b"\r\n") else data + b"\r\n"      # as every host has it
        paths[-1].write_bytes(stored)
        check(has_blank_colon(data) or all(by_dkimpy(stored, records)), "dkimpy", data)
    for data, results in zip(messages, by_perl(paths, records)):
        equal(len(results), len(signatures(data)))
        for algorithm, _, _, result in results:
            check(result == "pass" or (algorithm.startswith("ed25519") and "unsupported algorithm" in result), result, data)
    readable = [path for path, data in zip(paths, messages) if not has_blank_colon(data, b"from")]
    said = by_opendkim(folder, readable, records)
    equal((len(said), [line for line in said if "succeeded" not in line]), (len(readable), []))


# shows 9a.1
def test_both_kinds(t):
    """One message, two signatures over one body hash; what is signed, the event, the counter."""
    sink = t.sink()
    service, keys = both(t, sink)
    equal({service.events.wait("dkim-key", result="loaded", selector=s)["kind"] for s in ("r1", "e1")}, {"rsa", "ed25519"})
    ident = service.default.send("x@a.example", "y@far.example", mail(From="Me <x@A.example>", MIME_Version="1.0"))
    data = sink.wait()[0].data
    verify(t, [data], keys.records)
    first, second = signatures(data)
    equal((first["a"], second["a"], first["d"], second["s"]), ("rsa-sha256", "ed25519-sha256", "a.example", "e1"))
    equal((first["bh"], first["c"], "l" in first), (second["bh"], "relaxed/relaxed", False))
    names = first["h"].lower().split(":")
    equal((names.count("from"), names.count("subject"), names.count("to"), names.count("mime-version"), names.count("cc")), (2, 2, 2, 2, 1))
    check(data.startswith(b"DKIM-Signature:"), data)
    equal(service.events.wait("delivered", id=ident)["signed"], "a.example")
    check("messages_signed_total 1" in service.ctl("counters", "default").stdout.replace("=", " "), service.ctl("counters", "default").stdout)


WORDS = ["a", "word", "Grüße", " ", "  ", "\t", "=C3", ".", "..", "-- ", "x" * 300, "From me", "日本", ";", "b=", "\x01"]


def random_mail(chance, number):
    """Any header and body that a client may send: folded, doubled and odd fields, blanks everywhere, long lines, no body at all."""
    def text(most, words=None):
        words = words or WORDS
        return "".join(chance.choice(words) + chance.choice(["", " ", "\t", "  "]) for _ in range(chance.randrange(most)))
    head = [chance.choice(["From: a@a.example", "from :  A <a@a.example>", "From: \"A, B\"\r\n <a@A.example>", "From: a@a.example, b@a.example",
                           "FROM: a@sub.a.example", "From: Gr\u00fc\u00df <a@a.example> (x)"])]
    for name in ["To", "to", "Cc", "Subject", "Date", "Message-ID", "X-Odd", "Content-Type", "References", "List-Unsubscribe", "Received"]:
        for _ in range(chance.choice([0, 1, 1, 1, 2])):
            folds = chance.choice(["\r\n ", "\r\n\t", " \r\n  "]).join(text(8).strip() or "x" for _ in range(chance.randrange(1, 5)))
            head.append(f"{name}{chance.choice(['', ' ']) if chance.random() < 0.05 else ''}:{chance.choice(['', ' ', chr(9), '  '])}{folds}")
    chance.shuffle(head)
    head.append(f"X-Number: {number}")
    lines = [text(20) for _ in range(chance.randrange(12))] + [""] * chance.randrange(4)
    body = "\r\n".join(lines)
    return ("\r\n".join(head) + "\r\n" + chance.choice(["\r\n" + body, "\r\n" + body + "\r\n", "\r\n", ""])).encode()


def test_random_messages(t):
    """Three hundred of them, by DATA and by BDAT, to hosts that take BDAT, DATA, long lines or none; three verifiers."""
    chance = random.Random(6376)
    sinks = {"data": t.sink(ehlo=("8BITMIME", "SIZE", "PIPELINING")), "bdat": t.sink(ehlo=("CHUNKING", "8BITMIME")),
             "binary": t.sink(ehlo=("CHUNKING", "BINARYMIME", "8BITMIME"))}
    routes = {f"domain {name}.example": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"} for name, sink in sinks.items()}
    service, keys = both(t, sinks["data"], **routes)
    with service.default.connect(ehlo="client.example") as client:
        for number in range(300):
            data, to = random_mail(chance, number), f"x@{chance.choice(list(sinks))}.example"
            client.expect(250, f"MAIL FROM:<a@a.example> BODY={'8BITMIME' if chance.random() < 0.8 else '7BIT'}")
            client.expect(250, f"RCPT TO:<{to}>")
            if chance.random() < 0.5:
                client.send(f"BDAT {len(data)} LAST\r\n".encode() + data)
                client.expect(250)
            else:
                client.content(data)
    service.home.wait_queued(0)
    got = [message.data for sink in sinks.values() for message in sink.messages]
    equal(len(got), 300)
    equal({len(signatures(data)) for data in got}, {2})
    verify(t, got, keys.records)


AWKWARD = {
    "no body": b"From: a@a.example\r\nSubject: x\r\n\r\n",
    "no empty line": b"From: a@a.example\r\nSubject: x\r\n",
    "only empty lines": b"From: a@a.example\r\n\r\n\r\n\r\n\r\n",
    "no final CRLF": b"From: a@a.example\r\n\r\nend",
    "blanks at the end": b"From: a@a.example\r\n\r\nend  \r\n \t \r\n\r\n",
    "From twice": b"From: a@a.example\r\nSubject: x\r\nFrom: b@a.example\r\n\r\nx\r\n",
    "subject twice": b"Subject: one\r\nFrom: a@a.example\r\nSubject: two\r\n\r\nx\r\n",
    "long folded field": b"From: a@a.example\r\nReferences:" + b"".join(b"\r\n <%d@a.example>" % n for n in range(2000)) + b"\r\n\r\nx\r\n",
    "long line": b"From: a@a.example\r\nX-Long: " + b"word " * 900 + b"\r\nSubject: " + b"s" * 3000 + b"\r\n\r\n" + b"x" * 5000 + b"\r\n" + b"y " * 3000 + b"\r\n",
    "dots": b"From: a@a.example\r\n\r\n.\r\n..\r\n. x\r\n",
    "8-bit": "From: Grüße <a@a.example>\r\nSubject: Grüße\r\n\r\nGrüße\r\n".encode(),
    "not UTF-8": b"From: a@a.example\r\nSubject: \xff\xfe\r\n\r\n\x80\x81\x00".rstrip(b"\x00") + b"\r\n",
    "large": b"From: a@a.example\r\n\r\n" + b"0123456789 abcdef \t ghijklmn\r\n" * 60000,
    "DKIM already": b"DKIM-Signature: v=1; a=rsa-sha256; d=b.example; s=x;\r\n h=from; bh=x; b=y\r\nFrom: a@a.example\r\n\r\nx\r\n",
}


def test_awkward_messages(t):
    """By BDAT, so that each byte comes as it is; to a host that takes BDAT and to one that does not."""
    sinks = {"data": t.sink(ehlo=("8BITMIME",)), "bdat": t.sink(ehlo=("CHUNKING", "8BITMIME"))}
    routes = {f"domain {name}.example": {"type": "remote", "route": f"[127.0.0.1]:{sink.port}"} for name, sink in sinks.items()}
    service, keys = both(t, sinks["data"], **routes)
    for name, data in AWKWARD.items():
        with service.default.connect(ehlo="client.example") as client:
            client.expect(250, "MAIL FROM:<a@a.example> BODY=8BITMIME")
            client.expect(250, "RCPT TO:<x@data.example>")
            client.expect(250, "RCPT TO:<x@bdat.example>")
            client.send(f"BDAT {len(data)} LAST\r\n".encode() + data)
            client.expect(250)
        service.home.wait_queued(0)
        for sink in sinks.values():
            got = sink.messages[-1].data
            check(len(sink.messages) == list(AWKWARD).index(name) + 1, name)
            equal(len(signatures(got)), 3 if name == "DKIM already" else 2, name)
            if name != "DKIM already":
                verify(t, [got], keys.records)
            else:
                equal(by_dkimpy(got, keys.records, 2), [True, True])
    # the same message has the same signatures for every host
    check(all(signatures(a.data) == signatures(b.data) for a, b in zip(sinks["data"].messages, sinks["bdat"].messages)), "they differ")


def test_whose_mail(t):
    """Listed and authenticated clients, and pickup; never what strangers bring to a domain that is open to them."""
    sink = t.sink()
    service = t.postern({"default": {"domain open.example": {"type": "remote", "relay": "yes"}}}, start=False)
    keys = Keys(service)
    keys.add("a.example", "r1")
    passwords = service.folder / "passwords"
    passwords.write_text(f"alice:{verifier('pencil')}\n")
    owned(service, passwords)
    keys.use(smart_host=f"[127.0.0.1]:{sink.port}")
    service.default.set("access", relay_list="127.0.0.2", authentication="anonymous, basic", password_file=passwords, basic_requires_tls="no")
    service.start()
    letter = mail(From="x@a.example")

    def signed():
        sink.wait(signed.count)
        return selectors(sink.messages[signed.count - 1].data)
    signed.count = 1
    service.default.send("x@a.example", "y@open.example", letter)           # a stranger, who says that the mail is ours
    equal(signed(), [])
    signed.count += 1
    with service.default.connect(source="127.0.0.2") as client:
        client.message("x@a.example", "y@far.example", letter)
    equal(signed(), [("a.example", "r1")])
    signed.count += 1
    with service.default.connect(ehlo="client.example") as client:
        client.expect(235, "AUTH PLAIN " + base64.b64encode(b"\0alice\0pencil").decode())
        client.message("x@a.example", "y@far.example", letter, ehlo=None)
    equal(signed(), [("a.example", "r1")])
    signed.count += 1
    service.home.put("one.eml", b"x-sender: x@a.example\r\nx-receiver: y@far.example\r\n" + letter)
    equal(signed(), [("a.example", "r1")])
    verify(t, [message.data for message in sink.messages[1:]], keys.records)
    delivered = service.events.all("delivered")
    equal(["signed" in event.line for event in delivered], [False, True, True, True])


def test_which_key(t):
    """Exact and parent domain, days, the newer of two, one kind only; what no key is for; what cannot be signed goes as it is."""
    today = datetime.now(timezone.utc).date()
    sink, day = t.sink(), timedelta(days=1)
    service = t.postern({"default": {}}, start=False)
    keys = Keys(service)
    keys.add("a.example", "old", days=f"..{today + day}")
    keys.add("a.example", "new", days=f"{today - day}..")
    keys.add("a.example", "next", days=f"{today + 30 * day}..")
    keys.add("a.example", "e1", "ed25519", days=f"{today}..{today}")
    keys.add("own.a.example", "sub", "ed25519")
    keys.add("gone.example", "past", days=f"..{today - day}")
    keys.use(smart_host=f"[127.0.0.1]:{sink.port}")
    service.start()
    for number, (author, wanted) in enumerate({
            "x@a.example": [("a.example", "new"), ("a.example", "e1")], "x@deep.sub.a.example": [("a.example", "new"), ("a.example", "e1")],
            "x@own.a.example": [("own.a.example", "sub")], "x@y.own.a.example": [("own.a.example", "sub")],
            "x@nota.example": [], "x@gone.example": [], "x@example": [], "x@a.example, y@b.example": [], "root": []}.items()):
        ident = service.default.send("x@a.example", "y@far.example", mail(From=author))
        equal(selectors(sink.wait(number + 1)[-1].data), wanted, author)
        equal(service.events.wait("delivered", id=ident)["signed"], wanted[0][0] if wanted else "no")
    equal({event["reason"] for event in service.events.all("unsigned")}, {"its From names several domains", "its From has no domain"})
    check("gone.example for this day" in service.ctl("status", "--check", ok=False).stdout, "status --check")
    verify(t, [message.data for message in sink.messages if selectors(message.data)], keys.records)


def test_files_that_change(t):
    """A new key is used within seconds; what is no key is refused in words, and the old one stays in use."""
    sink = t.sink()
    service = t.postern({"default": {}}, start=False)
    keys = Keys(service)
    path = keys.add("a.example", "r1")
    keys.use(smart_host=f"[127.0.0.1]:{sink.port}")
    service.start()

    def goes(kind, records):
        count = len(sink.messages) + 1
        service.default.send("x@a.example", "y@far.example", mail(From="x@a.example"))
        data = sink.wait(count)[-1].data
        equal([tags["a"] for tags in signatures(data)], [kind])
        verify(t, [data], records) if kind == "rsa-sha256" else check(all(by_dkimpy(data, records)), data)
    goes("rsa-sha256", keys.records)
    for text, words in (("no key", "has no private key in PEM form"), ("", "has no private key in PEM form")):
        fresh, since = path.with_name("fresh"), service.events.mark()
        fresh.write_text(text)
        owned(service, fresh).rename(path)
        refused = service.events.wait("dkim-key", result="refused", since=since, reason=lambda r, w=words: w in r)
        equal(refused["kept"], "old")
        goes("rsa-sha256", keys.records)
    status = service.ctl("status", "--check", ok=False).stdout
    check("the old one is in use" in status and str(path) in status, status)
    fresh, record = new_key(service, "fresh", "ed25519")
    owned(service, fresh).rename(path)
    service.events.wait("dkim-key", result="loaded", kind="ed25519")
    goes("ed25519-sha256", {"r1._domainkey.a.example": record})
    # everybody may read it: at a start there is no old one, and the mail goes unsigned
    service.stop()
    owned(service, path, 0o644)
    service.start()         # its events are a new list
    check("everybody may read" in service.events.wait("dkim-key", result="refused")["reason"], "mode")
    count = len(sink.messages) + 1
    service.default.send("x@a.example", "y@far.example", mail(From="x@a.example"))
    equal(selectors(sink.wait(count)[-1].data), [])


def test_retry_and_binary(t):
    """A message that is tried again is signed again; BINARYMIME goes and is signed byte for byte."""
    sink = t.sink(answers={"DOT": ["451 4.3.0 later"]}, ehlo=("CHUNKING", "BINARYMIME", "8BITMIME"))
    service, keys = both(t, sink, delivery={"retry": "1s"})
    service.default.send("x@a.example", "y@far.example", mail(From="x@a.example"))
    verify(t, [sink.wait()[0].data], keys.records)
    data = b"From: a@a.example\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n" + bytes(range(256)) * 8 + b"\n\r\n\r\r\n"
    with service.default.connect(ehlo="client.example") as client:
        client.expect(250, "MAIL FROM:<a@a.example> BODY=BINARYMIME")
        client.expect(250, "RCPT TO:<x@far.example>")
        client.send(f"BDAT {len(data)} LAST\r\n".encode() + data)
        client.expect(250)
    got = sink.wait(2)[1].data
    check(got.endswith(data), got)
    equal([tags["bh"] for tags in signatures(got)], [relaxed_hash(data.partition(b"\r\n\r\n")[2])] * 2)


def test_reports_are_signed(t):
    sink = t.sink(answers={"RCPT": lambda session, line: "550 5.1.1 unknown" if "nobody@" in line else None})
    service = t.postern({"default": {}}, start=False)
    keys = Keys(service)
    keys.add("default.example", "r1")
    keys.use(smart_host=f"[127.0.0.1]:{sink.port}")
    service.start()
    service.default.send("x@a.example", "nobody@far.example", mail(From="x@a.example"))
    report = sink.wait()[0].data
    equal(selectors(report), [("default.example", "r1")])
    check(b"From: " in report and b"postmaster@default.example" in report, report)
    verify(t, [report], keys.records)
    # a host that cannot take it as it is gets a smaller form, which is not signed: no signature is better than a wrong one
    old = t.sink(ehlo=("SIZE",))
    service.default.set("domain old.example", type="remote", route=f"[127.0.0.1]:{old.port}")
    service.ctl("reload")
    service.default.send("x@old.example", "nobody@far.example", mail(From="x@old.example", Subject="Gr\u00fc\u00dfe"))
    report = old.wait()[0].data
    equal((selectors(report), b"Gr=C3=BC" in report), ([], True), report)


def new_by_command(service, *words, **options):
    """posternctl dkim new; (path, name in the DNS, text of the record)."""
    told = service.ctl("dkim", "new", "default", *words, **options).stdout
    name, text = re.search(r"record  (\S+)\. TXT (.*)", told).groups()
    return re.search(r"file    (\S+)", told)[1], name, "".join(re.findall(r'"([^"]*)"', text)), told


def zone_line(name, text):
    """A TXT record for the zone "example.", in strings of 255 bytes."""
    return f"{name.removesuffix('.example')} TXT " + " ".join(f'"{text[i:i + 255]}"' for i in range(0, len(text), 255))


def test_commands(t):
    """dkim new makes a key, show tells its record, check compares with a real DNS; then mail is signed with it."""
    sink = t.sink()
    service = t.postern(start=False)
    made = [new_by_command(service, "a.example", "r1"), new_by_command(service, "a.example", "e1", "--type", "ed25519")]
    check(made[0][2].startswith("v=DKIM1; k=rsa; p=MII") and made[1][2].startswith("v=DKIM1; k=ed25519; p="), made)
    for path, *_ in made:
        equal(oct(os.stat(path).st_mode)[-3:], "600")
    equal(service.ctl("dkim", "new", "default", "a.example", "r1", ok=False).returncode, 73)       # never over another key
    for words, status in ((["a.example"], 64), (["a.example", "b/c"], 64), (["a.example", "s", "--bits", "512"], 64),
                          (["a.example", "s", "--type", "dsa"], 64), (["a.example", "s", "--days", "2026-02-30.."], 64)):
        equal(service.ctl("dkim", "new", "default", *words, ok=False).returncode, status, words)
    dns = t.dns(zone_line(*made[0][1:3]), zone_line(made[1][1], made[1][2][:-5] + "AAAA="), zone_line("two._domainkey.b.example", "v=DKIM1; p="))
    service.service["dns-server"] = dns.address
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{sink.port}")
    service.write()
    service.own()
    equal(service.ctl("dkim", "check", "default", "a.example", "r1", ok=False).returncode, 1)       # the service does not run
    service.start()
    check("dns     ok" in service.ctl("dkim", "check", "default", "a.example", "r1").stdout, "check")
    wrong = service.ctl("dkim", "check", "default", "a.example", "e1", ok=False)
    check(wrong.returncode == 1 and "that of another key" in wrong.stdout, wrong)
    # the line that `new` told
    told = re.search(r"posternctl (set default) '(.*)'", made[0][3])
    service.ctl(*told[1].split(), told[2])
    shown = json.loads(service.ctl("dkim", "check", "default", "--json").stdout)["keys"]
    equal([(k["domain"], k["selector"], k["state"], k["kind"], k["bits"], k["record"], k["dns"]) for k in shown],
          [("a.example", "r1", "signs", "rsa", 2048, made[0][2], "ok")])
    service.events.wait("dkim-key", result="loaded", selector="r1")
    service.default.send("x@a.example", "y@far.example", mail(From="x@a.example"))
    verify(t, [sink.wait()[0].data], {made[0][1]: made[0][2]})
    # another one is used at once, and undone
    new_by_command(service, "b.example", "two", "--use", "--days", "..2020-12-31")
    told = service.ctl("dkim", "check", "default", "b.example", ok=False).stdout
    check("signed until 2020-12-31" in told and "revoked" in told, told)
    warned = service.ctl("check", ok=False)
    check("dkim-key has no key of b.example for this day" in warned.stdout + warned.stderr, warned)
    service.ctl("undo")
    check("has no key of b.example" in service.ctl("dkim", "show", "default", "b.example").stdout, "undo")


def checks_of(service, *words):
    done = service.ctl("check", "--dns", *words, "--json", ok=False)
    return {(c["about"], c["topic"]): (c["verdict"], c["text"]) for c in json.loads(done.stdout)["checks"]}, done.returncode


# shows 9a.8
def test_check_dns(t):
    """What the large receivers ask for, by a real DNS: all right, then all wrong, then none."""
    service = t.postern({"default": {"general": {"own-address": "192.0.2.1"}, "domain default.example": None, "domain good.example": {"type": "default"}}},
                        start=False)
    _, name, text, _ = new_by_command(service, "good.example", "s1")
    good = ['good TXT "v=spf1 ip4:192.0.2.0/24 -all"', "good MX 10 mx.good", zone_line(name, text), '_dmarc.good TXT "v=DMARC1; p=reject"',
            '_mta-sts.good TXT "v=STSv1; id=1"', '_smtp._tls.good TXT "v=TLSRPTv1; rua=mailto:x@good.example"', "default A 192.0.2.1",
            "_25._tcp.mx.good TLSA 3 1 1 " + "ab" * 32]
    bad = ['bad TXT "v=spf1 ip4:198.51.100.1 -all"', "bad MX 0 .", '_dmarc.bad TXT "v=DMARC1; p=none"', '_dmarc.bad TXT "v=DMARC1; p=reject"',
           '_mta-sts.bad TXT "v=STSv1;"']
    dns = t.dns(*good, *bad, zones={"2.0.192.in-addr.arpa.": ["1 PTR default.example."]})
    service.service["dns-server"] = dns.address
    item = f"good.example s1 {service.folder}/dkim/s1.good.example.key"
    service.default.set("delivery", dkim_key=item)
    service.write()
    service.own()
    equal(checks_of(service)[1], 69)
    service.start()
    found, status = checks_of(service)
    equal(status, 0, found)
    equal({what: verdict for what, (verdict, _) in found.items()}, {
        ("default.example", "helo"): "ok", ("192.0.2.1", "ptr"): "ok", ("good.example", "spf"): "ok", (name, "dkim"): "ok",
        ("good.example", "dmarc"): "ok", ("good.example", "mx"): "ok", ("_25._tcp.mx.good.example", "tlsa"): "warning",
        ("_mta-sts.good.example", "mta-sts"): "ok", ("_smtp._tls.good.example", "tlsrpt"): "ok"})
    found, status = checks_of(service, "bad.example")
    equal(status, 1)
    equal({topic: verdict for (_, topic), (verdict, _) in found.items()}, {
        "helo": "ok", "ptr": "ok", "spf": "wrong", "dkim": "wrong", "dmarc": "wrong", "mx": "warning", "mta-sts": "wrong", "tlsrpt": "none"})
    check("fail for 192.0.2.1 (all of bad.example)" in found["bad.example", "spf"][1], found)
    # below a domain with a policy, and signed by its key
    found, status = checks_of(service, "news.good.example")
    equal((found["news.good.example", "dmarc"][1], found[name, "dkim"][0]), ("p=reject, by _dmarc.good.example", "ok"))
    told = service.ctl("check", "--dns", "good.example").stdout
    check("dmarc     ok       good.example: p=reject, by _dmarc.good.example" in told, told)
    # another address than the name has, which leads nowhere
    service.default.set("general", own_address="192.0.2.9")
    found, status = checks_of(service)
    equal((found["default.example", "helo"][0], found["192.0.2.9", "ptr"][0], found["good.example", "spf"][0]), ("wrong", "wrong", "ok"))


def test_explain(t):
    """Who is signed, with which keys, and which line decides it."""
    service = t.postern({"default": {"access": {"relay-list": "127.0.0.1"}, "domain open.example": {"type": "remote", "relay": "yes"}}}, start=False)
    keys = Keys(service)
    keys.add("a.example", "r1")
    keys.add("a.example", "e1", "ed25519")
    keys.add("own.a.example", "s")
    keys.use()

    def signature(sender, client="127.0.0.1"):
        told = service.ctl("explain", "default", "--from", client, "--rcpt", "y@open.example", "--json", *(["--sender", sender] if sender else []))
        return next(step["value"] for step in json.loads(told.stdout)["steps"] if step["step"] == "signature")
    equal(signature("x@sub.a.example"), "r1._domainkey.a.example, e1._domainkey.a.example, if sub.a.example is the domain in From")
    equal(signature("x@own.a.example"), "s._domainkey.own.a.example, if own.a.example is the domain in From")
    equal(signature("x@b.example"), "no: there is no key of b.example, if that is the domain in From")
    equal(signature(None), "when there is a key of the domain in From")
    equal(signature("x@a.example", "192.0.2.7"), "no: only mail of clients that may relay is signed")
