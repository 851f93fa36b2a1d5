"""authority - certificates with a common issuer, made with openssl, and what a server of the tests needs of them"""

import hashlib
import ssl
import subprocess


def openssl(*args, **options):
    return subprocess.run(["openssl", *map(str, args)], capture_output=True, check=True, timeout=60, **options).stdout


class Authority:
    """Certificates with a common issuer, and what sinks need of them."""
    CONFIG = ("[ca]\ndefault_ca = own\n[own]\ndir = {0}\nnew_certs_dir = {0}\ndatabase = {0}/index\nserial = {0}/serial\n"
              "default_md = sha256\npolicy = any\ncopy_extensions = copy\nunique_subject = no\n[any]\ncommonName = supplied\n")

    def __init__(self, folder):
        self.folder = folder / "authority"
        self.folder.mkdir()
        (self.folder / "config").write_text(self.CONFIG.format(self.folder))
        (self.folder / "index").write_text("")
        (self.folder / "serial").write_text("01\n")
        self.key, self.certificate = self.folder / "ca.key", self.folder / "ca.pem"
        self.ready = {}
        self.sign_itself("ca", "Some Authority", key=self.key)
        self.certificate.chmod(0o644)
        self.folder.chmod(0o755)

    def sign_itself(self, stem, name, key=None):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key or self.folder / f"{stem}.key",
                "-out", self.folder / f"{stem}.pem", "-days", 90, "-subj", f"/CN={name}")
        return stem

    def sign(self, stem, *names, dates=("250101000000Z", "990101000000Z")):
        key, request, made = (self.folder / f"{stem}.{end}" for end in ("key", "csr", "pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={names[0]}",
                "-addext", "subjectAltName=" + ",".join(name if ":" in name else f"DNS:{name}" for name in names))
        openssl("ca", "-batch", "-config", self.folder / "config", "-cert", self.certificate, "-keyfile", self.key, "-in", request, "-out", made,
                "-notext", "-startdate", "20" + dates[0], "-enddate", "20" + dates[1])
        return stem

    def context(self, stem, chain=True):
        """For a sink; with its issuer behind the certificate."""
        if stem in self.ready:
            return self.ready[stem]
        made = self.folder / f"{stem}.pem"
        both = self.folder / f"{stem}-chain.pem"
        both.write_text(made.read_text() + (self.certificate.read_text() if chain else ""))
        found = self.ready[stem] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.load_cert_chain(both, self.folder / f"{stem}.key")
        return found

    def sign_itself_in_full(self, stem, name):
        """With a key that makes the certificate longer than any digest."""
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.folder / f"{stem}.key", "-out", self.folder / f"{stem}.pem",
                "-days", 90, "-subj", f"/CN={name}")

    def whole(self, stem):
        """The certificate itself, as TLSA x 0 0 has it."""
        made = self.folder / f"{stem}.pem"
        return openssl("x509", "-in", made, "-outform", "DER").hex() if made.exists() else ""

    def digest(self, stem):
        """SHA-256 of the public key, as TLSA x 1 1 has it."""
        public = openssl("x509", "-in", self.folder / f"{stem}.pem", "-noout", "-pubkey")
        return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", input=public)).hexdigest()
