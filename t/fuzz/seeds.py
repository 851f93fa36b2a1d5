"""seeds - first inputs of each fuzz target, from dialogues, unit rows and fixtures; and the words that its parser knows"""

import re
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "t/lib"))
from fake_ldap import ber, number, text as ldap_text  # noqa: E402


def unescape(text):
    """C escapes and those of transcripts."""
    def one(found):
        word = found[1]
        if word[0] == "x":
            return chr(int(word[1:], 16))
        return {"r": "\r", "n": "\n", "t": "\t", "0": "\0"}.get(word, word)
    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", one, text, flags=re.S).encode("latin-1", "replace")


def strings(path):
    """The string literals of a C file, joined where they stand side by side."""
    text = (ROOT / path).read_text()
    for found in re.finditer(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', text):
        yield unescape("".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', found[0])))


def transcripts():
    for path in sorted((ROOT / "t/dialog").glob("*.txt")):
        out = b""
        for line in path.read_text(encoding="utf-8").splitlines():
            found = re.match(r"([CR])(?:\*(\d+))?: ?(.*)", line)
            if found and int(found[2] or 1) < 100:
                out += (unescape(found[3]) + (b"\r\n" if found[1] == "C" else b"")) * int(found[2] or 1)
        yield out


def seeds(target):
    if target == "session":
        for text in transcripts():
            for mode in (0, 1, 64):
                yield bytes([mode]) + text
        for text in strings("t/unit/listener/session_split.c"):
            yield b"\x20" + text
    elif target == "bdat":
        for text in transcripts():
            if b"BDAT" in text:
                yield b"\0" + text[text.index(b"BDAT"):]
                yield b"\1" + text[text.index(b"BDAT"):]
    elif target == "data":
        yield from strings("t/unit/listener/data.c")
    elif target == "address":
        for path in ("t/unit/common/address.c", "t/unit/listener/envelope.c"):
            for text in strings(path):
                yield b"\7" + re.sub(rb"^(FROM|TO): ?", b"", text)
    elif target == "header":
        yield from strings("t/unit/common/header.c")
    elif target == "dkim":
        for text in strings("t/unit/common/dkim.c"):
            yield b"\0" + text
            yield b"\0v=DKIM1; h=sha1:sha256; s=*; t=y:s; n=x; k=rsa; p=AA AA" + text[:20]
            yield b"\3From: a@b.example\r\nto : c@d\r\n e@f\r\nList-Id: x\r\n\r\n" + text
    elif target == "message":
        for text in strings("t/unit/common/message.c"):
            yield text
        yield (b"postern-queue 1\narrived: 2026-11-21T19:04:57.123456Z\nclient: 192.0.2.7\nhelo: c\nuser: u\nprotocol: ESMTP\nret: hdrs\n"
               b"envid: QQ\nauth: a+2Bb@c\nflags: 8bitmime smtputf8 binarymime report\nmarks: .dfr\nx-sender: a@b\nx-receiver: c@d\nx-notify: success,delay\n"
               b"x-orcpt: rfc822;c\nx-receiver: e@f\nx-notify: never\nx-receiver: g@h\nx-receiver: i@j\n\nSubject: x\r\n\r\n"
               b"postern-end 0000000000000000016\n")
    elif target == "dns_packet":
        name = b"\4mail\7example\0"
        head = b"\0\1\x81\x80\0\1\0\2\0\0\0\0"
        for kind, rdata in ((1, b"\xc0\0\2\1"), (28, b"\0" * 15 + b"\1"), (15, b"\0\x0a\2mx\xc0\x0c"), (5, b"\1x\xc0\x0c")):
            for choice in range(4):
                rr = b"\xc0\x0c" + bytes([0, kind]) + b"\0\1\0\0\1\0" + len(rdata).to_bytes(2, "big") + rdata
                yield bytes([choice]) + head + name + bytes([0, kind]) + b"\0\1" + rr * 2
        yield b"\0" + head[:3] + b"\x83" + head[4:6] + b"\0\0\0\0\0\0" + name + b"\0\1\0\1"
    elif target == "client":
        for text in strings("t/unit/deliver/client.c"):
            said = "".join(line[2:] + "\r\n" for line in text.decode("latin-1").split("\n") if line.startswith("S "))
            for mode in (0, 5, 17):
                yield bytes([mode]) + said.encode("latin-1")
        for text in strings("t/unit/deliver/client.c"):
            yield b"\0" + text
    elif target == "compose":
        for path in sorted((ROOT / "t/fixtures/pickup").glob("*.eml")):
            yield path.read_bytes()
        yield from strings("t/unit/pickup/compose.c")
    elif target == "config":
        yield (ROOT / "etc/default.ini").read_bytes()[:4000]
        yield re.sub(rb"(?m)^#(?=[a-z-]+ =)", b"", (ROOT / "etc/default.ini").read_bytes())[:4000]
        yield b"!" + (ROOT / "etc/postern.ini").read_bytes()[:4000]
        for text in strings("t/unit/common/config.c"):
            yield text
    elif target == "auth_verb":
        for text in transcripts():
            for mode in (2, 27):
                if b"AUTH" in text.upper():
                    yield bytes([mode]) + b"\0\4\2\1" + text
                    yield bytes([mode]) + b"\1\1\1\1" + text[text.upper().index(b"AUTH"):]
    elif target == "passwd_file":
        for text in strings("t/unit/auth/auth.c"):
            yield text
            yield b"# file\n" + text + b"\r\nbob:" + text.partition(b":")[2] + b"\n"
    elif target == "sasl":
        def said(*tokens):
            return b"".join(len(token).to_bytes(2, "big") + token for token in tokens)
        for mode in (0, 4, 8):
            yield bytes([mode]) + said(b"\0user\0pencil")
            yield bytes([mode]) + said(b"", b"user\0user\0wrong")
            yield bytes([mode | 1]) + said(b"", b"user", b"pencil")
            yield bytes([mode | 1]) + said(b"user", b"wrong")
            for kind, first in ((2, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), (2, b"y,a=user,n=user,r=x"), (3, b"p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO"),
                                (3, b"p=tls-unique,,n=nobody,r=y")):
                yield bytes([mode | kind]) + said(first, b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                                  b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    elif target == "tls_report":
        yield from strings("t/unit/deliver/tls_report_record.c")
        yield from strings("t/unit/deliver/tls_tally.c")
    elif target == "milter":
        def packet(data):
            return len(data).to_bytes(4, "big") + data
        def filtered(steps, *answers, version=6, lists=b""):
            numbers = b"".join(n.to_bytes(4, "big") for n in (version, 63 if version == 2 else 511, steps))
            return b"\x1f" + packet(b"O" + numbers + lists) + b"".join(packet(a) for a in answers)
        stages = [b"c"] * 5
        before_end = stages + [b"c"] * 3 + [b"c"] + [b"c"] * 2      # fields, their end, pieces of the body
        changes = [b"h" + b"X-A\0a\nb\0", b"i\0\0\0\0Y\0y\0", b"m\0\0\0\2x\0new\0", b"m\0\0\0\1X\0\0", b"bnew body\r\n", b"+<a@b.example>\0",
                   b"2c@d.example\0NOTIFY=NEVER\0", b"-<a@b>\0", b"e<>\0", b"e<a@b>\0SIZE=1\0", b"qodd\0", b"p"]
        yield filtered(0, *before_end, *changes, b"c")
        yield filtered(0, *before_end, *changes, b"a")
        yield filtered(0, *before_end, b"y550-5.7.1 a%%\r\n550 5.7.1 b\0")
        yield filtered(0x1ff7ff, *changes, b"d", lists=b"\0\0\0\2i, {j}\0\0\0\0\5k\0")
        yield filtered(0x400, *stages, *[b"c"] * 4, b"s", b"r")
        yield filtered(0, *stages[:4], b"c", *[b"c"] * 6, b"t", version=2)
        for verdict in (b"a", b"r", b"t", b"d", b"4", b"f", b"y451 later\0", b"Z", b"cx"):
            yield filtered(0, verdict)
            yield filtered(0, b"c", b"c", verdict)
    elif target == "policy":
        yield from strings("t/unit/fetch/policy.c")
        yield b'{"domain":"d.example","id":"a7","mode":2,"fetched":999,"max_age":100,"mx":"a.example *.b.example"}'
    elif target == "oauth_grant":
        for text in strings("t/unit/fetch/oauth_grant.c"):
            yield b"\0" + text
            yield b"\1" + text
    elif target == "proxy":
        yield b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\r\n"
        yield b"PROXY TCP6 2001:db8::1 2001:db8::2 1000 25\r\n"
        yield b"PROXY UNKNOWN whatever\r\n"
        v2 = b"\r\n\r\n\0\r\nQUIT\n"
        yield v2 + b"\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\3\xe8\0\x19"
        yield v2 + b"\x21\x21\0\x24" + b"\x20\1\x0d\xb8" + b"\0" * 28 + b"\3\xe8\0\x19"
        yield v2 + b"\x20\0\0\0"
        yield v2 + b"\x21\x11\0\x0f\xc0\0\2\1\xc0\0\2\2\3\xe8\0\x19\x04\0\0"
    elif target == "control_words":
        for path in ("t/unit/common/queue_words.c", "t/unit/master/control.c"):
            for text in strings(path):
                yield b"\0".join(text.split()) + b"\0"
        for words in ("queue default delete all sender=a+40b.example older=60 state=waiting", "queue default list at=77:1k0stx2a3b4c5d6e newest=5",
                      "queue default move to=other id=*", "queue default bounce reason=a+20b domain=b.example recipient=x@*", "badmail - purge all",
                      "sessions - list from=192.0.2.0/24 idle=5 user=x", "sessions default terminate id=5-6 id=7-8 yes", "sessions - terminate all yes"):
            yield words.replace(" ", "\0").encode() + b"\0"
        yield b"=77:x\t1\t2\t3\t4\t5\t0"[1:]
    elif target == "limits_reply":
        for text in strings("t/unit/limits/script.c"):
            if b"\r\n" in text or b":" in text:
                yield b"\x3f" + text
        info = b"# Server\r\nrun_id:0123456789abcdef\r\nrole:master\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"
        for text in (b"*3\r\n:5\r\n:5\r\n:0\r\n", b"*3\r\n:-1\r\n:0\r\n:0\r\n", b"-NOSCRIPT x\r\n-ERR y\r\n-WRONGTYPE z\r\n-MOVED 1 a:1\r\n", b"+OK\r\n",
                     b"$%d\r\n%s\r\n" % (len(info), info), b"*1\r\n" * 9, b"$-1\r\n*-1\r\n_\r\n#t\r\n,1.5\r\n", b"%1\r\n+a\r\n:1\r\n~2\r\n:1\r\n:2\r\n"):
            yield b"\0" + text
            yield b"\x3f" + text * 3
    elif target == "nodes_file":
        yield b"n1\t1764600000\tdefault\tstarted\tOK\t5\t6\tall is well"
        yield b"n1\t1764600000\t-\t-\tCRITICAL\t-\t-\t"
        for words in ((b"default", b"started", b"OK", b"all is well"), (b"a\tb", b"\x1b[31m", b"WARNING", b"line\nline"), (b"", b"", b"", b""),
                      (b"\xff\xfe", "\u202e\u00fc".encode(), b"FINE", b"x" * 500), (b"!x", b"=y", b"@z", b"\\x00")):
            yield b"\0".join(words)
            yield b"\x7f" + b"\0".join(words)
    elif target == "ctl_message":
        header = (ROOT / "common/ipc/ctl.h").read_text()
        names = re.findall(r"^\tCTL_(\w+),", header[header.index("enum ctl_type"):header.index("CTL_COUNT\n")], re.M)
        version = int(re.search(r"^#define CTL_VERSION (\d+)", header, re.M)[1])
        for kind in range(len(names)):
            yield bytes([kind, 0])
            yield bytes([kind, 1]) + b"\1" * 300
            yield b"\xff\x1f" + struct.pack("<HHIII", 0x5043, version, kind, 7, 0)
        yield b"\xff\x04" + struct.pack("<HHIII", 0x5043, version, names.index("COMMAND"), 7, 6) + b"status"
        yield bytes([names.index("SESSIONS_PAGE"), 0]) + struct.pack("<II", 0, 1) + b"1\t192.0.2.1\t5\t6\tmail\t0\tno\t-\t-\t-\n"
        yield bytes([names.index("WEB_COMMAND"), 0]) + bytes(36) + b"status\0"
        yield bytes([names.index("QUEUE_PAGE"), 0]) + bytes(24) + b"next".ljust(48, b"\0") + b"id\tx\n"
        yield bytes([names.index("TOKEN_ANSWER"), 0]) + struct.pack("<IHB", 1, 3, 0) + bytes(401) + b"abc"
        yield bytes([names.index("DIRECTORY_ANSWER"), 0]) + bytes([1]) + bytes(215) + struct.pack("<II", 1, 7) + bytes(8) + b".a@b.c\0"
        yield bytes([names.index("ETRN"), 0]) + bytes(4 + 64 + 256) + struct.pack("<H", 4) + b"a.b\0"
    elif target == "web_judge":
        cookie = b"0123456789abcdef" * 4
        for mode, target_line, name in ((2, b"/api/command", b"postern"), (2, b"/api/logout", b"postern"), (6, b"/api/command", b"__Host-postern"),
                                        (14, b"/api/command", b"__Host-postern")):
            yield (bytes([mode]) + target_line + b"\nHost: localhost:2580\nContent-Type: application/json; charset=utf-8\nCookie: a=b; " + name + b"=" + cookie
                   + b"\nX-Postern-Token: %t\nSec-Fetch-Site: same-origin\nOrigin: " + (b"https" if mode & 4 else b"http") + b"://localhost:2580\n")
        for path in (b"/", b"/app.js", b"/api/session", b"/api/events", b"/api/login"):
            for host in (b"127.0.0.1", b"[2001:db8::5]:443", b"MAIL.example"):
                yield bytes([0]) + path + b"\nHost: " + host + b"\nX-Postern-Token: %t\nCookie: postern=" + cookie + b"\n"
        for text in strings("t/unit/web/web_judge.c"):
            yield b"\2/api/command\n" + text.replace(b"|", b"\n").replace(b"%s", b"%t")
    elif target == "import":
        for path in sorted((ROOT / "t/fixtures/import").iterdir()):
            text = path.read_bytes()
            yield text
            yield b"\xff\xfe" + text[:900].decode().encode("utf-16-le")
            # an object alone, small enough to be changed much
            for one in re.findall(rb"<IIsSmtp(?:Server|Domain|RoutingSource).*?</IIsSmtp\w+>", text, re.S):
                yield b"<a>" + re.sub(rb"\s+", b" ", one) + b"</a>"
        for text in strings("t/unit/import/ip_list.c"):
            yield b'<a><b Location="/LM/SmtpSvc/1" IPSecurity="' + text + b'" RelayIpList="' + text + b'"/></a>'
    elif target == "note":
        yield from strings("t/unit/deliver/note.c")
        yield from strings("t/unit/common/spool.c")
    elif target == "evacuate":
        yield from strings("t/unit/deliver/evacuate_words.c")
        yield from strings("t/unit/deliver/note.c")
    elif target == "config_snapshot":
        def snapshot(server, more=b""):
            service = b"[service]\nspool = /nowhere/spool\n"
            return (b"postern-snapshot 1\nhost mail.example.com\nservers 1\nfile %d 0 - /nowhere/postern.ini\n%s\n" % (len(service), service)
                    + b"file %d 1 default /nowhere/servers/default.ini\n%s\n" % (len(server), server) + more)
        plain = b"[server]\nlisten = 127.0.0.1:25\n"
        yield snapshot(plain)
        yield snapshot(plain, b"list 12 /nowhere/list\n192.0.2.0/24\n")
        yield snapshot(re.sub(rb"(?m)^[#\n].*\n?", b"", (ROOT / "etc/default.ini").read_bytes()))
    elif target == "config_edit":
        for text in (b"; c\n[general]\nlisten = 1.2.3.4:25 ; x\n;max-connections = 5\nlisten = 5.6.7.8\n\n[domain x.example]\ntype = local\n[oauth profile]\n",
                     b"[service]\nspool = /x\r\n  /y\r\n# z\r\n[ldap]\r\nuri : a\r\n"):
            for row in range(0, 260, 3):
                one, other = row.to_bytes(2, "big"), (row + 1).to_bytes(2, "big")
                for value in (b"yes", b"10, 20,30", b"a b ;c"):
                    yield text + b"\0" + one + value + b"\0" + one + b"\0" + other + b"x" * 300
    elif target == "trace_line":
        for text in strings("t/unit/common/trace_line.c"):
            yield text
            yield b"1k1gk3wc854e1xra event=accepted sender=" + text
    elif target in ("log", "w3clog_fields"):
        texts = [b"", b"plain", b"two words", b'quo"te=\\', b"\x1b[2J\r\n", "ü\u202e\u200b".encode(), b"\xff\xc3", b"# 100%", bytes(range(256)), b"x" * 700]
        for text in texts:
            if target == "log":
                yield text
                continue
            for mode in (0, 1, 8 | 16, 9 | 16, 32 | 2, 33 | 4):
                piece = bytes([(len(text) + 4) // 5]) + text
                yield bytes([mode]) + b"\xff\xff\xff\xff\x19" + piece * 6
    elif target == "dsn":
        envelope = (b"postern-queue 1\nclient: c\nret: hdrs\nenvid: QQ+2B\nflags: 8bitmime%s\nmarks: ..\nx-sender: %s\nx-receiver: c@d\n"
                    b"x-orcpt: %s\nx-receiver: %s\n\nSubject: x\r\nTo: a very long line\r\n more\r\n\r\n")
        for mode in (0, 1 | 16 | 32 | 64, 2 | 64, 8 | 32, 4 | 32):
            yield bytes([mode]) + envelope % (b"", b"a@b", b"rfc822;a+2Bb@c", b"e@f")
            yield bytes([mode]) + envelope % (b" smtputf8", "ü@b".encode(), b"utf-8;\\x{FC}@c", "é@f".encode())
            yield bytes([mode]) + envelope % (b"", "ü@b".encode(), "utf-8;ü@c".encode(), b"x" * 300 + b"@f")
    elif target == "answers":
        rows = (ROOT / "t/unit/posternctl/answers.c").read_text()
        for found in re.finditer(r'\{ \{ ("[^}]*") \},\s*((?:"(?:[^"\\\n]|\\.)*"\s*)+)', rows):
            texts = [unescape("".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', group))) for group in (found[1].replace('", "', " "), found[2])]
            yield b"\n".join(texts)
    elif target == "alias_expand":
        for kind in range(8):
            yield bytes([kind]) + b"Aa@b.example\nCcn=x,dc=y\0" + bytes([kind]) + b"Dx@far.example\nFgroup\0" + b"\0Cb@b.example\nCann\nGTRUE\nDa@b.example"
        for text in strings("t/unit/directory/directory.c"):
            yield b"\0C" + text + b"\0\0A" + text
    elif target == "ldap_conn":
        def entry(dn, values, ident=1):
            pairs = [ber(0x30, ldap_text(name), ber(0x31, *(ldap_text(v) for v in several))) for name, several in values.items()]
            return ber(0x30, number(ident), ber(0x64, ldap_text(dn), ber(0x30, *pairs)))
        def done(code, ident=1):
            return ber(0x30, number(ident), ber(0x65, number(code, 0x0a), ldap_text(""), ldap_text("words")))
        mail = {"mail": ["a@b.example"], "proxyAddresses": ["SMTP:c@b.example", "X400:c"], "objectClass": ["top", "group"]}
        for mode in range(8):
            yield bytes([mode]) + entry("cn=a", mail) + done(0)
            yield bytes([mode]) + entry("cn=a", {"member;range=0-1": ["cn=x", "cn=y"]}) + done(0) + entry("cn=a", {"member;range=2-*": ["cn=z"]}, 2) + done(0, 2)
            yield bytes([mode]) + entry("cn=a", mail) + entry("cn=b", mail) + done(4)
            for code in (0, 10, 32, 49, 50, 53):
                yield bytes([mode]) + done(code)
    elif target == "client_order":
        # all leaves, 250; the greeting has 220, the content 354
        good = b"\2\3" + b"\0\0\2\x40" + b"\0\0\2\0\2\0\2\0\2\0\2\2" + b"\x7d\0" * 4 + b"\2\0"
        for mode in range(8):
            yield bytes([mode]) + good
            yield bytes([mode]) + good.replace(b"\x40", b"\x30") * 2
            yield bytes([mode]) + good.replace(b"\2\0", b"\x08\0\4\xff")
            yield bytes([mode]) + good.replace(b"\0\0", b"\1\5\1\xff")
    else:
        raise SystemExit(f"t/fuzz/seeds has none for {target}")


SMTP = ["EHLO c", "HELO c", "MAIL FROM:<a@b.example>", "RCPT TO:<c@example.com>", "DATA", "BDAT 5", "BDAT 10 LAST", "RSET", "QUIT", "NOOP",
        "STARTTLS", "AUTH PLAIN", " SIZE=10", " BODY=BINARYMIME", " BODY=8BITMIME", " SMTPUTF8", " RET=HDRS", " ENVID=x+2B", " AUTH=<>",
        " NOTIFY=SUCCESS,DELAY", " NOTIFY=NEVER", " ORCPT=rfc822;a+2Bb", " ORCPT=utf-8;\\x{FC}", "\r\n.\r\n", "\r\n", "\n", "\r", " LAST"]
PEER = ["220 x\r\n", "250 ok\r\n", "250-x\r\n", "354 go\r\n", "421 bye\r\n", "450 4.2.0 x\r\n", "550 5.1.1 no\r\n", "552 x\r\n", "250 PIPELINING\r\n",
        "250-PIPELINING\r\n", "250-CHUNKING\r\n", "250-DSN\r\n", "250-BINARYMIME\r\n", "250-8BITMIME\r\n", "250-SMTPUTF8\r\n", "250-SIZE 10\r\n"]
HEADER = ["x-sender: a@b\r\n", "x-receiver: c@d\r\n", "From: ", "To: ", "Cc: ", "Bcc: ", "Sender: ", "Date: ", "Message-ID: <x@y>\r\n", "Return-Path: ",
          "Received: ", "\r\n ", "\r\n\r\n", "<a@b>", "group: a@b;", "(comment)", "\"quoted\"@b", "\n.\n", "\n..\n"]
SASL = ["AUTH PLAIN ", "AUTH LOGIN", "AUTH SCRAM-SHA-256 ", "AUTH SCRAM-SHA-256-PLUS ", "AUTH GSSAPI", "*", "=", "AGFsaWNlAHNlY3JldA==", "\r\n"]
SASL_CLIENT = ["n,,", "y,,", "p=tls-exporter,,", "a=user,", "n=user", ",r=", "c=biws", ",p=", "user", "pencil"]
FILE = ["{SCRAM-SHA-256}", "{CRYPT}", "$y$j9T$", "$5$rounds=1000$", "$2b$05$", "4096,", "=,", ":", "\n"]
QUEUE = ["queue\0", "badmail\0", "sessions\0", "default\0", "list\0", "delete\0", "terminate\0", "all\0", "yes\0", "sender=", "recipient=", "id=", "domain=", "older=",
         "newer=", "state=", "at=", "to=", "reason=", "newest=", "from=", "user=", "idle=", "waiting\0", "held\0"]
ENVELOPE = ["x-sender: ", "x-receiver: ", "x-orcpt: ", "rfc822;", "utf-8;", "x-notify: ", "x-member: ", "x-refused: ", "envid: ", "flags: ", "smtputf8", "marks: "]
LDAP = ["member", "mail", "proxyAddresses", ";range=0-1", ";range=2-*", "SMTP:", "smtp$", "cn=", ",dc=", "objectClass", "group", "TRUE"]
WEB = ["Host: ", "Cookie: ", "Origin: ", "Content-Type: ", "application/json", "X-Postern-Token: %t", "Sec-Fetch-Site: ", "same-origin", "none", "cross-site",
       "__Host-postern=", "postern=", "; ", "localhost", "mail.example", "[::1]:80", "http://", "https://", "Transfer-Encoding: ", "/api/command"]
IIS = ["<a Location=\"/LM/SmtpSvc/1\" ", "/LM/SmtpSvc/1/Domain/", "/LM/SmtpSvc/1/RoutingSources", "<Custom Name=\"", "\" ID=\"36970\" Value=\"", "/>", "</a>",
       "RouteAction=\"", "RouteActionString=\"", "RelayIpList=\"", "IPSecurity=\"", "AuthFlags=\"", "SmartHost=\"", "SmtpDsUseCat=\"1\"", "ServerBindings=\"",
       "{\"Name\": \"SmtpSvc/1\", ", "\"value\": [", "\"Count\": 1", "\"GrantByDefault\": false", "&#10;", "&#x202e;", "<!DOCTYPE a [", "<![CDATA["]
WORDS = {"web_judge": WEB, "import": IIS, "control_words": QUEUE, "dsn": ENVELOPE, "message": ENVELOPE, "ldap_conn": LDAP, "alias_expand": LDAP,
         "evacuate": ["PUT ", "250 2.0.0 ", "554 5.6.0 ", " taken", " known", "1k0t4z00000aaaaa", " 1 0 0 40", "failed 1 "],
         "note": ["deferred ", "failed ", "quick ", "delayed ", "held ", " - ", ".taken-"],
         "auth_verb": SMTP + SASL, "sasl": SASL_CLIENT, "passwd_file": FILE, "session": SMTP, "bdat": SMTP, "client": PEER, "compose": HEADER, "header": HEADER, "address": ["@[192.0.2.1]", "@[IPv6:2001:db8::1]",
         "rfc822;", "utf-8;", "\\x{FC}", "+2B", "\"", "(", "<@a,@b:c@d>"], "data": ["\r\n.\r\n", "\n.\n", "\r\n..", "\r"]}


def words(target):
    """What a parser knows, for a dictionary."""
    if target in ("config", "config_edit", "config_snapshot"):
        found = re.findall(rb"(?m)^#?([a-z][a-z-]+ =|\[[a-z ]+)", (ROOT / "etc/default.ini").read_bytes() + (ROOT / "etc/postern.ini").read_bytes())
        return sorted(set(found)) + [b"[domain x.example]\n", b"type = default\n", b"unlimited", b"25M", b"10m", b"192.0.2.0/24", b"*:25", b"[::1]:25"]
    return [w.encode() for w in WORDS.get(target, [])]
