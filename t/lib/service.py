"""service - one whole service in the folder of a test: its INI files, its processes, posternctl

Postern owns the supervisor that it starts and everything below; end() stops it and raises Failure when it does not stop in time,
or when the event log has a sanitizer report or a broken invariant.
"""

import os
import re
import signal
import subprocess
from pathlib import Path

from checks import Failure, check
from events import ALARM, Events
from namespaces import LOOPBACK
from patience import WAIT, until
from processes import descendants_of, is_alive, is_root, program_of
from programs import BUILD, ROLE_USERS, SANITIZERS
from smtp import Smtp
from spool_files import Home


def ini(sections):
    """Text of {section: {key: value | [values]}}; sections as the file has them: "general", "domain a.example"."""
    out = []
    for section, keys in sections.items():
        out.append(f"[{section}]")
        for key, value in keys.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                out.append(f"{key} = {one}")
        out.append("")
    return "\n".join(out)


class Server:
    """One virtual server: its INI file, home folder and port. Change self.sections, then call write()."""
    def __init__(self, service, name, sections):
        self.service, self.name = service, name
        self.port = service.test.port()
        self.sections = {
            "general": {"listen": f"{service.runs_on.address}:{self.port}"},
            # content comes out as it went in, but in t/system/mend
            "access": {"relay": "only", "relay-list": "127.0.0.1, ::1", "mend": "none"},
            "messages": {},
            # the other hosts of the tests are at loopback addresses, and the DNS says so
            "delivery": {"fqdn": f"{name}.example", "never-to": "unspecified, link-local, multicast"},
            f"domain {name}.example": {"type": "default"},
        }
        for section, keys in sections.items():
            if keys is None:
                self.sections.pop(section, None)
            else:
                self.sections.setdefault(section, {}).update(keys)
        self.file = service.folder / "servers" / f"{name}.ini"
        self.home = Home(service.spool / name)

    def write(self):
        self.file.write_text(ini({k: {n: v for n, v in keys.items() if v is not None}
                                  for k, keys in self.sections.items() if keys is not None}))

    def set(self, section, **keys):
        """Changes keys (with _ for -) and writes the file; None removes a key."""
        self.sections.setdefault(section, {}).update({k.replace("_", "-"): v for k, v in keys.items()})
        self.write()

    def connect(self, **options):
        return self.service.runs_on.inside(lambda: Smtp((self.service.runs_on.address, self.port), **options))

    def send(self, *args, **options):
        """Sends one message in a session of its own; returns its id."""
        with self.connect() as client:
            return client.message(*args, **options)

    def send_by_queue(self, to="b@default.example", data=None):
        """Local mail that does not go straight into the drop folder: its success is to be told, to nobody."""
        return self.send("", to, data, rcpt=" NOTIFY=SUCCESS")


class Postern:
    """
    One service. By default everything runs as one plain user (the caller, or nobody when that is root);
    as_root=True starts the master as root with workers as nobody. `host`: of namespaces, where it runs.
    """
    def __init__(self, test, servers=None, service=None, as_root=False, env=None, build=None, shared=None, host=LOOPBACK):
        self.test, self.as_root, self.runs_on = test, as_root, host
        self.folder = test.folder / f"service{test.count('service')}"
        self.spool, self.run, self.state = self.folder / "spool", self.folder / "run", self.folder / "state"
        (self.folder / "servers").mkdir(parents=True)
        for each in (self.spool, self.run, self.state, self.folder / "logs"):
            each.mkdir()
        self.bin = test.programs(build or BUILD)
        self.config = self.folder / "postern.ini"
        self.env = dict(env or {})
        self.service = {"hostname": "host.example", "spool": self.spool, "state": self.state, "run": self.run,
                        "logs": self.folder / "logs", "grace": "5s"}
        if as_root:
            self.service.update({"user": "nobody", "group": test.nogroup, **ROLE_USERS})
        self.service.update(service or {})
        self.shared = dict(shared or {})    # other sections of postern.ini
        self.servers = {}
        for name, sections in (servers or {"default": {}}).items():
            self.add(name, sections)
        self.write()
        self.process = self.events = None
        self.intruder = False   # a stand-in tries what its role may not: t/system/taken_over
        self.own()

    def own(self):
        if is_root():
            for each in [self.folder, *self.folder.rglob("*")]:
                if not self.as_root:
                    os.chown(each, self.test.uid, self.test.gid, follow_symlinks=False)
            if self.as_root:
                for each in (self.spool, self.folder / "logs"):
                    os.chown(each, self.test.uid, self.test.gid)

    def add(self, name, sections=None):
        server = self.servers[name] = Server(self, name, sections or {})
        server.write()
        return server

    def write(self):
        self.config.write_text(ini({"service": {k: v for k, v in self.service.items() if v is not None}, **self.shared}))

    def __getitem__(self, name):
        return self.servers[name]

    @property
    def default(self):
        return self.servers.get("default") or next(iter(self.servers.values()))

    @property
    def home(self):
        return self.default.home

    def environment(self):
        env = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "HOME": str(self.folder), "TZ": "UTC",
               **SANITIZERS, **self.env}
        if self.as_root:    # a process that gave up root cannot be traced, which the leak check needs
            env["ASAN_OPTIONS"] += ":detect_leaks=0"
        return env

    def account(self):
        if is_root() and not self.as_root:
            return {"user": self.test.uid, "group": self.test.gid, "extra_groups": []}
        return {}

    def spawn(self, *args):
        """Starts the master in the foreground; does not wait for readiness."""
        self.process = self.runs_on.inside(lambda: subprocess.Popen(
            [self.bin / "postern", "-f", "-c", self.config, *args], stdin=subprocess.DEVNULL, stdout=open(self.folder / "stdout", "ab"),
            stderr=subprocess.PIPE, env=self.environment(), cwd="/", start_new_session=True, **self.account()))
        self.events = Events(self.process.stderr, self.folder / "events.log")
        return self

    def start(self, *args, wait=True):
        self.spawn(*args)
        if wait:
            for name in self.servers if wait is True else wait:
                self.wait_started(name)
        return self

    def wait_started(self, name):
        """Waits for the state started; raises Failure at once, with the event's line, when the server stops instead."""
        event = self.events.wait("state", server=name, state=lambda state: state in ("started", "stopped"))
        check(event["state"] == "started", event.line)

    def wait_state(self, name, state, since=0, timeout=WAIT):
        return self.events.wait("state", server=name, state=state, since=since, timeout=timeout)

    def stop(self, timeout=40):
        """Ends the service with TERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait_end(timeout)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait_end(self, timeout=40):
        status = self.process.wait(timeout)
        self.events.wait_closed(timeout)
        return status

    def kill(self):
        """Kills all processes of the service with KILL."""
        for pid in [self.process.pid] + self.children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.events.wait_closed()

    def children(self, role=None, server=None):
        """Pids by role ("listener", "pickup", "deliver", "resolver") and virtual server (from the process title)."""
        found = []
        for pid in descendants_of(self.process.pid):
            if role and program_of(pid) != f"postern-{role}":
                continue
            if server and server not in re.split(r"[\s:()\[\]]+", self.title(pid)):
                continue
            if is_alive(pid):
                found.append(pid)
        return found

    def child(self, role, server=None):
        return until(lambda: self.children(role, server), what=f"a {role}")[0]

    @staticmethod
    def title(pid):
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""

    def ctl(self, *args, ok=True, **options):
        """Runs posternctl and returns its CompletedProcess (text). With `ok` a failure raises Failure."""
        account = options.pop("account", self.account())
        done = subprocess.run([self.bin / "posternctl", "-c", self.config, *map(str, args)], capture_output=True, text=True,
                              timeout=60, env=self.environment(), cwd="/", check=False, **account, **options)
        if ok and done.returncode != 0:
            raise Failure(f"posternctl {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def check(self, *args):
        """Runs postern -t: judges the configuration."""
        return subprocess.run([self.bin / "postern", "-t", "-c", self.config, *args], capture_output=True, text=True, timeout=60,
                              env=self.environment(), cwd="/", check=False, **self.account())

    def alarms(self):
        if not (self.folder / "events.log").exists():
            return []
        lines = (self.folder / "events.log").read_text(errors="replace").splitlines()
        return [line for line in lines if ALARM.search(line) and not (self.intruder and "part=sandbox call=" in line)]

    def end(self):
        """Stops the service at the end of the test; the event log must have no sanitizer report and no broken invariant."""
        if self.process and self.process.poll() is None:
            try:
                self.stop()
            except (Failure, subprocess.TimeoutExpired):
                self.kill()
                raise Failure("the service did not stop in time")
        if self.process and self.alarms():
            raise Failure("the event log has: " + "\n".join(self.alarms()[:5]))
