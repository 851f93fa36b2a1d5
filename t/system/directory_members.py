"""directory_members - members of a group that cannot get the mail: the others do, and each is told"""

from checks import check, equal
from fake_ldap import SILENCE, FakeLdap
from ldap_service import PEOPLE, receivers, report_about, service_for
from patience import until
from slapd import BASE, Slapd, dn, entry, person
from smtp import mail


class Forest:
    """A directory of the people ann and bob and one group `team`; what it says of other members, the test decides."""
    def __init__(self, t, members, **fates):
        self.members, self.fates = members, fates
        self.server = FakeLdap(t, self.answer)

    def person(self, name):
        return dn(name), {"objectClass": ["user"], "mail": [f"{name}@default.example"]}

    def answer(self, base, attributes, request):
        if base == BASE:
            for name in ("ann", "bob"):
                if f"{name}@default.example".encode() in request:
                    return 0, [self.person(name)]
            if b"team@default.example" in request:
                return 0, [(dn("team"), {"objectClass": ["group"], "mail": ["team@default.example"], "member": self.members})]
            return 0, []
        name = base.split(",")[0].removeprefix("cn=")
        fate = self.fates.get(name, 0)
        if fate == 0:
            return 0, [self.person(name)]
        return fate if fate == SILENCE else (fate, []) if isinstance(fate, int) else (0, [(base, fate)])


def test_lasting_answers(t):
    """Members that no waiting helps: a report for each, with its name and why; the others get the mail, once."""
    codes = {"far": 10, "hidden": 50, "unwilling": 53, "gone": 32, "odd": 34, "misnamed": 64, "looped": 54}
    forest = Forest(t, [dn(name) for name in ("ann", *codes, "mute", "bob")] + ["X400:c=us;a=x"], mute={"objectClass": ["user"]}, **codes)
    service = service_for(t, forest.server, schema="active-directory")
    ident = service.default.send("bob@default.example", "team@default.example", mail("to the team"))
    report = " ".join(report_about(service, "cn=far").split())
    service.home.wait_queued(0)
    equal(receivers(service, 3), ["ann@default.example", "bob@default.example", "bob@default.example"])
    equal(len(service.home.drops()), 2, "one file of the message, and one report")
    for name in (*codes, "mute"):
        check(dn(name) in report, name, report)
    for words in ("refers to another server", "Insufficient access", "has no such entry", "has no mail address", "X400:c=us;a=x: this is no mail address"):
        check(words in report, words, report)
    equal(report.count("Action: failed"), len(codes) + 2)
    equal(report.count("Final-Recipient: rfc822; team@default.example"), len(codes) + 2)
    check("Status: 5.1.1" in report and "Status: 5.1.3" in report, report)
    event = service.events.wait("expanded", id=ident, addresses="2")
    check("9 members get no mail" in event["note"], event)
    equal(service.events.all("deferred"), [])


def test_without_reports(t):
    """report-members = no: the event says who was left out, nobody else."""
    forest = Forest(t, [dn("ann"), dn("far")], far=10)
    service = service_for(t, forest.server, schema="active-directory", report_members="no")
    ident = service.default.send("bob@default.example", "team@default.example")
    service.home.wait_drops()
    service.home.wait_queued(0)
    equal([d.receivers for d in service.home.drops()], [["ann@default.example"]])
    event = service.events.wait("expanded", id=ident)
    check("1 members get no mail" in event["note"] and dn("far") in event["note"], event)


def test_busy_member(t):
    """One that cannot be looked up now waits alone; what it stands for later gets the mail unless it has it."""
    forest = Forest(t, [dn("ann"), dn("inner")], inner=52)
    service = service_for(t, forest.server, schema="active-directory")
    service.default.send("bob@default.example", "team@default.example")
    equal(receivers(service, 1), ["ann@default.example"])
    service.events.wait("deferred", recipient="team@default.example", status="4.4.3", reason=lambda r: dn("inner") in r, count=2)
    forest.fates["inner"] = {"objectClass": ["group"], "member": [dn("ann"), dn("bob"), dn("far")]}
    forest.fates["far"] = 10
    report_about(service, dn("far"))
    service.home.wait_queued(0)
    equal(sorted(d.receivers for d in service.home.drops() if b"multipart/report" not in d.message), [["ann@default.example"], ["bob@default.example"]])


def test_member_put_back_from_badmail(t):
    """A report that its members could not get: put back, it goes to those alone that did not get it."""
    forest = Forest(t, [dn("ann"), dn("inner"), dn("late")], inner=10, late=10)
    service = service_for(t, forest.server, schema="active-directory")
    service.default.send("", "team@default.example", mail("to the team"))
    equal(receivers(service, 1), ["ann@default.example"])
    service.home.wait_badmails(1)
    service.home.wait_queued(0)
    until(lambda: "team@default.example" in service.ctl("badmail", "default", "list").stdout, what="the message in the list")
    check("ann@" not in service.ctl("badmail", "default", "list").stdout, "one that has it")
    forest.fates["inner"] = {"objectClass": ["group"], "member": [dn("ann"), dn("bob")]}
    service.ctl("badmail", "default", "retry", "--all", "--yes")
    equal(receivers(service, 2), ["ann@default.example", "bob@default.example"])
    service.home.wait_badmails(1)       # late still is what it was
    service.home.wait_queued(0)
    until(lambda: "team@default.example" in service.ctl("badmail", "default", "list").stdout, what="the message in the list again")
    forest.fates["late"] = 0
    service.ctl("badmail", "default", "retry", "--all", "--yes")
    equal(receivers(service, 3), ["ann@default.example", "bob@default.example", "late@default.example"])
    service.home.wait_queued(0)
    equal(service.home.badmails(), [])
    equal(len(service.home.drops()), 3, "each once")


def test_silent_member(t):
    """One whose look-up is never answered: the server lives, as it shows for others."""
    forest = Forest(t, [dn("ann"), dn("dead")], dead=SILENCE)
    service = service_for(t, forest.server, schema="active-directory", timeout="1s")
    service.default.send("bob@default.example", "team@default.example")
    equal(receivers(service, 1), ["ann@default.example"])
    service.events.wait("deferred", recipient="team@default.example", status="4.4.3", reason=lambda r: dn("dead") in r)
    service.default.send(to="bob@default.example")
    equal(receivers(service, 2), ["ann@default.example", "bob@default.example"])


def test_misfit(t):
    """A refusal of the search itself is about the configuration: mail waits, one event tells the administrator."""
    fake = FakeLdap(t, lambda base, attributes, request: (50, []))
    service = service_for(t, fake)
    for name in ("ann", "bob"):
        ident = service.default.send(to=f"{name}@default.example")
        service.events.wait("deferred", id=ident, status="4.4.3", reason=lambda r: "[ldap] does not fit" in r and "Insufficient access" in r)
    equal(len(service.events.all("trouble", part="directory")), 1)


def test_answer_without_end(t):
    """A server that goes on with entries after the second one, or never ends its answer, is not listened to; others are looked up meanwhile."""
    def answer(base, attributes, request):
        if b"twin" in request:
            return None, [(dn(f"twin{n}"), {"objectClass": ["person"], "mail": ["twin@default.example"]}) for n in range(2)]
        return 0, [(dn("ann"), {"objectClass": ["person"], "mail": ["ann@default.example"]})]
    service = service_for(t, FakeLdap(t, answer), timeout="60s")
    service.default.send(to="twin@default.example")
    service.events.wait("failed", recipient="twin@default.example", status="5.1.4", reason=lambda r: "more than one entry" in r)
    service.default.send(to="ann@default.example")
    equal(receivers(service, 1), ["ann@default.example"])


def test_ranges(t):
    """Several attributes come in parts in one answer, and a part that is missing leaves nobody out."""
    people = [f"p{n}" for n in range(9)]
    parts = {"member": people[:5], "uniqueMember": people[5:]}
    broken = []

    def answer(base, attributes, request):
        if base == BASE:
            return 0, [(dn("team"), {"objectClass": ["groupOfNames"], **{f"{name};range=0-1": [dn(p) for p in parts[name][:2]] for name in parts}})]
        found = {}
        if base == dn("team"):
            name, _, begin = attributes[0].partition(";range=")
            at = int(begin.split("-")[0])
            if name in broken:
                return 0, [(base, {})]
            found[f"{name};range={at}-{at + 1 if len(parts[name]) > at + 2 else '*'}"] = [dn(p) for p in parts[name][at:at + 2]]
        else:
            found = {"objectClass": ["person"], "mail": [f"{base.split(',')[0].removeprefix('cn=')}@default.example"]}
        return 0, [(base, found)]
    broken.append("uniqueMember")
    service = service_for(t, FakeLdap(t, answer))
    ident = service.default.send(to="team@default.example")
    service.events.wait("deferred", id=ident, reason=lambda r: "uniqueMember has no values from 2 on" in r)
    equal(service.home.drops(), [])
    broken.clear()
    equal(receivers(service, 9), [f"{p}@default.example" for p in people])
    service.home.wait_queued(0)


def test_referral_object(t):
    """A real server's referral, and a group that is too deep in one place."""
    slapd = Slapd(t, PEOPLE + f"dn: ou=far,{BASE}\nobjectClass: referral\nobjectClass: extensibleObject\nou: far\nref: ldap://other.example/{BASE}\n\n"
                  + entry("team", "groupOfNames", "extras", mail="team@default.example", member=[dn("ann"), f"cn=f,ou=far,{BASE}", dn("deep1"), dn("bob")])
                  + "".join(entry(f"deep{n}", "groupOfNames", member=dn(f"deep{n + 1}") if n < 4 else dn("ann")) for n in range(1, 5)))
    service = service_for(t, slapd, group_depth="2")
    service.default.send("bob@default.example", "team@default.example", mail("deep"))
    report = " ".join(report_about(service, "cn=f,ou=far").split())
    check("refers to another server" in report and "Status: 5.4.6" in report and "too deep" in report, report)
    service.home.wait_queued(0)
    equal(receivers(service, 3), ["ann@default.example", "bob@default.example", "bob@default.example"])


# shows 2.9b
def test_redirect_of_exchange(t):
    """deliverAndRedirect keeps a copy in the mailbox, with both schemas that have it."""
    slapd = Slapd(t, entry("one", "user", mail="one@default.example")
                  + entry("two", "user", mail="two@default.example", altRecipient=dn("one"), deliverAndRedirect="TRUE"))
    service = service_for(t, slapd, schema="exchange")
    service.default.send(to="two@default.example")
    equal(receivers(service, 2), ["one@default.example", "two@default.example"])


def test_tags(t):
    """recipient-delimiter: the whole address first, then without its tag, which stays where the mail is delivered."""
    slapd = Slapd(t, PEOPLE + person("plus", "bob+own@default.example") + person("away", "away@default.example", "extras", mailForwardingAddress="ann@default.example"))
    service = service_for(t, slapd, recipient_delimiter="+")
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@s.example>")
        client.expect("550 5.1.1", "RCPT TO:<eve+x@default.example>")
        client.expect("550 5.1.1", "RCPT TO:<eve+x@default.example>")
        for to in ("ann+news", "bob+own", "away+x", "ann+news"):
            client.expect(250, f"RCPT TO:<{to}@default.example>")
        client.content(mail("tags"))
    until(lambda: len(receivers(service, 3)) >= 3, what="all three")
    equal(receivers(service, 3), ["ann+news@default.example", "ann@default.example", "bob+own@default.example"])
    service.home.wait_queued(0)


def test_explain_asks(t):
    """posternctl explain says what the directory decides; without a service it names the question."""
    forest = Forest(t, [dn("ann"), dn("far")], far=10)
    service = service_for(t, forest.server, schema="active-directory")

    def told(rcpt, status):
        done = service.ctl("explain", "--from", "127.0.0.1", "--rcpt", f"{rcpt}@default.example", ok=False)
        equal(done.returncode, status, f"{rcpt}: {done.stdout}{done.stderr}")
        return " ".join(line for line in done.stdout.splitlines() if line.startswith(("directory", "answer")))
    check("a mailbox" in told("ann", 0))
    check("550 5.1.1 User unknown: nobody@default.example" in told("nobody", 1))
    answer = told("team", 0)
    check("stands for ann@default.example" in answer and dn("far") in answer and "gets no mail" in answer, answer)
    service.stop()
    answer = told("nobody", 0)
    check("decides about nobody@default.example" in answer and "uri:" in answer, answer)
