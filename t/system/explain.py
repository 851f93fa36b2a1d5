"""explain - what posternctl explain predicts is what happens, and the configuration lines that it names are the cause;
domains renamed and removed
"""

import re
from pathlib import Path

from checks import check, equal
from smtp import mail


def told(service, *args, status=0):
    """{what: (value, key)}; each line named is looked up."""
    done = service.ctl("explain", *args, ok=False)
    equal(done.returncode, status, f"status of explain {args}: {done.stdout}{done.stderr}")
    found = {}
    for line in done.stdout.splitlines():
        match = re.match(r"^(\S+(?: [a-z]+)?) {1,}(.*?)(?: +; ([a-z-]+): (?:default|(\S+):(\d+)))?$", line)
        check(match, "no line of explain:", line)
        what, value, key, file, number = match.groups()
        if file:
            check(Path(file).read_text().splitlines()[int(number) - 1].startswith(key), line)
        found[what.strip()] = (value.strip(), key)
    return found


def world(t):
    """Three hosts; what explain calls them by their ports."""
    a, b, c = t.sink(), t.sink(), t.sink()
    service = t.postern({"default": {
        "access": {"relay": "only", "relay-list": "127.0.0.2", "connection-list": "127.0.0.9"},
        "delivery": {"smart-host": f"[127.0.0.1]:{c.port}", "masquerade": "public.example", "retry": "1s"},
        "messages": {"max-message-size": "10K"},
        "domain alias.example": {"type": "alias"},
        "domain relayed.example": {"type": "remote", "relay": "yes", "route": f"[127.0.0.1]:{a.port}"},
        "domain *.wild.example": {"type": "remote", "helo": "yes", "route": f"[127.0.0.1]:{b.port}"},
        "domain exact.wild.example": {"type": "remote", "route": f"[127.0.0.1]:{a.port}"},
        "domain held.example": {"type": "remote", "relay": "yes", "hold": "yes"},
        "domain plain.example": {"type": "remote", "relay": "yes", "helo": "yes"},
    }})
    return service, {str(sink.port): sink for sink in (a, b, c)}


def test_what_limits_the_way(t):
    """Mechanisms where there is an account, by the server's key or the domain's; what the DNS may not lead to, where it leads."""
    service = t.postern({"default": {
        "general": {"own-address": "192.0.2.1:25, relay.default.example"},
        "delivery": {"smart-host": "[127.0.0.1]:9", "outbound-auth": "basic", "user": "u", "secret-file": "/nowhere", "auth-mechanisms": "-login",
                     "never-to": "loopback, 198.51.100.0/24"},
        "domain direct.example": {"type": "remote", "route": "dns"},
        "domain login.example": {"type": "remote", "route": "[127.0.0.1]:8", "outbound-auth": "basic", "user": "v", "secret-file": "/nowhere",
                                 "auth-mechanisms": "login"},
    }})
    said = told(service, "--from", "127.0.0.1", "--rcpt", "u@far.example")
    check("plain" in said["mechanisms"][0] and "login" not in said["mechanisms"][0].replace("-login", ""), said)
    equal(said["mechanisms"][1], "auth-mechanisms")
    check("never to" not in said, "the configuration names the host")
    equal(told(service, "--from", "127.0.0.1", "--rcpt", "u@login.example")["mechanisms"], ("login", "auth-mechanisms"))
    said = told(service, "--from", "127.0.0.1", "--rcpt", "u@direct.example")
    check("mechanisms" not in said and "198.51.100.0/24" in said["never to"][0], said)
    equal(said["ourselves"], ("listen, fqdn, hostname, 192.0.2.1:25, relay.default.example", "own-address"))


def test_explain_is_what_happens(t):
    """A table of clients and recipients: explained, then done."""
    service, sinks = world(t)
    sizes = {}
    for client, rcpt in [("127.0.0.1", "u@default.example"), ("127.0.0.1", "u"), ("127.0.0.1", "u@alias.example"),
                         ("127.0.0.1", "u@relayed.example"), ("127.0.0.1", "u@Far.Example"), ("127.0.0.1", "u@x.wild.example"),
                         ("127.0.0.2", "u@far.example"), ("127.0.0.2", "u@x.wild.example"), ("127.0.0.2", "u@x.y.wild.example"),
                         ("127.0.0.2", "u@exact.wild.example"), ("127.0.0.2", "u@wild.example"), ("127.0.0.2", "u@a..b"),
                         ("127.0.0.9", "u@default.example"), ("127.0.0.1", "u@held.example"), ("127.0.0.1", "u@plain.example")]:
        done = service.ctl("explain", "--from", client, "--rcpt", rcpt, "--sender", "me@alias.example", ok=False)
        if rcpt == "u@a..b":
            equal(done.returncode, 64)
            continue
        says = told(service, "--from", client, "--rcpt", rcpt, "--sender", "me@alias.example", status=done.returncode)
        with service.default.connect(source=client) as smtp:
            if says["connect"][0] == "no":
                equal((smtp.banner.code, says["answer"][0][:3]), (554, "554"))
                continue
            smtp.expect(250, "EHLO c.example")
            smtp.expect(250, "MAIL FROM:<me@alias.example>")
            reply = smtp.cmd(f"RCPT TO:<{rcpt}>")
            equal(f"{reply.code} {reply.text}"[:len(says["answer"][0])], says["answer"][0], rcpt)
            if reply.code != 250:
                equal(done.returncode, 1)
                continue
            ident = smtp.content(mail())
        if "drop" in says:
            event = service.events.wait("dropped", id=ident)
            check((Path(says["drop"][0]) / event["file"]).exists(), says)
        elif "hold" in says:
            service.events.wait("kept", id=ident)
        else:
            port = says["route"][0].rsplit(":", 1)[1]
            sizes[port] = sizes.get(port, 0) + 1
            message = sinks[port].wait(sizes[port])[-1]
            equal(message.sender, says["sender"][0])
            equal("HELO" if message.session.lines[0].startswith("HELO") else "EHLO", says.get("hello", ("EHLO",))[0])
    equal(sum(sizes.values()), 7, "messages that went out")


def test_filters(t):
    """A line for each mail filter that a client's mail meets, in their order, with its place in the file."""
    service = t.postern({"default": {
        "filter spam": {"connect": "inet:127.0.0.1:9"},
        "filter files": {"connect": "unix:/nowhere/files", "for": "pickup"},
        "filter dkim": {"connect": "unix:/nowhere/dkim", "on-failure": "accept"}}}, start=False)
    words = ["--from", "127.0.0.1", "--rcpt", "u@default.example"]
    rows = [line.split(None, 1)[1] for line in service.ctl("explain", *words).stdout.splitlines() if line.startswith("filter ")]
    said = [tuple(re.split(r" +; ", row)) for row in rows]
    equal([text for text, _ in said], ["spam at inet:127.0.0.1:9, 451 if it fails", "dkim at unix:/nowhere/dkim, passed by if it fails"])
    told(service, *words)       # its lines are where it says
    done = service.ctl("explain", "--from", "192.0.2.1", "--rcpt", "u@far.example", ok=False)
    check("550 5.7.1" in done.stdout and "filter " not in done.stdout, "a recipient that we refuse ourselves", done.stdout)


def test_explain_more(t):
    service, _ = world(t)
    says = told(service, "--from", "127.0.0.2", "--rcpt", "u@far.example", "--size", "11K", status=1)
    equal((says["size"], says["answer"][0][:9]), (("too large", "max-message-size"), "552 5.3.4"))
    equal(told(service, "default", "--from", "127.0.0.1", "--auth", "me", "--rcpt", "u@far.example")["relay"], ("yes", "relay-authenticated"))
    service.default.set("delivery", smart_host=None)
    says = told(service, "--from", "127.0.0.2", "--rcpt", "u@far.example")
    equal((says["route"][0], says["port"][0], says["tls"][1]), ("MX of far.example", "25", "outbound-tls"))
    service.default.set("domain far.example", type="remote", port="2525")
    equal(told(service, "--from", "127.0.0.2", "--rcpt", "u@far.example")["port"], ("2525", "port"))
    service.default.set("access", relay_list="friends.example")
    check("DNS" in told(service, "--from", "127.0.0.2", "--rcpt", "u@far.example")["relay"][0])
    told(service, "nobody", "--from", "127.0.0.1", "--rcpt", "u@far.example", status=3)
    for words in (["--from", "127.0.0.1"], ["--from", "x", "--rcpt", "a@b.example"], ["--from", "127.0.0.1", "--rcpt", "a b"],
                  ["--from", "127.0.0.1", "--rcpt", "a@b.example", "--size", "big"], ["--what", "1", "2", "3"]):
        equal(service.ctl("explain", *words, ok=False).returncode, 64, words)
    service.stop()
    told(service, "--from", "127.0.0.1", "--rcpt", "u@default.example")


# shows 2.8n
def test_renamed_default_domain(t):
    """Queued mail goes by the new configuration at its next try: what was remote is local now, and the other way round."""
    sink = t.sink(answers={"RCPT": ["450 4.2.0 later"]})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "2s"}}})
    ident = service.default.send(to="u@new.example")
    service.events.wait("deferred", id=ident)
    service.default.sections["domain default.example"] = None
    service.default.set("domain new.example", type="default")
    service.ctl("reload")
    equal(service.home.wait_drops()[0].receivers, ["u@new.example"])
    service.default.send(to="u@default.example")
    equal(sink.wait()[0].recipients, ["u@default.example"])
    service.home.wait_queued(0)


def test_removed_remote_domain(t):
    """Its queued mail goes the server's way at its next try; the backlog of a domain without hold is sent."""
    own, smart = t.sink(answers={"RCPT": ["450 4.2.0 later"] * 50}), t.sink()
    service = t.postern({"default": {
        "delivery": {"smart-host": f"[127.0.0.1]:{smart.port}", "retry": "1s"},
        "domain gone.example": {"type": "remote", "route": f"[127.0.0.1]:{own.port}"},
        "domain held.example": {"type": "remote", "hold": "yes"}}})
    ident = service.default.send(to=["u@gone.example", "u@held.example"])
    service.events.wait("deferred", id=ident, recipient="u@gone.example")
    service.events.wait("kept", id=ident, recipient="u@held.example")
    for name in ("gone", "held"):
        service.default.sections[f"domain {name}.example"] = None
    service.default.write()
    service.ctl("reload")
    smart.wait(1)
    service.home.wait_queued(0)
    equal(sorted(r for m in smart.messages for r in m.recipients), ["u@gone.example", "u@held.example"])
