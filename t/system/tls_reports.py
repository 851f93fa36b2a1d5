"""tls_reports - reports about TLS (RFC 8460): what is counted of sessions that go well and that fail in each way, over restarts; the
reports by mail and by HTTPS, read by other code
"""

import base64
import email
import email.policy
import gzip
import http.server
import json
import os
import re
import threading
import time
import zlib

from authority import Authority, openssl
from checks import check, equal
from dkim_verifiers import by_dkimpy
from dns import Forger, fail_with_servfail
from patience import WAIT, until, wait_for
from policy_host import PolicyHost, policy, reply
from processes import is_root
from smtp import mail

DAY = 86400
RESULTS = {"starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted", "validation-failure",
           "tlsa-invalid", "dnssec-invalid", "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"}


def check_report(report):
    """What RFC 8460 4.4 allows and wants, name by name; nothing else."""
    def members(what, thing, needed, more=()):
        check(isinstance(thing, dict) and set(needed) <= set(thing) <= set(needed) | set(more), what, thing)

    members("report", report, ("organization-name", "date-range", "contact-info", "report-id", "policies"))
    members("date-range", report["date-range"], ("start-datetime", "end-datetime"))
    for name in ("organization-name", "contact-info", "report-id"):
        check(isinstance(report[name], str) and report[name], name)
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", report["date-range"]["start-datetime"]), report["date-range"])
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT23:59:59Z", report["date-range"]["end-datetime"]), report["date-range"])
    equal(report["date-range"]["start-datetime"][:10], report["date-range"]["end-datetime"][:10])
    check(report["policies"], "no policies")
    for row in report["policies"]:
        members("row", row, ("policy", "summary"), ("failure-details",))
        members("policy", row["policy"], ("policy-type", "policy-domain"), ("policy-string", "mx-host"))
        kind = row["policy"]["policy-type"]
        check(kind in ("sts", "tlsa", "no-policy-found"), kind)
        for name in ("policy-string", "mx-host"):
            lines = row["policy"].get(name, ["x"])
            check(isinstance(lines, list) and lines and all(isinstance(line, str) and line for line in lines), name, lines)
        check(("mx-host" in row["policy"]) <= (kind == "sts"), row["policy"])
        if kind == "tlsa":
            for line in row["policy"].get("policy-string", []):
                check(re.fullmatch(r"[0-3] [01] [012] [0-9a-f]+", line), line)
        check(kind != "no-policy-found" or "policy-string" not in row["policy"], row["policy"])
        check(row["policy"]["policy-domain"].isascii(), row["policy"])
        members("summary", row["summary"], ("total-successful-session-count", "total-failure-session-count"))
        check(all(type(value) is int and value >= 0 for value in row["summary"].values()), row["summary"])
        details = row.get("failure-details")
        check(details is None or details, "empty failure-details")
        for detail in details or []:
            members("detail", detail, ("result-type", "failed-session-count"),
                    ("sending-mta-ip", "receiving-mx-hostname", "receiving-mx-helo", "receiving-ip", "additional-information",
                     "failure-reason-code"))
            check(detail["result-type"] in RESULTS, detail)
            check(type(detail["failed-session-count"]) is int and detail["failed-session-count"] > 0, detail)
            check(all(isinstance(value, str) and value for name, value in detail.items() if name != "failed-session-count"), detail)
        total = sum(detail["failed-session-count"] for detail in details or [])
        check(total <= row["summary"]["total-failure-session-count"], "more details than failures", row)
    return report


class Collector:
    """Takes reports by POST; `status` is what it answers, or a list used up one by one, with the page `page`."""
    def __init__(self, t, context, port):
        self.status, self.page, self.posts, self.news = 200, "", [], threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.news:
                    status = collector.status.pop(0) if isinstance(collector.status, list) else collector.status
                    collector.posts.append((self.path, dict(self.headers), body))
                    collector.news.notify_all()
                reply(self, collector.page, status=status, **({"Location": "/other"} if status // 100 == 3 else {}))

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        t.cleanup(self.end)

    def wait(self, count=1):
        check(wait_for(self.news, lambda: len(self.posts) >= count, WAIT), f"{len(self.posts)} posts")
        return self.posts

    def end(self):
        self.server.shutdown()
        self.server.server_close()


def rows(service):
    return json.loads(service.ctl("tls-reports", "default", "--json").stdout)["reports"]


def counted(service, domain):
    return next(((row["good"], row["failed"]) for row in rows(service) if row["domain"] == domain and row["state"] == "counting"), (0, 0))


def file_of(service):
    return service.home.queue / "tls-reports"


def change_file(service, pattern, what):
    """Changes each line that fits, with a right sum."""
    lines = file_of(service).read_text().splitlines()
    equal(lines.pop()[:4], "end ")
    text = "".join(re.sub(pattern, what, line) + "\n" for line in lines)
    file_of(service).write_text(text + f"end {zlib.crc32(text.encode()):08x}\n")


def shift_days(service, days=1):
    """What was counted was counted so many days before."""
    change_file(service, r"^day\t(\d+)", lambda m: f"day\t{int(m[1]) - days}")


def next_day(service, wait=True):
    """The service is started anew on the day after that which was counted, and sends what is due."""
    service.stop()
    shift_days(service)
    service.start()
    if wait:
        service.ctl("tls-reports", "send", "default")


def send(service, domain):
    """A message to it, and what came of that."""
    ident = service.default.send(to=f"x@{domain}", data=mail())
    return service.events.wait(id=ident, status=bool)


def report_of(message):
    """The message that carries a report, judged; (message, report, name of the file)."""
    found = email.message_from_bytes(message.data, policy=email.policy.default)
    equal(found.get_content_type(), "multipart/report")
    equal(found["Content-Type"].params["report-type"], "tlsrpt")
    equal((found["TLS-Required"], message.sender), ("No", ""))
    words, part = found.get_payload()
    equal((words.get_content_type(), part.get_content_type()), ("text/plain", "application/tlsrpt+gzip"))
    return found, check_report(json.loads(gzip.decompress(part.get_payload(decode=True)))), part.get_filename()


class World:
    """
    Mail hosts of all kinds at one port, policies, a host for reports by mail (r.example) and one by HTTPS (web.example); each
    domain has the record `rua`.
    """
    def __init__(self, t, domains, rua="mailto:tls@r.example", tls="may", zone=(), signed=False, forge=None, **delivery):
        self.t, self.port = t, t.port()
        self.authority = keys = Authority(t.folder)
        keys.sign("mx", *[f"{name}.example" for name in domains], "mx.example")
        keys.sign("expired", *[f"{name}.example" for name in domains], dates=("200101000000Z", "200201000000Z"))
        keys.sign("stranger", "stranger.example")
        keys.sign_itself("itself", "nobody.example")
        keys.sign("web", "web.example", *[f"mta-sts.{name}.example" for name, row in domains.items() if "policy" in row])
        self.web_port = t.port()
        self.web = Collector(t, keys.context("web"), self.web_port)
        self.sinks, lines = {}, ["r MX 10 mail.r", "mail.r A 127.0.0.99", "web A 127.0.0.1", *zone]
        self.policies = {}
        for number, (name, row) in enumerate(domains.items()):
            address = f"127.0.0.{10 + number}"
            stem = row.get("cert", "mx")
            self.sinks[name] = t.sink(port=self.port, address=address, tls=keys.context(stem, stem != "itself") if stem else None,
                                      answers=row.get("answers"))
            lines += [f"{name} MX 10 {name}", f"{name} A {address}"]
            if rua:
                lines.append(f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua={rua.format(port=self.web_port)}"')
            if "tlsa" in row:
                lines.append(f"_{self.port}._tcp.{name} TLSA {row['tlsa'](keys)}")
            if "policy" in row:
                lines.append(f'_mta-sts.{name} TXT "v=STSv1; id=1;"')
                self.policies[f"mta-sts.{name}.example"] = row["policy"]
        self.mail = t.sink(port=self.port, address="127.0.0.99")
        if self.policies:
            host = PolicyHost(t, keys.context("web"), self.answer)
            lines += [f"mta-sts.{name} A {host.address}" for name, row in domains.items() if "policy" in row]
        self.dns = t.dns(*lines, signed=signed)
        self.forger = Forger(t, self.dns, forge)
        service = {"dns-server": self.forger.address}
        if signed:
            anchor = t.folder / "anchor"
            anchor.write_text(self.dns.anchor)
            anchor.chmod(0o644)
            service.update({"dnssec": "yes", "trust-anchor": anchor})
        self.service = t.postern({"default": {"delivery": {"retry": "1h", "port": self.port, "outbound-tls": tls, "tls-reports": "yes",
                                                           "authorities": keys.certificate, **delivery}}}, service=service)

    def answer(self, handler):
        given = self.policies[handler.headers["Host"]]
        given(handler) if callable(given) else reply(handler, given)

    def report(self):
        return report_of(self.mail.wait(1)[0])


# shows 9a.3
def test_by_mail(t):
    """One session with three messages and one more: counted once each, over a restart; the report of the day, on the next one."""
    world = World(t, {"d": {}}, **{"tls-report-contact": "tls@default.example", "tls-report-organization": 'The "Example" Company'})
    service = world.service
    with service.default.connect(ehlo="c.example") as client:
        for number in range(3):
            client.message("a@default.example", [f"u{number}@d.example"], mail(), ehlo=None)
    world.sinks["d"].wait(3)
    sessions = len(world.sinks["d"].sessions)
    until(lambda: counted(service, "d.example") == (sessions, 0), what="counted sessions")
    check(sessions < 3, "no connection was kept")
    service.stop()
    service.start()
    until(lambda: counted(service, "d.example") == (sessions, 0), what="what was counted before")
    send(service, "d.example")
    until(lambda: counted(service, "d.example") == (sessions + 1, 0), what="the next session")
    equal(service.ctl("tls-reports", "send", "default").stdout, "0 reports are due now\n")
    next_day(service)
    found, report, name = world.report()
    start = (int(time.time()) // DAY - 1) * DAY
    day = time.strftime("%Y-%m-%d", time.gmtime(start))
    equal(report["organization-name"], 'The "Example" Company')
    equal((report["contact-info"], report["date-range"]["start-datetime"]), ("tls@default.example", f"{day}T00:00:00Z"))
    equal(report["policies"], [{"policy": {"policy-type": "no-policy-found", "policy-domain": "d.example"},
                                "summary": {"total-successful-session-count": sessions + 1, "total-failure-session-count": 0}}])
    equal(name, f"default.example!d.example!{start}!{start + DAY - 1}.json.gz")
    equal((found["From"], found["To"]), ("tls@default.example", "tls@r.example"))
    equal((found["TLS-Report-Domain"], found["TLS-Report-Submitter"]), ("d.example", "default.example"))
    equal(str(found["Subject"]), f"Report Domain: d.example Submitter: default.example Report-ID: <{report['report-id']}>")
    event = service.events.wait("tls-report", domain="d.example", result="sent")
    equal((event["to"], event["sessions"], event["failed"]), ("tls@r.example", str(sessions + 1), "0"))
    # the way of the report itself is in no report
    service.events.wait("delivered", id=event["id"])
    equal([(row["domain"], row["state"]) for row in rows(service)], [("d.example", "sent")])
    check("sent" in service.ctl("tls-reports", "default").stdout, "text")
    check(re.search(r"\btls_reports_sent_total\W+1$", service.ctl("counters", "default").stdout, re.M), "counter")
    next_day(service)
    equal(len(world.mail.messages), 1, "reports")


ENFORCED = {
    # certificate, policy, result, whether the mail was delivered
    "good": ("mx", "{0}.example", None, True),
    "expired": ("expired", "{0}.example", "certificate-expired", False),
    "name": ("stranger", "{0}.example", "certificate-host-mismatch", False),
    "itself": ("itself", "{0}.example", "certificate-not-trusted", False),
    "clear": (None, "{0}.example", "starttls-not-supported", False),
    "other": ("mx", "other.example", "validation-failure", False),
}
FETCHED = {
    "gone": (lambda h: reply(h, "", status=404), "sts-policy-fetch-error"),
    "page": (lambda h: reply(h, "<html>hello</html>"), "sts-policy-invalid"),
}


# shows 9a.3
def test_each_failure(t):
    """MTA-STS in mode enforce, in mode testing (which holds nothing back), and policies that cannot be got."""
    domains = {}
    for mode in ("enforce", "testing"):
        for name, (cert, host, _, _) in ENFORCED.items():
            domain = f"{name}-{mode}"
            domains[domain] = {"cert": cert, "policy": policy(host.format(domain), mode=mode)}
    for name, (answer, _) in FETCHED.items():
        domains[name] = {"policy": answer}
    domains["plain"] = {"cert": None}
    world = World(t, domains)
    service = world.service
    for mode in ("enforce", "testing"):
        for name, (_, _, result, delivered) in ENFORCED.items():
            event = send(service, f"{name}-{mode}.example")
            equal((name, mode, event["event"]), (name, mode, "delivered" if delivered or mode == "testing" else "deferred"))
    for domain in [*FETCHED, "plain"]:
        equal(send(service, f"{domain}.example")["event"], "delivered")
    until(lambda: len(rows(service)) == len(domains), what="all domains counted")
    next_day(service)
    world.mail.wait(len(domains))
    reports = {}
    for message in world.mail.messages:
        report = report_of(message)[1]
        equal(len(report["policies"]), 1, report)
        reports[report["policies"][0]["policy"]["policy-domain"]] = report["policies"][0]
    for mode in ("enforce", "testing"):
        for name, (_, host, result, _) in ENFORCED.items():
            domain = f"{name}-{mode}"
            row = reports[f"{domain}.example"]
            patterns = [host.format(domain)]
            equal((row["policy"]["policy-type"], row["policy"]["mx-host"]), ("sts", patterns))
            equal(sorted(row["policy"]["policy-string"]),
                  sorted(["version: STSv1", f"mode: {mode}", "max_age: 86400", f"mx: {patterns[0]}"]))
            if result is None:
                equal((domain, row["summary"]["total-failure-session-count"]), (domain, 0))
                check("failure-details" not in row, row)
                continue
            equal((domain, row["summary"]["total-successful-session-count"]), (domain, 0))
            (detail,) = row["failure-details"]
            equal((domain, detail["result-type"]), (domain, result))
            equal(detail["receiving-mx-hostname"], f"{domain}.example")
            if (name, mode) != ("other", "enforce"):    # that host is not connected
                equal((detail["receiving-mx-helo"], detail["sending-mta-ip"]), ("sink.example", "127.0.0.1"), detail)
            check(detail["receiving-ip"].startswith("127.0.0."), detail)
    for domain, (_, result) in FETCHED.items():
        row = reports[f"{domain}.example"]
        equal((row["policy"]["policy-type"], row["failure-details"][0]["result-type"]), ("sts", result))
        check("policy-string" not in row["policy"], row)
    row = reports["plain.example"]
    equal((row["policy"]["policy-type"], row["failure-details"][0]["result-type"]), ("no-policy-found", "starttls-not-supported"))


def test_policy_host_of_nobody(t):
    """The certificate of the policy host is for another name: sts-webpki-invalid."""
    world = World(t, {"d": {"policy": policy("d.example")}}, zone=['_mta-sts.e TXT "v=STSv1; id=1"', "mta-sts.e CNAME mta-sts.d", "e MX 10 d",
                                                                     '_smtp._tls.e TXT "v=TLSRPTv1;rua=mailto:tls@r.example"'])
    equal(send(world.service, "e.example")["event"], "delivered")
    until(lambda: counted(world.service, "e.example") == (0, 1), what="the failure")
    next_day(world.service)
    (row,) = world.report()[1]["policies"]
    equal((row["policy"]["policy-type"], row["failure-details"][0]["result-type"]), ("sts", "sts-webpki-invalid"))


def test_dane(t):
    """TLSA records that fit, do not fit, are of no use, or come without an answer; a policy is not mixed into it (RFC 8461 2)."""
    domains = {
        "fits": {"tlsa": lambda keys: f"3 1 1 {keys.digest('mx')}"},
        "wrong": {"tlsa": lambda keys: f"3 1 1 {keys.digest('stranger')}"},
        "useless": {"tlsa": lambda keys: f"1 1 1 {keys.digest('mx')}"},
        "away": {"tlsa": lambda keys: f"3 1 1 {keys.digest('mx')}"},
        "none": {},
    }
    world = World(t, domains, tls="dane", signed=True, forge={"_tcp\x04away": fail_with_servfail})
    service = world.service
    for domain, event in (("fits", "delivered"), ("wrong", "deferred"), ("useless", "delivered"), ("away", "deferred"), ("none", "delivered")):
        equal((domain, send(service, f"{domain}.example")["event"]), (domain, event))
    until(lambda: len(rows(service)) == len(domains), what="all domains counted")
    next_day(service)
    world.mail.wait(len(domains))
    found = {report["policies"][0]["policy"]["policy-domain"].split(".")[0]: report["policies"]
             for report in (report_of(message)[1] for message in world.mail.messages)}
    for domain, kind, result in (("fits", "tlsa", None), ("wrong", "tlsa", "tlsa-invalid"), ("useless", "tlsa", "tlsa-invalid"),
                                 ("away", "tlsa", "dnssec-invalid"), ("none", "no-policy-found", None)):
        (row,) = found[domain]
        equal((domain, row["policy"]["policy-type"]), (domain, kind))
        equal((domain, [detail["result-type"] for detail in row.get("failure-details", [])]), (domain, [result] if result else []))
    equal(found["fits"][0]["policy"]["policy-string"], [f"3 1 1 {world.authority.digest('mx')}"])


def test_by_https(t):
    """Posted and packed; a host that is busy gets it again, also after a restart, one that refuses it does not; no redirect is followed."""
    world = World(t, {"d": {}}, rua="https://web.example:{port}/v1/tlsrpt?x=1")
    service = world.service
    send(service, "d.example")
    until(lambda: counted(service, "d.example") == (1, 0), what="the session")
    world.web.status = [503, 201]
    next_day(service)
    (path, headers, body), = world.web.wait(1)
    equal((path, headers["Content-Type"]), ("/v1/tlsrpt?x=1", "application/tlsrpt+gzip"))
    first = check_report(json.loads(gzip.decompress(body)))
    until(lambda: rows(service)[0]["reason"], what="the reason")
    check("status 503" in rows(service)[0]["reason"] and rows(service)[0]["state"] == "due", rows(service))
    service.stop()
    service.start()
    service.ctl("tls-reports", "send", "default")
    equal(check_report(json.loads(gzip.decompress(world.web.wait(2)[1][2]))), first, "the same report, with the same id")
    service.events.wait("tls-report", result="sent", domain="d.example")
    world.web.status, world.web.page = 201, "x" * 200000
    send(service, "d.example")
    until(lambda: counted(service, "d.example") == (1, 0), what="the session")
    next_day(service)
    service.events.wait("tls-report", result="sent", domain="d.example")
    for status in (413, 302):
        world.web.status = status
        send(service, "d.example")
        until(lambda: counted(service, "d.example") == (1, 0), what="the session")
        before = len(world.web.posts)
        next_day(service)
        event = service.events.wait("tls-report", result="failed", domain="d.example")
        check(f"status {status}" in event["reason"], event.line)
        equal(len(world.web.posts), before + 1)
    equal(len(world.mail.messages), 0)


def test_places(t):
    """Several places: each gets it. Those that lead to our own network, or are none, get nothing; other records do not count."""
    records = {
        "both": '"v=TLSRPTv1; rua=mailto:tls%40r.example?subject=x , https://web.example:{port}/; x-y=z"',
        "split": '"v=TLSRP" "Tv1;rua=mai" "lto:a@r.example"',
        "ftp": '"v=TLSRPTv1; rua=ftp://web.example/"',
        "inside": '"v=TLSRPTv1; rua=https://within.example/"',
        "user": '"v=TLSRPTv1; rua=https://me@web.example/"',
        "address": '"v=TLSRPTv1; rua=https://127.0.0.1/"',
        "nobody": '"v=TLSRPTv1; rua=https://stranger.example:{port}/"',
        "two": '"v=TLSRPTv1; rua=mailto:a@r.example"\n_smtp._tls.two TXT "v=TLSRPTv1; rua=mailto:b@r.example"',
        "late": '"v=TLSRPTv1 rua=mailto:a@r.example"',
        "spf": '"v=spf1 -all"',
    }
    port = t.port()
    zone = [f"_smtp._tls.{name} TXT {text.replace('{port}', str(port))}" for name, text in records.items()]
    zone += ["within A 169.254.1.1", "stranger A 127.0.0.1"]
    world = World(t, {name: {} for name in records}, rua=None, zone=zone)
    world.web.end()
    world.web = Collector(t, world.authority.context("web"), port)
    service = world.service
    for name in records:
        send(service, f"{name}.example")
    until(lambda: len(rows(service)) == len(records), what="all domains counted")
    next_day(service)
    world.web.wait(1)
    equal(sorted(message.recipients[0] for message in world.mail.wait(2)), ["a@r.example", "tls@r.example"])

    def states():
        return {row["domain"].split(".")[0]: (row["state"], row["reason"] or "") for row in rows(service)}
    until(lambda: all(state in ("sent", "failed", "not-wanted") or reason for state, reason in states().values()), what="all to be tried")
    found = states()
    equal({name: state for name, (state, _) in found.items()},
          {"both": "sent", "split": "sent", "ftp": "failed", "inside": "due", "user": "failed", "address": "failed", "nobody": "due",
           "two": "not-wanted", "late": "not-wanted", "spf": "not-wanted"})
    check("no address that may be used" in found["inside"][1], found)
    check("certificate" in found["nobody"][1] or "subject name" in found["nobody"][1], found)
    equal((len(world.web.posts), len(world.mail.messages)), (1, 2))
    equal(service.events.all("tls-report", domain="two.example"), [])


def test_not_counted(t):
    """Smart hosts, TLS switched off or HELO said, a sender who says that policies do not count, another server without the key."""
    world = World(t, {"d": {}, "e": {}, "f": {}, "g": {}, "h": {}})
    service, server = world.service, world.service.default
    server.set("domain e.example", type="remote", route=f"[127.0.0.11]:{world.port}")
    server.set("domain f.example", type="remote", outbound_tls="off")
    server.set("host g.example", without="starttls")
    server.set("domain h.example", type="remote", helo="yes")
    service.ctl("reload")
    server.send(to="x@d.example", data=b"TLS-Required: No\r\nSubject: x\r\n\r\nx\r\n")
    for domain in ("e.example", "f.example", "g.example", "h.example"):
        equal(send(service, domain)["event"], "delivered")
    world.sinks["d"].wait(1)
    equal(rows(service), [])
    server.set("delivery", tls_reports="no")
    service.ctl("reload")
    equal(send(service, "d.example")["event"], "delivered")
    refused = service.ctl("tls-reports", "default", ok=False)
    equal(refused.returncode, 69)
    check("makes no reports" in refused.stdout + refused.stderr, refused)


def test_damaged_file(t):
    """A file that was cut or changed is put aside with an event; a killed process keeps what was written before."""
    world = World(t, {"d": {}})
    service = world.service
    send(service, "d.example")
    until(lambda: counted(service, "d.example") == (1, 0), what="the session")
    service.stop()
    whole = file_of(service).read_bytes()
    for damaged in (whole[:-20], whole.replace(b"d.example", b"e.example"), b"", b"\0" * 100):
        file_of(service).write_bytes(damaged)
        service.start()
        event = service.events.wait("trouble", what="tls-reports")
        check("put aside" in event["reason"], event.line)
        equal(rows(service), [])
        service.stop()
        equal((service.home.queue / "tls-reports.damaged").read_bytes(), damaged)
    file_of(service).write_bytes(whole)
    service.start()
    until(lambda: counted(service, "d.example") == (1, 0), what="what was counted before")
    service.kill()
    service.start()
    until(lambda: counted(service, "d.example") == (1, 0), what="what was counted before")


def test_unreadable_file(t):
    """What is no file is put aside, and where that cannot be done, left as it is: nothing is written over it."""
    world = World(t, {"d": {}})
    service = world.service
    service.stop()
    aside = service.home.queue / "tls-reports.damaged"
    file_of(service).unlink(missing_ok=True)
    file_of(service).mkdir()
    aside.write_text("x")
    for reason in ("cannot be put aside", "was put aside"):
        service.start()
        event = service.events.wait("trouble", what="tls-reports")
        check("cannot be read" in event["reason"] and reason in event["reason"], event.line)
        send(service, "d.example")
        until(lambda: counted(service, "d.example") == (1, 0), what="the session")
        service.stop()
        equal((file_of(service).is_dir(), aside.is_dir()), (aside.is_file(), not aside.is_file()))
        aside.unlink() if aside.is_file() else aside.rmdir()
    service.start()
    until(lambda: counted(service, "d.example") == (1, 0), what="what was counted before")


def test_long_list(t):
    """A list that is longer than an answer may be says so, and is no success; all of it is counted."""
    world = World(t, {"d": {}})
    service = world.service
    service.stop()
    name = "x" * 60
    text = f"postern-tls-reports 1\nday\t{int(time.time()) // DAY}\t0\n"
    text += "".join(f"domain\t{name}.{name}.{number}.example\t0\t0\t0\npolicy\t0\t1\t0\t\n" for number in range(8000))
    file_of(service).write_text(text + f"end {zlib.crc32(text.encode()):08x}\n")
    service.start()
    said = until(lambda: (done := service.ctl("tls-reports", "default", "--json", ok=False)).returncode == 69 and done, what="the long list")
    found = json.loads(said.stdout)
    check("more than can be shown" in found["remarks"][-1], found["remarks"])
    check(4000 < len(found["reports"]) < 8000 and all(row["good"] == 1 for row in found["reports"]), len(found["reports"]))


def test_clocks(t):
    """A report that was due long ago, or is far ahead, is due soon; a day ahead keeps its name and waits, one that is absurd goes."""
    world = World(t, {"d": {}})
    service = world.service
    send(service, "d.example")
    until(lambda: counted(service, "d.example") == (1, 0), what="the session")
    service.stop()
    shift_days(service, 5)
    for due in (int(time.time()) - 3 * DAY, int(time.time()) + 30 * DAY):
        change_file(service, r"^(domain\t\S+)\t.*", rf"\1\t{due}\t{due}\t3")
        service.start()
        (row,) = rows(service)
        equal(row["state"], "due")
        service.stop()
        (due, begun), = re.findall(r"^domain\td.example\t(\d+)\t(\d+)\t3$", file_of(service).read_text(), re.M)
        check(time.time() - 60 < int(due) <= time.time() + 601 and int(begun) <= time.time(), due, begun)
    whole = file_of(service).read_text()
    for ahead, days in ((20, 1), (20000, 0)):
        file_of(service).write_text(whole)
        shift_days(service, -5 - ahead)
        service.start()
        service.ctl("tls-reports", "send", "default")
        equal([row["state"] for row in rows(service)], ["due"] * days)
        service.stop()
        found = [int(day) for day in re.findall(r"^day\t(\d+)", file_of(service).read_text(), re.M)]
        equal([day - found[0] for day in found], [0] + [ahead] * days)
    equal((world.mail.messages, service.events.all("tls-report")), ([], []))


def test_old_days(t):
    """The service was away for a week, or made no reports for that long: nobody waits for these."""
    world = World(t, {"d": {}})
    service = world.service
    send(service, "d.example")
    until(lambda: counted(service, "d.example") == (1, 0), what="the session")
    service.stop()
    shift_days(service, 8)
    service.start()
    send(service, "d.example")
    until(lambda: [(row["state"], row["good"]) for row in rows(service)] == [("counting", 1)], what="today alone")
    equal(world.mail.messages, [])


def test_signed(t):
    """With a key for the domain of the contact the message has its signature, which other code verifies."""
    world = World(t, {"d": {}}, **{"tls-report-contact": "tls@default.example"})
    service = world.service
    check("receivers ignore reports by mail" in service.ctl("check").stdout, "a warning")
    path = service.folder / "r1.key"
    openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path)
    path.chmod(0o600)
    if is_root():
        os.chown(path, t.uid, t.gid)
    public = base64.b64encode(openssl("pkey", "-in", path, "-pubout", "-outform", "DER")).decode()
    service.default.set("delivery", dkim_key=[f"default.example r1 {path}"])
    service.ctl("reload")
    check("receivers ignore reports by mail" not in service.ctl("check").stdout, "no warning")
    send(service, "d.example")
    until(lambda: counted(service, "d.example") == (1, 0), what="the session")
    next_day(service)
    message = world.mail.wait(1)[0]
    report_of(message)
    check(message.data.startswith(b"DKIM-Signature:"), message.data[:200])
    equal(by_dkimpy(message.data, {"r1._domainkey.default.example": f"v=DKIM1; k=rsa; p={public}"}), [True])


def test_idn(t):
    """A domain in UTF-8 is counted and reported by its A-labels."""
    world = World(t, {"xn--bcher-kva": {}})
    service = world.service
    send(service, "xn--bcher-kva.example")
    with service.default.connect(ehlo="c.example") as client:
        client.message("a@default.example", "x@bücher.example", mail(), ehlo=None, params=" SMTPUTF8")
    world.sinks["xn--bcher-kva"].wait(2)
    sessions = len(world.sinks["xn--bcher-kva"].sessions)
    until(lambda: [(row["domain"], row["good"]) for row in rows(service)] == [("xn--bcher-kva.example", sessions)], what="the sessions")
    next_day(world.service)
    equal(world.report()[1]["policies"][0]["policy"]["policy-domain"], "xn--bcher-kva.example")


def test_explain(t):
    service = t.postern({"default": {"delivery": {"tls-reports": "yes"}}})
    said = service.ctl("explain", "default", "--from", "127.0.0.1", "--rcpt", "x@d.example").stdout
    check(re.search(r"^ *tls-reports *:? +yes\b", said, re.M), said)
