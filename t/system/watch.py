"""watch - posternctl watch: events of all processes as they come, selected, for who has the right; nobody waits for who does not read"""

import json
import os
import signal
import subprocess
import threading

from checks import check, equal
from patience import until, wait_for
from smtp import mail


class Watch:
    """posternctl watch, with what it has printed so far."""
    def __init__(self, test, service, *words, reads=True):
        self.rows, self.news = [], threading.Condition()
        self.process = subprocess.Popen([service.bin / "posternctl", "-c", service.config, "watch", *words], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=service.environment(), cwd="/", **service.account())
        test.cleanup(self.end)
        self.may_read = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        self.wait("watching")
        if reads:
            self.may_read.set()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.rows.append(json.loads(line))
                self.news.notify_all()
            self.may_read.wait()

    def wait(self, event, **fields):
        def found():
            return next((row for row in self.rows if row["event"] == event and all(row.get(k) == v for k, v in fields.items())), None)
        with self.news:
            row = wait_for(self.news, found)
        check(row, f"no event {event} {fields} among", self.rows)
        return row

    def end(self):
        self.process.kill()
        self.process.wait()


# shows 7.2b, 9b.2
def test_story(t):
    """A message from the client's connection to its drop file, with values as they are; a new process is watched, too."""
    service = t.postern({"default": {}, "other": {}})
    everything, one = Watch(t, service), Watch(t, service, "default", "--topic", "messages", "--sender", '"a\\"b"@s.example')
    other = Watch(t, service, "other")
    ident = service.default.send('"a\\"b"@s.example', "x@default.example", mail("watched"))
    opened = everything.wait("session", state="opened", server="default", client="127.0.0.1")
    everything.wait("session", state="closed", session=opened["session"])
    accepted = everything.wait("accepted", id=ident, sender='"a\\"b"@s.example')
    equal((accepted["schema"], accepted["level"], accepted["program"]), (1, "fact", "postern-listener"))
    everything.wait("dropped", id=ident, program="postern-pickup")
    one.wait("accepted", id=ident)
    service.default.send("else@s.example", "x@default.example", mail("not watched"))
    everything.wait("accepted", sender="else@s.example")
    os.kill(service.child("deliver", "default"), signal.SIGKILL)
    everything.wait("crash", server="default", role="deliver")
    again = service.default.send('"a\\"b"@s.example', "x@default.example", mail("after"))
    everything.wait("dropped", id=again)
    one.wait("accepted", id=again)
    everything.wait("dropped", id=service.default.send_by_queue("x@default.example"), program="postern-deliver")
    equal({row.get("sender") for row in one.rows if row["event"] == "accepted"}, {'"a\\"b"@s.example'})
    service.ctl("pause", "other")
    other.wait("state", state="paused", server="other")
    equal({row.get("server") for row in other.rows}, {"other"})
    counters = Watch(t, service, "default", "--topic", "counters")
    check(counters.wait("counters")["counters"], "counters")
    service.stop()
    equal([watch.process.wait(20) for watch in (everything, one, other, counters)], [69] * 4)


def test_does_not_read(t):
    """Who does not read loses lines and is told how many; mail goes on."""
    service = t.postern()
    watch = Watch(t, service, reads=False)
    sender, to = "a" * 240 + "@s.example", "b" * 240 + "@default.example"
    for _ in range(3):
        with service.default.connect(ehlo="c.example") as client:
            for _ in range(100):
                client.message(ehlo=None, sender=sender, to=to, data=mail("x"))
    service.home.wait_drops(300)
    watch.may_read.set()
    until(lambda: service.default.send() and any(row["event"] == "lost" and int(row["lines"]) > 0 for row in watch.rows), what="a line that tells it")
    ident = service.default.send()
    watch.wait("dropped", id=ident)


def test_words(t):
    service = t.postern()
    for words, said in ((("--topic", "mesages"), "did you mean messages"), (("nobody",), "there is no virtual server nobody")):
        refused = service.ctl("watch", *words, ok=False)
        check(refused.returncode != 0 and said in refused.stderr, refused)
