"""certificates - posternctl certificate: shown, asked for, made, installed; what cannot be used is refused with its reason"""

import hashlib
import json
import os
import ssl
import stat
import subprocess

from checks import check, equal
from patience import until
from terminal import Terminal


def openssl(*args, **options):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, check=False, timeout=60, **options)
    equal(done.returncode, 0, done.stderr)
    return done.stdout


class Authority:
    """A root, and one below it that signs."""
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        folder.chmod(0o755)
        for name in ("root", "middle"):
            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key",
                    "-out", folder / f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "ca.ext").write_text("basicConstraints=critical,CA:TRUE\n")
        openssl("x509", "-req", "-in", folder / "root.csr", "-signkey", folder / "root.key", "-out", folder / "root.crt", "-days", 9,
                "-extfile", folder / "ca.ext")
        self.issue(folder / "middle.csr", folder / "middle.crt", "root", folder / "ca.ext")

    def issue(self, request, certificate, by="middle", extensions=None, days=9):
        more = ["-extfile", extensions] if extensions else ["-copy_extensions", "copy"]
        openssl("x509", "-req", "-in", request, "-CA", self.folder / f"{by}.crt", "-CAkey", self.folder / f"{by}.key", "-CAcreateserial",
                "-out", certificate, "-days", days, *more)

    def sign(self, request, name="mail", order=("mail", "middle"), **options):
        self.issue(request, self.folder / f"{name}.crt", **options)
        chain = self.folder / f"{name}.chain"
        chain.write_text("".join((self.folder / f"{one}.crt").read_text() for one in order))
        return chain


def shown(service):
    return json.loads(service.ctl("certificate", "default", "show", "--json", ok=False).stdout)["certificates"]


def served(service):
    """The SHA-256 of what a client is shown; None: it is offered no TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with service.default.connect() as client:
        if not any("STARTTLS" in line for line in client.cmd("EHLO c.example").lines):
            return None
        client.expect(220, "STARTTLS")
        client.socket = context.wrap_socket(client.socket)
        return hashlib.sha256(client.socket.getpeercert(True)).hexdigest()


def test_self_signed(t):
    """A key of its own mode, a certificate for fqdn, and clients are shown it; undo leads back; another takes its place."""
    service = t.postern()
    check("has no certificate" in service.ctl("certificate", "default", "show").stdout)
    service.ctl("certificate", "default", "self-signed")
    row = shown(service)[0]
    equal((row["names"], row["type"], row["faults"]), (["default.example"], "ECDSA P-256", []))
    check(row["days"] in (89, 90), row)
    key = os.stat(row["key"])
    equal((stat.S_IMODE(key.st_mode), key.st_uid), (0o600, service.folder.stat().st_uid))
    until(lambda: served(service) == row["fingerprint"], what="the certificate")
    service.ctl("certificate", "default", "self-signed", "--names", "default.example,*.other.example", "--type", "rsa", "--days", "9")
    second = shown(service)
    equal((len(second), second[0]["names"], second[0]["type"]), (1, ["default.example", "*.other.example"], "RSA 3072"))
    service.ctl("undo")
    equal([one["fingerprint"] for one in shown(service)], [row["fingerprint"]], "the one before")
    for words, status in ((("--names", "a_b/c"), 64), (("--names", "other.example"), 65), (("--days", "0"), 64), (("--type", "dsa"), 64)):
        done = service.ctl("certificate", "default", "self-signed", *words, ok=False)
        check(done.returncode == status and done.stderr, words, done.returncode, done.stderr)
    equal(len(list((service.folder / "tls").iterdir())), 4, "what was refused left no file")


def test_relative_configuration(t):
    """The configuration is named from where the person stands; the keys that are written are paths for all."""
    service = t.postern()
    for words in (("certificate", "default", "self-signed"), ("dkim", "new", "default", "default.example", "s1", "--use")):
        done = subprocess.run([service.bin / "posternctl", "-c", service.config.name, *words], capture_output=True, text=True, timeout=60,
                              env=service.environment(), cwd=service.config.parent, check=False, **service.account())
        equal(done.returncode, 0, done.stdout + done.stderr)
    check(str(service.folder / "tls") in shown(service)[0]["certificate"], shown(service))


# shows S4.35
def test_request(t):
    """A request is signed by an authority, and its certificate installed with the key that waited for it."""
    service = t.postern()
    authority = Authority(t.folder / "ca")
    done = service.ctl("certificate", "default", "request", "--names", "default.example, mail.example")
    csr = service.folder / "tls" / "default.csr"
    check("BEGIN CERTIFICATE REQUEST" in done.stdout and str(csr) in done.stdout, done.stdout)
    text = openssl("req", "-in", csr, "-noout", "-text", "-verify")
    check("DNS:default.example, DNS:mail.example" in text and "prime256v1" in text, text)
    key = (service.folder / "tls" / "default.request.key").read_text()
    service.ctl("certificate", "default", "request")
    equal((service.folder / "tls" / "default.request.key").read_text(), key, "a certificate may be on its way")
    chain = authority.sign(csr)
    wrong = authority.sign(csr, "wrong", order=("middle", "mail"))
    unordered = authority.sign(csr, "unordered", order=("mail", "root", "middle"))
    for file, why in ((wrong, "is not that of the certificate in"), (unordered, "is not signed by the one behind it"), (csr, "no certificate in PEM form"), (t.folder / "none", "No such file")):
        done = service.ctl("certificate", "default", "install", file, ok=False)
        check(done.returncode in (65, 66) and why in done.stderr, why, done.returncode, done.stderr)
    equal(shown(service), [])
    service.ctl("certificate", "default", "install", chain)
    row = shown(service)[0]
    equal((row["faults"], row["issuer"]), ([], "CN=middle"))
    until(lambda: served(service) == row["fingerprint"], what="the certificate")
    check(not csr.exists() and len(list((service.folder / "tls").iterdir())) == 2, "the request is over")
    # as an ACME client hands it over
    service.ctl("certificate", "default", "install", row["certificate"], row["key"])
    equal([one["fingerprint"] for one in shown(service)], [row["fingerprint"]], "once more")


def test_served(t):
    """What the process shows, with its chain; files that cannot be used change nothing, and are told; one who may look may ask."""
    service = t.postern()
    done = service.ctl("certificate", "default", "served")
    check("clients are not offered TLS" in done.stdout, done.stdout)
    authority = Authority(t.folder / "ca")
    service.ctl("certificate", "default", "request", "--names", "default.example, mail.example")
    service.ctl("certificate", "default", "install", authority.sign(service.folder / "tls" / "default.csr"))

    def answer(status=0):
        done = service.ctl("certificate", "default", "served", "--json", ok=False)
        equal(done.returncode, status, done.stdout + done.stderr)
        document = json.loads(done.stdout)
        return document["certificates"], document.get("remarks", [])
    until(lambda: len(answer()[0]) == 2, what="the certificate and its issuer's")
    (own, issuer), remarks = answer()
    file = shown(service)[0]
    equal((own["place"], own["names"], own["issuer"], own["fingerprint"], own["type"], own["file"], own["until"]),
          (0, file["names"], "CN=middle", served(service), "ECDSA P-256", file["certificate"], file["until"]))
    equal((issuer["place"], issuer["subject"], issuer["issuer"], issuer["names"], remarks), (1, "CN=middle", "CN=root", [], []))
    with open(file["certificate"], "w", encoding="ascii") as out:
        out.write("nothing\n")
    service.ctl("reload", ok=False)
    until(lambda: answer_of(service)[0] == 1, what="the file that is not one")
    kept, remarks = answer(1)
    equal([one["fingerprint"] for one in kept], [own["fingerprint"], issuer["fingerprint"]], "the old pair")
    check("cannot be used" in remarks[0] and file["certificate"] in remarks[0], remarks)
    service.default.set("delivery", fqdn="elsewhere.example")
    service.ctl("stop", "default")
    done = service.ctl("certificate", "default", "served", ok=False)
    equal(done.returncode, 69)
    check("is it started?" in done.stdout + done.stderr, done.stdout + done.stderr)
    equal(service.ctl("certificate", "none", "served", ok=False).returncode, 3)


def answer_of(service):
    done = service.ctl("certificate", "default", "served", ok=False)
    return done.returncode, done.stdout


def test_served_is_for_another(t):
    service = t.postern()
    service.ctl("certificate", "default", "self-signed")
    service.ctl("set", "default", "delivery.fqdn=elsewhere.example")
    until(lambda: answer_of(service)[0] == 1, what="another name")
    check("no certificate is for elsewhere.example, which is fqdn" in answer_of(service)[1], answer_of(service))


# shows S4.35
def test_wizard(t):
    """Shows what there is, then asks; a file that is not there is told and asked again; Ctrl-C leaves nothing."""
    service = t.postern()

    def at(*words):
        return Terminal([service.bin / "posternctl", "-c", service.config, *words], env=service.environment(), cwd="/", **service.account())
    with at("certificate", "default") as person:
        person.expect("has no certificate", "What is to be done [nothing]: ").type("odd").expect("Say nothing, request", "[nothing]: ").type("self-signed")
        person.expect("Names [default.example]: ").type("").expect("Days [90]: ").type("x").expect("Say a number", "Days [90]: ").type("30")
        person.expect("certificate default self-signed --names 'default.example' --days 30", "Do it? [yes]: ").type("\x03", end="")
        person.end(-2)
    check(not (service.folder / "tls").exists(), "nothing is left")
    with at("certificate", "default") as person:
        person.expect("[nothing]: ").type("request").expect("Names [default.example]: ").type("").expect("Do it? [yes]: ").type("")
        person.expect("END CERTIFICATE REQUEST")
        person.end()
    chain = Authority(t.folder / "ca").sign(service.folder / "tls" / "default.csr")
    with at("certificate", "default") as person:
        person.expect("[nothing]: ").type("install").expect("Certificate: ").type("/nowhere").expect("No such file", "Certificate: ").type(str(chain))
        person.expect("default.request.key]: ").type("").expect(f"certificate default install '{chain}'", "Do it? [yes]: ").type("")
        person.expect("default is started")
        person.end()
    with at("certificate", "default") as person:
        person.expect("names", "default.example", "sha256", shown(service)[0]["fingerprint"], "[nothing]: ").type("")
        person.end()
    done = service.ctl("certificate", "default", ok=False, stdin=subprocess.DEVNULL)
    check(done.returncode == 64 and "show|served|request|self-signed|install" in done.stderr, done.stderr)
