"""health - posternctl status --check: what would not start again, and what the service needs and does not get"""

import json
import os
import re
import signal
import threading

from checks import check, equal
from disks import mount, small_disk
from dns import Dns
from ldap_service import PEOPLE, service_for
from patience import WAIT, until
from processes import is_root
from slapd import Authority, Slapd
from token_hosts import SECRET, Authority as TokenAuthority, Endpoint


def health(service, *names):
    return service.ctl("-s", service.run / "control.sock", "status", "--check", *names, ok=False)


def says(service, *words, names=(), status=1, timeout=WAIT):
    """One line with all of these words, and the exit status for it."""
    def found():
        done = health(service, *names)
        return done.returncode == status and all(word in done.stdout for word in words)
    until(found, timeout=timeout, what=lambda: f"{words}, status {status}; there is {health(service, *names).stdout!r}")
    said = health(service, *names).stdout
    equal(said.count("\n"), 1, f"lines of {said!r}")
    return said


def judged(service):
    done = service.ctl("check", ok=False)
    return done.stdout + done.stderr


def is_well(service, *names):
    says(service, "OK: ", names=names, status=0)


def owned(service, path, mode=0o600):
    path.chmod(mode)
    if is_root() and not service.as_root:
        os.chown(path, service.test.uid, service.test.gid)
    return path


def test_frozen(t):
    """A service that does not go on says nothing: that is critical, and known in a quarter of a minute."""
    service = t.postern()
    says(service, "OK", status=0)
    os.kill(service.process.pid, signal.SIGSTOP)
    try:
        frozen = health(service)
        data = json.loads(service.ctl("status", "--check", "--json", ok=False).stdout)
    finally:
        os.kill(service.process.pid, signal.SIGCONT)
    equal((frozen.returncode, frozen.stdout), (2, "CRITICAL: the service does not answer\n"))
    check("does not answer" in str(data), data)
    says(service, "OK", status=0)


# shows 1.13c
def test_ini_with_errors(t):
    """A file on disk has errors while the service runs on: the next start would leave it stopped."""
    service = t.postern({"default": {}, "sales": {}})
    is_well(service)
    good = service["sales"].file.read_text()
    service["sales"].file.write_text(good + "smart-hots = x\n[nothing]\n")
    said = says(service, "WARNING: ", "sales started (", "smart-hots", "sales.ini:", "more error",
                "would not start again; posternctl check shows all")
    check("default started, sales" in said, said)
    is_well(service, "default")
    service.ctl("stop", "sales")
    is_well(service)    # stopped as ordered
    service.ctl("start", "sales", ok=False)
    service["sales"].file.unlink()
    service.default.file.write_text(service.default.file.read_text().replace("[general]", "[genral]"))
    says(service, "default started (", "genral", "would not start again")
    service.default.write()
    service["sales"].file.write_text(good)
    service.ctl("reload")
    service.ctl("start", "sales", ok=False)
    service["sales"].file.unlink()
    says(service, "sales started (", "sales.ini is not there any more", "would not start again")
    service["sales"].file.write_text(good)
    is_well(service)
    service.config.write_text(service.config.read_text() + "\n[servcie]\n")
    says(service, "(service) started (", "postern.ini:", "the service would not start again", names=("default",))
    done = service.ctl("status", "--check", ok=False)
    equal((done.returncode, done.stdout), (3, "UNKNOWN: the service cannot be asked\n"), "the file does not say which service is meant")
    service.write()
    is_well(service)
    equal(service.events.all("crash"), [])


# shows 1.13c, 1.13d
def test_certificate(t):
    """Junk on disk, and a key that does not fit: the old pair is in use. One that ends soon. One that is gone."""
    service = t.postern(start=False)
    authority = Authority(t.folder, "authority")
    first, second, short = (authority.certificate(stem, ["DNS:mx.example.com"], days)
                            for stem, days in (("first", 60), ("second", 60), ("short", 5)))
    pair = service.folder / "pair.pem", service.folder / "pair.key"

    def put(certificate, key):
        for source, target in zip((certificate, key), pair):
            part = target.with_suffix(".part")
            part.write_bytes(source.read_bytes() if source else b"junk\n")
            owned(service, part).rename(target)
    put(*first)
    service.default.set("access", certificate=pair[0], key=pair[1])
    service.default.set("general", processes="2")
    service.start()
    is_well(service)
    put(None, first[1])
    said = says(service, "WARNING: default started (", "certificate or key on disk cannot be used", "pair.pem", "the old ones are in use",
                "it would not start again")
    equal(said.count("cannot be used"), 1, f"both listeners say the same: {said}")
    put(first[0], second[1])
    says(service, "is not that of the certificate", "it would not start again")
    put(*first)
    is_well(service)
    put(*short)
    says(service, "the certificate in", "pair.pem expires in", "days")
    check("expires in" in judged(service), "check says it, too")
    service.default.set("access", certificate_alarm="4d")
    service.ctl("reload")
    is_well(service)
    check("expires in" not in judged(service), "the key counts for check, too")
    service.default.set("access", certificate_alarm="6d")
    service.ctl("reload")
    says(service, "the certificate in", "pair.pem expires in", "days")
    put(*first)
    is_well(service)
    pair[0].unlink()
    says(service, "pair.pem", "No such file", "it would not start again")


# shows 1.13e
def test_dns_is_down(t):
    """Not because one domain fails: because nothing is answered. Over as soon as there is an answer."""
    dns = Dns(t, ("remote MX 10 mx", "mx A 127.0.0.8"), zones={".": []})
    t.cleanup(dns.end)
    service = t.postern({"default": {"delivery": {"retry": "1s", "port": t.port()}}}, service={"dns-server": dns.address})
    service.default.send(to="x@remote.example")
    service.events.wait("deferred")
    is_well(service)
    dns.end()
    dns.process.wait()
    service.default.send(to="x@other.example")
    says(service, "WARNING: ", "(service) started (the DNS gives no answers, and mail waits for it (dns-server", dns.address, timeout=90)
    check("reason=" in service.ctl("status").stdout.splitlines()[-1], "status says it, too")
    again = Dns(t, ("remote MX 10 mx", "mx A 127.0.0.8"), port=dns.port, zones={".": []})
    t.cleanup(again.end)
    service.ctl("retry")
    says(service, "OK: ", status=0, timeout=90)


# shows 1.13e
def test_directory_is_down(t):
    """It is seen to be back without a question of anybody."""
    directory = Slapd(t, PEOPLE)
    service = service_for(t, directory)
    service.default.send(to="ann@default.example")
    service.home.wait_drops()
    is_well(service)
    directory.end()
    directory.process.wait()
    with service.default.connect(ehlo="c.example") as client:
        client.expect(250, "MAIL FROM:<a@s.example>")
        client.cmd("RCPT TO:<bob@default.example>")
    says(service, "(service) started (the directory of default does not answer: ")
    directory.start()
    is_well(service)


def on_disk(t, disk):
    """A service, not started, whose folders of mail lie there."""
    service = t.postern(start=False)
    for name in ("pickup", "queue", "drop", "badmail"):
        (disk / name).mkdir()
        owned(service, disk / name, 0o700)
    service.default.set("messages", badmail=disk / "badmail", disk_reserve="0")
    service.default.set("general", **{k: disk / k for k in ("pickup", "queue", "drop")})
    return service


# shows 1.13f
def test_room(t):
    """A file system that is nearly full is told before mail has to be refused."""
    disk = small_disk(t, "64M")
    service = on_disk(t, disk)
    service.start()
    is_well(service)
    (disk / "ballast").write_bytes(b"x" * (62 << 20))
    said = says(service, "default started (the file system of ", "is nearly full: ", " MB left")
    equal(said.count("nearly full"), 1, said)
    (disk / "ballast").unlink()
    is_well(service)


def test_room_for_files(t):
    """A file system without inodes takes no mail, whatever room it has."""
    disk = mount(t, "-t", "tmpfs", "-o", "size=64M,nr_inodes=400", "postern-test")
    service = on_disk(t, disk)
    service.start()
    is_well(service)
    ballast = disk / "ballast"
    ballast.mkdir()
    made = [ballast / str(number) for number in range(os.statvfs(disk).f_favail - 20)]
    for file in made:
        file.touch()
    said = says(service, "default started (the file system of ", "is nearly full: room for ", " files left")
    equal(said.count("nearly full"), 1, said)
    for file in made:
        file.unlink()
    is_well(service)


# shows 1.13e
def test_token_endpoint_is_down(t):
    """It gives no token: told with its reason until it gives one; the number for Prometheus says the same, for every virtual server."""
    service = t.postern({"default": {}, "other": {}}, start=False)
    authority = TokenAuthority(t.folder)
    endpoint = Endpoint(t.port(), authority.context())
    t.cleanup(endpoint.end)
    secret = service.folder / "client-secret"
    secret.write_text(SECRET + "\n")
    service.shared["oauth m365"] = {"token-url": endpoint.url, "client-id": "11111111-2222-3333-4444-555555555555", "flow": "client-credentials",
                                    "scope": "a", "ca-file": authority.file, "secret-file": owned(service, secret), "timeout": "5s"}
    service.write()
    service.start()
    is_well(service)
    equal(numbers(service), {"default": 0, "other": 0})
    endpoint.answers.append((401, {"error": "invalid_client", "error_description": "no such application"}))
    equal(service.ctl("oauth", "test", "m365", ok=False).returncode, 1)
    says(service, "(service) started (no token for profile m365: invalid_client: no such application")
    equal(numbers(service), {"default": 1, "other": 1})
    service.ctl("oauth", "test", "m365")
    is_well(service)
    equal(numbers(service), {"default": 0, "other": 0})
    other = service["other"].file
    other.write_text(other.read_text() + "[nothing]\n")
    until(lambda: numbers(service) == {"default": 0, "other": 1}, what="a file that would not load")
    service.ctl("stop", "default")
    equal(numbers(service)["default"], 0, "as ordered")


def numbers(service):
    """postern_health of each virtual server."""
    text = service.ctl("counters", "--prometheus").stdout
    return {name: int(value) for name, value in re.findall(r'^postern_health\{server="(\w+)"\} (\d)$', text, re.M)}


# shows 1.13g
def test_smart_host(t):
    """It takes nothing, mail waits: told after the time, over when it takes a message or nothing waits any more."""
    sink = t.sink()
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s", "smart-host-alarm": "2s"}}})
    service.default.send(to="x@elsewhere.example")
    sink.wait()
    is_well(service)
    sink.answers["RCPT"] = "450 4.7.1 not now"
    service.default.send(to="x@elsewhere.example")
    says(service, "default started (smart host [127.0.0.1]:", "has taken nothing for", "while mail waits", "not now")
    service.events.wait("trouble", what="smart-host", takes="nothing")
    del sink.answers["RCPT"]
    sink.wait(2)
    is_well(service)
    sink.answers["RCPT"] = "450 4.7.1 not now"
    service.default.send(to="y@elsewhere.example")
    says(service, "has taken nothing for")
    service.ctl("queue", "default", "delete", "--all", "--yes")
    is_well(service)
    # Refused for good is an answer: nothing waits.
    sink.answers["RCPT"] = "550 5.1.1 unknown"
    service.default.send(to="z@elsewhere.example")
    service.home.wait_queued(0)
    is_well(service)


# shows 1.13g
def test_smart_host_that_hangs(t):
    """It accepts connections and never says a word, or nothing after the content: the first attempt lasts, and mail waits all the same."""
    go_on = threading.Event()
    t.cleanup(go_on.set)
    sink = t.sink(answers={"CONNECT": lambda session, line: go_on.wait() and None})
    service = t.postern({"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h", "smart-host-alarm": "1s"}}})
    service.default.send(to="x@elsewhere.example")
    first = says(service, "has taken nothing for", "while mail waits: the attempt that goes on has no answer yet")
    until(lambda: says(service, "has taken nothing for") != first, what="another number")    # it is not that of the beginning
    equal(service.events.all("deferred"), [], "an attempt that has ended")
    go_on.set()
    sink.wait()
    service.events.wait("service", what="smart-host", state="takes-mail")
    is_well(service)
    go_on.clear()
    sink.answers = {"DOT": lambda session, line: go_on.wait() and None}
    service.default.send(to="x@elsewhere.example")
    says(service, "has taken nothing for", "no answer yet")
    go_on.set()
    sink.wait(2)
    is_well(service)


def test_oldest_message(t):
    """Told once it is so old; what an operator holds does not count; over when it is gone."""
    service = t.postern({"default": {"delivery": {"smart-host": "[127.0.0.1]:9", "retry": "1h", "queue-age-alarm": "2s"}}})
    is_well(service)
    service.default.send(to="x@elsewhere.example")
    says(service, "default started (", "the oldest message in the queue is there for ", "seconds")
    service.events.wait("trouble", what="queue-age")
    service.ctl("queue", "default", "hold", "--all", "--yes")
    is_well(service)
    service.events.wait("service", what="queue-age", state="over")
    service.ctl("queue", "default", "release", "--all", "--yes")
    says(service, "the oldest message in the queue")
    service.ctl("queue", "default", "delete", "--all", "--yes")
    is_well(service)


def test_processes_that_keep_dying(t):
    """Each crash is followed by a start that goes well, and still somebody has to know."""
    service = t.postern()
    for _ in range(2):
        pid = service.child("deliver")
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: service.child("deliver") not in (None, pid), what="another one")
        is_well(service)
    pid = service.child("deliver")
    os.kill(pid, signal.SIGKILL)
    says(service, "default started (", "processes keep dying: 3 within 10 minutes, the last one deliver: signal 9", timeout=90)


def test_address_that_is_not_here(t):
    """An address of source-address that the host does not have: the service runs, and no mail goes out."""
    service = t.postern()
    is_well(service)
    service.default.set("delivery", source_address="192.0.2.77")
    says(service, "default started (source-address: this host does not have the address 192.0.2.77 now")
    service.ctl("reload", ok=False)
    says(service, "192.0.2.77")


def test_queue_in_memory(t):
    """A queue that ends with the host: check and the start warn; it is no fault while all runs."""
    disk = small_disk(t, "64M")
    service = on_disk(t, disk)
    said = judged(service)
    check(f"queue {disk / 'queue'} lies on tmpfs: accepted mail that waits there is lost" in said, said)
    service.start()
    event = service.events.wait("trouble", doing="folder", folder=str(disk / "queue"))
    check("tmpfs" in str(event), event)
    is_well(service)


def test_queue_in_a_container(t):
    """The layer of a container ends with it: as a file system in memory."""
    base = small_disk(t, "64M")
    for name in ("lower", "upper", "work", "merged"):
        (base / name).mkdir()
    (base / "upper").chmod(0o777)
    mount(t, "-t", "overlay", "-o", f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work", "overlay", place=base / "merged")
    service = on_disk(t, base / "merged")
    check(f"queue {base / 'merged' / 'queue'} lies on overlay: accepted mail that waits there is lost" in judged(service), judged(service))
    service.start()
    event = service.events.wait("trouble", doing="folder", folder=str(base / "merged" / "queue"))
    check("overlay" in str(event), event)


def test_folder_and_log(t):
    """What the deliver worker cannot use is told beside the rest: each in its turn, none lost."""
    service = t.postern({"default": {"delivery": {"smart-host": "[127.0.0.1]:9", "retry": "1s", "smart-host-alarm": "1s"}}})
    is_well(service)
    service.default.send(to="x@elsewhere.example")
    says(service, "has taken nothing for")
    badmail = service.home.path / "badmail"
    badmail.chmod(0)
    t.cleanup(lambda: badmail.chmod(0o700))
    says(service, "has taken nothing for", "badmail cannot be used: Permission denied")
    badmail.chmod(0o700)
    said = says(service, "has taken nothing for")
    until(lambda: "cannot be used" not in health(service).stdout, what=f"the folder to be good again: {said}")


# shows 1.13a
def test_unknown(t):
    """Exit status 3 is "unknown" to monitoring: what cannot be asked is neither good nor bad."""
    service = t.postern()
    done = health(service, "nobody")
    equal(done.returncode, 3, done.stdout)
    check("there is no virtual server nobody" in done.stdout, done.stdout)
    service.stop()
    done = health(service)
    equal(done.returncode, 2, done.stdout)
    check(done.stdout.startswith("CRITICAL: the service is not running"), done.stdout)
