"""bench_story - what `make bench` is made of: its generator and sink, counts of a disk, the drawing in the README"""

import json
import os
import re
import socket
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from checks import check, equal
from disks import loop_disk
from patience import until
from programs import ROOT

sys.path.insert(0, str(ROOT / "t/bench"))
from disk_counts import DiskCounts  # noqa: E402
from drawing import drawing_of  # noqa: E402

KEPT = ROOT / "t/bench/figures.json"


def built(t, name):
    program = t.folder / name
    subprocess.run(["cc", "-std=gnu11", "-O1", "-D_GNU_SOURCE", "-o", program, ROOT / f"t/bench/{name}.c"], check=True)
    return program


def start_sink(t):
    """(port, file of dots)"""
    port, dots = t.port(), t.folder / "dots"
    process = subprocess.Popen([built(t, "sink"), str(port)], stdin=subprocess.DEVNULL, stdout=open(dots, "wb"))
    t.cleanup(lambda: (process.kill(), process.wait()))

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    until(listens, what="the sink")
    return port, dots


def test_source_and_sink(t):
    """As many messages come as were sent, large and small, a connection for each or kept; one refusal ends the generator."""
    port, dots = start_sink(t)
    source, wanted = built(t, "source"), 0
    for sessions, messages, size, keep in ((1, 3, 1024, 0), (10, 25, 1 << 20, 0), (7, 40, 10240, 1)):
        subprocess.run([source, str(port), str(sessions), str(messages), str(size), "x@relay.example", str(keep)], check=True)
        wanted += messages
        equal(dots.read_bytes(), b"." * wanted)
    refuses = t.sink(answers={"RCPT": "550 5.1.1 no"})
    done = subprocess.run([source, str(refuses.port), "1", "1", "1024", "x@relay.example", "0"], capture_output=True, text=True, check=False)
    equal((done.returncode, "550" in done.stderr), (1, True))


def test_sink_ends_at_the_dot(t):
    """The end is found wherever a read ends, and nothing else is one."""
    port, dots = start_sink(t)
    data = b"a\r\n..\r\n.b\r\n\r.\r\n\n.\r\nc\r\r\n.\r\n"
    for cut in range(1, len(data)):
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            file = client.makefile("rb")
            file.readline()
            client.sendall(b"DATA\r\n")
            equal(file.readline(), b"354 go on\r\n")
            client.sendall(data[:cut])
            client.sendall(data[cut:] + b"QUIT\r\n")
            equal((file.readline(), file.readline()), (b"250 2.0.0 ok\r\n", b"221 bye\r\n"))
    equal(dots.read_bytes(), b"." * (len(data) - 1))


def test_disk_counts(t):
    """A synced file of a file system of our own is a commit and a flush."""
    place, _ = loop_disk(t, 64)
    disk = DiskCounts(place)
    before = disk.read()
    if "commits" not in before:
        t.skip("the kernel does not show the journal")
    for number in range(5):
        with open(place / f"file{number}", "wb") as out:
            out.write(b"x")
            out.flush()
            os.fsync(out.fileno())
    after = disk.read()
    for what in ("commits", "flushes", "device_writes"):
        check(after[what] - before[what] >= 5, (what, before, after))


def summary(value):
    return {"median": value, "min": value / 2, "max": value * 2, "rounds": 3}


def test_drawing(t):
    """Well-formed, with words for who cannot see it, for light and dark pages; the README's is of the figures that are kept."""
    found = {"machine": {"processors": 2, "model": "a <model>", "load_before": 0.1}, "rounds": 3, "when": "2026-12-01T00:00:00Z", "points": {
        "W1 relay 10 KiB, 1 session, ram": {"servers": {}, "ratios": {
            "postern : postfix": {"rate": summary(4), "cpu": summary(0.1)}, "postern-safe : postfix": {"rate": summary(6)},
            "haproxy : postfix": {"rate": summary(8)}}},
        "W3 5000 idle sessions, ram": {"servers": {}, "ratios": {}}}}
    text = drawing_of(found)
    top = ElementTree.fromstring(text)
    name = "{http://www.w3.org/2000/svg}"
    equal(top.get("role"), "img")
    equal(top.find(f"{name}desc").text, "relay 10 KiB, 1 session, ram: 4.0 times the rate with 0.10 of the CPU.")
    check("prefers-color-scheme:dark" in text and "a &lt;model&gt;" in text)
    left, top, width, height = map(float, top.get("viewBox").split())
    for x, y in re.findall(r'c?x="([\d.]+)" c?y="([\d.]+)"', text):
        check(left <= float(x) <= width and top <= float(y) <= height, (x, y))
    readme = (ROOT / "README.md").read_text()
    if KEPT.exists():
        check("t/bench/figures.svg" in readme)
        equal(KEPT.with_suffix(".svg").read_text(), drawing_of(json.loads(KEPT.read_text())))
