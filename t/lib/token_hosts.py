"""token_hosts - a token endpoint and a submission host that behave like those of Microsoft 365 and Google, and their certificates

Endpoint owns its thread until end(), MailHost's sink ends with the test. What they were asked is kept for the test to look at.
"""

import base64
import http.server
import json
import re
import ssl
import subprocess
import threading
import time
import urllib.parse

from checks import check, equal
from patience import WAIT, wait_for

SECRET = "s3cr3t~Client.Secret-of-the-application"
REFRESH = "1//first-refresh-token_of.the-user"
FORM = "application/x-www-form-urlencoded"


def openssl(*args):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, check=False, timeout=60)
    check(done.returncode == 0, done.stderr)


class Authority:
    """A certificate authority, and certificates of it; all files are readable by everybody."""
    def __init__(self, folder, stem="ca"):
        self.folder, self.stem = folder, stem
        self.file, self.key = folder / f"{stem}.pem", folder / f"{stem}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out", self.file,
                "-days", "30", "-subj", f"/CN=The {stem} of the test", "-addext", "basicConstraints=critical,CA:TRUE")

    def context(self, name="localhost"):
        stem = self.folder / f"{self.stem}-{name}"
        request, certificate, key, extensions = (stem.with_suffix(s) for s in (".csr", ".crt", ".pkey", ".ext"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions.write_text(f"subjectAltName=DNS:{name}\n")
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-CAcreateserial", "-days", "30", "-out", certificate,
                "-extfile", extensions)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(certificate, key)
        return made


class Endpoint:
    """
    A token endpoint on localhost. self.answers is used up first: each a function(handler) that answers, or (status, object, headers).
    self.valid: the tokens that mail hosts take, with the time of their end. self.rotate: each answer has a new refresh token, and the
    one before is void.
    """
    def __init__(self, port, context):
        self.answers, self.requests, self.valid, self.tokens = [], [], {}, []
        self.lifetime, self.rotate, self.refresh, self.secret = 3600, False, REFRESH, SECRET
        self.certificate, self.assertions = None, []    # the application's
        self.news = threading.Condition()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                endpoint.post(self)

            def do_GET(self):
                endpoint.requests.append((time.monotonic(), {"GET": self.path}))
                self.send_error(405)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", port), Handler, bind_and_activate=False)
        self.server.allow_reuse_address = True
        self.server.server_bind()
        self.server.server_activate()
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://localhost:{port}/tenant/oauth2/v2.0/token"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def end(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None

    def post(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body, strict_parsing=True).items()}
        equal(handler.headers["Content-Type"], FORM, "Content-Type")
        with self.news:
            self.requests.append((time.monotonic(), form))
            self.news.notify_all()
            answer = self.answers.pop(0) if self.answers else self.usual(form)
        if callable(answer):
            answer(handler)
        else:
            reply(handler, *answer)

    def usual(self, form):
        if self.certificate is not None:
            self.assertions.append(read_assertion(form, self.certificate))
        elif form.get("client_secret") != self.secret:
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}
        if form["grant_type"] == "refresh_token" and form.get("refresh_token") != self.refresh:
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        token = f"eyJ0eXAi.{len(self.tokens)}." + "A1b2-_" * 250
        self.tokens.append(token)
        self.valid[token] = time.monotonic() + self.lifetime
        answer = {"token_type": "Bearer", "expires_in": self.lifetime, "ext_expires_in": self.lifetime, "access_token": token}
        if self.rotate:
            self.refresh = answer["refresh_token"] = f"1//refresh-token-number-{len(self.tokens)}"
        return 200, answer

    def wait(self, count, timeout=WAIT):
        check(wait_for(self.news, lambda: len(self.requests) >= count, timeout), len(self.requests), "requests, wanted", count)
        return [form for _, form in self.requests]

    def takes(self, token):
        return self.valid.get(token, 0) > time.monotonic()


def read_assertion(form, certificate):
    """Header and claims of the client's assertion, whose signature openssl verifies with the key of the certificate."""
    equal(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "the type")
    check("client_secret" not in form, "a secret beside the assertion")
    parts = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in form["client_assertion"].split(".")]
    header, claims = json.loads(parts[0]), json.loads(parts[1])
    stem = certificate.with_suffix("")
    public, signature, signed = (stem.with_suffix(s) for s in (".pub", ".sig", ".jwt"))
    openssl("x509", "-in", certificate, "-pubkey", "-noout", "-out", public)
    signature.write_bytes(parts[2])
    signed.write_text(form["client_assertion"].rsplit(".", 1)[0])
    pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32") if header["alg"] == "PS256" else ()
    openssl("dgst", "-sha256", "-verify", public, *pss, "-signature", signature, signed)
    check(claims["nbf"] <= time.time() < claims["exp"] <= time.time() + 600, claims)
    check(claims["iss"] == claims["sub"] == form["client_id"], claims)
    return header, claims


def reply(handler, status, body=b"", headers=None):
    data = json.dumps(body).encode() if not isinstance(body, bytes) else body
    handler.send_response(status)
    for key, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}.items():
        handler.send_header(key, value)
    handler.end_headers()
    handler.wfile.write(data)


USER = "relay@contoso.example"


class MailHost:
    """
    A submission host under STARTTLS that takes the tokens of the endpoint. self.replies, used up first, stand for the whole answer to a
    word that shows a token; self.shown: (mechanism, the word) of each; self.answered: what was said to a challenge.
    """
    NAME = "submission.example"

    def __init__(self, t, service, mechanisms="LOGIN XOAUTH2", challenge=b"", **options):
        self.endpoint, self.challenge = service.endpoint, challenge
        self.shown, self.answered, self.replies = [], [], []
        self.sink = t.sink(tls=options.pop("tls", service.authority.context(self.NAME)), answers={"AUTH": self.auth, "MAIL": self.mail},
                           ehlo=["SIZE 157286400", "ENHANCEDSTATUSCODES", "8BITMIME", f"AUTH {mechanisms}"], **options)
        self.port = self.sink.port

    def auth(self, session, line):
        words = line.split(" ")
        if not session.tls or len(words) < 2:
            return "530 5.7.0 Must issue a STARTTLS command first"
        word = words[2] if len(words) > 2 else self.ask(session, b"")
        text = base64.b64decode(word, validate=True).decode()
        self.shown.append((words[1].upper(), text))
        if self.replies:
            return self.replies.pop(0)
        found = re.fullmatch(r"(?:user=(\S+?)|n,a=(\S+?),\1host=%s\1port=%d)\1auth=Bearer (\S+)\1\1".replace(r"\1", "\1")
                             % (re.escape(self.NAME), self.port), text)
        check(found, "not the word of", words[1], text)
        if self.endpoint.takes(found[3]):
            session.user = found[1] or found[2]
            return "235 2.7.0 Authentication successful"
        if self.challenge:
            self.answered.append(self.ask(session, base64.b64encode(self.challenge)))
        return "535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.eurprd01.prod.exchangelabs.com]"

    @staticmethod
    def ask(session, challenge):
        session.connection.sendall(b"334 " + challenge + b"\r\n")
        return session.stream.readline().decode().rstrip("\r\n")

    @staticmethod
    def mail(session, line):
        return None if getattr(session, "user", None) == USER else "530 5.7.57 Client not authenticated to send mail."

    def tokens(self):
        return [re.search("Bearer ([^\1]+)\1", text)[1] for _, text in self.shown]
