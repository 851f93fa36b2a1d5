"""filter_real - postern-filter with filters that others wrote: opendkim signs, rspamd refuses and marks, libmilter does everything"""

import os
import shutil
import socket
import subprocess

from checks import check, equal
from dkim_verifiers import by_dkimpy
from filter_asker import CHANGED_CONTENT, CHANGED_ENVELOPE, HOLD, FilterAsker
from patience import until
from programs import ROOT

MESSAGE = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: hello\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@b.example>\r\n\r\n%s\r\n"
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def start(t, *command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end():
        process.terminate()
        process.wait()
    t.cleanup(end)


def opendkim(t):
    """Its port; it signs for b.example, with the key in t.folder."""
    if not shutil.which("opendkim"):
        t.skip("no opendkim")
    port, folder = t.port(), t.folder
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", folder / "key.pem", "2048"], check=True, capture_output=True)
    os.chmod(folder / "key.pem", 0o600)
    (folder / "opendkim.conf").write_text(f"Socket inet:{port}@127.0.0.1\nMode s\nDomain b.example\nSelector s1\nKeyFile {folder}/key.pem\n"
                                          "InternalHosts 192.0.2.1,127.0.0.1,localhost\nSyslog no\nCanonicalization relaxed/relaxed\nRequireSafeKeys no\n")
    start(t, "opendkim", "-f", "-x", folder / "opendkim.conf")
    until(lambda: listens(port), what="opendkim")
    return port


def test_opendkim(t):
    port = opendkim(t)
    asker = FilterAsker(t, f"[filter dkim]\nconnect = inet:127.0.0.1:{port}\n")
    message = MESSAGE % b"text"
    session = asker.session().opening()
    for _ in range(2):
        answer = session.content(message)
        equal((answer.verdict, answer.flags, answer.body), ("go on", CHANGED_CONTENT, b"text\r\n"))
        check(answer.header.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=b.example; s=s1;"), answer.header)
        check(answer.header.endswith(message[:message.index(b"text")]), answer.header)
        session.envelope()


def rspamd(t):
    """Its port; all that it sees gets its mark."""
    if not shutil.which("rspamd"):
        t.skip("no rspamd")
    port, folder = t.port(), t.folder / "rspamd"
    folder.mkdir(mode=0o777)
    (folder / "rspamd.conf").write_text(f"""
options {{ pidfile = false; temp_dir = "{folder}"; filters = ""; hs_cache_dir = "{folder}"; control_socket = "{folder}/ctl mode=0600";
    dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }} }}
logging {{ type = "console"; level = "error"; }}
worker "rspamd_proxy" {{ bind_socket = "127.0.0.1:{port}"; milter = yes; timeout = 20s; count = 1; max_retries = 2;
    upstream "local" {{ default = yes; self_scan = yes; }} }}
actions {{ reject = 15; add_header = 6; }}
lua = "{folder}/x.lua";
""")
    (folder / "x.lua").write_text("rspamd_config.MARK = { callback = function(task) return true end, score = 7.0 }\n")
    start(t, "rspamd", "-f", "-i", "-c", folder / "rspamd.conf")
    until(lambda: listens(port), timeout=120, what="rspamd")
    return port


def test_rspamd(t):
    port = rspamd(t)
    asker = FilterAsker(t, f"[filter spam]\nconnect = inet:127.0.0.1:{port}\n")
    answer = asker.session().opening().content(MESSAGE % b"text")
    equal((answer.verdict, answer.flags), ("go on", CHANGED_CONTENT), answer.text)
    check(b"X-Spam: Yes\r\n" in answer.header, answer.header)
    answer = asker.session().opening().content(MESSAGE % GTUBE)
    check(answer.verdict in ("reply", "refuse"), answer.verdict, answer.text)


# shows 9a.5
def test_through_a_server(t):
    """rspamd and then opendkim behind an SMTP session and a pickup file: the mark is there, the signature stands for it on its way out."""
    sink = t.sink()
    service = t.postern({"default": {"filter spam": {"connect": f"inet:127.0.0.1:{rspamd(t)}"},
                                     "filter sign": {"connect": f"inet:127.0.0.1:{opendkim(t)}"},
                                     "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    public = subprocess.run(["openssl", "pkey", "-in", t.folder / "key.pem", "-pubout"], check=True, capture_output=True, text=True).stdout
    records = {"s1._domainkey.b.example": "v=DKIM1; k=rsa; p=" + "".join(public.splitlines()[1:-1])}
    with service.default.connect() as client:
        client.message(sender="a@b.example", to=["c@d.example"], data=MESSAGE % b"..text")
        client.expect(250, "MAIL FROM:<a@b.example>")
        client.expect(250, "RCPT TO:<c@d.example>")
        client.expect(354, "DATA")
        client.send(MESSAGE % GTUBE + b".\r\n")
        check(client.reply().code in (550, 554), "what rspamd refuses")
    part = service.folder / "x.part"
    part.write_bytes(b"x-sender: a@b.example\r\nx-receiver: c@d.example\r\n" + MESSAGE % b"a file")
    part.chmod(0o666)
    part.rename(service.home.path / "pickup" / "x.eml")
    for message in sink.wait(2):
        check(b"\r\nX-Spam: Yes\r\n" in message.data, message.data[:2000])
        equal(by_dkimpy(message.data, records), [True], message.data[:2000])


def test_libmilter(t):
    """Every action, with the negotiation, macros and reply of libmilter."""
    program, socket_path = t.folder / "every_action", t.folder / "every.sock"
    made = subprocess.run(["cc", "-o", program, ROOT / "t/lib/every_action.c", "-lmilter", "-lpthread"], capture_output=True, text=True, check=False)
    equal(made.returncode, 0, made.stderr)
    start(t, program, f"local:{socket_path}")
    until(socket_path.exists, what="the filter")
    os.chmod(socket_path, 0o666)
    session = FilterAsker(t, f"[filter every]\nconnect = unix:{socket_path}\n").session().opening()
    answer = session.ask("rcpt", "<refuse@d.example>")
    equal((answer.verdict, answer.text), ("reply", "550 5.7.1 no 100%\n550 5.7.1 never"))
    for _ in range(2):
        answer = session.content(MESSAGE % b"text")
        equal((answer.verdict, answer.flags, answer.text), ("go on", CHANGED_CONTENT | CHANGED_ENVELOPE | HOLD, "odd"))
        equal(answer.header, b"X-First:one\r\n\ttwo\r\nFrom: a@b.example\r\nSubject:changed\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\n"
              b"Message-ID: <1@b.example>\r\nX-Id:id1\r\n\r\n")
        equal(answer.body, b"new\r\n")
        equal(answer.records, ["+<e@f.example>", "+<g@h.example> NOTIFY=NEVER", "-<c@d.example>", "=<new@b.example>"])
        session.envelope()
