"""counters - each counter counts what its name says, and no other one moves beside it"""

import os
import signal
import ssl
import threading

from checks import check, equal
from milter import REJECT, Milter
from patience import until
from processes import is_root
from slapd import Authority
from smtp import mail

# As many as names are asked and connections are kept: more than nothing, or anything, is all that a test can say of these.
BYTES = {"bytes_received_total", "bytes_sent_total"}
LOOSE = BYTES | {"message_bytes_sent_total", "outbound_connections_current", "outbound_connections_total", "badmail_bytes", "dns_queries_total"}
HOPS = b"".join(b"Received: from x by y; Thu, 1 Jan 2026 00:00:00 +0000\r\n" for _ in range(5))
# Shown by the tests of what they count: a file of t/system and its test.
ELSEWHERE = {
    "messages_signed_total": "dkim/both_kinds", "messages_unsigned_total": "dkim/which_key", "logins_refused_total": "metrics/what_is_measured",
    "held_queue_length": "queue/held_counter", "kept_queue_length": "etrn/etrn", "etrn_messages_total": "etrn/etrn",
    "tls_reports_sent_total": "tls_reports/by_mail", "tls_reports_failed_total": "tls_reports/by_https", "hints_lost_total": "spool/hints_lost",
    "log_lines_lost_total": "protocol_log/full_disk", "state": "metrics/socket_and_loopback", "local_queue_length": "not zero for a moment only",
    "leases_asked_total": "shared_limits/together", "leases_without_engine": "shared_limits/engine_gone_share",
    "messages_passed_through_total": "acknowledge/taken", "messages_refused_by_next_hop_total": "acknowledge/refused",
    "connections_ended_by_lease_total": "shared_limits/frozen_node", "messages_evacuated_total": "evacuate/kept",
    "messages_taken_over_total": "evacuate/kept", "messages_taken_over_again_total": "evacuate/hostile",
}


def numbers(service, *server):
    said = service.ctl("counters", *(server or ("default",))).stdout
    return {name: int(number) for name, number in (line.split() for line in said.splitlines())}


class Watch:
    """What has moved since the last look, by `posternctl counters`; `seen`: all that has."""
    def __init__(self, service, server="default"):
        self.service, self.server, self.before, self.seen = service, server, numbers(service, server), set()

    def moved(self):
        now = numbers(self.service, self.server)
        return {name: now[name] - self.before[name] for name in now if now[name] != self.before[name]}

    def expect(self, what, *loose, **wanted):
        """These numbers and no others; those of `loose` have grown."""
        def is_so():
            found = self.moved()
            return {n: v for n, v in found.items() if n not in LOOSE} == wanted and all(found.get(n, 0) > 0 for n in loose)
        until(is_so, what=lambda: f"{what}: {wanted} {loose}, moved: {self.moved()}")
        self.seen |= set(wanted) | set(loose)
        self.before = numbers(self.service, self.server)


def taken(count=1, data=None, **more):
    """A message that came by SMTP."""
    size = len(data if data is not None else mail())
    return {"inbound_connections_total": 1, "messages_received_total": 1, "recipients_received_total": count,
            "message_bytes_received_total": size, **more}


def start(t):
    sinks = {"good": t.sink(), "later": t.sink(answers={"RCPT": "450 4.2.1 later"}), "no": t.sink(answers={"RCPT": "550 5.1.1 no"}),
             "closed": t.sink(answers={"CONNECT": "554 5.3.2 closed"}),
             "slow": t.sink(answers={"MAIL": "421 4.7.28 our system has detected an unusual rate of mail"})}
    remote = {f"domain {name}.example": {"type": "remote", "route": f"[127.0.0.1]:{port}"}
              for name, port in [(name, sink.port) for name, sink in sinks.items()] + [("dead", t.port())]}
    dns = t.dns("named A 127.0.0.1")
    service = t.postern({
        "default": {"messages": {"max-message-size": "100K"}, "access": {"connection-list": "127.0.0.7"}, **remote,
                    "domain named.example": {"type": "remote", "route": "dns", "port": sinks["good"].port},
                    "delivery": {"smart-host": f"[127.0.0.1]:{sinks['good'].port}", "retry": "1h", "hop-limit": "5"}},
        "other": {"filter one": {"connect": Milter(t, {"rcpt": REJECT}).connect, "for": "smtp"},
                  "filter two": {"connect": Milter(t, {"rcpt": REJECT}).connect, "for": "pickup"},
                  "domain other.example": {"type": "default", "drop-quota": "1K"}, "domain later.example": remote["domain later.example"],
                  "delivery": {"retry": "1s", "delay-notify": "1s"}}},
        service={"dns-server": dns.address}, start=False)
    pair = Authority(t.folder, "authority").certificate("pair", ["DNS:mx.example.com"])
    for path in pair:
        path.chmod(0o600)
        if is_root():
            os.chown(path, t.uid, t.gid)
    service.default.set("access", certificate=pair[0], key=pair[1])
    return service.start()


def inbound(service, watch):
    default = service.default
    data = mail(size=2000)
    default.send("a@s.example", ["b@default.example", "c@default.example"], data)
    watch.expect("local mail", *BYTES, **taken(2, data), messages_delivered_total=1, directory_drops_total=1)
    with default.connect(ehlo="c.example") as client:
        client.expect(552, "MAIL FROM:<a@s.example> SIZE=200000")
    watch.expect("too large", inbound_connections_total=1, messages_refused_for_size_total=1)
    with default.connect(source="127.0.0.9", ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@s.example>")
        client.expect(550, "RCPT TO:<x@far.example>")
    watch.expect("no relaying", inbound_connections_total=1, recipients_refused_for_relay_total=1)
    with default.connect(source="127.0.0.7") as client:
        equal(client.banner.code, 554)
    watch.expect("who may not connect", inbound_connections_refused_total=1)
    with default.connect() as client:
        watch.expect("a session", inbound_connections_total=1, inbound_connections_current=1)
    watch.expect("its end", inbound_connections_current=-1)
    unchecked = ssl._create_unverified_context()
    for good in (True, False):
        with default.connect(ehlo="c.example") as client:
            client.expect(220, "STARTTLS")
            if good:
                client.socket = unchecked.wrap_socket(client.socket)
                client.expect(250, "NOOP")
            else:
                client.send(b"no handshake at all\r\n" * 10)
                check(client.is_closed(), "open")
        watch.expect(f"TLS {good}", inbound_connections_total=1, **{"inbound_tls_sessions_total" if good else "inbound_tls_handshakes_failed_total": 1})


def outbound(service, watch):
    default = service.default
    default.send(to="x@far.example")
    watch.expect("mail for elsewhere", "message_bytes_sent_total", "outbound_connections_total", **taken(), messages_sent_total=1)
    default.send(to="x@later.example")
    watch.expect("put off", **taken(), queue_length=1, remote_retry_queue_length=1)
    service.ctl("retry")
    watch.expect("tried again", message_send_retries_total=1)
    default.send("a@default.example", "x@no.example")
    watch.expect("refused", **taken(), ndrs_generated_total=1, messages_delivered_total=1, directory_drops_total=1)
    default.send("a@default.example", "x@closed.example")
    watch.expect("a host that is closed", **taken(), outbound_connections_refused_total=1, ndrs_generated_total=1,
                 messages_delivered_total=1, directory_drops_total=1)
    default.send(to="x@dead.example")
    watch.expect("a host that is dead", **taken(), connection_errors_total=1, queue_length=1, remote_retry_queue_length=1)
    default.send(to="x@slow.example")
    watch.expect("a host that asks for less", **taken(), outbound_slow_downs_total=1, queue_length=1,
                 remote_retry_queue_length=1)
    default.send(to="x@named.example")
    watch.expect("by the DNS", "dns_queries_total", "message_bytes_sent_total", **taken(), messages_sent_total=1)
    with default.connect(ehlo="c.example") as client:
        client.message("a@default.example", "b@default.example", ehlo=None, rcpt=" NOTIFY=SUCCESS")
    watch.expect("success", **taken(), success_reports_total=1, messages_delivered_total=2, directory_drops_total=2)


def at_work(t, service, watch):
    """A host that takes its time over the content."""
    taken_by, over = threading.Event(), threading.Event()
    t.cleanup(over.set)

    def wait(*_):
        taken_by.set()
        over.wait(60)
    host = t.sink(answers={"DOT": wait})
    service.default.set("domain waits.example", type="remote", route=f"[127.0.0.1]:{host.port}")
    service.ctl("reload")
    until(lambda: numbers(service)["outbound_connections_current"] == 0, what="kept connections to end")
    service.default.send(to="x@waits.example")
    taken_by.wait(60)
    found = numbers(service)
    equal((found["remote_queue_length"], found["queue_length"] - watch.before["queue_length"], found["outbound_connections_current"]), (1, 1, 1))
    over.set()
    until(lambda: numbers(service)["remote_queue_length"] == 0, what="the end of that delivery")
    watch.seen |= {"remote_queue_length", "outbound_connections_current"}


def local_mail_waits(service, watch):
    service.default.set("delivery", paused="default.example")
    service.ctl("reload")
    until(lambda: numbers(service)["remote_retry_queue_length"] == watch.before["remote_retry_queue_length"], what="the queue to be read")
    watch.expect("the reload")
    service.default.send(to="b@default.example")
    watch.expect("local mail waits", **taken(), queue_length=1, local_retry_queue_length=1)
    service.default.set("delivery", paused=None)
    service.ctl("reload")
    watch.expect("it is dropped", queue_length=-1, local_retry_queue_length=-1, messages_delivered_total=1, directory_drops_total=1)


def pickup_and_badmail(service, watch):
    home = service.home
    home.put("good", b"x-sender: a@s.example\nx-receiver: b@default.example\n\nhello\n")
    watch.expect("pickup", pickup_messages_retrieved_total=1, messages_delivered_total=1, directory_drops_total=1)
    home.put("bad", b"Subject: from nobody\r\n\r\nx\r\n")
    watch.expect("no sender", "badmail_bytes", badmail_bad_pickup_file_total=1)
    home.put("none", b"From: a@s.example\r\nSubject: to nobody\r\n\r\nx\r\n")
    watch.expect("no recipient", "badmail_bytes", badmail_no_recipients_total=1)
    service.default.send("", "b@default.example", HOPS + mail())
    watch.expect("too many hops", "badmail_bytes", **taken(data=HOPS + mail()), badmail_hop_count_exceeded_total=1)
    service.default.send("", "x@no.example")
    watch.expect("null sender", "badmail_bytes", **taken(), badmail_ndr_of_dsn_total=1)
    os.kill(service.child("pickup", "default"), signal.SIGKILL)
    watch.expect("a crash", worker_crashes_total=1)


def other_server(service, watch):
    """Mail filters, a full drop folder, a report of a delay; nothing of it counts for the first virtual server."""
    other = service["other"]
    with other.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@s.example>")
        equal(client.cmd("RCPT TO:<x@later.example>").code // 100, 5)
    watch.expect("refused by a filter", inbound_connections_total=1, refused_by_filters_total=1)
    other.home.put("refused", b"x-sender: a@s.example\nx-receiver: x@later.example\n\nhello\n")
    watch.expect("a file that a filter refused", "badmail_bytes", refused_by_filters_total=1, badmail_general_failure_total=1)
    service["other"].set("filter one", connect=None, **{"for": None})
    service["other"].sections["filter one"] = service["other"].sections["filter two"] = None
    other.write()
    service.ctl("reload")
    (other.home.drop / "full.eml").write_bytes(b"x" * 2048)
    watch.before, refused = numbers(service, "other"), []

    def is_full():
        with other.connect(ehlo="c.example") as client:
            client.expect(250, "MAIL FROM:<a@s.example>")
            refused.append(client.cmd("RCPT TO:<b@other.example>").code)
        return refused[-1] == 452
    until(is_full, what="the full folder to be seen")
    watch.expect("no room in drop", inbound_connections_total=len(refused), messages_refused_for_storage_total=1)
    other.send("x@later.example", "x@later.example")
    until(lambda: numbers(service, "other")["delay_reports_total"] == 1, what="a report of a delay")
    watch.seen.add("delay_reports_total")


# shows 7.3a, 7.3d, 7.3e
def test_all(t):
    """Each way of a message, one after the other; every counter has a row here or a test that knows more of it."""
    service = start(t)
    watch, other = Watch(service), Watch(service, "other")
    inbound(service, watch)
    outbound(service, watch)
    pickup_and_badmail(service, watch)
    local_mail_waits(service, watch)
    at_work(t, service, watch)
    before = numbers(service)
    other_server(service, other)
    equal({n: v for n, v in numbers(service).items() if v != before[n] and n not in LOOSE}, {}, "moved for the first one")
    total = dict(line.split() for line in service.ctl("counters").stdout.splitlines())
    each = [numbers(service, name) for name in ("default", "other")]
    equal(int(total["inbound_connections_total"]), sum(one["inbound_connections_total"] for one in each), "the sum")
    service.stop()
    (service.home.queue / "0ab").mkdir(exist_ok=True)
    damaged = service.home.queue / "0ab" / "1k1gxbsnkn16qf2h"
    damaged.write_text("no queue file")
    service.own()
    service.start()
    until(lambda: numbers(service)["badmail_damaged_total"] == 1, what="a damaged queue file")
    seen = watch.seen | other.seen | {"badmail_damaged_total"} | set(ELSEWHERE)
    equal(sorted(set(numbers(service)) - seen), [], "counters without a test: move them here, or name their test in ELSEWHERE")
