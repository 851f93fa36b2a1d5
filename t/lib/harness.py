"""harness - one test: its folder and ports, and makers of everything that has to be ended again

A test is a function test_NAME(t) in t/system/*.py or t/crash/*.py; `t` is a Test: t.postern(), t.sink(), t.dns(), t.port(),
t.skip(). Test owns what these start and ends it, the last one first; the first failure of a clean-up is raised after all ran.
"""

import grp
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import Skip
from dns import Dns
from ports import Ports
from processes import end_all, is_root
from programs import PROGRAMS, ROOT
from service import Postern
from sink import Sink


class Test:
    def __init__(self, name, folder=None):
        self.name = name
        if is_root():
            account = pwd.getpwnam("nobody")
            self.uid, self.gid = account.pw_uid, account.pw_gid
        else:
            self.uid, self.gid = os.getuid(), os.getgid()
        self.nogroup = grp.getgrgid(self.gid).gr_name
        self.folder = Path(folder or tempfile.mkdtemp(prefix="postern-test-"))
        self.folder.chmod(0o755)
        self.ports = None
        self.counts, self.cleanups, self.services = {}, [], []

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1
        return self.counts[what]

    def port(self):
        self.ports = self.ports or Ports()
        return self.ports.take()

    def cleanup(self, call):
        """`call` is called when the test ends, the last one first."""
        self.cleanups.append(call)

    def skip(self, why):
        raise Skip(why)

    def need_root(self):
        if not is_root():
            raise Skip("needs root")

    def programs(self, build):
        """The folder of the programs: `build`, or a copy when the user of the test has no access to it."""
        if not is_root() or subprocess.run(["test", "-x", build / "postern"], user=self.uid, group=self.gid, extra_groups=[],
                                           check=False).returncode == 0:
            return Path(build)
        copy = self.folder / "build" / "bin"    # as in the tree: postern-web finds its pages from there
        if not copy.exists():
            copy.mkdir(parents=True)
            shutil.copytree(ROOT / "web", self.folder / "web")
            for program in PROGRAMS:
                shutil.copy(Path(build) / program, copy)
        return copy

    def postern(self, servers=None, service=None, start=True, **options):
        service = Postern(self, servers, service, **options)
        self.services.append(service)
        self.cleanup(service.end)
        return service.start() if start else service

    def sink(self, **options):
        sink = Sink(options.pop("port", None) or self.port(), **options)
        self.cleanup(sink.end)
        return sink

    def dns(self, *records, signed=False, zones=None):
        dns = Dns(self, records, signed=signed, zones=zones)
        self.cleanup(dns.end)
        return dns

    def end(self):
        """Runs all clean-ups, then raises the first of their failures."""
        failure = None
        for call in reversed(self.cleanups):
            try:
                call()
            except Exception as error:
                failure = failure or error
        end_all()
        if failure:
            raise failure

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def story(self, out=sys.stdout, lines=60):
        """Prints the end of each service's event log, after a failure."""
        for service in self.services:
            path = service.folder / "events.log"
            if path.exists():
                tail = path.read_text(errors="replace").splitlines()[-lines:]
                print(f"--- {path}", *tail, sep="\n", file=out)
