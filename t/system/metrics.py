"""metrics - the counters as Prometheus text: by posternctl, on a Unix socket, on loopback; their helper"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from checks import check, equal
from patience import until
from processes import is_alive, is_root
from slapd import Authority
from smtp import mail
from web_client import connect

SAMPLE = re.compile(r'^(postern_[a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)+)\} (-?\d+(?:\.\d+)?)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def samples(text):
    """[(name, {label: value}, number)] of the lines that are no comments."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.match(line)
            check(match, "no sample:", line)
            found.append((match[1], dict(LABEL.findall(match[2])), float(match[3])))
    return found


def value(text, name, **labels):
    """The number of the one sample with these labels; None: there is none."""
    found = [n for sample, have, n in samples(text) if sample == name and labels.items() <= have.items()]
    check(len(found) <= 1, "several samples:", name, labels, found)
    return found[0] if found else None


def parse(text):
    """{(name, server): value} of counters; every line has to be one of the format's, every family typed before its samples."""
    found, typed = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            check(kind in ("counter", "gauge", "histogram") and name not in typed, line)
            typed[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.match(line)
            check(match, "no sample:", line)
            family = re.sub("_(bucket|sum|count)$", "", match[1])
            check(match[1] in typed or typed.get(family) == "histogram", "not typed:", line)
            check(typed.get(match[1]) != "counter" or match[1].endswith("_total"), "a counter without _total:", line)
            if match[1] in typed and match[2].startswith("server=") and "," not in match[2]:
                server = LABEL.findall(match[2])[0][1]
                check((match[1], server) not in found, "twice:", line)
                found[match[1], server] = float(match[3])
    return found


def families(text):
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}


def promtool(*args, data=None):
    program = shutil.which("promtool")
    check(program, "promtool (package prometheus) is not installed")
    return subprocess.run([program, *map(str, args)], input=data, capture_output=True, text=True, timeout=60, check=False)


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


# shows 1.3d, 7.3a, 7.3b
def test_by_command(t):
    service = t.postern({"one": {}, "two": {}})
    service["one"].send(to="b@one.example")
    found = parse(service.ctl("counters", "--prometheus").stdout)
    equal((found["postern_messages_received_total", "one"], found["postern_messages_received_total", "two"]), (1, 0))
    equal((found["postern_state", "one"], found["postern_state", "two"]), (2, 2))
    one = parse(service.ctl("counters", "--prometheus", "one").stdout)
    equal({server for _, server in one}, {"one"})
    names = {f"postern_{line.split()[0]}" for line in service.ctl("counters", "one").stdout.splitlines()}
    equal(names - {name for name, _ in one}, set(), "counters in both forms")
    total = re.search(r"^messages_received_total (\d+)$", service.ctl("counters").stdout, re.M)
    equal(total[1], "1", "the sum")


# shows 1.3d, 2.2j, 7.3c
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


def text_of(service):
    return service.ctl("counters", "--prometheus").stdout


# shows 7.3c
def test_what_is_measured(t):
    """Times, room, next hops, a certificate, refused logins: each has a number that is true."""
    began = time.time()
    sink, other = t.sink(), t.sink()
    service = t.postern(start=False)
    pair = Authority(t.folder, "authority").certificate("pair", ["DNS:mx.example.com"], 30)
    for path in pair:
        path.chmod(0o600)
        if is_root() and not service.as_root:
            os.chown(path, service.test.uid, service.test.gid)
    service.default.set("access", certificate=pair[0], key=pair[1])
    service.default.set("delivery", smart_host=f"[127.0.0.1]:{sink.port}", retry="1s")
    service.default.set("domain other.example", type="remote", route=f"[127.0.0.1]:{other.port}")
    service.start()
    text = text_of(service)
    check(int(began) <= value(text, "postern_start_time_seconds", server="default") <= time.time(), "when it started")
    equal(value(text, "postern_build_info"), 1)
    equal((value(text, "postern_oldest_message_age_seconds"), value(text, "postern_time_to_delivery_seconds_count")), (0, 0))
    ends = value(text, "postern_certificate_expiry_timestamp_seconds", file=str(pair[0]))
    check(29 * 86400 < ends - time.time() < 31 * 86400, "the end of the certificate", ends)
    disk = os.statvfs(service.home.path / "queue")
    until(lambda: value(text_of(service), "postern_queue_filesystem_size_bytes") == disk.f_blocks * disk.f_frsize, what="the size of the file system")
    check(value(text_of(service), "postern_queue_filesystem_avail_bytes") > 0, "free")
    # one host takes mail, the other one does not
    hop, lame = (f"[127.0.0.1]:{port}" for port in (sink.port, other.port))
    other.answers["RCPT"] = "450 4.7.1 not now"
    service.default.send(to="x@elsewhere.example")
    service.default.send(to="y@other.example")
    sink.wait()
    success = "postern_next_hop_last_success_timestamp_seconds"
    until(lambda: (value(text_of(service), success, next_hop=hop) or 0) >= int(began), what="a success")
    until(lambda: value(text_of(service), "postern_next_hop_waiting_seconds", next_hop=lame) or 0 >= 1, what="a host that takes nothing")
    until(lambda: value(text_of(service), "postern_oldest_message_age_seconds") >= 2, what="a message that waits")
    text = text_of(service)
    equal(value(text, success, next_hop=lame), None)
    equal(value(text, "postern_next_hop_waiting_seconds", next_hop=hop), 0)
    equal(value(text, "postern_time_to_delivery_seconds_count"), 1)
    equal(value(text, "postern_time_to_delivery_seconds_bucket", le="+Inf"), 1)
    del other.answers["RCPT"]
    other.wait()
    until(lambda: value(text_of(service), "postern_next_hop_waiting_seconds", next_hop=lame) == 0, what="nothing waits")
    until(lambda: value(text_of(service), "postern_oldest_message_age_seconds") == 0, what="no message waits")
    text = text_of(service)
    equal(value(text, "postern_time_to_delivery_seconds_count"), 2)
    check(value(text, "postern_time_to_delivery_seconds_sum") >= 2, "the second one took its time")
    # a reload: what was measured stays, the certificate is another one
    service.ctl("reload")
    check(value(text_of(service), success, next_hop=hop) >= int(began), "kept")


# shows 7.3c
def test_promtool(t):
    """Debian's promtool finds nothing to complain about, with labels that have to be escaped, too."""
    sink = t.sink()
    service = t.postern({"one": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}"}}, "two": {}})
    service["one"].send(to="x@elsewhere.example")
    sink.wait()
    until(lambda: value(text_of(service), "postern_time_to_delivery_seconds_count", server="one") == 1, what="a delivery")
    done = promtool("check", "metrics", data=text_of(service))
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""))


def test_rules_and_dashboard(t):
    """Each expression is understood by promtool, and each metric that is named there is one of ours."""
    etc = Path(__file__).resolve().parents[2] / "etc"
    service = t.postern()
    ours = families(text_of(service))
    rules = etc / "prometheus/postern.rules.yml"
    done = promtool("check", "rules", rules)
    equal(done.returncode, 0, done.stdout + done.stderr)
    board = json.loads((etc / "grafana/postern.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    check(len(expressions) > 10, expressions)
    copy = t.folder / "board.yml"
    copy.write_text(json.dumps({"groups": [{"name": "board", "rules": [
        {"record": f"a:{i}".replace(":", "_"), "expr": e.replace("$__rate_interval", "5m").replace("$server", ".*")} for i, e in enumerate(expressions)]}]}))
    done = promtool("check", "rules", copy)
    equal(done.returncode, 0, done.stdout + done.stderr)
    for text in (rules.read_text(), *expressions):
        for name in re.findall(r"\bpostern_[a-z_]+", text):
            check(re.sub("_(bucket|sum|count)$", "", name) in ours, "no metric of ours:", name)
    manual = (etc.parent / "master/postern.8").read_text()
    for name in ours:
        check(f".It Li {name}\n" in manual, "not in the manual:", name)


def test_alerts(t):
    """promtool test rules: the alarms that matter go off, and stay silent when all is well."""
    etc = Path(__file__).resolve().parents[2] / "etc"
    rules = etc / "prometheus/postern.rules.yml"
    series = {'postern_next_hop_waiting_seconds{server="a",next_hop="mx"}': "0+60x40",
              'postern_next_hop_waiting_seconds{server="b",next_hop="mx"}': "0x40",
              'postern_state{server="a"}': "4x40", 'postern_state{server="b"}': "2x40",
              'postern_worker_crashes_total{server="a"}': "0+1x40", 'postern_worker_crashes_total{server="b"}': "7x40",
              'postern_certificate_expiry_timestamp_seconds{server="a",file="/c"}': "600000x40",
              'postern_certificate_expiry_timestamp_seconds{server="b",file="/c"}': "9000000x40"}
    rising = {"postern_oldest_message_age_seconds": "86000+60x40", "postern_queue_length": "2000+10x90",
              "postern_queue_filesystem_avail_bytes": "1000000000x40", "postern_queue_filesystem_size_bytes": "90000000000x40",
              "postern_queue_filesystem_files_free": "10x40", "postern_queue_filesystem_files": "1000x40",
              "postern_logins_refused_total": "0+600x40", "postern_health": "1x40"}
    quiet = {"postern_oldest_message_age_seconds": "60x40", "postern_queue_length": "2000x90", "postern_queue_filesystem_avail_bytes": "80000000000x40",
             "postern_queue_filesystem_size_bytes": "90000000000x40", "postern_queue_filesystem_files_free": "900x40",
             "postern_queue_filesystem_files": "1000x40", "postern_logins_refused_total": "0+6x40", "postern_health": "0x40"}
    for server, rows in (("a", rising), ("b", quiet)):
        series.update({f'{name}{{server="{server}"}}': values for name, values in rows.items()})
        slow = "0+1x90" if server == "a" else "0+100x90"
        series.update({f'postern_time_to_delivery_seconds_bucket{{server="{server}",le="{le}"}}': slow if le != "+Inf" else "0+100x90"
                       for le in ("900", "3600", "+Inf")})
    wanted = {"PosternNextHopTakesNothing": {"severity": "critical", "server": "a", "next_hop": "mx"},
              "PosternServerNotStarted": {"severity": "critical", "server": "a"},
              "PosternWorkersDie": {"severity": "critical", "server": "a"},
              "PosternCertificateEnds": {"severity": "warning", "server": "a", "file": "/c"},
              **{f"Postern{name}": {"severity": "warning", "server": "a"} for name in ("CheckWarns", "OldMessage", "LoginsRefused", "DeliverySlow", "QueueGrows")},
              **{f"Postern{name}": {"severity": "critical", "server": "a"} for name in ("SpoolFull", "SpoolFiles")}}
    equal(set(wanted), set(re.findall(r"alert: (\w+)", rules.read_text())), "each rule has a case")
    case = {"interval": "1m", "input_series": [{"series": k, "values": v} for k, v in series.items()],
            "alert_rule_test": [{"eval_time": "85m" if name in ("PosternQueueGrows", "PosternDeliverySlow") else "30m", "alertname": name, "exp_alerts": [{"exp_labels": labels}]} for name, labels in wanted.items()]}
    copy = t.folder / "rules.yml"
    # the words are for people: the test is about what goes off
    copy.write_text(re.sub(r"\n        annotations:(\n          [^\n]*)*", "", rules.read_text()))
    test = t.folder / "test.yml"
    test.write_text(json.dumps({"rule_files": [str(copy)], "evaluation_interval": "1m", "tests": [case]}))
    done = promtool("test", "rules", test)
    equal(done.returncode, 0, done.stdout + done.stderr)
