"""acme - the lines of our pages for certbot, run at an authority of the test (pebble): the first certificate, its renewal, a deploy hook

Pebble owns its process until the test ends. The commands come from the pages; only where the authority is and which files are the test's
is added.
"""

import json
import os
import shlex
import ssl
import subprocess
import urllib.request

from manual_pages import commands, run
from patience import until
from processes import is_root
from programs import ROOT
from checks import check, equal
from token_hosts import Authority

NAME = "mail.example.com"


class Pebble:
    """An ACME authority on loopback that looks for its challenges at `http`."""
    def __init__(self, t):
        self.port, self.http, self.folder = t.port(), t.port(), t.folder
        authority = Authority(t.folder)
        authority.context()
        self.trusted = authority.file
        settings = {"listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{t.port()}",
                    "certificate": str(t.folder / "ca-localhost.crt"), "privateKey": str(t.folder / "ca-localhost.pkey"),
                    "httpPort": self.http, "tlsPort": t.port(), "ocspResponderURL": "", "externalAccountBindingRequired": False}
        (t.folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
        dns = t.port()      # it answers 127.0.0.1 to whatever is asked
        self.started = [self.start("names", "pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{t.port()}",
                                   "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""),
                        self.start("pebble", "pebble", "-config", t.folder / "pebble.json", "-dnsserver", f"127.0.0.1:{dns}")]
        t.cleanup(self.end)
        self.where = f"https://localhost:{self.port}/dir"
        until(self.answers, what=lambda: (t.folder / "pebble.log").read_text())

    def start(self, log, *command):
        return subprocess.Popen(command, env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
                                stdout=open(self.folder / f"{log}.log", "wb"), stderr=subprocess.STDOUT, start_new_session=True)

    def answers(self):
        try:
            with urllib.request.urlopen(self.where, context=ssl.create_default_context(cafile=self.trusted), timeout=10) as answer:
                return answer.status == 200
        except OSError:
            return False

    def end(self):
        for process in self.started:
            process.terminate()
            process.wait()

    def certbot(self, service, command, live):
        """A line of a page, with the files of the test; answers what it printed."""
        more = ["--server", self.where, "--http-01-port", self.http, "--standalone", "--agree-tos", "--register-unsafely-without-email", "-n",
                "--config-dir", live, "--work-dir", self.folder / "certbot", "--logs-dir", self.folder / "certbot"]
        words = f"REQUESTS_CA_BUNDLE={self.trusted} {command} {shlex.join(map(str, more))}"
        done = run(service, words, self.folder)
        equal(done.returncode, 0, done.stdout + done.stderr)
        check("reported error" not in done.stderr, done.stdout + done.stderr)


def line(page, begin):
    """The one command of the page that begins so."""
    found = [command for command in commands(page) if command.startswith(begin)]
    equal(len(found), 1, f"{page}: {begin}: {found}")
    return found[0]


def shown(service):
    """(issuer, serial number) of the certificate that clients get."""
    with service.default.connect() as client:
        client.expect(250, "EHLO there")
        client.expect(220, "STARTTLS")
        context = ssl._create_unverified_context()
        with context.wrap_socket(client.socket, server_hostname=NAME) as tls:
            text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-issuer", "-serial"], input=tls.getpeercert(True),
                                  capture_output=True, check=True).stdout.decode()
    issuer, serial = text.splitlines()
    return issuer, serial


def service_of(t):
    service = t.postern({"default": {"delivery": {"fqdn": NAME}}}, as_root=is_root())
    live = t.folder / "letsencrypt"
    live.mkdir()
    if is_root():
        live.chmod(0o700)       # as certbot leaves it: the listener may not look into it
    else:
        service.own()
    return service, live


def test_certbot(t):
    """postern-guide(7), CERTIFICATE: a first certificate; a renewed one is taken up by itself."""
    service, live = service_of(t)
    authority = Pebble(t)
    authority.certbot(service, line("etc/guide/postern-guide.7", "certbot certonly"), live)
    done = run(service, line("etc/guide/postern-guide.7", "posternctl set default access.certificate=/etc/letsencrypt"), t.folder,
               {"/etc/letsencrypt": live})
    equal(done.returncode, 0, done.stdout + done.stderr)
    issuer, serial = shown(service)
    check("Pebble" in issuer, issuer)
    authority.certbot(service, "certbot renew --force-renewal --no-random-sleep-on-renew", live)
    until(lambda: shown(service)[1] != serial, what="the renewed certificate")


def test_deploy_hook(t):
    """posternctl(8), certificate install: the hook installs each new pair."""
    service, live = service_of(t)
    authority = Pebble(t)
    command = line("master/posternctl/posternctl.8", "certbot certonly").replace("HOST", NAME)
    authority.certbot(service, command.replace("posternctl certificate", f"posternctl -c {service.config} certificate"), live)
    issuer, serial = shown(service)
    check("Pebble" in issuer, issuer)
    authority.certbot(service, "certbot renew --force-renewal --no-random-sleep-on-renew", live)
    until(lambda: shown(service)[1] != serial, what="the renewed certificate")
