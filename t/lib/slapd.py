"""slapd - OpenLDAP's server on loopback for a test: entries as text, TLS, changes while it runs; and a proxy that stalls

The server and the proxy end with their test. Failure when the server does not start.
"""

import os
import select
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from urllib.parse import quote

from checks import Failure, check
from patience import until

BASE = "dc=default,dc=example"
ADMIN, PASSWORD = f"cn=postern,{BASE}", "s3cret pass\u00fe"

# The attributes of Active Directory and of qmail-like schemas, as far as mail needs them.
SCHEMA = """
attributetype ( 1.3.6.1.4.1.99999.1.1 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.2 NAME 'targetAddress' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.1.3 NAME 'altRecipient' EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.1.4 NAME 'deliverAndRedirect' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.1.5 NAME 'mailAlternateAddress' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.6 NAME 'mailForwardingAddress' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'user' SUP top STRUCTURAL MUST cn
  MAY ( mail $ proxyAddresses $ targetAddress $ altRecipient $ deliverAndRedirect $ sn $ userPassword ) )
objectclass ( 1.3.6.1.4.1.99999.2.2 NAME 'group' SUP top STRUCTURAL MUST cn MAY ( mail $ proxyAddresses $ member ) )
objectclass ( 1.3.6.1.4.1.99999.2.3 NAME 'extras' SUP top AUXILIARY MAY ( mail $ mailAlternateAddress $ mailForwardingAddress $ rfc822MailMember ) )
"""


def entry(cn, *classes, **attributes):
    """LDIF of one entry below BASE; values are texts or lists of them."""
    lines = [f"dn: cn={cn},{BASE}", f"cn: {cn}"] + [f"objectClass: {name}" for name in classes]
    for name, values in attributes.items():
        lines += [f"{name}: {value}" for value in ([values] if isinstance(values, str) else values)]
    return "\n".join(lines) + "\n\n"


def dn(cn):
    return f"cn={cn},{BASE}"


def person(cn, mail, *classes, **attributes):
    return entry(cn, "inetOrgPerson", *classes, sn=cn, mail=mail, **attributes)


class Authority:
    """A certificate authority and certificates of it."""
    def __init__(self, folder, name):
        self.folder, self.name = Path(folder), name
        self.file, self.key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.file, "-days", "30", "-subj", f"/CN={name}")
        self.file.chmod(0o644)

    @staticmethod
    def run(*args):
        done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, check=False, timeout=60)
        check(done.returncode == 0, done.stderr)

    def certificate(self, stem, names, days=30):
        """(certificate, key) for names like "DNS:localhost"."""
        request, certificate, key = (self.folder / f"{stem}.{end}" for end in ("csr", "crt", "key"))
        extensions = self.folder / f"{stem}.ext"
        extensions.write_text("subjectAltName=" + ",".join(names) + "\n")
        self.run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={stem}")
        self.run("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-CAcreateserial", "-out", certificate, "-days", days,
                 "-extfile", extensions)
        return certificate, key


class Slapd:
    """`ldif`: entries below BASE; `pair`: certificate and key; `more`: further lines of its configuration;
    `env`: more of its environment. uri, ldaps, ldapi."""
    def __init__(self, t, ldif="", pair=None, anonymous=True, more="", env=None):
        self.program = shutil.which("slapd", path="/usr/sbin:/sbin") or t.skip("slapd is not installed")
        self.folder = t.folder / f"slapd{t.count('slapd')}"
        self.folder.mkdir()
        (self.folder / "data").mkdir()
        self.port, self.tls_port = t.port(), t.port()
        self.uri, self.ldaps = f"ldap://127.0.0.1:{self.port}", f"ldaps://127.0.0.1:{self.tls_port}"
        self.ldapi = "ldapi://" + quote(str(self.folder / "socket"), safe="")
        self.pair, self.env = pair, env or {}
        (self.folder / "extra.schema").write_text(SCHEMA)
        tls = f"TLSCertificateFile {pair[0]}\nTLSCertificateKeyFile {pair[1]}\n" if pair else ""
        (self.folder / "slapd.conf").write_text(
            "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "nis", "inetorgperson", "misc"))
            + f"include {self.folder}/extra.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n{tls}"
            f"pidfile {self.folder}/pid\n" + ("" if anonymous else "disallow bind_anon\nrequire authc\n")
            + f'database mdb\nmaxsize 104857600\nsuffix "{BASE}"\nrootdn "{ADMIN}"\nrootpw "{PASSWORD}"\ndirectory {self.folder}/data\n'
            f"index objectClass,mail,proxyAddresses,mailAlternateAddress eq\ndbnosync\n{more}")
        self.add_offline(f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: default\n\n" + ldif)
        self.process = None
        t.cleanup(self.end)
        self.start()

    def add_offline(self, ldif):
        done = subprocess.run(["/usr/sbin/slapadd", "-q", "-f", self.folder / "slapd.conf"], input=ldif.encode(), capture_output=True, check=False)
        check(done.returncode == 0, done.stderr.decode(), ldif)

    def start(self):
        uris = [self.uri, self.ldapi] + ([self.ldaps] if self.pair else [])
        self.process = subprocess.Popen([self.program, "-f", self.folder / "slapd.conf", "-h", " ".join(uris), "-d", "0"],
                                        env={**os.environ, **self.env}, stdin=subprocess.DEVNULL, stdout=open(self.folder / "out", "ab"),
                                        stderr=subprocess.STDOUT)
        until(self.is_ready, what="slapd to answer")
        os.chmod(self.folder / "socket", 0o777)

    def is_ready(self):
        check(self.process.poll() is None, "slapd ended:", (self.folder / "out").read_text())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def modify(self, ldif):
        done = subprocess.run(["ldapmodify", "-x", "-H", self.uri, "-D", ADMIN, "-w", PASSWORD], input=ldif, text=True, capture_output=True,
                              check=False, timeout=20, env={**os.environ, "LDAPNOINIT": "1"})
        if done.returncode != 0:
            raise Failure(f"ldapmodify: {done.stderr}{ldif}")

    def add(self, ldif):
        self.modify(ldif.replace("\ncn: ", "\nchangetype: add\ncn: "))

    def delete(self, cn):
        self.modify(f"dn: {dn(cn)}\nchangetype: delete\n")


class Proxy:
    """TCP to `port` of slapd; with `stalled` set nothing passes any more, but connections are still accepted."""
    def __init__(self, t, port):
        self.target, self.port = port, t.port()
        self.stalled = threading.Event()
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
        t.cleanup(self.listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def uri(self):
        return f"ldap://127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                other = {client: server, server: client}
                while True:
                    for ready in select.select([client, server], [], [], 1)[0]:
                        data = ready.recv(65536)
                        while self.stalled.is_set():
                            threading.Event().wait(0.05)
                        if not data:
                            return
                        other[ready].sendall(data)
        except OSError:
            pass


def settings(directory, schema="inetorgperson", uri=None, **keys):
    """The keys of the [ldap] section for this server."""
    section = {"enable": "yes", "uri": uri or directory.uri, "schema": schema, "base": BASE, "cache-found": "1s", "cache-not-found": "1s"}
    section.update({k.replace("_", "-"): v for k, v in keys.items()})
    return section
