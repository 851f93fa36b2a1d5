"""dns - a real name server (knotd) with zones of the test, signed if wanted, and a proxy that changes or drops answers

Dns owns its process until end(); Forger ends with its test. Skip when knotd is not installed, Failure when it does not answer.
"""

import os
import shutil
import socket
import subprocess
import threading

from checks import Skip, check
from patience import until


class Dns:
    """
    knotd with the zone "example."; `records` are zone lines: "mail MX 10 mx1"; signed: with DNSSEC, `anchor` is its key.
    `zones`: {name: lines} of further zones, for reverse names.
    """
    def __init__(self, test, records, port=None, signed=False, zones=None):
        if not shutil.which("knotd", path="/usr/sbin:/usr/bin:/sbin"):
            raise Skip("knotd is not installed")
        self.folder = test.folder / f"dns{test.count('dns')}"
        self.folder.mkdir()
        self.port = port or test.port()
        self.serial = 0
        self.write(records)
        more = ""
        for number, (name, lines) in enumerate((zones or {}).items()):
            (self.folder / f"zone{number}").write_text(
                f"$ORIGIN {name}\n$TTL 5\n@ 5 SOA ns.example. admin.example. 1 60 60 60 5\n@ NS ns.example.\n" + "\n".join(lines) + "\n")
            more += (f'  - domain: {name}\n    file: "{self.folder}/zone{number}"\n    zonefile-load: whole\n'
                     f'    journal-content: none\n')
        (self.folder / "knot.conf").write_text(
            f'server:\n    rundir: "{self.folder}"\n    listen: 127.0.0.1@{self.port}\n    udp-workers: 1\n    tcp-workers: 1\n'
            f'    background-workers: 1\n'
            f'log:\n  - target: "{self.folder}/log"\n    any: info\ndatabase:\n    storage: "{self.folder}"\n'
            f'zone:\n  - domain: example.\n    file: "{self.folder}/zone"\n    zonefile-load: whole\n    journal-content: none\n'
            + ("    dnssec-signing: on\n" if signed else "") + more)
        self.process = subprocess.Popen(["knotd", "-c", self.folder / "knot.conf"], stdin=subprocess.DEVNULL,
                                        stdout=open(self.folder / "out", "wb"), stderr=subprocess.STDOUT,
                                        env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        until(self.is_ready, what="knotd to answer")

    def write(self, records):
        self.serial += 1
        soa = f"@ 5 SOA ns.example. admin.example. {self.serial} 60 60 60 5\n@ NS ns\nns A 127.0.0.1\n"
        (self.folder / "zone").write_text(f"$ORIGIN example.\n$TTL 5\n{soa}" + "\n".join(records) + "\n")

    def change(self, records):
        """The zone "example." has these records from now on. What was asked before lives for its 5 s."""
        self.serial += 99   # signing has raised it, too
        self.write(records)
        subprocess.run(["/usr/sbin/knotc", "-c", self.folder / "knot.conf", "-b", "zone-reload", "example."], check=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)

    @property
    def anchor(self):
        """The key of the signed zone as a line for a trust anchor file."""
        return subprocess.run(["/usr/sbin/keymgr", "-c", self.folder / "knot.conf", "example.", "dnskey"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def is_ready(self):
        check(self.process.poll() is None, "knotd ended:", (self.folder / "out").read_text())
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x06\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            try:
                client.connect(("127.0.0.1", self.port))
                client.send(query)
                return client.recv(512)[3] & 15 == 0
            except OSError:
                return False

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


class Forger:
    """
    Between the resolver and a name server, by UDP: `changes` = {part of a name: function(answer) -> answer, None for silence};
    `queries` is what was asked.
    """
    def __init__(self, t, dns, changes=None):
        self.server, self.changes, self.queries = ("127.0.0.1", dns.port), dict(changes or {}), []
        self.port = t.port()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", self.port))
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.serve, daemon=True).start()
        t.cleanup(self.socket.close)

    def serve(self):
        while True:
            try:
                query, client = self.socket.recvfrom(65536)
            except OSError:
                return
            self.queries.append(query.lower())
            threading.Thread(target=self.pass_on, args=(query, client), daemon=True).start()

    def pass_on(self, query, client):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.settimeout(5)
            try:
                upstream.sendto(query, self.server)
                answer = upstream.recv(65536)
                for name, change in self.changes.items():
                    if name.encode() in query.lower():
                        answer = change(answer)
                if answer is not None:
                    self.socket.sendto(answer, client)
            except OSError:
                pass

    def count(self, name, kind):
        """How often `name` was asked for records of the type with that number."""
        wanted = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + kind.to_bytes(2, "big")
        return sum(wanted in query for query in self.queries)


def fail_with_servfail(answer):
    return answer[:3] + bytes([answer[3] & 0xf0 | 2]) + answer[4:]
