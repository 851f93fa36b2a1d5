"""dane_rollover - DANE while a host changes its key: mail that waits meanwhile, records of the old key, of both, of the new one; by
3 1 1 and by 2 1 1; signatures that do not hold, and records that are gone when their time is over
"""

from authority import Authority
from checks import check, equal
from dns import Forger
from patience import until

LONG = 120      # the DNS is asked again after 5 s, about trouble after a minute; what fails waits so long


class Host:
    """mx.example with a key that changes, TLSA records that change (signed), and a service with outbound-tls = dane."""
    def __init__(self, t, authority, stem, records, forge=None):
        self.authority = authority
        self.sink = t.sink(tls=authority.context(stem))
        self.dns = t.dns(*self.zone(records), signed=True)
        self.forger = Forger(t, self.dns, forge)
        anchor = t.folder / "anchor"
        anchor.write_text(self.dns.anchor)
        anchor.chmod(0o644)
        self.service = t.postern({"default": {"delivery": {"retry": "1h", "outbound-tls": "dane", "port": self.sink.port}}},
                                 service={"dns-server": self.forger.address, "dnssec": "yes", "trust-anchor": anchor})

    def zone(self, records):
        return ["d MX 10 mx", "mx A 127.0.0.1"] + [f"_{self.sink.port}._tcp.mx TLSA {record}" for record in records]

    def publish(self, *records):
        self.dns.change(self.zone(records))

    def show(self, stem, authority=None):
        """The host has this key from now on."""
        self.sink.tls = (authority or self.authority).context(stem)
        self.cut()

    def cut(self):
        """Ends the connections that are kept: what they have proved counts as long as they live."""
        for session in self.sink.sessions:
            session.shut()

    def send(self):
        """A message, and what came of it: (id, event)."""
        ident = self.service.default.send(to="x@d.example")
        return ident, self.service.events.wait(id=ident, status=bool)

    def retry(self, ident):
        mark = self.service.events.mark()
        self.service.ctl("queue", "default", "retry", "--id", ident)
        return self.service.events.wait(id=ident, status=bool, since=mark)["event"]

    def delivers(self):
        ident, event = self.send()
        equal((event["event"], event.get("verified")), ("delivered", "dane"), event.line)
        return ident

    def waits(self, status="4.7.5"):
        ident, event = self.send()
        equal((event["event"], event["status"]), ("deferred", status), event.line)
        return ident, event

    def until_delivered(self, ident):
        until(lambda: self.retry(ident) == "delivered", LONG, what=f"{ident} to be delivered")
        event = self.service.events.wait("delivered", id=ident)
        equal(event["verified"], "dane", event.line)

    def until_waits(self):
        """Until what the DNS said before is over; the first message that waits."""
        found = []

        def waits():
            self.cut()
            ident, event = self.send()
            if event["event"] == "deferred":
                found.append((ident, event))
            return found
        until(waits, LONG, what="the old records to be over")
        return found[0]

    def no_mail_in_clear(self):
        for session in self.sink.sessions:
            check(session.tls or not any(line.upper().startswith("MAIL") for line in session.lines), session.lines)


def both_keys(t):
    authority = Authority(t.folder)
    for stem in ("old", "new"):
        authority.sign(stem, "mx.example")
    return authority, f"3 1 1 {authority.digest('old')}", f"3 1 1 {authority.digest('new')}"


def test_rollover(t):
    """As it should be: both records, then the new key, then the new record alone. No mail waits at any step."""
    authority, old, new = both_keys(t)
    host = Host(t, authority, "old", [old])
    host.delivers()
    host.publish(old, new)
    host.delivers()
    host.service.stop()
    host.service.start()    # what the DNS said before is forgotten
    host.delivers()
    host.show("new")
    host.service.stop()
    host.service.start()
    host.delivers()
    host.publish(new)
    host.service.stop()
    host.service.start()
    host.delivers()
    host.no_mail_in_clear()


def test_key_before_record(t):
    """The new key comes before its record: mail waits, and goes when the record is there, with the other one or alone."""
    authority, old, new = both_keys(t)
    host = Host(t, authority, "old", [old])
    host.delivers()
    host.show("new")
    first, event = host.waits()
    check("no TLSA record fits" in event["reason"], event.line)
    before = len(host.sink.messages)
    second, _ = host.waits()
    equal(len(host.sink.messages), before)
    host.publish(old, new)
    host.until_delivered(first)
    host.publish(new)
    host.until_delivered(second)
    host.no_mail_in_clear()


def test_record_that_is_over(t):
    """The record of a key is taken back while the host still shows it: when its time is over nothing goes there by that key."""
    authority, old, new = both_keys(t)
    host = Host(t, authority, "old", [old, new])
    host.delivers()
    host.publish(new)
    ident, event = host.until_waits()
    check("no TLSA record fits" in event["reason"], event.line)
    before = len(host.sink.messages)
    for _ in range(3):
        equal(host.retry(ident), "deferred")
    equal(len(host.sink.messages), before)
    host.show("new")
    equal(host.retry(ident), "delivered")
    host.delivers()
    host.no_mail_in_clear()


def test_authority(t):
    """2 1 1: the host changes its key as it likes; another authority needs its own record; the other kind may stand beside."""
    authority = Authority(t.folder)
    folder = t.folder / "second"
    folder.mkdir()
    second = Authority(folder)
    for stem in ("one", "two"):
        authority.sign(stem, "mx.example")
    second.sign("three", "mx.example")
    host = Host(t, authority, "one", [f"2 1 1 {authority.digest('ca')}"])
    host.delivers()
    host.show("two")
    host.delivers()
    host.show("three", second)
    ident, event = host.waits()
    check("TLSA" in event["reason"] or "not signed by an authority" in event["reason"], event.line)
    host.publish(f"2 1 1 {authority.digest('ca')}", f"2 1 1 {second.digest('ca')}")
    host.until_delivered(ident)
    # of the two kinds one is enough
    host.publish(f"3 1 1 {authority.digest('one')}", f"2 1 1 {second.digest('ca')}")
    host.service.stop()
    host.service.start()
    host.delivers()
    host.show("one")
    host.service.stop()
    host.service.start()
    host.delivers()
    host.show("two")
    host.waits()
    host.no_mail_in_clear()


def test_signature_that_does_not_hold(t):
    """A forged record: mail waits and no host is connected, then it goes when the DNS is right again."""
    authority, old, new = both_keys(t)
    digests = [bytes.fromhex(authority.digest(stem)) for stem in ("old", "new")]
    host = Host(t, authority, "new", [old], forge={"_tcp\x02mx": lambda answer: answer.replace(digests[0], digests[1])})
    ident, event = host.waits()
    check("TLSA" in event["reason"], event.line)
    equal(host.sink.sessions, [])
    host.forger.changes.clear()
    host.show("old")
    host.service.stop()
    host.service.start()    # the resolver has kept the bad answer for a minute
    host.until_delivered(ident)
    host.no_mail_in_clear()
