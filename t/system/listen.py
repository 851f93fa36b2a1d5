"""listen - a wildcard and an address of the same port in two virtual servers: the exact address gets its own clients"""

import socket
import threading

from checks import check, equal
from dns import Dns
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


def test_beside_a_wildcard(t):
    """In either order of start."""
    for first in ("wide", "exact"):
        service, port = pair(t, first)
        equal([who("127.0.0.2", port), who("127.0.0.1", port)], ["exact", "wide"], f"{first} started first")
        done = service.check()
        check("listens on" not in done.stdout + done.stderr, done.stdout + done.stderr)
        service.stop()


def test_beside_a_wildcard_ipv6(t):
    service, port = pair(t, v6=True)
    equal(who("::1", port), "exact")
    service.ctl("stop", "exact")
    equal(who("::1", port), "wide")


def test_states(t):
    """Stopped, the wildcard has all; paused, clients of the address are turned away and get no other server's rules."""
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
    equal(who("127.0.0.2", port), "wide", "the exact one stopped")
    service.ctl("start", "exact")
    equal(who("127.0.0.2", port), "exact", "and started")


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
