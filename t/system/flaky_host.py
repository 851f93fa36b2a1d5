"""flaky_host - a remote host that fails in every way at once: all mail arrives at least once, and no report is sent"""

import random

from checks import check, equal
from sink import Sink
from smtp import mail

MESSAGES = 300
LATER = {"CONNECT": "450 4.3.2 busy", "MAIL": "451 4.3.0 later", "RCPT": "450 4.2.0 later", "DATA": "451 4.3.0 later", "DOT": "451 4.3.0 later"}


def moody(seed):
    """Answers of each verb: now and then a temporary refusal, 421 or a connection that just ends."""
    chance = random.Random(seed)

    def answer_of(verb):
        def answer(_session, _line):
            luck = chance.random()
            if luck < 0.04:
                return Sink.DROP
            if luck < 0.06:
                return "421 4.3.2 enough"
            if luck < 0.10 and verb in LATER:
                return LATER[verb]
            return "502 5.5.1 what" if verb == "EHLO" and luck < 0.2 else None
        return answer
    return {verb: answer_of(verb) for verb in ("CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "DOT", "RSET", "QUIT")}


def test_everything_comes_out(t):
    first, second = t.sink(answers=moody(1)), t.sink(answers=moody(2))
    ports = [t.port(), first.port, second.port]     # nobody listens at the first
    service = t.postern({"default": {"messages": {"max-session-size": "unlimited"},
                                     "delivery": {"smart-host": [f"[127.0.0.1]:{port}" for port in ports], "retry": "1s"}}})
    with service.default.connect(ehlo="c.example") as client:
        for number in range(MESSAGES):
            client.message("a@default.example", "x@remote.example", mail(f"number-{number}-"), ehlo=None)
    service.home.wait_queued(0, 100)
    got = b"".join(m.data for m in first.messages + second.messages)
    missing = [n for n in range(MESSAGES) if f"number-{n}-".encode() not in got]
    equal(missing, [], "messages that did not come out")
    equal(service.home.drops(), [], "reports")
    check(len(first.messages) > 0 and len(second.messages) > 0, "both hosts had some")


# Replies that no command has asked for, all in one segment with one that was.
UNASKED = {
    "one more behind EHLO": {"EHLO": "250-sink\r\n250 8BITMIME\r\n250 ok"},
    "all in the greeting": {"CONNECT": "220 sink\r\n250-sink\r\n250 8BITMIME\r\n250 ok"},
    "a refusal behind EHLO": {"EHLO": "250-sink\r\n250 8BITMIME\r\n554 5.0.0 no"},
}
BANNERS = {
    "a banner without dashes": {"CONNECT": "220 sink\r\n220 Authorised use only\r\n220 All sessions are logged"},
    "a second greeting": {"EHLO": "220 two\r\n250-sink\r\n250 8BITMIME"},
}


def send_some(t, answers):
    sink = t.sink(answers=answers)
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}})
    for number in range(3):
        service.default.send("a@default.example", ["x@remote.example", "y@remote.example"], mail(f"number-{number}-"))
    return sink, service


def test_replies_not_asked_for(t):
    for what, answers in UNASKED.items():
        sink, service = send_some(t, answers)
        service.events.wait("deferred", count=6, status="4.5.0")
        equal(service.events.all("delivered"), [], what)
        equal((len(sink.messages), service.home.drops()), (0, []), what)
        service.home.wait_queued(3)
        service.end()


def test_greetings_of_several_lines(t):
    for what, answers in BANNERS.items():
        sink, service = send_some(t, answers)
        service.events.wait("delivered", count=6)
        equal(len(sink.messages), 3, what)
        service.home.wait_queued(0)
        service.end()
