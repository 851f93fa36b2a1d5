"""probe - posternctl probe: the way of a mail without one: each step with a verdict, for hosts that do and that do not work"""

import json
import os
import signal
import socket
import ssl
import subprocess
import threading

from checks import check, equal
from ldap_service import PEOPLE, service_for
from patience import until
from processes import is_root
from sasl import verifier
from slapd import Authority, Slapd
from terminal import Terminal

PASSWORD = "s3cret pass"


def probe(service, *words, status=0, name="default"):
    """The steps as {step: (verdict, text)}, in their order; a step of a later host stands for the one before."""
    done = service.ctl("probe", name, *words, "--json", ok=False)
    equal(done.returncode, status, done.stdout + done.stderr)
    steps = json.loads(done.stdout)["steps"]
    for step in steps:
        check(step["ms"] >= 0 and step["text"], step)
    return {step["step"]: (step["verdict"], step["text"]) for step in steps}


def says(steps, step, verdict, *words):
    check(step in steps, f"no step {step}:", steps)
    equal(steps[step][0], verdict, steps)
    for word in words:
        check(word in steps[step][1], f"{word!r} is not in", steps[step])


def with_host(t, host, tls="off", **delivery):
    """A service whose smart host is mx.example at that port."""
    return t.postern({"default": {"delivery": {"smart-host": f"mx.example:{host}", "outbound-tls": tls, "retry": "1h", **delivery}}},
                     service={"dns-server": t.dns("mx A 127.0.0.1").address})


def put(service, path, text):
    """A file that only the user of the service can read."""
    path.write_text(text)
    path.chmod(0o600)
    if is_root() and not service.as_root:
        os.chown(path, service.test.uid, service.test.gid)
    return path


def test_all_is_well(t):
    """Our own server as the next hop, with a login: no message comes, and nothing is left in the queue."""
    host = t.postern(start=False)
    host.default.set("access", authentication="basic", password_file=put(host, host.folder / "passwords", f"alice:{verifier(PASSWORD)}\n"),
                     basic_requires_tls="no")
    host.start()
    secret = put(host, t.folder / "secret", PASSWORD + "\n")
    service = with_host(t, host.default.port, **{"outbound-auth": "basic", "user": "alice", "secret-file": secret})
    steps = probe(service)
    equal(list(steps), ["files", "queue", "next-hop", "dns", "connect", "login"], steps)
    says(steps, "queue", "ok", str(service.home.path / "queue"), "written and synced in")
    says(steps, "dns", "ok", "mx.example", "127.0.0.1")
    says(steps, "connect", "ok", f"mx.example [127.0.0.1]:{host.default.port}")
    says(steps, "login", "ok", "as alice with")
    equal((service.home.queued(), host.home.queued(), host.events.all("accepted")), ([], [], []))
    table = service.ctl("probe", "default").stdout
    check("\nlogin\tok\t" in table and PASSWORD not in table, table)
    with Terminal([service.bin / "posternctl", "-c", service.config, "probe", "default"], columns=120,
                  env={**service.environment(), "TERM": "xterm"}, cwd="/", **service.account()) as terminal:
        terminal.expect("STEP", "VERDICT", "login", "ok", "as alice with")
    # the password is another one now
    put(host, secret, "wrong pass\n")
    until(lambda: service.ctl("probe", "default", ok=False).returncode == 1, what="the changed file to be read")
    steps = probe(service, status=1)
    says(steps, "login", "failed", "5.7.8 Authentication unsuccessful")
    check("wrong pass" not in str(steps) and PASSWORD not in str(steps), "a secret is told:", steps)


def context(pair):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*pair)
    return made


def test_tls(t):
    """A chain that nobody knows, a name that is not the host's, a good one; without TLS where it is wanted."""
    authority, stranger = Authority(t.folder, "authority"), Authority(t.folder, "stranger")
    t.folder.chmod(0o755)
    for made, status, words in ((authority.certificate("good", ["DNS:mx.example"]), 0, ["TLSv1.3", "name and issuer verified"]),
                                (authority.certificate("misnamed", ["DNS:elsewhere.example"]), 1, ["wanted: mx.example"]),
                                (stranger.certificate("strange", ["DNS:mx.example"]), 1, ["certificate"]), (None, 1, ["TLS"])):
        sink = t.sink(tls=context(made) if made else None)
        service = with_host(t, sink.port, tls="verify", authorities=authority.file)
        steps = probe(service, status=status)
        says(steps, "connect", "ok")
        says(steps, "tls", "failed" if status else "ok", *words)
        if status == 0:
            says(steps, "session", "ok", "takes commands")
        equal(sink.messages, [])


def test_host_is_down(t):
    port = t.port()
    service = with_host(t, port)
    says(probe(service, status=1), "connect", "failed", "refused")
    says(probe(service, "--rcpt", "x@elsewhere.example", status=1), "route", "ok", "hosts that the configuration names")


def test_host_hangs(t):
    """It takes the connection and says nothing: that costs its time, and no more."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        service = with_host(t, silent.getsockname()[1])
        says(probe(service, status=1), "connect", "failed", "no answer within 30 seconds")
        # the service has lost nothing by it
        service.default.send(to="x@default.example")
        service.home.wait_drops()


def test_dns(t):
    """The way that the DNS names, a domain that is none, and a DNS that does not answer."""
    sink = t.sink()
    dns = t.dns("good MX 10 mx", "mx A 127.0.0.1")
    service = t.postern({"default": {"delivery": {"port": sink.port, "retry": "1h", "outbound-tls": "off", "never-to": "unspecified"}}},
                        service={"dns-server": dns.address})
    steps = probe(service, "--rcpt", "x@good.example")
    says(steps, "route", "ok", "the hosts that the DNS names")
    says(steps, "dns", "ok", "mx.example")
    says(steps, "session", "ok")
    says(probe(service, "--rcpt", "x@none.example", status=1), "dns", "failed", "5.1.2")
    says(probe(service), "route", "skipped", "--rcpt")
    dns.end()
    dns.process.wait()
    says(probe(service, "--rcpt", "x@other.example", status=1), "dns", "failed")


def test_local_and_directory(t):
    """A local recipient: the drop folder, and what the directory says; while it is down, that."""
    directory = Slapd(t, PEOPLE)
    service = service_for(t, directory)
    steps = probe(service, "--rcpt", "ann@default.example")
    says(steps, "directory", "ok")
    says(steps, "route", "ok", "local domain")
    says(steps, "drop", "ok", "drop")
    says(probe(service, "--rcpt", "nobody-at-all@default.example", status=1), "directory", "failed", "5.1.1")
    directory.end()
    directory.process.wait()
    says(probe(service, "--rcpt", "bob@default.example", status=1), "directory", "failed")


def test_what_is_on_disk(t):
    """Files that would not load, and a drop folder that cannot be used."""
    service = t.postern()
    service.home.path.joinpath("drop").chmod(0)
    t.cleanup(lambda: service.home.path.joinpath("drop").chmod(0o700))
    service.default.file.write_text(service.default.file.read_text() + "[nothing]\n")
    steps = probe(service, "--rcpt", "x@default.example", status=1)
    says(steps, "files", "failed", "would not start again")
    says(steps, "drop", "failed", "Permission denied")


def sent(service, to, status=0):
    """The steps of a test message in their order: [(step, verdict, text)], and its id."""
    done = service.ctl("probe", "default", "--rcpt", to, "--send", "--json", ok=False)
    equal(done.returncode, status, done.stdout + done.stderr)
    steps = json.loads(done.stdout)["steps"]
    begin = next((at for at, step in enumerate(steps) if step["step"] == "message"), len(steps))
    ids = {step["id"] for step in steps[begin:]}
    check(all(step["id"] is None for step in steps[:begin]) and len(ids) <= 1, steps)
    return [(step["step"], step["verdict"], step["text"]) for step in steps[begin:]], next(iter(ids), None)


def names(steps):
    return [step for step, *_ in steps]


def test_message_is_taken(t):
    """The dialogue and the host's word; the message says who asked, is automatic, and has our postmaster as its sender."""
    sink = t.sink(answers={"DOT": "250 2.0.0 taken as \"X=7\""})
    service = with_host(t, sink.port)
    steps, ident = sent(service, "ann@far.example")
    dialogue = [(step, text) for step, _, text in steps if step in ("command", "reply")]
    equal([text.split()[0] for step, text in dialogue if step == "command"], ["MAIL", "RCPT", "DATA"])
    equal(("command", "RCPT TO:<ann@far.example>") in dialogue, True, dialogue)
    equal(dialogue[-1], ("reply", '250 2.0.0 taken as "X=7"'))
    step, verdict, text = steps[-2]
    check((step, verdict) == ("delivered", "ok") and "recipient=ann@far.example" in text and "taken as" in text, steps)
    equal(steps[-1], ("end", "ok", "the host has taken it"))
    message = sink.wait()[0]
    equal((message.sender, message.recipients), ("postmaster@default.example", ["ann@far.example"]))
    text = message.data.decode("ascii")
    uid = 0 if is_root() and service.as_root else service.test.uid
    for words in ("From: postmaster@default.example\r\n", "To: <ann@far.example>\r\n", "Auto-Submitted: auto-generated\r\n", f"Message-ID: <{ident}@",
                  f"Asked for by: uid={uid} (posternctl probe --send)\r\n"):
        check(words in text, f"{words!r} is not in", text)
    event = service.events.wait("delivered", id=ident)
    equal((event["reply"], event["status"]), ('taken as "X=7"', "2.0.0"))
    equal(service.events.wait("accepted", id=ident)["client"], "probe")
    equal(service.events.all("command"), [], "the dialogue is for who follows the message, not for the log")
    until(lambda: service.home.queued() == [], what="an empty queue")
    # without a message nothing of that is there, and the next message is not followed
    equal("message" in probe(service, "--rcpt", "ann@far.example"), False)
    equal(len(sink.messages), 1)


def thinking_host(t):
    """A sink that answers to a content when go_on is set, and a service whose mail goes there."""
    go_on = threading.Event()
    t.cleanup(go_on.set)

    def think(_session, _line):
        go_on.wait(100)
    sink = t.sink(answers={"DOT": think})
    return with_host(t, sink.port), sink, go_on


def begun(service, *options):
    """A test message to ann@far.example, not waited for."""
    return subprocess.Popen([service.bin / "posternctl", "-c", service.config, "probe", "default", "--rcpt", "ann@far.example", "--send", *options],
                            stdout=subprocess.PIPE, text=True, env=service.environment(), cwd="/", **service.account())


def test_steps_come_one_by_one(t):
    """On a terminal and in a pipe a step is shown when it is over, while the host still thinks about the next one."""
    service, _, go_on = thinking_host(t)
    words = ["-c", service.config, "probe", "default", "--rcpt", "ann@far.example", "--send"]
    with Terminal([service.bin / "posternctl", *words], columns=100, env={**service.environment(), "TERM": "xterm"}, cwd="/",
                  **service.account()) as terminal:
        terminal.expect("STEP", "VERDICT", "WHAT", "session", "message", "RCPT TO:<ann@far.example>", "DATA")
        go_on.set()
        terminal.expect("delivered", "end", "the host has taken it")
        terminal.end()
    go_on.clear()
    process = begun(service)
    lines = iter(process.stdout.readline, "")
    check(any(line.startswith("command\tok\t") and "\tDATA\t" in line for line in lines), "no DATA before the answer to it")
    go_on.set()
    check(any(line.startswith("end\tok\t") for line in lines), "no end")
    equal(process.wait(), 0)


def test_message_is_given_up(t):
    """The host takes longer than anybody wants to look: an end with words, and the message is delivered all the same."""
    service, sink, go_on = thinking_host(t)
    process = begun(service, "--json")
    steps = json.loads(process.communicate(timeout=200)[0])["steps"]
    equal((process.returncode, steps[-1]["step"], steps[-1]["verdict"]), (75, "end", "failed"))
    check("still in the queue after 60 seconds" in steps[-1]["text"] and "delivered" not in {step["step"] for step in steps}, steps)
    ident = steps[-1]["id"]
    check(any(ident in str(name) for name in service.home.queued()), service.home.queued())
    go_on.set()
    service.events.wait("delivered", id=ident)
    equal(len(sink.wait()), 1)


def test_process_ends(t):
    """The process that follows the message dies: the answer says so, and the next one delivers it."""
    service, _, go_on = thinking_host(t)
    process = begun(service)
    lines = iter(process.stdout.readline, "")
    ident = next(line for line in lines if line.startswith("message\tok")).split()[-1]
    check(any("\tDATA\t" in line for line in lines), "no DATA")
    os.kill(service.child("deliver"), signal.SIGKILL)
    check(any(line.startswith("service\tfailed\t") and "ended before it answered" in line for line in lines), "it does not say so")
    equal(process.wait(), 75)
    go_on.set()
    service.events.wait("delivered", id=ident)


def test_message_is_not_taken(t):
    """Refused; put off, where it stays in the queue; the exit status tells one from the other."""
    sink = t.sink(answers={"RCPT": lambda session, line: "550 5.1.1 no such user" if "bad@" in line else
                           "451 4.7.1 greylisted, come back later" if "later@" in line else None})
    service = with_host(t, sink.port)
    steps, ident = sent(service, "bad@far.example", status=1)
    check(("reply", "failed", "550 5.1.1 no such user") in steps, steps)
    equal((steps[-2][0], steps[-1][:2]), ("failed", ("end", "failed")), steps)
    service.events.wait("report", **{"for": ident})
    steps, ident = sent(service, "later@far.example", status=75)
    check(("reply", "failed", "451 4.7.1 greylisted, come back later") in steps, steps)
    equal(steps[-2][0], "deferred")
    check("next=" in steps[-2][2] and "stays in the queue" in steps[-1][2], steps)
    equal([name for name in service.home.queued() if ident in str(name)] != [], True, service.home.queued())
    equal(sink.messages, [])


def test_message_rests(t):
    """What would only lie in the queue is not sent, and the answer says why at once."""
    sink = t.sink()
    service = with_host(t, sink.port, paused="slow.example")
    service.default.set("domain asks.example", type="remote", hold="yes", route=f"[127.0.0.1]:{sink.port}")
    service.ctl("reload")
    for to, words in (("x@slow.example", "paused the mail of this domain"), ("x@asks.example", "until its host asks")):
        says(probe(service, "--rcpt", to, "--send", status=1), "route", "failed", words)
    down = with_host(t, t.port())
    steps, ident = sent(down, "x@far.example", status=1)
    equal(steps, [("message", "skipped", "it is not sent: a step before it has failed")])
    equal((ident, service.home.queued(), down.home.queued(), sink.messages), (None, [], [], []))
    service.ctl("pause", "default")
    steps, _ = sent(service, "x@far.example")
    equal(steps[-1][0:2], ("end", "ok"))


def test_message_is_local(t):
    service = t.postern()
    steps, ident = sent(service, "me@default.example")
    equal(names(steps), ["message", "dropped", "end"])
    drop = service.home.wait_drops()[0]
    check(ident in str(drop.path) and steps[1][2] == f"recipient=me@default.example file={drop.path.name}", steps)


def test_message_of_utf8(t):
    sink = t.sink(ehlo=("SMTPUTF8", "8BITMIME", "PIPELINING"))
    service = with_host(t, sink.port)
    steps, _ = sent(service, "\u4f60@far.example")
    equal(steps[-1][0:2], ("end", "ok"))
    check("To: <\u4f60@far.example>" in sink.wait()[0].data.decode(), sink.messages)
    equal(sink.messages[0].recipients, ["\u4f60@far.example"])


def test_words(t):
    service = t.postern({"default": {}, "two": {}})
    for words, status, said in (((), 64, "usage"), (("nobody",), 3, "no virtual server nobody"), (("default", "--rcpt", "a b"), 64, "no address"),
                                (("default", "--send"), 64, "--send needs --rcpt"), (("default", "--rcpt", "<a@b.example> SIZE=1", "--send"), 64, "no address"),
                                (("default", "--rcpt", "a b@c.example", "--send"), 64, "no address"),
                                (("default", "--rctp", "a@b"), 64, "--rctp")):
        done = service.ctl("probe", *words, ok=False)
        equal(done.returncode, status, str(words) + done.stdout + done.stderr)
        check(said in done.stdout + done.stderr, done.stdout + done.stderr)
    service.ctl("stop", "two")
    done = service.ctl("probe", "two", ok=False)
    equal(done.returncode, 69, done.stdout)
    check("two is stopped" in done.stdout + done.stderr, done.stdout + done.stderr)
