"""listen - a wildcard and an address of the same port in two virtual servers: the exact address gets its own clients"""

import socket
import threading

from checks import check, equal
from dns import Dns
from namespaces import Host
from smtp import Smtp


def pair(t, first="wide", v6=False):
    """Two virtual servers, `wide` on every address, `exact` on one, started in the order of `first` (ids decide)."""
    port = t.port()
    any_address, one = (f"[::]:{port}", f"[::1]:{port}") if v6 else (f"*:{port}", f"127.0.0.2:{port}")
    rows = {"wide": {"general": {"listen": any_address, "id": 1 if first == "wide" else 2}},
            "exact": {"general": {"listen": one, "id": 2 if first == "wide" else 1}}}
    return t.postern(rows), port


def who(address, port):
    """Which server greets there: its name, or "" when the client is turned away."""
    try:
        with Smtp((address, port)) as client:
            return client.banner.text.split(".")[0]
    except (ConnectionError, EOFError):
        return ""


def test_mail_for_the_other(t):
    """The MX of a domain is an address of this host at which another virtual server listens: that is no loop (5.4.6)."""
    dns = Dns(t, ("exact MX 10 mx", "mx A 127.0.0.2", "wide MX 10 own", "own A 127.0.0.3"))
    t.cleanup(dns.end)
    port = t.port()
    service = t.postern({"wide": {"general": {"listen": f"*:{port}"}, "delivery": {"port": port, "retry": "1s"}, "domain wide.example": None,
                                  "domain local.example": {"type": "default"}},
                         "exact": {"general": {"listen": f"127.0.0.2:{port}"}}}, service={"dns-server": dns.address})
    with Smtp(("127.0.0.1", port)) as client:
        client.message(to="b@exact.example")
        client.message(to="b@wide.example", ehlo=None)
    equal(service["exact"].home.wait_drops()[0].receivers, ["b@exact.example"])
    service.events.wait("failed", recipient="b@wide.example", status="5.4.6")


def loop_pair(t, **rows):
    """`wide` on every address, sending to the port that it listens on; the MX of exact.example and late.example is 127.0.0.2."""
    dns = Dns(t, ("exact MX 10 mx", "late MX 10 mx", "mx A 127.0.0.2"))
    t.cleanup(dns.end)
    port = t.port()
    wide = {"general": {"listen": f"*:{port}"}, "delivery": {"port": port, "retry": "1s"}}
    return t.postern({"wide": wide, **{name: {"general": {"listen": f"{address}:{port}"}} for name, address in rows.items()}},
                     service={"dns-server": dns.address}), port


def test_mail_for_one_that_is_stopped(t):
    """Its address is not ours: the mail waits until it is started, and comes neither back nor in a loop."""
    service, port = loop_pair(t, exact="127.0.0.2")
    service.ctl("stop", "exact")
    with Smtp(("127.0.0.1", port)) as client:
        client.message(to="b@exact.example")
    service.events.wait("deferred", server="wide", recipient="b@exact.example")
    service.ctl("start", "exact")
    equal(service["exact"].home.wait_drops()[0].receivers, ["b@exact.example"])
    equal(service.events.all("failed"), [])


def test_address_that_comes_by_a_reload(t):
    """Who listens beside a wildcard is known to its deliver worker from the reload on, and who does no more."""
    service, port = loop_pair(t, exact="127.0.0.3")
    service["exact"].set("general", listen=f"127.0.0.2:{port}")
    service.ctl("reload")
    with Smtp(("127.0.0.1", port)) as client:
        client.message(to="b@exact.example")
    service["exact"].home.wait_drops()
    service["exact"].set("general", listen=f"127.0.0.3:{port}")
    service.ctl("reload")
    with Smtp(("127.0.0.1", port)) as client:
        client.message(to="c@late.example", ehlo=None)     # there is no open session for it
    service.events.wait("failed", recipient="c@late.example", status="5.4.6")


def test_address_that_comes_later(t):
    """The network is up after the service, or a cluster moves an address here: nobody has to start anything."""
    t.need_root()
    host = Host("late", "10.78.0.1")
    t.cleanup(host.end)
    port = t.port()
    service = t.postern({"there": {"general": {"listen": f"127.0.0.1:{port}"}}, "late": {"general": {"listen": f"10.78.0.1:{port}"}},
                         "later": {"general": {"listen": f"10.78.0.1:{port + 1}, [fd00:78::1]:{port}"}}}, start=False, host=host)
    service.start(wait=["there"])
    for name, address in ("late", "10.78.0.1"), ("later", "10.78.0.1"):
        check(f"address {address}" in service.events.wait("state", server=name, state="stopped")["reason"], name)
    mark = service.events.mark()
    host.run("ip", "address", "add", "10.78.0.1/24", "dev", "lo")
    service.events.wait("state", server="late", state="started", since=mark)
    equal(host.inside(lambda: who("10.78.0.1", port)), "late")
    equal(service.events.all("state", server="later", since=mark), [], "an address is missing still: no line")
    host.run("ip", "address", "add", "fd00:78::1/64", "dev", "lo", "nodad")
    service.events.wait("state", server="later", state="started", since=mark)
    # one that an operator has stopped stays stopped; the other one says how long that is
    for name in ("late", "later"):
        service.ctl("stop", name)
    host.run("ip", "address", "del", "10.78.0.1/24", "dev", "lo")
    for name in ("late", "later"):
        check(service.ctl("start", name, ok=False).returncode != 0, name)
    service.ctl("stop", "late")
    mark = service.events.mark()
    host.run("ip", "address", "add", "10.78.0.1/24", "dev", "lo")
    service.events.wait("state", server="later", state="started", since=mark)
    equal(service.events.all("state", server="late", since=mark), [], "stopped by an operator")


# shows 1.2c
def test_removed_while_stopped(t):
    """A virtual server that is gone leaves its address to the wildcard; one that comes has it before it is started."""
    service, port = pair(t)
    service.ctl("stop", "exact")
    text = service["exact"].file.read_text()
    service["exact"].file.unlink()
    service.ctl("reload")
    equal(who("127.0.0.2", port), "wide", "removed")
    service["exact"].file.write_text(text)
    service.ctl("reload")
    equal(who("127.0.0.2", port), "", "there again, and stopped as before")
    service["wide"].set("general", listen=f"127.0.0.2:{port}")
    service.ctl("reload")
    equal(who("127.0.0.2", port), "wide", "the address of a stopped server is taken by another")
    service["wide"].set("general", listen=f"*:{port}")
    service.ctl("reload")
    service.ctl("start", "exact")
    equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["exact", "wide"], "started")


# shows 1.2a, 1.2c
def test_beside_a_wildcard(t):
    """In either order of start."""
    for first in ("wide", "exact"):
        service, port = pair(t, first)
        equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["exact", "wide"], f"{first} started first")
        done = service.check()
        check("listens on" not in done.stdout + done.stderr, done.stdout + done.stderr)
        service.stop()


# shows 1.2c
def test_beside_a_wildcard_ipv6(t):
    service, port = pair(t, v6=True)
    equal(who("::1", port), "exact")
    service.ctl("stop", "exact")
    equal(who("::1", port), "")


# shows 1.2c
def test_states(t):
    """Paused or stopped, clients of the address are turned away: another server's rules would return their mail."""
    service, port = pair(t)
    service.ctl("pause", "exact")
    equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["", "wide"], "the exact one paused")
    service.ctl("continue", "exact")
    equal(who("127.0.0.2", port), "exact", "continued")
    service.ctl("pause", "wide")
    equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["exact", ""], "the wildcard paused")
    service.ctl("pause", "exact")
    equal(who("127.0.0.2", port), "", "both paused")
    service.ctl("continue", "wide")
    equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["", "wide"], "the wildcard continued first")
    service.ctl("continue", "exact")
    service.ctl("stop", "wide")
    equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["exact", ""], "the wildcard stopped")
    service.ctl("pause", "exact")
    service.ctl("start", "wide")
    equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["", "wide"], "started beside one that is paused")
    service.ctl("stop", "exact")
    equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["", "wide"], "the exact one stopped")
    service.ctl("stop", "wide")
    with socket.create_server(("127.0.0.2", port)):
        check(True, "with no wildcard there, the address of a stopped server is free")
    service.ctl("start", "wide")
    equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["", "wide"], "the wildcard started beside a stopped one")
    service.ctl("start", "exact")
    equal(who("127.0.0.2", port), "exact", "and started")


# shows 1.2c
def test_reload_widens(t):
    """From an address to the wildcard and back, under load: no connection is refused, and none gets the other server."""
    service, port = pair(t)
    refused, ended = [], threading.Event()

    def visit():
        while not ended.is_set():
            name = who("127.0.0.2", port)
            if name != "exact":
                refused.append(name)

    thread = threading.Thread(target=visit)
    thread.start()
    for address in ("127.0.0.1", "*", "127.0.0.3", "*"):
        service["wide"].set("general", listen=f"{address}:{port}")
        service.ctl("reload")
        equal(who("127.0.0.1", port), "" if address == "127.0.0.3" else "wide", address)
    ended.set()
    thread.join()
    equal(refused, [])


def test_others_stay_out(t):
    """A program of another kind cannot listen there, and one that has the address keeps a virtual server from starting."""
    port = t.port()
    with socket.create_server(("127.0.0.2", port)):
        service = t.postern({"default": {}, "wide": {"general": {"listen": f"*:{port}"}}}, start=False).start(wait=["default"])
        service.wait_state("wide", "stopped")
        status = service.ctl("status", "wide").stdout
        check("stopped" in status and "in use by another program" in status, status)
    service.ctl("start", "wide")
    for address in ("127.0.0.2", "0.0.0.0"):
        try:
            socket.create_server((address, port)).close()
            check(False, f"{address} could be taken")
        except OSError:
            pass
