"""sasl - passwords, SCRAM verifiers and Kerberos for the tests of authentication

Kdc is a realm of its own on loopback; its process ends with the test. A tool that fails raises Failure.
"""

import base64
import hashlib
import hmac
import os
import re
import socket
import subprocess

from checks import check
from patience import until


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def plain(user, password):
    return b64(f"\0{user}\0{password}")


def verifier(password, iterations=4096, salt=b"0123456789abcdef"):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return f"{{SCRAM-SHA-256}}{iterations},{b64(salt)},{b64(stored)},{b64(hmac.digest(salted, b'Server Key', 'sha256'))}"


def run(*args, env, **options):
    done = subprocess.run([str(a) for a in args], env={**os.environ, **env}, capture_output=True, check=False, timeout=60, **options)
    check(done.returncode == 0, args, done.stdout, done.stderr)


class Kdc:
    """A Kerberos realm of its own, TEST.EXAMPLE, on a loopback port."""
    def __init__(self, t):
        self.folder, self.port = t.folder / "kdc", t.port()
        self.folder.mkdir()
        (self.folder / "krb5.conf").write_text(f"""[libdefaults]
 default_realm = TEST.EXAMPLE
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
 dns_canonicalize_hostname = false
[realms]
 TEST.EXAMPLE = {{
  kdc = 127.0.0.1:{self.port}
 }}
[logging]
 kdc = FILE:{self.folder}/log
""")
        (self.folder / "kdc.conf").write_text(f"""[kdcdefaults]
 kdc_listen = 127.0.0.1:{self.port}
 kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
 TEST.EXAMPLE = {{
  database_name = {self.folder}/principal
  key_stash_file = {self.folder}/stash
 }}
""")
        self.env = {"KRB5_CONFIG": str(self.folder / "krb5.conf"), "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
                    "KRB5CCNAME": f"FILE:{self.folder}/cache", "KRB5RCACHENAME": "dfl:", "KRB5RCACHEDIR": str(t.folder)}
        run("/usr/sbin/kdb5_util", "-r", "TEST.EXAMPLE", "create", "-s", "-P", "master", env=self.env)
        self.process = None
        t.cleanup(self.end)
        self.start()

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/krb5kdc", "-n"], env={**os.environ, **self.env}, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.STDOUT)

        until(self.listens, what="the KDC")

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def tickets(self, principal):
        """How many ticket-granting tickets `principal` has got."""
        return len(re.findall(rf"AS_REQ .*: ISSUE: .* {re.escape(principal)}", (self.folder / "log").read_text()))

    def add(self, principal, keytab, *options):
        run("/usr/sbin/kadmin.local", "-r", "TEST.EXAMPLE", "addprinc", *options, "-randkey", principal, env=self.env)
        self.change(principal, keytab)

    def change(self, principal, keytab):
        """Gives `principal` a new key, written to `keytab`."""
        run("/usr/sbin/kadmin.local", "-r", "TEST.EXAMPLE", "ktadd", "-k", keytab, principal, env=self.env)

    def foreign(self, realm, user):
        """Another realm in the same KDC, whose users TEST.EXAMPLE trusts; `user` of it, and a keytab for that."""
        options = ["-r", realm, "-d", str(self.folder / "foreign"), "-sf", str(self.folder / "foreign-stash")]
        with (self.folder / "krb5.conf").open("a") as file:
            file.write(f"[realms]\n {realm} = {{\n  kdc = 127.0.0.1:{self.port}\n }}\n")
        with (self.folder / "kdc.conf").open("a") as file:
            file.write(f"[realms]\n {realm} = {{\n  database_name = {self.folder}/foreign\n  key_stash_file = {self.folder}/foreign-stash\n }}\n")
        run("/usr/sbin/kdb5_util", *options, "create", "-s", "-P", "master", env=self.env)
        for where in ("TEST.EXAMPLE", realm):
            run("/usr/sbin/kadmin.local", "-r", where, "addprinc", "-pw", "trust", f"krbtgt/TEST.EXAMPLE@{realm}", env=self.env)
        keytab = self.folder / "foreign.keytab"
        run("/usr/sbin/kadmin.local", "-r", realm, "addprinc", "-randkey", f"{user}@{realm}", env=self.env)
        run("/usr/sbin/kadmin.local", "-r", realm, "ktadd", "-k", keytab, f"{user}@{realm}", env=self.env)
        self.end()
        self.process = subprocess.Popen(["/usr/sbin/krb5kdc", "-n", "-r", "TEST.EXAMPLE", "-r", realm], env={**os.environ, **self.env},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        until(self.listens, what="the KDC")
        return keytab

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
