"""install - make install into a temporary tree, and the init script there: LSB exit codes, one virtual server, workers
as their own user
"""

import os
import pwd
import re
import shutil
import socket
import subprocess

from checks import check, equal
from patience import until
from processes import descendants_of, is_alive, status_of
from programs import ROLE_USERS, ROOT
from smtp import Smtp
from spool_files import Home


def make(t, *words, **more):
    done = subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, timeout=800, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": str(t.folder)}, **more)
    equal(done.returncode, 0, f"make {words}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout


def layout(t):
    """A prefix of its own, built for it: the folders are compiled into some files, the others are those of the release build."""
    base = t.folder / "host"
    shutil.copytree(ROOT / "build/release", t.folder / "build", symlinks=True)
    return base, [f"B={t.folder}/build", f"PREFIX={base}/usr", f"SYSCONFDIR={base}/etc", f"LOCALSTATEDIR={base}/var", f"RUNDIR={base}/run"]


# shows 1.7c
def test_staged(t):
    """DESTDIR, a relative one: every file in its place, to be read by all under any umask; a second install keeps what was changed;
    uninstall takes all but data and configuration.
    """
    stage = t.folder / "stage"
    words = [f"DESTDIR={os.path.relpath(stage, ROOT)}", "B=build/release"]
    make(t, "install", *words, umask=0o077)
    equal([str(p) for p in (stage / "usr").rglob("*") if not p.is_symlink() and not p.stat().st_mode & 0o004], [], "hidden by the umask")
    for path in ("usr/sbin/postern", "usr/bin/posternctl", "usr/libexec/postern/postern-listener", "usr/libexec/postern/postern-deliver",
                 "usr/libexec/postern/postern-pickup", "usr/libexec/postern/postern-resolver", "usr/libexec/postern/postern-auth",
                 "usr/libexec/postern/postern-filter", "usr/share/man/man8/postern-filter.8", "usr/libexec/postern/postern-limits",
                 "usr/libexec/postern/postern-directory", "usr/share/man/man8/postern-directory.8", "usr/share/man/man8/postern.8",
                 "usr/share/man/man8/posternctl.8", "usr/libexec/postern/postern-web", "usr/share/man/man8/postern-web.8", "usr/share/postern/web/index.html",
                 "usr/share/man/man5/postern.ini.5", "usr/share/man/man7/postern-guide.7", "etc/postern/postern.ini",
                 "etc/postern/servers/default.ini", "etc/init.d/postern", "etc/logrotate.d/postern",
                 "usr/share/bash-completion/completions/posternctl", "usr/lib/sysctl.d/05-postern.conf", "lib/systemd/system/postern.service"):
        check((stage / path).is_file(), path, "is missing")
    check((stage / "var/spool/postern").is_dir(), "the spool")
    with open(stage / "etc/postern/postern.ini", "a", encoding="ascii") as out:
        out.write("; mine\n")
    make(t, "install", *words)
    check((stage / "etc/postern/postern.ini").read_text().endswith("; mine\n"), "the configuration was overwritten")
    default = (stage / "etc/postern/servers/default.ini").read_text()
    check("\npickup-group = postern-pickup\n" in default, "sendmail has no group: ", default[:400])
    make(t, "install-mta", *words)
    for link in ("usr/sbin/sendmail", "usr/bin/mailq", "usr/bin/newaliases", "usr/lib/sendmail"):
        equal(os.readlink(stage / link), "/usr/libexec/postern/postern-sendmail", link)
    checked = subprocess.run([stage / "usr/sbin/postern", "-t", "-c", stage / "etc/postern/postern.ini"], capture_output=True, text=True, check=False)
    equal(checked.returncode, 0, "the installed configuration: " + checked.stdout + checked.stderr)
    (stage / "usr/bin/mailq").unlink()
    (stage / "usr/bin/mailq").write_text("of another mail server")
    refused = subprocess.run(["make", "install-mta", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    check(refused.returncode != 0 and "is not ours" in refused.stderr, refused.stderr)
    make(t, "uninstall", *words)
    check((stage / "usr/bin/mailq").is_file() and not (stage / "usr/sbin/sendmail").is_symlink(), "links of ours, and only those, go")
    (stage / "usr/bin/mailq").unlink()
    left = sorted(str(p.relative_to(stage)) for p in stage.rglob("*") if p.is_file())
    equal(left, ["etc/postern/postern.ini", "etc/postern/servers/default.ini"], "what uninstall leaves")


# shows 1.7a, 1.7b
def test_unit_and_script_texts(t):
    script = (ROOT / "etc/postern.init").read_text()
    for word in ("### BEGIN INIT INFO", "# Provides:", "# Required-Start:", "# Required-Stop:", "# Default-Start:", "# Default-Stop:",
                 "# Short-Description:", "### END INIT INFO", "umask 077", "ulimit -c 0", "ulimit -n "):
        check(word in script, word, "is not in the init script")
    unit = (ROOT / "etc/postern.service").read_text()
    for word in ("Type=notify", "ExecStart=", "ExecReload=", "ProtectSystem=", "CapabilityBoundingSet=", "WantedBy=", "ProtectProc=invisible",
                 "RemoveIPC=yes", "LimitNOFILE=", "TasksMax=", "LimitCORE=0", "UMask=0077"):
        check(word in unit, word, "is not in the unit")
    # Its allow list ends what it does not name: the processes' own sandbox is not in its groups.
    calls = re.search(r"^SystemCallFilter=(@system-service .*)", unit, re.M)[1].split()
    for call in ("seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"):
        check(call in calls, call, "is not in the unit")


# shows 1.7a, 2.2d
def test_init_script(t):
    """As root: LSB verbs and exit codes against an installed tree; workers are not root."""
    t.need_root()
    base, words = layout(t)
    said = make(t, "-j2", "install", *words, "DESTDIR=", "ACCOUNT=no")
    for word in ("Enable and start:", "Send a first mail:", "relays for nobody", "man postern-guide"):
        check(word in said, word, said[-1500:])
    config = base / "etc/postern/postern.ini"
    port = t.port()
    second = t.port()
    text = config.read_text()
    role_users = "\n".join(f"{key} = {uid}" for key, uid in ROLE_USERS.items())
    config.write_text(re.sub(r"(?m)^\[service\]$", f"[service]\nuser = nobody\ngroup = {t.nogroup}\n{role_users}\nsyslog = no\ngrace = 5s\nhostname = host.example",
                             text, count=1))
    servers = base / "etc/postern/servers"
    server = (servers / "default.ini").read_text()
    (servers / "default.ini").write_text(re.sub(r"(?m)^\[general\]$", f"[general]\nlisten = 127.0.0.1:{port}", server, count=1))
    (servers / "other.ini").write_text(f"[general]\nlisten = 127.0.0.1:{second}\n[domain other.example]\ntype = default\n")
    script = base / "etc/init.d/postern"

    def say(*verbs, code=0):
        done = subprocess.run([script, *verbs], capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        equal(done.returncode, code, f"{verbs}: {done.stdout}{done.stderr}")
        return done.stdout
    pid_file = base / "run/postern/postern.pid"
    say("status", code=3)
    say("start")
    pid = int(pid_file.read_text())
    t.cleanup(lambda: is_alive(pid) and os.kill(pid, 9))
    say("start")        # already running: success
    equal(int(pid_file.read_text()), pid, "a second start")
    say("status")
    for child in until(lambda: descendants_of(pid), what="workers"):
        check(status_of(child)["Uid"].split()[0] in {str(pwd.getpwnam("nobody").pw_uid), *ROLE_USERS.values()}, "a worker's user")
    with Smtp(("127.0.0.1", port)) as client:
        client.message(to="b@host.example")
    Home(base / "var/spool/postern/default").wait_drops()
    equal([(base / path).owner() for path in ("var/spool/postern", "var/log/postern", "var/spool/postern/default")],
          ["root", "root", "nobody"], "owners of the folders")
    say("reload")
    say("force-reload")
    say("pause", "other")
    with socket.socket() as probe:
        check(probe.connect_ex(("127.0.0.1", second)) != 0, "paused, but it listens")
    say("continue", "other")
    with Smtp(("127.0.0.1", second)):
        pass
    say("stop", "other")
    say("status", "other", code=3)
    say("status", "default")
    say("start", "other")
    say("restart")
    pid_after = int(pid_file.read_text())
    t.cleanup(lambda: is_alive(pid_after) and os.kill(pid_after, 9))
    check(pid_after != pid, "restart kept the process")
    say("explode", code=3)
    say("start", "default", "extra", code=2)
    say("stop")
    until(lambda: not is_alive(pid_after), 40, "the service to end")
    say("stop")         # already stopped: success
    say("status", code=3)
    (base / "run/postern").mkdir(exist_ok=True)
    pid_file.write_text("999999\n")
    say("status", code=1)
    say("start")
    say("stop")
    os.rename(config, str(config) + ".away")
    say("start", code=6)


test_init_script.limit = 900
