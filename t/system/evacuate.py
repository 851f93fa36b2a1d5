"""evacuate - posternctl queue evacuate: a queue goes to another node over SMTP under TLS with all that is known of its messages; who may
bring messages, and what a node that may can do wrong
"""

import os
import socket
import threading
import time

from checks import check, equal
from evacuation import Nodes, counter, files, flags, listed
from patience import until
from smtp import Smtp, mail

LATER = "450 4.2.1 come back"


def later(session, line):
    return LATER if "<later" in line.replace('"', "") else None


def fill(nodes):
    """Messages of all kinds; their ids."""
    one = nodes.old.default
    ids = [one.send("a@one.example", ["yes@far.example", "later-1@far.example", "later-2@far.example"]),
           one.send("b@one.example", "later-3@far.example", mail(body="é\r\n", size=300000), params=" BODY=8BITMIME ENVID=e+2B1 RET=HDRS",
                    rcpt=" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;first@far.example"),
           one.send("", "later-4@far.example", b"\r\n.\r\n..\r\nno header at all\r\n"),
           one.send("später@one.example", '"later-5 x"@far.example', params=" SMTPUTF8"),
           one.send("d@one.example", "later-6@far.example")]
    nodes.old.events.wait("deferred", count=6)
    until(lambda: not listed(nodes.old, "--state", "active"), what="all to be at rest")
    nodes.old.ctl("queue", "hold", ids[4], "--reason", "for the night")
    return ids


def rows(service):
    return {row["id"]: {k: v for k, v in row.items() if k != "server"} for row in listed(service)}


def secured(nodes, stem):
    """A client of the new node under TLS, with that certificate; and what EHLO offers."""
    client = Smtp(("127.0.0.1", nodes.new.default.port), ehlo="old.example")
    client.expect(220, "STARTTLS")
    client.socket = nodes.tls(stem).wrap_socket(client.socket, server_hostname="new.example")
    return client, client.expect(250, "EHLO old.example").texts


# shows 9c.4
def test_kept(t):
    """Ids, due times, notes, marks, holds, envelopes and content are there as they were here, and here is nothing; then all goes out."""
    nodes = Nodes(t, {"RCPT": later})
    sink = nodes.sink
    ids = fill(nodes)
    before, there = files(nodes.old), rows(nodes.old)
    equal(sorted(before), sorted(ids))
    said = nodes.evacuate()
    check("5 messages evacuated" in said.stdout, said)
    equal((nodes.old.home.queued(), files(nodes.new)), ([], before))
    equal(rows(nodes.new), there, "as operators see them")
    check("evacuated" in flags(nodes.new, ids[1]) and "8bitmime" in flags(nodes.new, ids[1]) and "smtputf8" in flags(nodes.new, ids[3]))
    for id in ids:
        equal(nodes.new.events.wait("evacuated", id=id)["known"], "no")
        equal(nodes.old.events.wait("evacuated", id=id)["to"], nodes.host)
    equal((counter(nodes.old, "messages_evacuated_total"), counter(nodes.new, "messages_taken_over_total"),
           counter(nodes.new, "messages_taken_over_again_total")), (5, 5, 0))
    nodes.new.stop()
    nodes.new.start()
    equal(files(nodes.new), before, "after a restart")
    sink.answers.clear()
    nodes.old.stop()
    nodes.new.ctl("queue", "release", "--all", "--yes")
    nodes.new.ctl("retry")
    nodes.new.home.wait_queued(0)
    want = [["yes@far.example"], ["later-1@far.example", "later-2@far.example"], ["later-3@far.example"], ["later-4@far.example"],
            ['"later-5 x"@far.example'], ["later-6@far.example"]]
    equal(sorted(message.recipients for message in sink.messages), sorted(want), "each once, and the one that was delivered not again")
    big = next(message for message in sink.messages if message.sender == "b@one.example")
    equal(big.data.count(b"\nReceived:") + big.data.startswith(b"Received:"), 1, "no further trace")


def begin(nodes):
    """A client that may bring messages, and has said so."""
    client, offers = secured(nodes, "old")
    check("XEVACUATE" in offers, offers)
    until(lambda: client.cmd("XEVACUATE").code == 250, what="its queue to be read")
    return client


def put(client, id, file, note=b"", due=1796133174, held=0):
    client.send(f"PUT {id} {due} {held} {len(note)} {len(file)}\r\n".encode() + note + file)


def whole(to="later-1@far.example", content=b"Subject: x\r\n\r\nx\r\n", head=b""):
    return (b"postern-queue 1\n" + head + b"marks: .\nx-sender: a@one.example\nx-receiver: " + to.encode() + b"\n\n" + content +
            f"postern-end {len(content):019d}\n".encode())


# shows 9c.4
def test_who(t):
    """Neither keyword nor command is there for a client in clear, without a certificate, or with another one."""
    nodes = Nodes(t, {"RCPT": later})
    with Smtp(("127.0.0.1", nodes.new.default.port)) as client:
        check("XEVACUATE" not in client.expect(250, "EHLO x.example").texts)
        client.expect("502 5.5.1", "XEVACUATE")
        check("XEVACUATE" not in client.expect(214, "HELP").text)
    for stem in (None, "other"):
        client, offers = secured(nodes, stem)
        check("XEVACUATE" not in offers, stem, offers)
        client.expect("502 5.5.1", "XEVACUATE")
        client.message("a@one.example", "b@one.example", ehlo=None)
        client.close()
    begin(nodes).close()
    nodes.new.default.set("access", evacuate_from=":".join(nodes.fingerprint("other")[i:i + 2] for i in range(0, 64, 2)).upper())
    nodes.new.ctl("reload")
    client, offers = secured(nodes, "old")
    check("XEVACUATE" not in offers, "another is named now", offers)
    client.close()
    client, offers = secured(nodes, "other")
    check("XEVACUATE" in offers, "and is known", offers)
    client.close()


# shows 9c.4
def test_hostile(t):
    """What a node brings is judged: each wrong thing is answered, the queue sees none of it, and good messages go on beside them."""
    nodes = Nodes(t, {"RCPT": later})
    good, others = "1k0t4z00000aaaaa", ("1k0t4z00001aaaaa", "1k0t4z00002aaaaa")
    file, due = whole(), int(time.time()) + 1800
    client = begin(nodes)
    for number, (id, file_, more, answer) in enumerate((
            ("zzzzzzzzzzzaaaaa", file, {}, "554 5.6.0 zzzzzzzzzzzaaaaa its id is of a time that has not come"),
            (good, file, {"due": 253402300800}, "it is due at no time that can be"),
            (good, file, {"due": 0}, "it is due at no time that can be"),
            (good, file, {"note": b"failed 1 1796133174000000 5.1.1 550 host no\n"}, "about a recipient that is not there"),
            (good, file, {"note": b"deferred 1 99999999999 4.0.0 450 host no\n"}, "of a time that cannot be"),
            (good, file, {"note": b"deferred 1 1796133174 4.0.0 450 host torn"}, "a line that is none"),
            (good, file, {"note": b"unknown 1 1796133174 4.0.0 450 host no\n"}, "a line that is none"),
            (good, file, {"note": b"deferred 01 1796133174 4.0.0 450 host \0\n"}, "a line that is none"),
            (good, file[:-1], {}, "no end record"), (good, b"", {}, "no whole message"), (good, b"x" * 40000, {}, "not a queue file"),
            (good, file.replace(b"marks: .", b"marks: .."), {}, "as many marks as recipients"),
            (good, file.replace(b"marks: .", b"marks: ?"), {}, "unknown mark"),
            (good, whole(head=b"flags: unheard-of\n"), {}, "unknown flag"), (good, whole(head=b"path: ../../x\n"), {}, "unknown envelope line"),
            (good, whole(head=b"client: \x01\n"), {}, "control bytes"))):
        put(client, id, file_, **more)
        said = client.reply()
        check(said.code == 554 and id in said.text and answer.split("554 ")[-1] in f"{said.text}", number, said)
    equal(nodes.new.home.queued(), [])
    for id in (good, *others):          # without waiting for answers
        put(client, id, whole(f"later-{id}@far.example"), note=b"deferred 1 1796133000 4.2.1 450 mx.far.example busy\n", due=due, held=1)
    equal(sorted(client.reply().text for _ in range(3)), sorted(f"2.0.0 {id} taken" for id in (good, *others)))
    equal({row["id"]: row["state"] for row in listed(nodes.new)}, {id: "held" for id in (good, *others)})
    equal({id: found[0] for id, found in files(nodes.new).items()}, {id: due for id in (good, *others)})
    put(client, good, whole(f"later-{good}@far.example"))
    equal(client.reply().text, f"2.0.0 {good} known")
    put(client, good, whole("somebody-else@far.example", b"Subject: another\r\n\r\n"))
    check("another message has this id" in client.expect(554).text, "another message")
    client.expect(221, "QUIT")
    check(client.is_closed(), "at QUIT")
    for line in ("PUT ../../../etc/passwd 1 0 0 40", "PUT 1k0t4z00000aaaa/ 1 0 0 40", "PUT 1k0t4z00000aaaaa -1 0 0 40", "PUT 1k0t4z00000aaaaa 1 2 0 40",
                 "PUT 1k0t4z00000aaaaa 1 0 0 99999999999999999999", "PUT 1k0t4z00000aaaaa 1 0 0", "PUT", "MAIL FROM:<a@b.example>", "x" * 600, "\0"):
        with begin(nodes) as client:
            client.send(line + "\r\n")
            equal(client.reply().code, 500, line)
            check(client.is_closed(), "after", line)
    with begin(nodes) as client:        # it leaves in the middle
        client.send(f"PUT {good} 5 0 0 100000\r\nhalf of it")
    with begin(nodes) as client:
        put(client, "1k0t4z00003aaaaa", whole("later-x@far.example", b"x" * 70 + b"\r\n" + b"y" * 1000000 + b"\r\n"), due=due)
        client.expect("250 2.0.0 1k0t4z00003aaaaa taken")
    nodes.new.ctl("queue", "delete", "--all", "--yes")
    with begin(nodes) as client:
        put(client, good, whole(f"later-{good}@far.example"))
        equal(client.reply().text, f"2.0.0 {good} known", "deleted there, and so done")
    equal((nodes.new.home.queued(), counter(nodes.new, "messages_taken_over_total"), counter(nodes.new, "messages_taken_over_again_total")), ([], 4, 2))


def refusal(nodes, *words, status=1, **options):
    done = nodes.evacuate(ok=False, **options)
    check(done.returncode == status and all(word in done.stderr for word in words), words, done)


# shows 9c.4
def test_refused(t):
    """Whatever does not fit, the queue stays as it was, and the operator is told why."""
    nodes = Nodes(t, {"RCPT": later})
    fill(nodes)
    before = files(nodes.old)
    nodes.new.default.set("access", evacuate_from=nodes.fingerprint("other"))
    nodes.new.ctl("reload")
    refusal(nodes, "takes no messages of this node (502 5.5.1 Command not available)")
    nodes.new.default.set("access", evacuate_from=None)
    nodes.new.ctl("reload")
    refusal(nodes, "takes no messages of this node")
    nodes.new.stop()
    refusal(nodes, "cannot connect to")
    nodes.new.default.set("access", evacuate_from=nodes.fingerprint("old"), **{k.replace("-", "_"): v for k, v in nodes.pair("other", "certificate", "key").items()})
    nodes.new.start()
    refusal(nodes, "no secure connection")
    check("say where to" in nodes.old.ctl("queue", "one", "evacuate", "--all", "--yes", ok=False).stderr)
    check("the host is none" in nodes.old.ctl("queue", "one", "evacuate", "--all", "--yes", "--to", "[127.0.0.1", ok=False).stderr)
    equal(files(nodes.old), before)
    nodes.old.default.set("delivery", evacuate_certificate=None, evacuate_key=None)
    nodes.old.ctl("reload")
    until(lambda: "evacuate-certificate and evacuate-key are not set" in nodes.evacuate(ok=False).stderr, what="the reason")
    nodes.old.default.set("delivery", **{key.replace("-", "_"): path for key, path in nodes.pair("old", "client-certificate", "client-key").items()})
    nodes.old.ctl("reload")
    until(lambda: "no secure connection" in nodes.evacuate(ok=False).stderr, what="that of the smart hosts to be shown")
    equal((files(nodes.old), nodes.new.home.queued()), (before, []))


# shows 9c.4
def test_stopped(t):
    """The queue of a virtual server that is stopped goes, whatever was asked before, and nothing of it is tried; then it starts as ever."""
    nodes = Nodes(t, {"RCPT": later})
    ids = fill(nodes)
    nodes.old.ctl("stop", "one")
    nodes.old.wait_state("one", "stopped")
    for path in nodes.old.home.queued():    # all are due
        os.utime(path, (1, 1))
    tried = len(nodes.old.events.all("deferred"))
    equal(len(listed(nodes.old)), 5, "by the process that speaks to no host")
    check("1 message evacuated" in nodes.evacuate(ids[0]).stdout)
    nodes.old.ctl("queue", "one", "hold", ids[1])
    retried = nodes.old.ctl("retry", "one", ok=False)
    check(retried.returncode != 0 and "is stopped" in retried.stdout + retried.stderr, retried)
    check("4 messages evacuated" in nodes.evacuate().stdout)
    equal(nodes.old.home.queued(), [])
    found = {row["id"]: row["state"] for row in listed(nodes.new)}
    equal((sorted(found), found[ids[1]], found[ids[4]]), (sorted(ids), "held", "held"))
    equal(len(nodes.old.events.all("deferred")), tried)
    nodes.old.ctl("start", "one")
    nodes.old.wait_state("one", "started")
    new = nodes.old.default.send("z@one.example", "later-z@far.example")
    nodes.old.events.wait("deferred", id=new)
    equal([row["id"] for row in listed(nodes.old)], [new])


def read_line(stream):
    line = b""
    while not line.endswith(b"\n"):
        piece = stream.recv(1)
        if not piece:
            return ""
        line += piece
    return line.decode()


def take(stream):
    """All octets of the next message; its id."""
    _, id, _, _, note, size = read_line(stream).split()
    left = int(note) + int(size)
    while left > 0:
        left -= len(stream.recv(min(left, 65536)))
    return id


def lie(nodes, said, then):
    """A node with the right certificate that answers verbs so, and behind XEVACUATE does `then`; what to give to --to."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk():
        with listener:
            stream = listener.accept()[0]
        stream.settimeout(60)
        verb, secured = "CONNECT", False
        while verb:
            reply = said.get(verb) or {"CONNECT": "220 new.example", "STARTTLS": "220 go on", "XEVACUATE": "250 2.0.0 go on",
                                       "EHLO": "250-new.example\r\n250 " + ("XEVACUATE" if secured else "STARTTLS")}.get(verb, "502 5.5.1 no")
            stream.sendall(reply.encode() + b"\r\n")
            if verb == "STARTTLS" and reply[0] == "2":
                stream, secured = nodes.authority.context("new").wrap_socket(stream, server_side=True), True
            if verb == "XEVACUATE" and reply[0] == "2":
                then(stream)
                break
            verb = read_line(stream).split(" ")[0].strip().upper()
        stream.close()

    def guarded():
        try:
            talk()
        except OSError:
            pass    # it was left

    threading.Thread(target=guarded, daemon=True).start()
    return f"[127.0.0.1]:{listener.getsockname()[1]}"


def answers(*lines, stays=False):
    """Takes one message, and says these lines; ID is that of the message. `stays`: else an end may overtake what was said."""
    def then(stream):
        id = take(stream)
        stream.sendall("".join(lines).replace("ID", id).encode())
        while stays and stream.recv(65536):
            pass
    return then


# shows 9c.4
def test_lying_node(t):
    """A node that refuses at each step, and one that lies: a message leaves by its own whole answer, given after all of it has left."""
    nodes = Nodes(t, {"RCPT": later})
    ids = fill(nodes)
    before = files(nodes.old)
    for number, (said, then) in enumerate((
            ({"CONNECT": "554 no"}, None), ({"CONNECT": "x" * 5000}, None), ({"EHLO": "550 no", "HELO": "550 no"}, None),
            ({"STARTTLS": "454 no"}, None), ({"EHLO": "250 new.example"}, None), ({"XEVACUATE": "450 4.3.2 not now"}, None),
            ({"XEVACUATE": "250-many\r\n250 lines"}, None),
            ({"XEVACUATE": "250 2.0.0 go on\r\n" + "\r\n".join(f"250 2.0.0 {id} taken" for id in ids)}, lambda stream: read_line(stream)),
            ({}, lambda stream: None), ({}, answers()), ({}, answers("250 2.0.0 1k0t4z00000aaaaa taken\r\n")), ({}, answers("250 2.0.0 ID lost\r\n")),
            ({}, answers("250 2.0.0 ID taken")), ({}, answers("250 ID\r\n")), ({}, answers("\0" * 100000)), ({}, answers("x" * 100000 + "\r\n")),
            ({}, answers("452 4.3.1 ID full\r\n")), ({}, answers("554 5.6.0 ID bad\r\n", "250 2.0.0 ID taken\r\n")))):
        done = nodes.old.ctl("queue", "one", "evacuate", "--all", "--yes", "--to", lie(nodes, said, then), ok=False)
        check(done.returncode == 1 and "0 messages evacuated" in done.stdout, number, done)
        equal(files(nodes.old), before, number)
    done = nodes.old.ctl("queue", "one", "evacuate", "--all", "--yes", "--to", lie(nodes, {}, answers("250 2.0.0 ID taken\r\n" * 2, stays=True)), ok=False)
    check(done.returncode == 1 and "1 message evacuated" in done.stdout, done)
    equal(len(files(nodes.old)), len(ids) - 1, "it said twice that it has one")


def told(service, **keys):
    return [{k: e[k] for k in ("result", "matched", "done", "busy", "failed", "more", "reason") if k in e}
            for e in service.events.all("operator", command="queue", action="evacuate", **keys)]


def test_told(t):
    """What came of a command is one event with its counts; a target that is dead is said once, with how many that concerns, and why."""
    nodes = Nodes(t, {"RCPT": later})
    ids = fill(nodes)
    nodes.new.stop()
    done = nodes.evacuate(ok=False)
    lines = done.stderr.splitlines()
    check(done.returncode == 1 and len(lines) == 1 and " and 4 more: " in lines[0] and "cannot connect to" in lines[0], done)
    check(any(lines[0].startswith(f"posternctl: {id} ") for id in ids), lines)
    (event,) = told(nodes.old)
    equal(event.pop("reason"), lines[0].removeprefix("posternctl: "))
    equal(event, {"result": "failed", "matched": "5", "done": "0", "busy": "0", "failed": "5"})
    nodes.new.start()
    begin(nodes).close()
    nodes.evacuate(ids[0])
    nodes.evacuate()
    equal(nodes.evacuate(ok=False).returncode, 3, "none matches")
    equal(told(nodes.old)[1:], [{"result": "ok", "matched": str(n), "done": str(n), "busy": "0", "failed": "0"} for n in (1, 4)] +
          [{"result": "nothing", "matched": "0", "done": "0", "busy": "0", "failed": "0"}])


def test_wait(t):
    """Who waits hears of each message at work once, and at the end how many went; when nothing is left that is what was asked for."""
    gate = threading.Event()
    t.cleanup(gate.set)
    nodes = Nodes(t, {"RCPT": lambda session, line: (gate.wait(), "250 ok")[1] if "<slow" in line else LATER})
    one = nodes.old.default
    slow = one.send("a@one.example", "slow@far.example")
    until(lambda: listed(nodes.old, "--state", "active"), what="one at work")
    waiting = nodes.evacuate("--all", "--yes", "--wait", "3s", ok=False)
    equal((waiting.returncode, waiting.stdout), (75, "0 messages evacuated\n"))
    equal(waiting.stderr.splitlines(), [f"posternctl: {slow} is at work just now",
                                        "posternctl: 1 at work just now was left alone; ask again, or hold first"])
    equal([event["result"] for event in told(nodes.old)], ["nothing"], "asked again it is the same command")
    equal(told(nodes.old)[0]["busy"], "1")
    threading.Timer(1, gate.set).start()
    done = nodes.evacuate("--all", "--yes", "--wait", "50s")
    equal(done.stdout, "0 messages evacuated\n")
    equal(done.stderr.splitlines(), [f"posternctl: {slow} is at work just now", "posternctl: 1 left the queue meanwhile in another way"])
    done = nodes.evacuate("--all", "--yes", "--wait", "5s")
    equal((done.returncode, done.stdout, done.stderr), (0, "0 messages evacuated\n", ""), "nothing is left from the beginning")


# shows 9c.4
def test_while_in_use(t):
    """A message that is at work stays, and the others go; a queue of several pages; the drained server stops when the last one has gone."""
    gate = threading.Event()
    t.cleanup(gate.set)
    nodes = Nodes(t, {"RCPT": lambda session, line: (gate.wait(), LATER)[1] if "<slow" in line else LATER})
    one = nodes.old.default
    slow = one.send("a@one.example", "slow@far.example")
    until(lambda: listed(nodes.old, "--state", "active"), what="one at work")
    ids = [one.send("a@one.example", f"later-{n}@far.example") for n in range(3)]
    nodes.old.events.wait("deferred", count=3)
    until(lambda: len(listed(nodes.old, "--state", "active")) == 1, what="the others to be at rest")
    done = nodes.evacuate(ok=False)
    check(done.returncode == 75 and "3 messages evacuated" in done.stdout and "1 at work just now was left alone" in done.stderr, done)
    equal(sorted(row["id"] for row in listed(nodes.new)), sorted(ids))
    equal([row["id"] for row in listed(nodes.old)], [slow])
    threading.Timer(1, gate.set).start()
    done = nodes.evacuate("--all", "--yes", "--wait", "50s")
    check("1 message evacuated" in done.stdout, done)
    equal(nodes.old.home.queued(), [])
    equal(sorted(row["id"] for row in listed(nodes.new)), sorted([slow, *ids]))
