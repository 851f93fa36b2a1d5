"""metrics - the counters as Prometheus text: by posternctl, on a Unix socket, on loopback; their helper"""

import os
import re
import signal
import socket

from checks import check, equal
from patience import until
from processes import is_alive
from smtp import mail
from web_client import connect

SAMPLE = re.compile(r'^(postern_[a-z_]+)\{server="([a-z0-9-]+)"\} (-?\d+)$')


def parse(text):
    """{(name, server): value}; every line has to be one of the format's, every family typed before its samples."""
    found, typed = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            check(kind in ("counter", "gauge") and name not in typed, line)
            typed[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.match(line)
            check(match and match[1] in typed, "no sample:", line)
            check((match[1], match[2]) not in found, "twice:", line)
            check(typed[match[1]] == "gauge" or match[1].endswith("_total"), "a counter without _total:", line)
            found[match[1], match[2]] = int(match[3])
    return found


def scrape(where):
    connection = connect(where)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        equal((answer.status, answer.headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        return parse(answer.read().decode())
    finally:
        connection.close()


def scrape_if_there(where):
    try:
        return scrape(where)
    except OSError:
        return None


def test_by_command(t):
    service = t.postern({"one": {}, "two": {}})
    service["one"].send(to="b@one.example")
    found = parse(service.ctl("counters", "--prometheus").stdout)
    equal((found["postern_messages_received_total", "one"], found["postern_messages_received_total", "two"]), (1, 0))
    equal((found["postern_state", "one"], found["postern_state", "two"]), (2, 2))
    one = parse(service.ctl("counters", "--prometheus", "one").stdout)
    equal({server for _, server in one}, {"one"})
    names = {f"postern_{line.split()[0]}" for line in service.ctl("counters", "one").stdout.splitlines()}
    equal({name for name, _ in one}, names, "counters in both forms")
    total = re.search(r"^messages_received_total (\d+)$", service.ctl("counters").stdout, re.M)
    equal(total[1], "1", "the sum")


def test_socket_and_loopback(t):
    port = t.port()
    service = t.postern({"one": {}, "two": {}}, start=False)
    path = service.run / "metrics.sock"
    service.service["metrics"] = f"{path}, 127.0.0.1:{port}"
    service.write()
    service.start()
    for where in (path, port):
        found = until(lambda where=where: scrape_if_there(where), what="an answer")
        equal({server for _, server in found}, {"one", "two"})
        equal(found["postern_messages_received_total", "one"], 0)
    equal(oct(path.stat().st_mode & 0o777), "0o660")
    service["one"].send(to="b@one.example", data=mail())
    equal(scrape(port)["postern_messages_received_total", "one"], 1)
    service.ctl("pause", "two")
    equal(scrape(path)["postern_state", "two"], 6)
    service.add("three")
    service.ctl("reload")
    equal(until(lambda: scrape(port).get(("postern_state", "three")) == 2 and 2, what="the new one"), 2)
    service["three"].file.unlink()
    service.ctl("reload")
    until(lambda: ("postern_state", "three") not in scrape(port), what="the removed one to go")


def test_bad_requests(t):
    port = t.port()
    service = t.postern(service={"metrics": f"127.0.0.1:{port}"})
    until(lambda: scrape_if_there(port), what="an answer")
    for line, wanted in (("GET / HTTP/1.1", 404), ("GET /metrics/../x HTTP/1.1", 404), ("DELETE /metrics HTTP/1.1", 501), ("POST /metrics HTTP/1.1", 501)):
        with socket.create_connection(("127.0.0.1", port), 20) as plain:
            plain.sendall(line.encode() + b"\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            got = plain.recv(100)
            check(got.startswith(b"HTTP/1.1 ") and (int(got.split()[1]) == wanted or line[0] != "G"), line, got)
    for junk in (b"\x00" * 4096, b"GET " + b"/" * 100000 + b" HTTP/1.1\r\n\r\n", b"EHLO x\r\n"):
        with socket.create_connection(("127.0.0.1", port), 20) as plain:
            try:
                plain.sendall(junk)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(4096):
                    pass
            except OSError:
                pass
    check(scrape(port), "no answer after junk")
    check(not service.events.all("crash"), "a crash")


def test_crash_change_and_end(t):
    """The helper comes again after a crash; another address is taken up by reload; none, and it is gone."""
    first, second = t.port(), t.port()
    service = t.postern(service={"metrics": f"127.0.0.1:{first}"})
    until(lambda: scrape_if_there(first), what="an answer")
    pid = service.child("metrics")
    os.kill(pid, signal.SIGKILL)
    service.events.wait("crash", role="metrics")
    check(until(lambda: scrape_if_there(first), what="an answer again"), "")
    service.service["metrics"] = f"127.0.0.1:{second}"
    service.write()
    service.ctl("reload")
    until(lambda: scrape_if_there(second), what="an answer at the new address")
    check(scrape_if_there(first) is None, "the old address answers")
    pid = service.child("metrics")
    service.service["metrics"] = None
    service.write()
    service.ctl("reload")
    until(lambda: not is_alive(pid), what="its end")
    service.default.send()
    service.home.wait_drops()


def test_address_in_use_costs_only_the_metrics(t):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        service = t.postern(service={"metrics": place}, shared={"manager": {"listen": place}})
        service.events.wait("trouble", doing="metrics")
        service.events.wait("trouble", doing="web")
        done = service.ctl("status", "--check", ok=False)
        equal(done.returncode, 1)
        for what in ("the metrics are", "the manager is"):
            check(f"{what} not served at {place}: Address already in use" in done.stdout, done.stdout)
        service.default.send()
        service.home.wait_drops()
        equal((service.children("metrics"), service.children("web")), ([], []))
    # the address is free: a reload takes it
    service.shared.pop("manager")
    service.write()
    service.ctl("reload")
    until(lambda: scrape_if_there(int(place.split(":")[1])), what="an answer")
    equal(service.ctl("status", "--check").returncode, 0)


def test_only_near(t):
    """Nothing that other hosts could reach."""
    service = t.postern(start=False)
    for wrong in ("0.0.0.0:9925", "192.0.2.1:9925", "[::]:9925", "*:9925", "9925", "localhost:9925"):
        service.service["metrics"] = wrong
        service.write()
        done = service.check()
        equal(done.returncode, 78, wrong)
        check("loopback" in done.stdout + done.stderr, done.stdout, done.stderr)
