"""evacuation - two nodes, each a whole service: the queue of the first one goes to the second, which knows it by its certificate"""

import hashlib
import json
import os
import ssl

from authority import Authority
from processes import is_root

class Nodes:
    """The services `old` and `new`, both with a smart host `sink` of these answers, which has no TLS."""
    def __init__(self, t, answers=None, retry="1h", start=True, **new):
        self.t = t
        t.folder.chmod(0o755)
        folder = t.folder / f"nodes{t.count('nodes')}"
        folder.mkdir(mode=0o755)
        self.authority = Authority(folder)
        for stem, *names in (("old", "old.example"), ("new", "new.example", "IP:127.0.0.1"), ("other", "other.example")):
            self.authority.sign(stem, *names)
        self.sink = sink = t.sink(answers=answers or {}, ehlo=("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"))
        self.folder = self.authority.folder
        host = {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": retry}
        self.new = t.postern({"one": {"delivery": host, "access": {**self.pair("new", "certificate", "key"), "tls": "optional",
                                                                   "evacuate-from": self.fingerprint("old"), **new}}}, start=False)
        self.old = t.postern({"one": {"delivery": {**host, **self.pair("old", "evacuate-certificate", "evacuate-key"),
                                                   "authorities": self.authority.certificate}}}, start=False)
        self.own()
        if start:
            self.start()

    def own(self):
        for path in self.folder.iterdir():
            if path.suffix == ".key":
                path.chmod(0o600)
            if is_root():
                os.chown(path, self.t.uid, self.t.gid)

    def start(self):
        self.new.start()
        self.old.start()

    def pair(self, stem, certificate, key):
        return {certificate: self.folder / f"{stem}.pem", key: self.folder / f"{stem}.key"}

    def fingerprint(self, stem):
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert((self.folder / f"{stem}.pem").read_text())).hexdigest()

    @property
    def host(self):
        return f"[127.0.0.1]:{self.new.default.port}"

    def evacuate(self, *args, **options):
        return self.old.ctl("queue", "one", "evacuate", *(args or ("--all", "--yes")), "--to", self.host, **options)

    def tls(self, stem):
        """For a client that shows that certificate, or none."""
        made = ssl.create_default_context(cafile=str(self.authority.certificate))
        made.check_hostname = False
        if stem:
            made.load_cert_chain(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        return made


def listed(service, *args):
    return json.loads(service.ctl("queue", "one", "list", "--json", *args, ok=False).stdout)["messages"]


def counter(service, name):
    return int(service.ctl("counters", "one").stdout.split(f"\n{name} ")[1].split()[0])


def files(service):
    """What a node has of each message: {id: (time of modification, mode, lines of its note, envelope without flags, the rest)}."""
    found = {}
    for path in service.home.queued():
        note = path.with_name(path.name + ".note")
        head, _, content = path.read_bytes().partition(b"\n\n")
        lines = [line for line in head.split(b"\n") if not line.startswith(b"flags: ")]
        status = path.stat()
        found[path.name] = int(status.st_mtime), oct(status.st_mode), note.read_bytes().split() if note.exists() else [], lines, content
    return found


def flags(service, id):
    path = next(path for path in service.home.queued() if path.name == id)
    return [word for line in path.read_bytes().partition(b"\n\n")[0].decode().split("\n") if line.startswith("flags: ") for word in line.split()[1:]]
