"""ledger - mail of every fate at once, a ledger of what was acknowledged, and a count of what came out

Load and Operator own their threads until end(). wait_all_out() raises Failure when something that was acknowledged does not come out.
Fates:
    L local, by SMTP       R remote, taken          F remote, refused: a report    N null sender, refused: badmail
    P local, by pickup     B bad pickup file: badmail                              G large local message
    S local, its success is to be told: a report           E a group of the directory, with a local and a remote member
    T local, and remote at a host that takes its time: what is known of the one is written down meanwhile
  With an operator (see Operator), whose mail waits at its host:
    H held, released, bounced: a report        M moved to another virtual server, local there        D deleted: owed to nobody
"""

import re
import threading

from checks import Failure
from patience import until
from smtp import Smtp

MARK = re.compile(rb"ledger-([LRFNPBGSETHMD])-(\d+)-")
END = "end of the message\r\n"
FATES = "LRFNPBGS"
OPERATED = "LRNHMD"
SLOWNESS = threading.Event()    # never set


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.owed = set()       # (fate, number): the client was told that the message is safe
        self.number = 0

    def next(self):
        with self.lock:
            self.number += 1
            return self.number

    def owe(self, fate, number):
        with self.lock:
            self.owed.add((fate, number))


def text(fate, number, size=0):
    filler = ("x" * 70 + "\r\n") * (size // 72)
    return f"From: author@default.example\r\nTo: b@default.example\r\nSubject: ledger-{fate}-{number}-\r\n\r\n{filler}{END}".encode()


def refuse_some(_session, line):
    if "<slow@" in line:
        SLOWNESS.wait(0.5)      # longer than what is known waits before it is written down
    return "550 5.1.1 no such user" if "<no-" in line else "450 4.2.1 not now" if "<wait-" in line else None


class Load:
    """
    Writers by SMTP and by pickup until end(). They connect again after a lost connection, for the service crashes on purpose.
    `backlog`: they rest while so many messages are in the queue (an operator is slower than they are).
    """
    ENVELOPES = {"L": ("author@default.example", "local@default.example"), "R": ("author@default.example", "yes@remote.example"),
                 "F": ("author@default.example", "no-user@remote.example"), "N": ("", "no-user@remote.example"),
                 "G": ("author@default.example", "local@default.example"), "S": ("author@default.example", "local@default.example"),
                 "E": ("author@default.example", "group@default.example"),
                 "T": ("author@default.example", "local@default.example", "slow@remote.example"),
                 "H": ("author@default.example", "wait-h@remote.example"), "M": ("author@default.example", "wait-m@moved.example"),
                 "D": ("author@default.example", "wait-d@remote.example")}

    def __init__(self, server, ledger, fates=FATES, threads=3, most=400, backlog=None):
        self.server, self.ledger, self.fates, self.most, self.backlog = server, ledger, fates, most, backlog
        self.done = threading.Event()
        self.refused = 0
        self.threads = [threading.Thread(target=self.by_smtp, args=(n,), daemon=True) for n in range(threads)]
        if "P" in fates or "B" in fates:
            self.threads.append(threading.Thread(target=self.by_pickup, daemon=True))
        for thread in self.threads:
            thread.start()

    def enough(self):
        return self.done.is_set() or self.ledger.number > self.most

    def rest(self):
        while self.backlog and not self.enough() and len(self.server.home.queued()) >= self.backlog:
            self.done.wait(0.05)

    def by_smtp(self, turn):
        fates = [f for f in self.fates if f in self.ENVELOPES]
        while not self.enough():
            try:
                self.rest()
                with Smtp(("127.0.0.1", self.server.port), timeout=10, ehlo="load.example") as client:
                    for _ in range(10):
                        if self.enough():
                            break
                        turn += 1
                        self.one(client, fates[turn % len(fates)])
            except (OSError, EOFError, Failure):
                self.done.wait(0.05)

    def one(self, client, fate):
        number = self.ledger.next()
        sender, *recipients = self.ENVELOPES[fate]
        notify = " NOTIFY=SUCCESS" if fate == "S" else ""
        if client.cmd(f"MAIL FROM:<{sender}>").code != 250 or \
                any(client.cmd(f"RCPT TO:<{recipient}>{notify}").code != 250 for recipient in recipients):
            self.refused += 1
            client.cmd("RSET")
            return
        client.expect(354, "DATA")
        client.send(text(fate, number, 400000 if fate == "G" else 0) + b".\r\n")
        if client.reply().code != 250:
            self.refused += 1
        elif fate != "D":
            self.ledger.owe(fate, number)
            if fate in "ET":
                self.ledger.owe(f"{fate} remote", number)

    def by_pickup(self):
        fates = [f for f in self.fates if f in "PB"]
        while not self.enough():
            number = self.ledger.next()
            fate = fates[number % len(fates)]
            head = b"x-sender: author@default.example\r\nx-receiver: local@default.example\r\n" if fate == "P" else b"x-sender: author@default.example\r\n"
            data = text(fate, number)
            if fate == "B":
                data = data.replace(b"To: b@default.example\r\n", b"")
            try:
                self.server.home.put(f"{fate}{number}.eml", head + data)
                self.ledger.owe(fate, number)
            except OSError:
                pass
            self.done.wait(0.01)

    def end(self):
        self.done.set()
        for thread in self.threads:
            thread.join(30)


class Operator:
    """Gives commands about the queue without pause until end(), those named by `first` first; the service may be down."""
    ENDS = (("queue", "default", "release", "--held"), ("queue", "default", "bounce", "--recipient", "wait-h@*"),
            ("queue", "default", "delete", "--domain", "remote.example", "--recipient", "wait-d@*"),
            ("queue", "default", "move", "--recipient", "wait-m@*", "--to", "other"))
    ALL = (("queue", "default", "hold", "--recipient", "wait-*"), ("badmail", "default", "retry", "--sender", "<>", "--newer", "5s")) + ENDS

    def __init__(self, service, first=""):
        self.service = service
        self.orders = sorted(self.ALL, key=lambda order: first not in order)
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.done.is_set():
            for order in self.orders:
                if not self.done.wait(0.01):
                    self.service.ctl(*order, "--yes", ok=False)

    def end(self):
        self.done.set()
        self.thread.join(70)

    def tidy(self):
        """Finishes the commands that were under way when it ended."""
        for order in self.ENDS:
            self.service.ctl(*order, "--yes", ok=False)


def came_out(home, sink, other=None):
    """{(fate, number): how often} over drop, badmail and the sink; `other`: the home where mail is moved to."""
    found = {}

    def see(data, fates, where=""):
        for fate, number in set(MARK.findall(data)):
            if fate.decode() in fates:
                key = (fate.decode() + where, int(number))
                found[key] = found.get(key, 0) + 1
    for path in home.drop.glob("[!.]*.eml"):
        data = path.read_bytes()
        is_report = b"multipart/report" in data
        see(data, "FSH" if is_report else "LPGET")
        if not is_report and not data.endswith(END.encode()):
            raise Failure(f"{path.name} is visible, but not whole")
    for path in home.badmail.glob("*.bad"):
        see(path.read_bytes(), "NB")
    for message in list(sink.messages):
        see(message.data, "R")
        see(message.data, "ET", " remote")
    for path in other.drop.glob("[!.]*.eml") if other else []:
        see(path.read_bytes(), "M")
    return found


def wait_all_out(home, sink, ledger, timeout=120, operator=None, other=None):
    """Waits until all that is owed came out and the queue is empty; returns how many messages came out more than once."""
    def missing():
        if operator:
            operator.tidy()
        found = came_out(home, sink, other)
        return sorted(ledger.owed - set(found))

    def queued():
        if operator:
            operator.tidy()
        return home.queued() + (other.queued() if other else [])
    until(lambda: not missing(), timeout, lambda: f"what is owed; missing: {missing()[:20]} of {len(ledger.owed)}; queue: {len(home.queued())}")
    until(lambda: not queued(), timeout, lambda: f"the queue to empty: {[str(p) for p in queued()][:5]}")
    return sum(count - 1 for count in came_out(home, sink, other).values())
