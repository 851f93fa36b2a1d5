"""protocol_log - the protocol log: W3C extended and JSON lines, both directions, fields, new periods, rotation, full
disks; readers of other makers
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time

from checks import Skip, check, equal
from patience import until
from processes import is_root
from smtp import mail

ALL = ("date time c-ip cs-username s-sitename s-computername s-ip s-port cs-method cs-uri-stem cs-uri-query sc-status sc-win32-status "
       "sc-bytes cs-bytes time-taken cs-version cs-host cs(User-Agent) cs(Cookie) cs(Referer)").split()


def folder(service, name="default"):
    return service.folder / "logs" / name


def files(service, pattern="ex*.log"):
    return sorted(folder(service).glob(pattern))


def text(service, pattern="ex*.log"):
    return b"".join(path.read_bytes() for path in files(service, pattern)).decode("utf-8")


def rows(service, pattern="ex*.log"):
    """The lines as {field: value}; every one has to have exactly the fields its header names."""
    fields, found = None, []
    for line in text(service, pattern).split("\n")[:-1]:
        if line.startswith("#Fields: "):
            fields = line.split()[1:]
        elif not line.startswith("#"):
            values = line.split(" ")
            equal(len(values), len(fields), "fields of " + repr(line))
            found.append(dict(zip(fields, values)))
    return found


def wait_rows(service, look, pattern="ex*.log"):
    return until(lambda: (lambda r: r if look(r) else None)(rows(service, pattern)), what=lambda: "lines; there is\n" + text(service, pattern))


def ended(count=1):
    return lambda r: sum(x["sc-status"] == "240" for x in r) >= count


def short(row):
    return f"{row['cs-method']} {row['cs-uri-query']} {row['sc-status']} {row['sc-bytes']} {row['cs-bytes']}"


# shows 2.3a, 2.3m, 7.1a
def test_inbound(t):
    day = time.strftime("ex%y%m%d.log", time.gmtime())
    service = t.postern()
    data = mail(Message_ID="<1234.abc@c.example>")
    with service.default.connect() as client:
        client.expect(250, "HELO client.example")
        client.expect(250, "MAIL FROM:<a@s.example> SIZE=100")
        client.expect(250, "rcpt TO:<b@default.example>")
        client.content(data)
        client.expect(500, "xxxx rr.com")
        client.expect(250, "NOOP")
        client.expect(221, "QUIT")
    found = wait_rows(service, ended())
    equal([short(r) for r in found[1:3]], [
        f"MAIL +FROM:<a@s.example>+SIZE=100 250 {len('250 2.1.0 a@s.example....Sender OK') + 2} 32",
        f"rcpt +TO:<b@default.example> 250 {len('250 2.1.5 b@default.example') + 2} 27"])
    helo, content, quit = found[0], found[3], found[-1]
    equal((helo["cs-method"], helo["cs-username"], helo["cs-uri-query"]), ("HELO", "client.example", "+client.example"))
    equal((content["cs-method"], content["cs-uri-query"], content["cs-bytes"]), ("DATA", "+<1234.abc@c.example>", str(len(data))))
    equal(content["sc-bytes"], str(len("354 Start mail input; end with <CRLF>.<CRLF>\r\n") + len("250 2.6.0 0123456789abcdef Queued mail for delivery\r\n")))
    equal([short(r) for r in found[4:6]], ["xxxx +rr.com 500 " + str(len("500 5.5.1 Unrecognized command\r\n")) + " 11", "NOOP - 250 14 4"])
    equal((quit["cs-method"], quit["cs-uri-query"], quit["cs-bytes"]), ("QUIT", "client.example", "4"))
    check(0 < int(quit["sc-win32-status"]) < 60000, quit)
    for row in found:
        equal((row["c-ip"], row["s-ip"], row["s-port"], row["s-sitename"], row["cs-version"], row["cs-uri-stem"]),
              ("127.0.0.1", "127.0.0.1", "0", "SMTPSVC1", "SMTP", "-"))
    lines = text(service).split("\n")
    check(re.match(r"#Software: Postern \d", lines[0]), lines[0])
    equal(lines[1], "#Version: 1.0")
    check(re.match(r"#Date: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", lines[2]), lines[2])
    equal(lines[3], "#Fields: " + " ".join(ALL))
    check({p.name for p in files(service)} <= {day, time.strftime("ex%y%m%d.log", time.gmtime())}, files(service))     # midnight may come
    equal(oct(files(service)[0].stat().st_mode & 0o777), "0o640")


# shows 7.1a
def test_outbound(t):
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    service.default.send("a@s.example", "x@remote.example", mail("out", "MAIL FROM:<never@logged.example>\r\n.\r\nAUTH PLAIN c2VjcmV0\r\n"))
    sink.wait(1)
    found = [r for r in wait_rows(service, lambda r: any(x["cs-uri-query"].startswith("221") for x in r)) if r["cs-username"].startswith("Out")]
    said = [(r["cs-method"], r["cs-uri-query"].split("+SIZE")[0]) for r in found if r["cs-username"] == "OutboundConnectionCommand"]
    equal(said, [("EHLO", "default.example"), ("MAIL", "FROM:<a@s.example>"), ("RCPT", "TO:<x@remote.example>"), ("DATA", "-"), ("QUIT", "-")])
    heard = [r["cs-uri-query"][:4] for r in found if r["cs-username"] == "OutboundConnectionResponse"]
    equal(heard, ["220+", "250-", "250+", "250+", "354+", "250+", "221+"])
    for row in found:
        equal((row["c-ip"], row["s-ip"], row["s-port"], row["sc-status"], row["cs-bytes"]), ("127.0.0.1", "-", str(sink.port), "0", "0"))
    check("never@logged" not in text(service) and "c2VjcmV0" not in text(service), "content is in the log")


# shows 7.1d
def test_hostile_bytes(t):
    """Whatever is typed, a line stays a line of as many fields; secrets do not get in."""
    service = t.postern({"default": {"general": {"log-fields": "cs-method, cs-uri-query, sc-status, sc-win32-status"}}})
    nasty = [b"#Fields: x", b"MAIL FROM:<a\xff\x01@b> \t\"", b"\x1b[31m red", b"QUIT\x00", b"%0A%0D+", b" ", b"A" * 1900, b"B" * 30000,
             b"MAIL FROM:<\xc3\xa9@b.example> SMTPUTF8", b"AUTH PLAIN AHVzZXIAaHVudGVyMg==", b"aHVudGVyMg=="]
    with service.default.connect(ehlo="c.example") as client:
        for line in nasty:
            client.cmd(line)
        client.expect(221, "QUIT")
    found = wait_rows(service, ended())
    equal(len(found), len(nasty) + 2)
    raw = files(service)[0].read_bytes()
    check(not re.search(rb"[^\x20-\x7e\n]", raw), "bytes that are not printable")
    equal(raw.count(b"\n#") + raw.startswith(b"#"), 4, "lines that begin with #")
    check(b"hunter" not in raw and b"aHVudGVyMg" not in raw and b"AHVzZXIA" not in raw, "a secret is in the log")
    equal(found[1]["cs-method"], "%23Fields:")
    equal(found[2]["cs-uri-query"], "+FROM:<a%FF%01@b>+%09%22")
    equal(found[5]["cs-method"], "%250A%250D+")
    equal(found[-3]["cs-method"] + found[-3]["cs-uri-query"], "AUTH+PLAIN")
    equal(found[-2]["cs-method"], "-")
    check(max(map(len, raw.split(b"\n"))) < 4000, "an endless line")


def test_ends_of_sessions(t):
    service = t.postern({"default": {"general": {"connection-timeout": "1s"}}})
    with service.default.connect(ehlo="idle.example") as client:
        client.expect(421)
    with service.default.connect(ehlo="lost.example"):
        pass
    found = wait_rows(service, lambda r: len(r) >= 4)
    by = {r["cs-username"]: r for r in found if r["cs-method"] != "EHLO"}
    equal((by["idle.example"]["cs-method"], by["idle.example"]["sc-status"]), ("TIMEOUT", "121"))
    equal((by["lost.example"]["cs-method"], by["lost.example"]["sc-status"], by["lost.example"]["cs-bytes"]), ("QUIT", "240", "0"))
    check(int(by["idle.example"]["sc-win32-status"]) >= 900, by["idle.example"])


# shows 2.3m, 7.1c
def test_json(t):
    sink = t.sink()
    service = t.postern({"default": {"general": {"log-format": "json"}, "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    with service.default.connect() as client:
        client.cmd(b"EHLO \"\\\xff.example")
        client.cmd(b"MAIL \x80\xc3\xa9\"\\\x7f")
        ident = client.message(to="x@remote.example", data=mail(Message_ID="<m@x>"))
        client.expect(221, "QUIT")
    sink.wait(1)

    def objects():
        return [json.loads(line) for line in text(service, "ex*.json").splitlines()]
    found = until(lambda: objects() if any(o.get("response", "").startswith("221") for o in objects()) else None, what="outbound QUIT")
    content = next(o for o in found if o.get("command") == "DATA" and o["kind"] == "inbound")
    equal((content["message-id"], content["id"], content["reply"], content["helo"], content["server"], content["service"], content["local-port"]),
          ("<m@x>", ident, 250, "client.example", "default", "SMTPSVC1", service.default.port))
    quit = next(o for o in found if o.get("command") == "QUIT" and o["kind"] == "inbound")
    equal(quit["reply"], 221)
    check("session-ms" in quit and "peer" in quit and quit["time"].endswith("Z"), quit)
    equal({o["kind"] for o in found}, {"inbound", "outbound-command", "outbound-response"})


# shows 7.1d
def test_rotation(t):
    """Renamed away: the next lines go to a new file, by HUP at once, and without it too."""
    service = t.postern()
    service.default.send()
    wait_rows(service, lambda r: any(x["cs-method"] == "DATA" for x in r))
    path = files(service)[0]
    path.rename(path.with_suffix(".log.1"))
    mark = service.events.mark()
    service.signal(signal.SIGHUP)
    service.events.wait("config", since=mark, result="reloaded")
    service.default.send(sender="second@s.example")
    found = wait_rows(service, lambda r: any("second" in x["cs-uri-query"] for x in r))
    equal(found[0]["cs-method"], "EHLO")
    check(text(service).startswith("#Software"), "a new file without its header")
    path.rename(path.with_suffix(".log.2"))
    service.default.send(sender="third@s.example")
    wait_rows(service, lambda r: any("third" in x["cs-uri-query"] for x in r))
    check("second" in path.with_suffix(".log.2").read_text() and "third" not in path.with_suffix(".log.2").read_text(), "lines of the wrong file")


def test_nothing_is_lost_at_stop_and_header_again(t):
    service = t.postern()
    service.default.send(sender="last@s.example")
    equal(service.stop(), 0)
    check("+FROM:<last@s.example>" in text(service), text(service))
    service.start()
    service.default.send(sender="next@s.example")
    wait_rows(service, lambda r: any("next" in x["cs-uri-query"] for x in r))
    check(text(service).count("#Fields:") >= 2, "the header is not repeated")


# shows 2.3m, 7.1b
def test_field_choice_and_roll(t):
    service = t.postern({"default": {"general": {"log-fields": ["time, c-ip", "cs-method", "SC-Status"], "log-roll": "hourly"}}})
    service.default.send()
    until(lambda: files(service) and "DATA" in text(service), what="lines")
    equal([line for line in text(service).split("\n") if line.startswith("#F")][0], "#Fields: time c-ip cs-method sc-status")
    check(re.search(r"^\d\d:\d\d:\d\d 127\.0\.0\.1 RCPT 250$", text(service), re.M), text(service))
    check(re.match(r"ex\d{8}\.log$", files(service)[0].name), files(service)[0].name)


# shows 2.3m
def test_no_log(t):
    service = t.postern({"default": {"general": {"log": "no"}}})
    service.default.send()
    service.home.wait_drops()
    service.stop()
    equal(list(folder(service).glob("*")) if folder(service).exists() else [], [])


# shows 7.1b
def test_size_roll_with_several_processes(t):
    """Four listeners and the deliver process share the files: every line whole, none lost, no file much over its size."""
    sink = t.sink()
    service = t.postern({"default": {"general": {"processes": "4", "log-roll": "size", "log-roll-size": "64K"},
                                     "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    for turn in range(12):
        clients = [service.default.connect(ehlo=f"c{turn}.example") for _ in range(12)]
        for number, client in enumerate(clients):
            client.send(b"".join(b"NOOP %d-%d-%d %s\r\n" % (turn, number, i, b"x" * 60) for i in range(10)))
        for client in clients:
            for _ in range(10):
                client.expect(250)
            client.expect(221, "QUIT")
            client.close()
    service.default.send(to="x@remote.example")
    sink.wait(1)
    equal(service.stop(), 0)
    found = rows(service, "extend*.log")
    noops = [r["cs-uri-query"].split("+")[1] for r in found if r["cs-method"] == "NOOP"]
    equal(sorted(noops), sorted(f"{a}-{b}-{c}" for a in range(12) for b in range(12) for c in range(10)))
    check(any(r["cs-username"].startswith("Outbound") for r in found), "no outbound lines")
    names = sorted(int(re.search(r"\d+", p.name)[0]) for p in files(service, "extend*.log"))
    equal(names, list(range(1, len(names) + 1)))
    check(len(names) >= 3, names)
    check(all(p.stat().st_size >= 65536 for p in files(service, "extend*.log") if p.name != f"extend{names[-1]}.log"), "a file that was left too early")


def test_full_disk(t):
    """Lines are lost and counted, with one event; mail is not; the log goes on by itself when there is room."""
    if not is_root():
        raise Skip("only root can make a small file system")
    service = t.postern(start=False)
    small = folder(service)
    small.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0777", "tmpfs", small], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip("mount: " + done.stderr.strip())
    t.cleanup(lambda: subprocess.run(["umount", "-l", small], check=False))
    service.default.set("general", idle_command_limit="unlimited")
    service.start()
    filler = small / "filler"
    filler.write_bytes(b"")
    with service.default.connect(ehlo="c.example") as client:
        client.message(ehlo=None)
        until(lambda: files(service) and "DATA" in text(service), what="the first lines")
        with open(filler, "wb", buffering=0) as out:
            try:
                while out.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        for _ in range(3):
            for number in range(100):
                client.expect(250, "NOOP " + "y" * 100)
            client.message(ehlo=None)
        service.events.wait("trouble", doing="protocol-log")
        lost = until(lambda: int(re.search(r"^log_lines_lost_total (\d+)", service.ctl("counters").stdout, re.M)[1]), what="lost lines")
        check(lost > 0, lost)
        equal(len(service.events.all("trouble", doing="protocol-log")), 1)
        filler.unlink()
        end = time.monotonic() + 30

        def again():
            client.expect(250, "NOOP later")
            check(time.monotonic() < end, "the log does not go on")
            return service.events.all("service", what="protocol-log-again")
        until(again, what="the log to go on")
    service.home.wait_drops(4)
    torn = [line for line in text(service).split("\n")[:-1] if not line.startswith("#") and len(line.split(" ")) != len(ALL)]
    check(len(torn) <= 1, "torn lines", torn)
    check("+later" in text(service), "nothing after the trouble")


def test_folder_is_gone_or_foreign(t):
    """A log that cannot be written holds up nothing."""
    service = t.postern()
    shutil.rmtree(folder(service))
    service.default.send()
    service.events.wait("trouble", doing="protocol-log")
    service.home.wait_drops()
    outside = service.folder / "outside"
    outside.write_text("")
    folder(service).mkdir()
    (folder(service) / time.strftime("ex%y%m%d.log", time.gmtime())).symlink_to(outside)
    service.default.send()
    service.home.wait_drops(2)
    equal(service.stop(), 0)
    equal(outside.read_text(), "", "a link was followed")


def test_as_root(t):
    """The master makes the folder for the workers, to which it belongs."""
    if not is_root():
        raise Skip("not root")
    service = t.postern(as_root=True)
    service.default.send()
    until(lambda: files(service) and "DATA" in text(service), what="lines")
    equal((folder(service).stat().st_uid, files(service)[0].stat().st_uid), (t.uid, t.uid))


# --- readers of other people ---

def sample_log(t):
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    for number in range(3):
        with service.default.connect() as client:
            client.message(to="x@remote.example")
            client.cmd(b"WEIRD \xff\"# %zz")
            client.expect(221, "QUIT")
    sink.wait(3)
    equal(service.stop(), 0)
    return files(service)[0], rows(service)


def test_read_by_goaccess(t):
    if not shutil.which("goaccess"):
        raise Skip("no goaccess")
    path, found = sample_log(t)
    out = t.folder / "report.json"
    form = "%d %t %h %e %^ %^ %^ %^ %^ %^ %U %s %^ %b %^ %L %^ %^ %^ %^ %^"     # its %m and %H take HTTP words only
    done = subprocess.run(["goaccess", path, "--no-global-config", "--date-format=%Y-%m-%d", "--time-format=%H:%M:%S", f"--log-format={form}",
                           "--no-query-string", "--no-strict-status", "-o", out], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, "TERM": "dumb", "HOME": str(t.folder)}, check=False)
    check(out.exists(), done.stdout, done.stderr)
    general = json.loads(out.read_text(errors="replace"))["general"]
    equal((general["failed_requests"], general["valid_requests"]), (0, len(found)), "what GoAccess made of it: " + str(general))


def test_read_by_lnav(t):
    """lnav knows W3C extended logs by itself."""
    if not shutil.which("lnav"):
        raise Skip("no lnav")
    path, found = sample_log(t)
    query = ";SELECT cs_method, sc_status, sc_bytes FROM w3c_log"
    done = subprocess.run(["lnav", "-n", "-c", query, "-c", ":write-json-to -", path], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, "TERM": "dumb", "HOME": str(t.folder)}, check=False)
    check(done.stdout.lstrip().startswith("["), done.stdout[:500], done.stderr[:500])
    read = json.loads(done.stdout[:done.stdout.rindex("]") + 1])
    equal(len(read), len(found), "lines")
