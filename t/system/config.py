"""config - faults of the INI set: all at once, each with file, line and the correct form"""

import os
import re
import subprocess

from checks import check, equal


def faults(service, *wanted):
    """postern -t fails, and each pattern of `wanted` is in some line of what it prints."""
    done = service.check()
    text = done.stdout + done.stderr
    equal(done.returncode, 78, "exit status: " + text)
    for pattern in wanted:
        check(re.search(pattern, text), f"nothing like {pattern!r} in:\n{text}")
    ctl = service.ctl("check", ok=False)
    check(ctl.returncode != 0, "posternctl check says 0")
    for pattern in wanted:
        check(re.search(pattern, ctl.stdout + ctl.stderr), f"posternctl check: nothing like {pattern!r} in:\n{ctl.stdout}{ctl.stderr}")
    return text


def test_good(t):
    service = t.postern(start=False)
    done = service.check()
    equal(done.returncode, 0, done.stdout + done.stderr)


# shows 1.12b, 2.1d
def test_all_faults_at_once(t):
    service = t.postern({"one": {}, "two": {}}, start=False)
    service["one"].file.write_text("[general]\nlisen = 127.0.0.1:2600\nconnection-limit = many\n[acess]\nx = y\n"
                                   "[domain one.example]\ntype = default\n")
    service["two"].file.write_text("[general]\nlisten = 127.0.0.1:99999\nlisten = 127.0.0.1:2601\nid = 1\nid = 2\n"
                                   "[messages]\nmax-message-size = 12Q\n")
    faults(service, r"one\.ini:2: .*lisen.*listen", r"one\.ini:3: .*connection-limit", r"one\.ini:4: .*acess.*access",
           r"two\.ini:2: ", r"two\.ini:5: .*id", r"two\.ini:7: .*max-message-size")


# shows 1.12b
def test_did_you_mean(t):
    service = t.postern(start=False)
    service.default.set("messages", max_recipient="5")
    text = faults(service, r"max-recipient\b")
    check("max-recipients" in text, text)


# shows 2.4v
def test_open_relay(t):
    service = t.postern(start=False)
    service.default.set("access", relay_list="0.0.0.0/0")
    faults(service, r"relay")
    service.default.set("access", relay="all-except", relay_list=None)
    faults(service, r"relay")
    service.default.set("access", open_relay="i-know")
    equal(service.check().returncode, 0, "open-relay = i-know")


def test_what_is_hardly_meant(t):
    """Warnings of what lets in or overwrites far more than an administrator means; a file that every user may write is refused."""
    service = t.postern(start=False)
    service.default.set("access", relay_list="127.0.0.1, com, localhost, office.example")
    service.default.set("domain *.org", type="remote", relay="yes")
    service.default.set("domain *.partner.example", type="remote", relay="yes")
    service.default.set("general", home="/")
    service.default.set("messages", badmail="/etc/mail")
    done = service.check()
    text = done.stdout + done.stderr
    for pattern in (r'warning: relay-list names the top-level domain "com"', r"warning: relay = yes for \*\.org: everybody",
                    r"warning: home \(/\) is a folder of the system", r"warning: badmail \(/etc/mail\) is a folder of the system"):
        check(re.search(pattern, text), f"nothing like {pattern!r} in:\n{text}")
    check("localhost" not in text and "partner" not in text, text)
    service.default.set("general", home=None)
    service.default.set("messages", badmail=None)
    equal(service.check().returncode, 0, "warnings alone")
    service.default.set("access", tls_minimum="1.0", connection_control="only", connection_list="0.0.0.0/0")
    faults(service, r"tls-minimum under 1\.2 .* not everybody")
    service.default.set("access", tls_minimum=None, connection_control=None, connection_list=None)
    service.default.file.chmod(0o666)
    faults(service, r"default\.ini: error: may be written by every user; chmod o-w ")
    service.default.file.chmod(0o664)
    equal(service.check().returncode, 0, "a group may write it")


# shows 2.8a
def test_two_default_domains(t):
    service = t.postern({"default": {"domain second.example": {"type": "default"}}}, start=False)
    faults(service, r"default")


# shows 2.1c
def test_long_lines(t):
    """inih cuts at 200 bytes and takes the tail for a new line: such a line is refused, and a list may go on in the next."""
    service = t.postern(start=False)
    nets = [f"192.0.2.{n}" for n in range(60)] + ["127.0.0.1"]
    service.default.set("access", relay_list=", ".join(nets))
    text = faults(service, r"default\.ini:\d+: .*long")
    check("relay-list = " in service.default.file.read_text().splitlines()[int(re.search(r"ini:(\d+)", text)[1]) - 1], "the line", text)
    service.default.set("access", relay_list=",\n  ".join(", ".join(nets[n:n + 10]) for n in range(0, 61, 10)))
    done = service.check()
    equal(done.returncode, 0, "the same over seven lines: " + done.stdout + done.stderr)
    check("192.0.2.59" in service.ctl("config", "default").stdout, "the last but one")
    for filler in (" " * 190, "x" * 180 + "relay = all-except", "y" * 400000):
        service.default.file.write_text(service.default.file.read_text() + f"[general]\ndescription = {filler}\n")
        equal(service.check().returncode, 78, f"a line of {len(filler)} bytes")
        service.default.write()


def test_lines_are_numbered_after_long_ones(t):
    service = t.postern(start=False)
    service.default.file.write_text("[general]\ndescription = " + "d" * 600 + "\nwrong = 1\n" + service.default.file.read_text())
    faults(service, r"default\.ini:2: .*long", r"default\.ini:3: .*wrong")


def test_rubbish(t):
    service = t.postern(start=False)
    for text in (b"\0\1\2\xff" * 100, b"[general\nlisten", b"no section = 1\n", b"[general]\n= 3\n", b"[]\n", b"[general]\njust words\n"):
        service.default.file.write_bytes(text)
        done = service.check()
        check(done.returncode == 78 and "default.ini" in done.stdout + done.stderr, text[:30], done.returncode, done.stdout, done.stderr)


def test_bad_file_affects_nothing_else(t):
    service = t.postern({"bad": {}, "good": {}}, start=False)
    service["bad"].file.write_text("[general]\nnonsense = 1\n")
    service.start(wait=("good",))
    service["good"].send(to="b@good.example")
    service["good"].home.wait_drops()
    check("nonsense" in "\n".join(service.events.lines), "the fault is in the event log")


# shows 2.1a
def test_config_is_shown_with_its_places(t):
    service = t.postern(start=False)
    text = service.ctl("config", "default").stdout
    check(re.search(rf"listen.*127\.0\.0\.1:{service.default.port}.*default\.ini:\d+", text), text)
    check(re.search(r"max-recipients.*100.*default", text), text)
    for key in ("tls", "ldap", "outbound-tls", "masquerade", "connection-control"):
        check(key in text, key, "is not shown")


# shows 2.2a, 2.6l
def test_name_without_dot_is_warned_of(t):
    service = t.postern(start=False)
    service.default.set("delivery", fqdn="shorty")
    done = service.check()
    equal(done.returncode, 0)
    check(re.search(r'default\.ini:\d+: warning: fqdn "shorty" has no dot', done.stdout + done.stderr), done.stdout, done.stderr)


def test_print(t):
    service = t.postern(start=False)
    done = subprocess.run([service.bin / "postern", "-T", "-c", service.config], capture_output=True, text=True, check=False,
                          env=service.environment(), timeout=30, **service.account())
    equal(done.returncode, 0, done.stderr)
    check("max-message-size" in done.stdout, done.stdout[:500])
    done = subprocess.run([service.bin / "postern", "-V"], capture_output=True, text=True, check=False, env=service.environment(), timeout=30)
    check(done.returncode == 0 and re.search(r"\d+\.\d+", done.stdout), done.stdout)


def test_a_named_configuration_is_never_replaced_by_another(t):
    """posternctl -c FILE: what FILE does not tell is not looked for elsewhere."""
    service = t.postern()

    def run(*args):
        return subprocess.run([service.bin / "posternctl", *args], capture_output=True, text=True, check=False,
                              env=service.environment(), timeout=30, **service.account())
    missing, faulty = service.folder / "typo.ini", service.folder / "faulty.ini"
    faulty.write_text("[service]\nrun = relative/path\n")
    faulty.chmod(0o644)
    for command in (["pause", "default"], ["stop"], ["status"], ["queue", "default", "list"], ["sessions"], ["reload"], ["check"]):
        done = run("-c", missing, *command)
        equal((done.returncode, done.stdout), (66, ""), command)
        check(str(missing) in done.stderr, done.stderr)
        done = run("-c", faulty, *command)
        equal(done.returncode, 78, (command, done.stdout, done.stderr))
    equal(run("-c", faulty, "-s", service.run / "control.sock", "pause", "default").returncode, 0)
    service.wait_state("default", "paused")


def test_check_looks_at_the_host(t):
    """Users, groups and folders that are not there: a start would refuse them, give nobody rights, or make any tree."""
    service = t.postern({"default": {"general": {"drop": "/nonexistent/a/b", "pickup": t.folder / "here"},
                                     "security": {"operators": ["nosuchuser", "@nosuchgroup", "root"]}}},
                        service={"operators": ["nobody", "alsonosuch"]}, start=False)
    done = service.ctl("check")
    for said in ("operators: there is no user nosuchuser on this host", "operators: there is no group nosuchgroup on this host",
                 "operators: there is no user alsonosuch on this host", "drop /nonexistent/a/b: there is no /nonexistent; the start"):
        check(f"warning: {said}" in done.stdout + done.stderr, done.stdout + done.stderr)
    check("pickup" not in done.stdout + done.stderr, done.stdout + done.stderr)
    service.service["user"] = "nosuchuser"
    service.write()
    done = service.ctl("check", ok=False, account={})
    check(done.returncode == (78 if os.geteuid() == 0 else 0), done.stdout + done.stderr)
    check(os.geteuid() != 0 or "error: there is no user nosuchuser on this host" in done.stdout + done.stderr, done.stdout)


def test_check_looks_at_addresses_and_secrets(t):
    """An address that this host has not may come later; an address without brackets is no address and port; a secret is one line."""
    service = t.postern({"default": {"general": {"listen": "198.51.100.1:2525"}, "delivery": {"source-address": "198.51.100.9"}}}, start=False)
    said = service.ctl("check").stdout
    check("warning: listen: this host does not have the address 198.51.100.1 now" in said, said)
    check("warning: source-address: this host does not have the address 198.51.100.9 now" in said, said)
    service.default.set("general", listen="::1:2525")
    said = service.ctl("check", ok=False).stdout
    check("did you mean [::1]:2525, or [::1:2525]?" in said, said)
    service.default.set("general", listen="127.0.0.1:2525, [::1:2525]:25, ::1")
    service.default.set("delivery", **{"source-address": "127.0.0.1", "smart-host": "[127.0.0.1]:1", "outbound-auth": "basic", "user": "joe",
                                       "outbound-tls": "off", "secret-file": str(t.folder / "secret")})
    for text, reason in ((b"", "is empty"), (b"\n", "is empty"), (b"a\nb\n", "has more than one line"), (b"x" * 1025, "is too large"),
                         (b"\xef\xbb\xbf\r\n", "is empty"), (b"\xef\xbb\xbf" + b"x" * 1024 + b"\r\n", None), (b"pw", None)):
        (t.folder / "secret").write_bytes(text)
        (t.folder / "secret").chmod(0o600)
        service.own()
        said = service.ctl("check", ok=False, account={}).stdout
        equal(f"the secret file {reason}" in said if reason else "secret file" not in said, True, (text[:20], said))


def test_long_lists_of_kerberos(t):
    """They go to another process in one message: what does not fit is refused by check, not cut; at the limit and one more."""
    service = t.postern(start=False)
    words = [f"{number:02d}{'x' * 86}@EXAMPLE.COM" for number in range(20)]
    for key in ("kerberos-accounts", "kerberos-realms"):
        for last, fits in ((27, True), (28, False)):
            service.default.set("access", **{"kerberos-accounts": None, "kerberos-realms": None, key: [*words, "y" * last]})
            said = service.ctl("check", ok=False).stdout
            equal(f"{key} is too long: 2048 characters, 2047 at the most" not in said, fits, said)
