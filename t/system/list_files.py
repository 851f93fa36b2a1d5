"""list_files - lists of addresses in files of their own: long ones, changed ones, wrong ones"""

import os
import time

from checks import check, equal
from patience import until


def may_relay(server, source):
    with server.connect(source=source) as client:
        client.expect(250, "HELO c.example")
        client.expect(250, "MAIL FROM:<a@s.example>")
        return client.cmd("RCPT TO:<b@remote.example>").code == 250


def begin(t, text):
    service = t.postern(start=False)
    path = service.folder / "relay.list"
    path.write_text(text)
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, t.uid, t.gid)
    service.default.set("access", relay_list=f"{path}, 127.0.0.9")
    return service.start(), path


def test_list_of_a_file(t):
    """Entries of the file and of the line; a changed file is taken up by itself; one with an error changes nothing."""
    service, path = begin(t, "# who may\n127.0.0.2   ; printer\n127.0.0.4/31\n")
    equal([may_relay(service.default, f"127.0.0.{n}") for n in (1, 2, 4, 5, 6, 9)], [False, True, True, True, False, True])
    check("127.0.0.4/31" in service.ctl("config").stdout, "posternctl config")
    path.write_text("127.0.0.6\n")
    until(lambda: may_relay(service.default, "127.0.0.6"), what="the changed file")
    equal([may_relay(service.default, f"127.0.0.{n}") for n in (2, 9)], [False, True])
    mark = service.events.mark()
    path.write_text("127.0.0.2\n127.0.0.333\n")
    event = service.events.wait("config", since=mark, file=str(path), line="2")
    check("127.0.0.333" in event["error"], event.line)
    equal([may_relay(service.default, f"127.0.0.{n}") for n in (2, 6)], [False, True], "the list before")
    done = service.ctl("check", ok=False)
    check(done.returncode == 78 and f"{path}:2: error: relay-list" in done.stdout + done.stderr, done.stdout, done.stderr)
    path.write_text("127.0.0.2\n")
    until(lambda: may_relay(service.default, "127.0.0.2"), what="the mended file")


def test_long_list(t):
    """50,000 networks are read in a moment, and a client is looked up in them in no time."""
    lines = [f"10.{i >> 8 & 255}.{i & 255}.0/25\n" for i in range(50000)]
    service, path = begin(t, "".join(lines) + "127.0.0.2\n")
    begun = time.monotonic()
    service.ctl("check")
    check(time.monotonic() - begun < 10, "check takes", time.monotonic() - begun)
    check(may_relay(service.default, "127.0.0.2") and not may_relay(service.default, "127.0.0.3"), "who may relay")
    path.write_text("".join(lines[1:]) + "127.0.0.3\n")
    until(lambda: may_relay(service.default, "127.0.0.3"), what="the changed file")
