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


# As krb5.h has them, on hosts with pointers of eight bytes. The KDC copies what the client wants into the ticket.
FILL_TICKET = """
import ctypes, sys
from ctypes import c_char_p, c_int, c_uint, c_void_p, byref
class Keyblock(ctypes.Structure):
    _fields_ = [("magic", c_int), ("enctype", c_int), ("length", c_uint), ("contents", c_void_p)]
class Data(ctypes.Structure):
    _fields_ = [("magic", c_int), ("length", c_uint), ("data", c_void_p)]
class Authdata(ctypes.Structure):
    _fields_ = [("magic", c_int), ("type", c_int), ("length", c_uint), ("contents", c_char_p)]
class Creds(ctypes.Structure):
    _fields_ = [("magic", c_int), ("client", c_void_p), ("server", c_void_p), ("key", Keyblock), ("times", c_int * 4), ("skey", c_uint),
                ("flags", c_int), ("addresses", c_void_p), ("ticket", Data), ("second", Data), ("authdata", c_void_p)]
krb5, service, size = ctypes.CDLL("libkrb5.so.3"), sys.argv[1], int(sys.argv[2])
context, cache, wanted, got = c_void_p(), c_void_p(), Creds(), ctypes.POINTER(Creds)()
def call(name, *args):
    code = getattr(krb5, name)(*args)
    assert code == 0, (name, code)
call("krb5_init_context", byref(context))
call("krb5_cc_default", context, byref(cache))
client, server = c_void_p(), c_void_p()
call("krb5_cc_get_principal", context, cache, byref(client))
call("krb5_parse_name", context, service.encode(), byref(server))
data = Authdata(0, 4711, size, bytes(size))
wanted.client, wanted.server = client, server
wanted.authdata = ctypes.cast((c_void_p * 2)(ctypes.addressof(data), None), c_void_p)
call("krb5_get_credentials", context, 0, cache, byref(wanted), byref(got))
assert got.contents.ticket.length > size, got.contents.ticket.length
got.contents.authdata = None    # or only those who want the same would be given it
call("krb5_cc_store_cred", context, cache, got)
"""


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

    def fill_ticket(self, service, size):
        """A ticket for `service` into the cache, whose authorization data is `size` octets: as of a user in very many groups."""
        run("/usr/bin/python3", "-c", FILL_TICKET, service, size, env=self.env)

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
