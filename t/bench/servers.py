"""servers - the two that are measured: Postern's release build and Debian's Postfix, each a whole instance in a scratch folder"""

import os
import pwd
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from checks import Failure  # noqa: E402
from patience import until  # noqa: E402
from processes import descendants_of, is_alive, program_of  # noqa: E402
from programs import ROOT  # noqa: E402
from smtp import Smtp  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
DOMAIN = "bench.example"    # local mail of both


def cpu_ticks(pid, reaped=False):
    """Ticks of one process; with `reaped` also of its children that are gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0
    return sum(map(int, fields[11:15] if reaped else fields[11:13]))


class Usage:
    """CPU seconds and memory of a master and all below it."""
    def __init__(self, master):
        self.master = master

    def pids(self):
        return [self.master] + descendants_of(self.master)

    def roles(self):
        """{program: CPU seconds}; those that are gone are their parent's."""
        found = {}
        for pid in self.pids():
            name = program_of(pid)
            found[name] = found.get(name, 0) + cpu_ticks(pid, reaped=True) / TICK
        return found

    def cpu(self):
        return sum(cpu_ticks(pid, reaped=True) for pid in self.pids()) / TICK

    def memory(self):
        """KiB, proportional: what is shared counts once."""
        total = 0
        for pid in self.pids():
            try:
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
            except (OSError, IndexError):
                pass
        return total

    def answers(self):
        try:
            with Smtp(("127.0.0.1", self.port)):
                return True
        except OSError:
            return False

    def switches(self):
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").glob("*/status"):
                try:
                    total += sum(int(line.split()[1]) for line in task.read_text().splitlines() if "ctxt_switches" in line)
                except (OSError, IndexError):
                    pass
        return total


class PosternServer(Usage):
    name = "postern"

    def __init__(self, test, relay_port, pair=None, more=None, service=None, start=True, build=ROOT / "build/release"):
        """`more`: sections beside the usual ones; `service`: keys of [service]; `build`: the folder of the programs."""
        self.test, self.folder = test, test.folder
        access = {"certificate": pair[0], "key": pair[1]} if pair else {}
        delivery = {"smart-host": f"[127.0.0.1]:{relay_port}"} if relay_port else {}
        self.service = test.postern(
            {"default": {"access": access, "messages": {"max-session-size": "unlimited", "max-message-size": "unlimited"},
                         "delivery": delivery, "domain default.example": None, f"domain {DOMAIN}": {"type": "default"}, **(more or {})}},
            service, as_root=True, build=build, start=False)
        self.service.test.services.remove(self.service)     # its log is long
        self.log = open(self.service.folder / "events.log", "ab")
        self.port = self.service.default.port
        self.home = self.service.home
        test.cleanup(self.end)
        self.process = None
        if start:
            self.start()

    def start(self):
        self.service.process = self.process = subprocess.Popen(
            [self.service.bin / "postern", "-f", "-c", self.service.config], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            cwd="/", start_new_session=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        super().__init__(self.process.pid)
        until(self.answers, what="Postern to answer on its port")

    def delivered_files(self):
        return sum(1 for name in os.listdir(self.home.drop) if name.endswith(".eml")) if self.home.drop.exists() else 0

    def clear(self):
        for path in self.home.drop.glob("*.eml"):
            path.unlink()

    def is_empty(self):
        return not self.home.queued()

    def submit(self, number, data):
        """One message by file."""
        part = f"{self.home.pickup}/.{number}"
        with open(part, "wb") as out:
            out.write(data)
        os.chmod(part, 0o666)
        os.rename(part, f"{self.home.pickup}/{number}")

    def counters(self):
        return {name: int(value) for name, value in (line.split() for line in self.service.ctl("counters").stdout.splitlines())}

    def flush(self):
        self.service.ctl("retry")

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


class SafeServer(PosternServer):
    """Says 250 when the next hop has the message, or the disk."""
    name = "postern-safe"

    def __init__(self, test, relay_port, pair=None):
        super().__init__(test, relay_port, pair, more={"delivery": {"smart-host": f"[127.0.0.1]:{relay_port}", "acknowledge": "safe"}})


class PostfixServer(Usage):
    """Debian's main.cf and master.cf as they are; only names, places, ports and what a workload is about are set."""
    name = "postfix"

    def __init__(self, test, relay_port, pair=None):
        self.test = test
        self.pair = pair
        self.folder = test.folder / f"postfix{test.count('postfix')}"
        self.config, self.spool, self.box = self.folder / "etc", self.folder / "spool", self.folder / "box"
        self.sbin = self.folder / "sbin"
        self.port = test.port()
        for each in (self.config, self.spool, self.box, self.folder / "data", self.sbin):
            each.mkdir(parents=True)
        account = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", account.pw_uid, account.pw_gid)
        os.chown(self.box, 65534, 65534)
        self.programs()
        self.configure(relay_port)
        self.pid_file = self.spool / "pid" / "master.pid"
        self.inbox = self.box / "inbox"
        self.start()
        test.cleanup(self.end)

    def start(self):
        self.run("start")
        super().__init__(int(until(lambda: self.pid_file.exists() and self.pid_file.read_text().strip(), what="Postfix's master")))

    def programs(self):
        """Submission goes through set-gid programs that only know /etc/postfix: copies without that bit, called by root."""
        for each in ("postdrop", "postqueue", "postsuper", "postlog", "postlock", "postconf", "postalias", "postkick", "postmap", "postcat"):
            shutil.copy(f"/usr/sbin/{each}", self.sbin)
            (self.sbin / each).chmod(0o755)
        for each in ("postfix", "sendmail", "postmulti"):
            shutil.copy(f"/usr/sbin/{each}", self.sbin)

    def configure(self, relay_port):
        shutil.copy("/usr/share/postfix/main.cf.debian", self.config / "main.cf")
        shutil.copy("/usr/share/postfix/dynamicmaps.cf", self.config)
        for each in ("postfix-files", "dynamicmaps.cf.d", "postfix-files.d"):
            path = Path("/etc/postfix") / each
            if path.is_dir():
                shutil.copytree(path, self.config / each, dirs_exist_ok=True)
            elif path.exists():
                shutil.copy(path, self.config)
        text = Path("/usr/share/postfix/master.cf.dist").read_text()
        (self.config / "master.cf").write_text(text.replace("\nsmtp      inet ", f"\n127.0.0.1:{self.port} inet ", 1))
        settings = {
            "config_directory": self.config, "queue_directory": self.spool, "data_directory": self.folder / "data",
            "command_directory": self.sbin, "myhostname": "postfix.example", "mydestination": "localhost.example",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8",
            "relayhost": f"[127.0.0.1]:{relay_port}", "alias_maps": "", "alias_database": "",
            "maillog_file": self.folder / "log", "maillog_file_prefixes": self.folder,
            "message_size_limit": "0", "mailbox_size_limit": "0", "virtual_mailbox_limit": "0",
            "virtual_mailbox_domains": DOMAIN, "virtual_mailbox_base": self.box, "virtual_mailbox_maps": "static:inbox/",
            "virtual_uid_maps": "static:65534", "virtual_gid_maps": "static:65534",
        }
        if self.pair:
            settings.update({"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": self.pair[0], "smtpd_tls_key_file": self.pair[1]})
        with open(self.config / "main.cf", "a", encoding="ascii") as out:
            for key, value in settings.items():
                out.write(f"{key} = {value}\n")
        for each in ("resolv.conf", "hosts", "services", "nsswitch.conf", "localtime"):     # for its chroot, as Debian does
            if Path("/etc", each).exists():
                (self.spool / "etc").mkdir(exist_ok=True)
                shutil.copy(f"/etc/{each}", self.spool / "etc")

    def run(self, *args):
        done = subprocess.run([self.sbin / "postfix", "-c", self.config, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            log = self.folder / "log"
            raise Failure(f"postfix {args}: {done.stdout}{done.stderr}{log.read_text() if log.exists() else ''}")

    def delivered_files(self):
        folder = self.inbox / "new"
        return len(os.listdir(folder)) if folder.exists() else 0

    def clear(self):
        if self.inbox.exists():
            shutil.rmtree(self.inbox)

    def is_empty(self):
        return not any(files for queue in ("maildrop", "incoming", "active", "deferred") for _, _, files in os.walk(self.spool / queue))

    def submit(self, number, data):
        done = subprocess.run([self.sbin / "sendmail", "-C", self.config, "-i", "-f", "a@sender.example", f"b@{DOMAIN}"], input=data, check=False,
                              capture_output=True)
        if done.returncode != 0:
            raise Failure(f"sendmail: {done.stderr.decode()}")

    def flush(self):
        self.run("flush")

    def end(self):
        if is_alive(self.master):
            os.kill(self.master, signal.SIGTERM)
            until(lambda: not is_alive(self.master), 30, "Postfix to end")


class Meter:
    """Around one run: CPU used, the largest memory seen, context switches."""
    def __init__(self, server, programs):
        self.server, self.programs = server, programs

    def used(self):
        """CPU seconds; with `programs` also of those this process called (sendmail)."""
        called = resource.getrusage(resource.RUSAGE_CHILDREN) if self.programs else None
        return self.server.cpu() + (called.ru_utime + called.ru_stime if called else 0)

    def __enter__(self):
        self.cpu_before, self.switches_before, self.roles_before = self.used(), self.server.switches(), self.server.roles()
        self.peak, self.done = 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.done.wait(1):
            self.peak = max(self.peak, self.server.memory())

    def __exit__(self, *_):
        self.cpu = self.used() - self.cpu_before
        self.roles = {role: cpu - self.roles_before.get(role, 0) for role, cpu in self.server.roles().items()}
        self.switches = self.server.switches() - self.switches_before
        self.done.set()
        self.thread.join()
        self.peak = max(self.peak, self.server.memory())
