"""postern - the harness of the system, crash and bench tests: one service in a scratch folder, and its mail

A test is a function test_NAME(t) in t/system/*.py or t/crash/*.py; `t` is a Test: folder, ports, skip, and
makers of everything that has to be ended again (t.postern(), t.sink(), t.dns()). Tests wait on events, files
and replies with a deadline (see Patience); the only pause between two looks is in until(). Processes are ended by pid.
"""

import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("POSTERN_BUILD", "build/check")
PROGRAMS = ("postern", "posternctl", "postern-listener", "postern-pickup", "postern-deliver", "postern-resolver",
            "postern-auth", "postern-metrics", "postern-fetch", "postern-directory")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:disable_coredump=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:abort_on_error=1",
}
WAIT = 20.0     # seconds of Patience an event may take; a failed wait is a failed test, so it may be generous


class Skip(Exception):
    pass


class Failure(AssertionError):
    pass


def check(condition, *what):
    if not condition:
        raise Failure(" ".join(str(w) for w in what) or "check failed")


def equal(got, wanted, what=""):
    if got != wanted:
        raise Failure(f"{what or 'value'}: got {got!r}, wanted {wanted!r}")


class Patience:
    """
    A deadline in seconds in which this machine worked. A virtual machine that was paused, or a disk that takes no byte for half a minute
    because the one below it is busy, says nothing about the service: between two looks at most LOOK seconds count, and a small write that is
    synced once a second counts nothing, however long it takes. Ask is_over(), look once more, then give up.
    """
    LOOK = 1.0
    probe = None

    def __init__(self, seconds):
        self.left = seconds
        self.last = self.probed = time.monotonic()

    def is_over(self):
        now = time.monotonic()
        self.left -= min(now - self.last, self.LOOK)
        if self.left > 0 and now - self.probed >= self.LOOK:
            self.try_disk()
            now = self.probed = time.monotonic()
        self.last = now
        return self.left <= 0

    @classmethod
    def try_disk(cls):
        try:
            cls.probe = cls.probe or tempfile.TemporaryFile(buffering=0)
            os.pwrite(cls.probe.fileno(), b"patience\n", 0)
            os.fsync(cls.probe.fileno())
        except OSError:
            pass    # a full disk, say: not our business


def until(look, timeout=WAIT, what="condition"):
    """Calls look() until it returns something true; that is returned. Fails after `timeout` seconds of patience."""
    patience, pause = Patience(timeout), threading.Event()
    while True:
        over = patience.is_over()
        found = look()
        if found:
            return found
        if over:
            raise Failure(f"waited {timeout} s for {what() if callable(what) else what}")
        pause.wait(0.02)


def wait_for(news, look, timeout=WAIT):
    """The same under a condition, at each of its news: what look() returned at last."""
    patience = Patience(timeout)
    while True:
        over = patience.is_over()
        with news:
            found = look()
            if found or over:
                return found
            news.wait(Patience.LOOK)


def is_root():
    return os.geteuid() == 0


# --- processes -------------------------------------------------------------------------------------------------

def parent_of(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return None


def is_alive(pid):
    """A zombie is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def descendants_of(pid):
    """All processes below `pid`, from one look at /proc."""
    below = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            below.setdefault(parent_of(entry), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        children = sorted(below.get(todo.pop(), []))
        found += children
        todo += children
    return found


def program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).split(" ")[0]
    except OSError:
        return ""


def status_of(pid):
    """/proc/PID/status as a dict."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {k: v.strip() for k, v in (line.split(":", 1) for line in lines if ":" in line)}


def descriptors_of(pid):
    """{number: what it is}"""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(entry.name)] = os.readlink(entry)
        except OSError:
            pass
    return found


def signal_value(pid, number, value):
    """sigqueue(3)"""
    class Sigval(ctypes.Union):
        _fields_ = [("number", ctypes.c_int), ("pointer", ctypes.c_void_p)]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, Sigval]
    if libc.sigqueue(pid, number, Sigval(number=value)) != 0:
        raise OSError(ctypes.get_errno(), "sigqueue")


def adopt_orphans():
    """Daemons started below this process become its children, so that end_all() finds them."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_all():
    """Ends by pid every process below this one."""
    for _ in range(50):
        left = [pid for pid in descendants_of(os.getpid()) if is_alive(pid)]
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        threading.Event().wait(0.02)


# --- ports -----------------------------------------------------------------------------------------------------

class Ports:
    """
    A block of 40 ports, held by an abstract socket for the life of this process. A port that was given out stays bound here, without
    listening: whoever is to have it can (SO_REUSEADDR), but the system gives it to no connection that goes out, however wide its range is.
    """
    def __init__(self):
        self.held = []
        for block in range(200):
            self.holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                self.holder.bind(f"\0postern-test-ports-{(block + os.getpid()) % 200}")
                break
            except OSError:
                self.holder.close()
        else:
            raise Failure("no free block of ports")
        self.next = 20000 + 40 * ((block + os.getpid()) % 200)
        self.end = self.next + 40

    def take(self):
        while self.next < self.end:
            port = self.next
            self.next += 1
            holder = socket.socket()
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                holder.close()
                continue
            self.held.append(holder)
            return port
        raise Failure("this test used up its ports")


# --- the event log ---------------------------------------------------------------------------------------------

LINE = re.compile(r"^(?P<program>postern[a-z-]*)\[(?P<pid>\d+)\]: (?P<id>\S+) event=(?P<event>\S+)(?P<rest>.*)$")
PAIR = re.compile(r'(?P<key>[a-z][a-z0-9_-]*)=(?P<value>"(?:[^"\\]|\\.)*"|\S*)')
ALARM = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|event=bug|Assertion ")


class Event(dict):
    """One line: event["event"], event["id"], event["program"], event["pid"], and its key=value pairs."""
    def __init__(self, line, found):
        super().__init__()
        self.line = line
        for pair in PAIR.finditer(found["rest"]):
            value = pair["value"]
            if value.startswith('"'):
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            self[pair["key"]] = value
        self.update(program=found["program"], pid=int(found["pid"]), id=found["id"], event=found["event"])

    def matches(self, wanted):
        return all(self.get(k) == (v if isinstance(v, int) else str(v)) if not callable(v) else v(self.get(k, ""))
                   for k, v in wanted.items())


class Events:
    """Reads a pipe in a thread; every line goes to a file and, parsed, into a list that can be waited on."""
    def __init__(self, pipe, path):
        self.lines, self.found, self.path = [], [], path
        self.news = threading.Condition()
        self.closed = False
        self.thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self.thread.start()

    def _read(self, pipe):
        with open(self.path, "a", encoding="utf-8") as out:
            for raw in pipe:
                line = raw.decode("utf-8", "backslashreplace").rstrip("\n")
                out.write(line + "\n")
                out.flush()
                match = LINE.match(line)
                with self.news:
                    self.lines.append(line)
                    if match:
                        self.found.append(Event(line, match))
                    self.news.notify_all()
        with self.news:
            self.closed = True
            self.news.notify_all()

    def all(self, event=None, since=0, **wanted):
        if event:
            wanted["event"] = event
        with self.news:
            return [e for e in self.found[since:] if e.matches(wanted)]

    def mark(self):
        with self.news:
            return len(self.found)

    def wait(self, event=None, count=1, timeout=WAIT, since=0, **wanted):
        """The `count`th event like this (of all since `since`); fails when it does not come in time."""
        match = dict(wanted, event=event) if event else wanted

        def found():
            return [e for e in self.found[since:] if e.matches(match)]
        wait_for(self.news, lambda: self.closed or len(found()) >= count, timeout)
        with self.news:
            got = found()
            if len(got) < count:
                raise Failure(f"no event={event} {wanted} ({len(got)} of {count}; {'the service ended' if self.closed else f'{timeout} s'})")
        return got[count - 1]

    def wait_closed(self, timeout=WAIT):
        """Every process that held the log is gone."""
        if not wait_for(self.news, lambda: self.closed, timeout):
            raise Failure("some process still holds the event log open")


# --- files of the spool ----------------------------------------------------------------------------------------

def split_x_lines(data):
    """(sender, receivers, message) of a drop or pickup file."""
    sender, receivers = None, []
    while True:
        line, _, rest = data.partition(b"\n")
        key, colon, value = line.partition(b":")
        value = value.strip().decode("utf-8", "surrogateescape")
        if colon and key.lower() == b"x-sender" and sender is None:
            sender = value
        elif colon and key.lower() == b"x-receiver":
            receivers.append(value)
        else:
            return sender, receivers, data
        data = rest


class Drop:
    def __init__(self, path):
        self.path = Path(path)
        self.raw = self.path.read_bytes()
        self.sender, self.receivers, self.message = split_x_lines(self.raw)

    @property
    def email(self):
        import email
        import email.policy
        return email.message_from_bytes(self.message, policy=email.policy.default)

    @property
    def body(self):
        return self.message.partition(b"\r\n\r\n")[2]


class Badmail:
    def __init__(self, bad):
        self.bad = Path(bad)
        self.id = self.bad.stem
        readable = self.bad.is_file() and not self.bad.is_symlink() and os.access(self.bad, os.R_OK)
        self.message = self.bad.read_bytes() if readable else b""
        self.reason = self.bad.with_suffix(".bdr").read_text(errors="replace")
        self.envelope = self.bad.with_suffix(".bdp").read_text(errors="replace")


class Home:
    """The folders of one virtual server, read."""
    def __init__(self, path):
        self.path = Path(path)
        self.pickup, self.queue = self.path / "pickup", self.path / "queue"
        self.drop, self.badmail = self.path / "drop", self.path / "badmail"

    def drops(self):
        found = []
        for path in sorted(self.drop.glob("[!.]*.eml")):
            try:
                found.append(Drop(path))
            except FileNotFoundError:
                pass
        return found

    def wait_drops(self, count=1, timeout=WAIT):
        until(lambda: len(list(self.drop.glob("[!.]*.eml"))) >= count, timeout,
              lambda: f"{count} drop files, there are {len(list(self.drop.glob('[!.]*.eml')))}")
        return self.drops()

    def badmails(self):
        return [Badmail(path) for path in sorted(self.badmail.glob("*.bad"))]

    def wait_badmails(self, count=1, timeout=WAIT):
        until(lambda: len(list(self.badmail.glob("*.bad"))) >= count, timeout, f"{count} badmails")
        return self.badmails()

    def queued(self):
        """The accepted messages' files, without notes."""
        found = []
        if self.queue.is_dir():
            for bucket in self.queue.iterdir():
                if bucket.is_dir() and bucket.name != "new":
                    found += [p for p in bucket.iterdir() if "." not in p.name]
        return sorted(found, key=lambda p: p.name)

    def wait_queued(self, count=0, timeout=WAIT):
        until(lambda: len(self.queued()) == count, timeout, lambda: f"{count} in the queue, there are {len(self.queued())}")

    def put(self, name, data):
        """A pickup file, visible at once and whole (renamed in)."""
        part = self.pickup / ("." + name)
        part.write_bytes(data if isinstance(data, bytes) else data.encode())
        if is_root():
            part.chmod(0o666)
        part.rename(self.pickup / name)


# --- the service -----------------------------------------------------------------------------------------------

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
    """One virtual server: its INI (self.sections, change and call write()), home and port."""
    def __init__(self, service, name, sections):
        self.service, self.name = service, name
        self.port = service.test.port()
        self.sections = {
            "general": {"listen": f"127.0.0.1:{self.port}"},
            "access": {"relay": "only", "relay-list": "127.0.0.1, ::1"},
            "messages": {},
            "delivery": {"fqdn": f"{name}.example"},
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
        return Smtp(("127.0.0.1", self.port), **options)

    def send(self, *args, **options):
        """A whole session with one message; the id is returned."""
        with self.connect() as client:
            return client.message(*args, **options)


class Postern:
    """
    One service. By default everything runs as one plain user (the caller, or nobody when that is root);
    as_root=True starts the master as root with workers as nobody.
    """
    def __init__(self, test, servers=None, service=None, as_root=False, env=None, build=None, shared=None):
        self.test, self.as_root = test, as_root
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
            self.service.update({"user": "nobody", "group": test.nogroup})
        self.service.update(service or {})
        self.shared = dict(shared or {})    # other sections of postern.ini
        self.servers = {}
        for name, sections in (servers or {"default": {}}).items():
            self.add(name, sections)
        self.write()
        self.process = self.events = None
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
        """The master in the foreground; does not wait."""
        self.process = subprocess.Popen([self.bin / "postern", "-f", "-c", self.config, *args], stdin=subprocess.DEVNULL,
                                        stdout=open(self.folder / "stdout", "ab"), stderr=subprocess.PIPE,
                                        env=self.environment(), cwd="/", start_new_session=True, **self.account())
        self.events = Events(self.process.stderr, self.folder / "events.log")
        return self

    def start(self, *args, wait=True):
        self.spawn(*args)
        if wait:
            for name in self.servers if wait is True else wait:
                self.wait_started(name)
        return self

    def wait_started(self, name):
        """Fails at once when it stays stopped: the reason is in that line."""
        event = self.events.wait("state", server=name, state=lambda state: state in ("started", "stopped"))
        check(event["state"] == "started", event.line)

    def wait_state(self, name, state, since=0, timeout=WAIT):
        return self.events.wait("state", server=name, state=state, since=since, timeout=timeout)

    def stop(self, timeout=40):
        """TERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait_end(timeout)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait_end(self, timeout=40):
        status = self.process.wait(timeout)
        self.events.wait_closed(timeout)
        return status

    def kill(self):
        """kill -9 of everything at once."""
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
        """posternctl; with ok it has to succeed. Returns the CompletedProcess (text)."""
        account = options.pop("account", self.account())
        done = subprocess.run([self.bin / "posternctl", "-c", self.config, *map(str, args)], capture_output=True, text=True,
                              timeout=60, env=self.environment(), cwd="/", check=False, **account, **options)
        if ok and done.returncode != 0:
            raise Failure(f"posternctl {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def check(self, *args):
        """postern -t"""
        return subprocess.run([self.bin / "postern", "-t", "-c", self.config, *args], capture_output=True, text=True, timeout=60,
                              env=self.environment(), cwd="/", check=False, **self.account())

    def alarms(self):
        if not (self.folder / "events.log").exists():
            return []
        lines = (self.folder / "events.log").read_text(errors="replace").splitlines()
        return [line for line in lines if ALARM.search(line)]

    def end(self):
        """At the test's end: everything gone, no sanitizer report, no broken invariant."""
        if self.process and self.process.poll() is None:
            try:
                self.stop()
            except (Failure, subprocess.TimeoutExpired):
                self.kill()
                raise Failure("the service did not stop in time")
        if self.process and self.alarms():
            raise Failure("the event log has: " + "\n".join(self.alarms()[:5]))


# --- SMTP ------------------------------------------------------------------------------------------------------

class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3])
        self.texts = [line[4:] for line in lines]
        self.text = " ".join(self.texts)

    def __repr__(self):
        return f"<{self.code} {self.text}>"


class Smtp:
    """A client that says exactly what it is told."""
    def __init__(self, address, timeout=WAIT, source=None, banner=True, ehlo=None):
        self.socket = socket.create_connection(address, timeout, source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.banner = self.reply() if banner else None
        if ehlo:
            self.expect(250, f"EHLO {ehlo}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def more(self):
        """What comes next; the socket's time limit is one of patience."""
        limit = self.socket.gettimeout()
        patience = Patience(limit)
        self.socket.settimeout(min(limit, Patience.LOOK))
        try:
            while True:
                over = patience.is_over()
                try:
                    return self.socket.recv(65536)
                except TimeoutError:
                    if over:
                        raise
        finally:
            self.socket.settimeout(limit)

    def line(self):
        while b"\n" not in self.buffer:
            more = self.more()
            if not more:
                raise EOFError(f"connection closed after {self.buffer!r}")
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        check(line.endswith(b"\r"), "reply line without CR:", line)
        return line[:-1].decode("utf-8", "backslashreplace")

    def reply(self):
        lines = []
        while True:
            line = self.line()
            check(re.match(r"^[2-5]\d\d[ -]", line) or re.match(r"^[2-5]\d\d$", line), "no reply:", line)
            lines.append(line)
            if line[3:4] != "-":
                return Reply(lines)

    def cmd(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def expect(self, code, line=None):
        """Says `line` (None: says nothing) and wants `code` (a number, or text the whole reply begins with)."""
        reply = self.reply() if line is None else self.cmd(line)
        got = f"{reply.code} {reply.text}"
        if not (reply.code == code if isinstance(code, int) else got.startswith(code)):
            raise Failure(f"after {line!r}: got {got!r}, wanted {code!r}")
        return reply

    def message(self, sender="a@sender.example", to="b@default.example", data=None, ehlo="client.example", params=""):
        """EHLO to the final dot; `to` is one address or a list; returns the id, when the reply names one, else the text."""
        if ehlo:
            self.expect(250, f"EHLO {ehlo}")
        self.expect(250, f"MAIL FROM:<{sender}>{params}")
        for each in [to] if isinstance(to, str) else to:
            self.expect(250, f"RCPT TO:<{each}>")
        return self.content(data)

    def content(self, data=None):
        self.expect(354, "DATA")
        self.send(stuff(data if data is not None else mail()) + b".\r\n")
        reply = self.expect(250)
        found = re.search(r"\b([0-9a-z]{16})\b", reply.text)
        return found[1] if found else reply.text

    def is_closed(self, timeout=WAIT):
        """Waits for the end of the connection; True when it comes without further bytes."""
        self.socket.settimeout(timeout)
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def stuff(data):
    """Dot-stuffed, with CRLF at the end."""
    data = re.sub(rb"(?m)^\.", b"..", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def mail(subject="test", body="Hello\r\n", size=0, **fields):
    """A small message; with `size` padded to about that many bytes."""
    head = {"From": "a@sender.example", "To": "b@default.example", "Subject": subject, **fields}
    text = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in head.items()) + "\r\n" + body
    line = "x" * 70 + "\r\n"
    if size > len(text):
        text += line * ((size - len(text)) // len(line))
    return text.encode()


class Sink:
    """
    An SMTP server that keeps what it gets. `answers` = {verb: answer}: CONNECT EHLO HELO MAIL RCPT DATA DOT RSET QUIT STARTTLS,
    each a reply text, DROP, a function(session, line) returning one of these or None (the usual reply), or a list
    used up one by one. With `tls`, an ssl.SSLContext, STARTTLS is offered; at_once: TLS before the greeting.
    """
    DROP = object()

    def __init__(self, port, address="127.0.0.1", answers=None, ehlo=("PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES"),
                 tls=None, at_once=False):
        self.answers, self.extensions = dict(answers or {}), list(ehlo)
        self.tls, self.at_once = tls, at_once
        self.messages, self.sessions, self.session = [], [], SinkSession
        self.news = threading.Condition()
        self.port = port
        self.listener = socket.create_server((address, port), backlog=200, family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = self.session(self, connection, peer)
            with self.news:
                self.sessions.append(session)
                self.news.notify_all()
            threading.Thread(target=session.serve, daemon=True).start()

    def answer(self, session, verb, line, usual):
        given = self.answers.get(verb)
        if isinstance(given, list):
            with self.news:
                given = given.pop(0) if given else None
        if callable(given):
            given = given(session, line)
        return usual if given is None else given

    def keep(self, message):
        with self.news:
            self.messages.append(message)
            self.news.notify_all()

    def wait(self, count=1, timeout=WAIT):
        if not wait_for(self.news, lambda: len(self.messages) >= count, timeout):
            raise Failure(f"the sink has {len(self.messages)} of {count} messages")
        return list(self.messages)

    def wait_sessions(self, count=1, timeout=WAIT):
        if not wait_for(self.news, lambda: len(self.sessions) >= count, timeout):
            raise Failure(f"the sink has {len(self.sessions)} of {count} connections")

    def end(self):
        self.closing = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)    # closing alone leaves it listening while accept() waits
        except OSError:
            pass
        self.listener.close()
        for session in self.sessions:
            session.shut()


class SinkMessage:
    def __init__(self, session, sender, params, recipients, data, rcpt_params=None):
        self.session, self.sender, self.params, self.recipients, self.data = session, sender, params, recipients, data
        self.rcpt_params = rcpt_params or {}


def note_asked(link, name, _):
    link.asked = name


class SinkSession:
    def __init__(self, sink, connection, peer):
        self.sink, self.connection, self.peer = sink, connection, peer
        self.lines, self.helo, self.stream = [], None, None
        self.tls = None         # (cipher, version, bits) under TLS
        self.asked = None       # the name the client asked for
        self.reset()

    def reset(self):
        self.sender, self.params, self.recipients, self.rcpt_params, self.chunks = None, "", [], {}, b""

    def shut(self):
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()

    def say(self, verb, line, usual):
        """False when the session is over."""
        answer = self.sink.answer(self, verb, line, usual)
        if answer is Sink.DROP:
            self.shut()
            return False
        self.connection.sendall(answer.encode() + b"\r\n")
        self.said = answer
        return not answer.startswith("421")

    def serve(self):
        try:
            if self.sink.at_once:
                self.secure()
            self.stream = self.connection.makefile("rb")
            self._serve()
        except (OSError, ValueError):
            pass
        finally:
            self.connection.close()
            if self.stream:
                self.stream.close()

    def secure(self):
        self.sink.tls.sni_callback = note_asked     # of the context, which sessions and sinks share: nothing of this session is in it
        self.connection = self.sink.tls.wrap_socket(self.connection, server_side=True)
        self.asked = getattr(self.connection, "asked", None)
        self.tls = self.connection.cipher()
        self.stream = self.connection.makefile("rb")

    def _serve(self):
        if not self.say("CONNECT", "", "220 sink.example ESMTP"):
            return
        while raw := self.stream.readline():
            stream = self.stream
            line = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
            self.lines.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "DATA":
                if not self.say("DATA", line, "354 go on" if self.recipients else "554 5.5.1 no valid recipients"):
                    return
                if self.said.startswith("354") and not self._content(stream):
                    return
            elif verb == "BDAT":
                if not self._chunk(stream, line):
                    return
            elif not self._verb(verb, line):
                return
            if verb == "QUIT":
                return

    def _verb(self, verb, line):
        found = re.search(r"<(.*?)>(.*)", line)
        if verb == "STARTTLS" and self.sink.tls and not self.tls:
            if not self.say(verb, line, "220 2.0.0 go ahead"):
                return False
            if self.said.startswith("220"):
                self.secure()
            return True
        if verb in ("EHLO", "HELO"):
            self.helo = line[5:]
            offer = ["STARTTLS"] if self.sink.tls and not self.tls else []
            usual = "\r\n".join(["250-sink.example"] + ["250-" + e for e in offer + self.sink.extensions]) if verb == "EHLO" else "250-sink"
            last = usual.rfind("250-")
            return self.say(verb, line, usual[:last] + "250 " + usual[last + 4:])
        if verb == "MAIL" and found:
            ok = self.say(verb, line, "250 2.1.0 ok")
            if ok and self.said.startswith("2"):
                self.sender, self.params = found[1], found[2].strip()
            return ok
        if verb == "RCPT" and found:
            ok = self.say(verb, line, "250 2.1.5 ok")
            if ok and self.said.startswith("2"):
                self.recipients.append(found[1])
                self.rcpt_params[found[1]] = found[2].strip()
            return ok
        if verb in ("RSET", "NOOP", "QUIT"):
            self.reset()
            return self.say(verb, line, "221 2.0.0 bye" if verb == "QUIT" else "250 2.0.0 ok")
        return self.say(verb, line, "500 5.5.1 unknown")

    def _content(self, stream):
        lines = []
        for raw in stream:
            if raw == b".\r\n":
                return self._whole(b"".join(lines))
            lines.append(raw[1:] if raw.startswith(b".") else raw)
        return False

    def _whole(self, data):
        message = SinkMessage(self, self.sender, self.params, self.recipients, data, self.rcpt_params)
        self.reset()
        # kept before the reply: whoever waits for the client's next step finds it here
        answer = self.sink.answer(self, "DOT", message, "250 2.0.0 kept")
        if answer is not Sink.DROP and answer.startswith("2"):
            self.sink.keep(message)
        if answer is Sink.DROP:
            self.shut()
            return False
        self.connection.sendall(answer.encode() + b"\r\n")
        return not answer.startswith("421")

    def _chunk(self, stream, line):
        words = line.split()
        self.chunks += stream.read(int(words[1]))
        if words[2:] == ["LAST"]:
            return self._whole(self.chunks)
        return self.say("BDAT", line, "250 2.0.0 more")


# --- DNS -------------------------------------------------------------------------------------------------------

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
        soa = "@ 5 SOA ns.example. admin.example. 1 60 60 60 5\n@ NS ns\nns A 127.0.0.1\n"
        (self.folder / "zone").write_text(f"$ORIGIN example.\n$TTL 5\n{soa}" + "\n".join(records) + "\n")
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


# --- file systems (root) ---------------------------------------------------------------------------------------

def mount(t, *args):
    """Mounted at t.folder/disk for the test's life."""
    t.need_root()
    place = t.folder / "disk"
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *map(str, args), place], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        t.skip(f"cannot mount: {done.stderr.strip()}")
    t.cleanup(lambda: subprocess.run(["umount", "-l", place], capture_output=True, check=False))
    place.chmod(0o777)
    return place


def small_disk(t, size):
    return mount(t, "-t", "tmpfs", "-o", f"size={size}", "postern-test")


def loop_disk(t):
    """(place, device name) of an ext4 file system in a file; called again: the same file system."""
    t.need_root()
    image = t.folder / "image"
    if not image.exists():
        mkfs = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin")
        if not mkfs:
            t.skip("mkfs.ext4 is not installed")
        with open(image, "wb") as out:
            out.truncate(64 << 20)
        subprocess.run([mkfs, "-q", image], check=True)
    place = mount(t, "-o", "loop,errors=remount-ro", image)
    device = [line.split()[0] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1] == str(place)][-1]
    return place, os.path.basename(device)


# --- one test --------------------------------------------------------------------------------------------------

class Test:
    def __init__(self, name, folder=None):
        self.name = name
        if is_root():
            account = pwd.getpwnam("nobody")
            self.uid, self.gid = account.pw_uid, account.pw_gid
        else:
            self.uid, self.gid = os.getuid(), os.getgid()
        import grp
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
        """Called at the end, last first."""
        self.cleanups.append(call)

    def skip(self, why):
        raise Skip(why)

    def need_root(self):
        if not is_root():
            raise Skip("needs root")

    def programs(self, build):
        """The folder of the programs: `build`, or a copy where the test's user cannot come to it."""
        if not is_root() or subprocess.run(["test", "-x", build / "postern"], user=self.uid, group=self.gid, extra_groups=[],
                                           check=False).returncode == 0:
            return Path(build)
        copy = self.folder / "bin"
        if not copy.exists():
            copy.mkdir()
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
        """Runs the cleanups; the first of their failures is raised after all ran."""
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
        """After a failure: the end of each service's event log."""
        for service in self.services:
            path = service.folder / "events.log"
            if path.exists():
                tail = path.read_text(errors="replace").splitlines()[-lines:]
                print(f"--- {path}", *tail, sep="\n", file=out)
