"""oauth - access tokens: a token endpoint and mail hosts that behave like those of Microsoft 365 and Google, with and
without failures
"""

import base64
import hashlib
import json
import os
import re
import ssl
import threading
import time
from pathlib import Path

from checks import check, equal
from patience import WAIT, until
from processes import descriptors_of, is_root, status_of
from programs import ROLE_USERS
from smtp import mail
from token_hosts import REFRESH, SECRET, USER, Authority, Endpoint, MailHost, openssl, reply


def application_key(service, name="application"):
    """A key and its certificate, as it is registered with the provider."""
    key, certificate = service.folder / f"{name}.key", service.folder / f"{name}.crt"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "90", "-subj", f"/CN={name}")
    key.chmod(0o600)
    if is_root() and not service.as_root:
        os.chown(key, service.test.uid, service.test.gid)
    return key, certificate


def endless(handler):
    """More than anybody wants to read."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(4096):
            handler.wfile.write(b" " * 65536)
    except OSError:
        pass


def silent(handler):
    handler.server.slow = threading.Event()
    handler.server.slow.wait(10)


def secret_file(service, name, text, mode=0o600):
    path = service.folder / name
    path.write_text(text + "\n")
    path.chmod(mode)
    if is_root() and not service.as_root:
        os.chown(path, service.test.uid, service.test.gid)
    return path


def configured(t, servers=None, profile=None, flow="client-credentials", **options):
    """A service, not started, with the profile m365 and service.endpoint."""
    service = t.postern(servers, start=False, **options)
    service.authority = Authority(t.folder)
    service.endpoint = Endpoint(t.port(), service.authority.context())
    t.cleanup(service.endpoint.end)
    service.profile = {"token-url": service.endpoint.url, "client-id": "11111111-2222-3333-4444-555555555555", "flow": flow,
                       "scope": "https://outlook.office365.com/.default", "ca-file": service.authority.file,
                       "secret-file": secret_file(service, "client-secret", SECRET), "timeout": "5s"}
    if flow == "refresh-token":
        service.profile["refresh-token-file"] = secret_file(service, "refresh-token", REFRESH)
    service.profile.update(profile or {})
    service.shared["oauth m365"] = service.profile
    service.write()
    return service


def tried(service, *options, status=0):
    done = service.ctl("oauth", "test", "m365", *options, ok=False)
    equal(done.returncode, status, done.stdout + done.stderr)
    return done.stdout


def no_secrets(service, text=""):
    """Neither in the event log nor in `text`."""
    said = "\n".join(service.events.lines) + text + (service.folder / "stdout").read_text()
    for secret in [SECRET, REFRESH, "1//refresh-token-number", *service.endpoint.tokens]:
        check(secret[:24] not in said, "a secret was told:", secret[:24])


def test_each_step_is_told(t):
    service = configured(t).start()
    said = tried(service)
    for wanted in ("profile: m365", "client-credentials flow", f"client secret: {service.profile['secret-file']}, {len(SECRET)} characters",
                   f"token endpoint: {service.endpoint.url}", "connected: 127.0.0.1:", "TLS: verified, certificate issued by CN = The ca of the test",
                   "HTTP status: 200", "expires in 3600 s", "renewed 300 s before", "result: a token was given", "no login was tried"):
        check(wanted in said, f"{wanted!r} is not in:\n{said}")
    equal(service.endpoint.wait(1), [{"grant_type": "client_credentials", "client_id": "11111111-2222-3333-4444-555555555555",
                                      "client_secret": SECRET, "scope": "https://outlook.office365.com/.default"}], "the form")
    service.events.wait("token", profile="m365", result="new", expires="3600s")
    tried(service, "--smtp", status=69)
    equal(service.ctl("oauth", "test", "m356", ok=False).returncode, 3)
    equal(service.ctl("oauth", "tset", "m365", ok=False).returncode, 64)
    no_secrets(service, said)


def test_a_bad_endpoint_is_told(t):
    """Each failure in words, none of them with a secret, none of them the end of the helper."""
    service = configured(t, profile={"timeout": "2s"}).start()
    text = {"Content-Type": "text/html"}
    bad = [
        ((401, {"error": "invalid_client", "error_description": f"AADSTS7000215: wrong {SECRET}"}), "no token: invalid_client: AADSTS7000215: wrong"),
        ((400, {"error": "invalid_grant", "error_description": "x" * 195 + SECRET}), "no token: invalid_grant: xxx"),
        ((400, {"error": "unauthorized_client\x1b[31m\r\nresult: fine"}), "no token: unauthorized_client [31m result: fine"),
        ((429, {"error": "too_many_requests"}, {"Retry-After": "7"}), "no token: HTTP status 429, too_many_requests"),
        ((429, b"slow down", {"Retry-After": "Sun, 01 Jan 2040 00:00:00 GMT"}), "no token: HTTP status 429 (too many requests)"),
        ((503, b"<html>", text), "no token: HTTP status 503"),
        ((200, b"<html>Please log in</html>", text), "no JSON object; is token-url right?"),
        ((200, b"[1, 2]"), "no JSON object"),
        ((200, b'{"access_token": "a", "access_token": "b", "token_type": "Bearer"}'), "no JSON object"),
        ((200, {"token_type": "Bearer"}), "neither access_token nor error"),
        ((200, {"token_type": "mac", "access_token": "abc"}), "type is not Bearer"),
        ((200, {"token_type": "Bearer", "access_token": "a\x01auth=Bearer b"}), "characters that no token has"),
        ((200, {"token_type": "Bearer", "access_token": "A" * 8193}), "longer than 8192 characters"),
        ((302, b"", {"Location": service.endpoint.url + "?again"}), "HTTP status 302: the endpoint sends elsewhere"),
        ((307, b"", {"Location": "http://127.0.0.1:1/"}), "HTTP status 307: the endpoint sends elsewhere"),
        (endless, "the answer is larger than 64 KiB"),
        (silent, "timed out"),
        (lambda handler: handler.connection.close(), "no token:"),
    ]
    for number, (answer, wanted) in enumerate(bad):
        service.endpoint.answers.append(answer)
        said = tried(service, status=1)
        check(wanted in said, f"{wanted!r} is not in:\n{said}")
        no_secrets(service, said)
        equal(len(service.endpoint.requests), number + 1, "requests")
    equal(len(service.children("fetch")), 1, "fetch helpers")
    equal(service.events.all("crash"), [], "crashes")
    tried(service)
    service.endpoint.end()
    check("refused" in tried(service, status=1).lower() or "connect" in tried(service, status=1), "a closed port")


def test_the_certificate_counts(t):
    """Another authority's certificate, another name: nothing is posted there."""
    service = configured(t)
    other = Authority(t.folder, "other")
    service.profile["ca-file"] = other.file
    service.write()
    service.start()
    said = tried(service, status=1)
    check("certificate" in said and "result: no token" in said, said)
    service.profile["ca-file"] = service.authority.file
    service.profile["token-url"] = service.endpoint.url.replace("localhost", "127.0.0.1")
    service.write()
    service.ctl("reload")
    said = tried(service, status=1)
    check("127.0.0.1" in said and "result: no token" in said, said)
    equal(service.endpoint.requests, [], "requests")
    service.profile["token-url"] = service.endpoint.url
    service.write()
    service.ctl("reload")
    tried(service)


def test_secrets_are_looked_at_anew(t):
    """A secret that everybody may read is refused; a new one counts at once."""
    service = configured(t)
    path = secret_file(service, "client-secret", SECRET, 0o644)
    service.start()
    check("everybody may read" in tried(service, status=1), "mode 0644")
    path.chmod(0o600)
    path.write_text("two\nlines\n")
    check("one line" in tried(service, status=1), "two lines")
    path.unlink()
    check("No such file" in tried(service, status=1), "no file")
    secret_file(service, "client-secret", "wrong")
    check("invalid_client" in tried(service, status=1), "wrong")
    equal(len(service.endpoint.requests), 1, "requests")
    secret_file(service, "client-secret", SECRET)
    tried(service)


def test_a_new_refresh_token_is_kept(t):
    """The endpoint changes it with each answer: the latest survives a kill; the operator's own counts again when it changes."""
    service = configured(t, flow="refresh-token")
    service.endpoint.rotate = True
    service.start()
    kept = service.state / "oauth" / "m365"
    said = tried(service)
    check(f"kept in {kept}" in said, said)
    until(lambda: kept.exists() and "number-1" in kept.read_text(), what="the kept token")
    equal(oct(kept.stat().st_mode & 0o7777), "0o600", "its mode")
    equal(oct(kept.parent.stat().st_mode & 0o7777), "0o700", "its folder's mode")
    tried(service)
    until(lambda: "number-2" in kept.read_text(), what="the second one")
    check(REFRESH not in kept.read_text(), "the operator's token in the state folder")
    service.kill()
    service.start()
    said = tried(service)
    check(f"refresh token: {kept}" in said, said)
    forms = service.endpoint.wait(3)
    equal([form["refresh_token"] for form in forms], [REFRESH, "1//refresh-token-number-1", "1//refresh-token-number-2"], "refresh tokens")
    service.endpoint.refresh = "consented-once-more"
    check("invalid_grant" in tried(service, status=1), "a revoked one")
    secret_file(service, "refresh-token", "consented-once-more")
    said = tried(service)
    check(f"refresh token: {service.profile['refresh-token-file']}" in said, said)
    equal(service.endpoint.wait(5)[4]["refresh_token"], "consented-once-more")
    until(lambda: "number-4" in kept.read_text(), what="the child of the new one")
    no_secrets(service, said)


def test_a_refresh_token_that_cannot_be_kept(t):
    """Told with its file and what follows, shown by status and status --check, tried again until it is on disk; a restart finds it then."""
    service = configured(t, flow="refresh-token")
    service.endpoint.rotate = True
    service.start()
    tried(service)
    kept = service.state / "oauth" / "m365"
    until(lambda: kept.exists() and "number-1" in kept.read_text(), what="the first one")
    away = kept.parent.rename(kept.parent.with_name("away"))
    kept.parent.write_text("not a folder")
    tried(service)
    event = service.events.wait("trouble", part="fetch", what="refresh-token", count=2)
    for words in (str(kept), "Not a directory", "lost at the next restart"):
        check(words in event["reason"], event.line)
    first, second = (float(e["next"][:-1]) for e in service.events.all("trouble", what="refresh-token")[:2])
    equal(second, 2 * first, "the delay grows")
    check("cannot be kept" in service.ctl("status").stdout, "status")
    done = service.ctl("status", "--check", ok=False)
    equal(done.returncode, 1)
    check("refresh token of profile m365 cannot be kept" in done.stdout, done.stdout)
    kept.parent.unlink()
    away.rename(kept.parent)
    service.events.wait("token", result="kept")
    check("number-2" in kept.read_text(), "the second one")
    equal(service.ctl("status", "--check").returncode, 0)
    service.stop()
    service.start()
    tried(service)
    equal(service.endpoint.wait(3)[2]["refresh_token"], "1//refresh-token-number-2")
    no_secrets(service)


def test_a_certificate_in_place_of_the_secret(t):
    """private_key_jwt with the thumbprint of the certificate, for both kinds of RSA signature; a changed pair counts from the next request on."""
    service = configured(t)
    key, certificate = application_key(service)
    service.profile.update({"secret-file": None, "key-file": key, "certificate-file": certificate})
    service.endpoint.certificate = certificate
    service.shared["oauth m365"] = {k: v for k, v in service.profile.items() if v is not None}
    service.write()
    service.start()
    equal(service.ctl("check", ok=False).returncode, 0)
    said = tried(service)
    check(f"assertion: signed with {key}, certificate {certificate}, for {service.endpoint.url}" in said, said)
    (header, claims), = service.endpoint.assertions
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    equal(header, {"alg": "RS256", "typ": "JWT", "x5t#S256": base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")})
    equal(claims["aud"], service.endpoint.url, "for whom")
    for name, made in zip((key, certificate), application_key(service, "renewed")):
        made.rename(name)
    tried(service)
    check(service.endpoint.assertions[1][1]["jti"] != claims["jti"], "the same id twice")
    service.shared["oauth m365"].update({"signature": "ps256", "audience": "https://issuer.example/", "key-id": "one"})
    service.write()
    service.ctl("reload")
    tried(service)
    header, claims = service.endpoint.assertions[2]
    equal((header["alg"], header["kid"], claims["aud"]), ("PS256", "one", "https://issuer.example/"))
    application_key(service, "other")[0].rename(key)
    said = tried(service, status=1)
    check("the key of key-file is not that of certificate-file" in said, said)
    no_secrets(service, said)
    for private in key.read_text().splitlines()[1:-1]:
        check(private not in said + "\n".join(service.events.lines), "the key was told")


def test_a_pair_is_judged(t):
    """check: what excludes each other, what is missing, a key that does not fit, one for everybody."""
    service = configured(t)
    key, certificate = application_key(service)
    other = application_key(service, "other")[0]

    def told(text, **profile):
        service.shared["oauth m365"] = {k: v for k, v in {**service.profile, **{k.replace("_", "-"): v for k, v in profile.items()}}.items()
                                        if v is not None}
        service.write()
        done = service.ctl("check", ok=False)
        check(text in done.stdout + done.stderr, f"{text!r} is not in:\n{done.stdout}{done.stderr}")
        return done.returncode
    equal(told("", secret_file=None, key_file=key, certificate_file=certificate), 0)
    told("secret-file and key-file exclude each other", key_file=key)
    told("needs a secret-file, or a key-file", secret_file=None)
    told("have no effect without key-file", certificate_file=certificate)
    told("needs the certificate-file of that key", secret_file=None, key_file=key, provider="microsoft365", tenant="a.example", token_url=None)
    told("is not that of the certificate", secret_file=None, key_file=other, certificate_file=certificate)
    key.chmod(0o644)
    told("everybody may read", secret_file=None, key_file=key, certificate_file=certificate)


def test_the_helper_has_no_rights(t):
    """Not root, no capability, no way to the files that the master opens for it; no other process gets them."""
    t.need_root()
    service = configured(t, flow="refresh-token", as_root=True)
    service.endpoint.rotate = True
    for name in ("client-secret", "refresh-token"):
        equal((service.folder / name).stat().st_uid, 0, name)
    service.start()
    tried(service)
    kept = service.state / "oauth" / "m365"
    until(kept.exists, what="the kept token")
    equal((kept.stat().st_uid, kept.parent.stat().st_uid, kept.stat().st_mode & 0o777), (0, 0, 0o600), "the kept token's owner and mode")
    helper = service.child("fetch")
    status = status_of(helper)
    equal(status["Uid"].split(), [ROLE_USERS["fetch-user"]] * 4, "uids")
    equal(status["NoNewPrivs"], "1", "NoNewPrivs")
    for caps in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        equal(int(status[caps], 16), 0, caps)
    open_files = [what for number, what in descriptors_of(helper).items() if number > 2]
    check(not any(str(service.folder) in what for what in open_files), "open files:", open_files)
    libraries = {role: (Path(f"/proc/{service.child(role)}/maps").read_text()) for role in ("listener", "deliver", "fetch")}
    check("libcurl" in libraries["fetch"] and "libcurl" not in libraries["deliver"] + libraries["listener"], "who has libcurl")


def test_the_configuration_is_judged(t):
    service = configured(t)

    def told(*wanted, **profile):
        service.shared["oauth m365"] = {k: v for k, v in {**service.profile, **{k.replace("_", "-"): v for k, v in profile.items()}}.items()
                                        if v is not None}
        service.write()
        done = service.ctl("check", ok=False)
        for text in wanted:
            check(text in done.stdout + done.stderr, f"{text!r} is not in:\n{done.stdout}{done.stderr}")
        return done.returncode

    equal(told(), 0)
    told("provider = microsoft365 needs the tenant", provider="microsoft365", token_url=None)
    told("needs a token-url", token_url=None)
    told("token-url must be an address like https://", token_url="http://localhost/token")
    told("needs a secret-file", secret_file=None)
    told("needs the client-id", client_id=None)
    told("needs a refresh-token-file", flow="refresh-token")
    told("is not for provider = google", provider="google")
    told("did you mean \"client-id\"", client_idd="x")
    told("tenant must be a directory id", provider="microsoft365", tenant="../../x")
    equal(told(provider="microsoft365", tenant="example.onmicrosoft.com", token_url=None, scope=None), 0)
    shown = service.ctl("config").stdout
    check(re.search(r"token-url += https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/token +; default", shown), shown)
    check(re.search(r"scope += https://outlook.office365.com/.default +; default", shown), shown)
    service.shared["oauth Big_Name"] = {}
    told("must be [oauth NAME]")


# --- mail hosts ------------------------------------------------------------------------------------------------

def sending(t, host=None, flow="client-credentials", delivery=None, messages=20, **options):
    """service, host: all mail but that for plain.example goes to the host with a token; plain.example has a sink of its own."""
    service = configured(t, flow=flow)
    service.service["dns-server"] = t.dns("submission A 127.0.0.1").address
    service.write()
    service.host = MailHost(t, service, **{**options, **(host or {})})
    service.plain = t.sink()
    service.default.set("messages", **{"max-messages-per-connection": messages})
    service.default.set("delivery", **{"smart-host": f"{MailHost.NAME}:{service.host.port}", "outbound-auth": "oauth2", "oauth": "m365", "user": USER,
                                       "outbound-tls": "verify", "authorities": service.authority.file, "retry": "1s", **(delivery or {})})
    service.default.set("domain plain.example", **{"type": "remote", "route": f"[127.0.0.1]:{service.plain.port}", "outbound-auth": "anonymous",
                                                   "outbound-tls": "off"})
    return service


def send(service, to="b@fabrikam.example", **fields):
    return service.default.send(to=to, data=mail(**fields))


def test_the_probe_asks_for_a_token(t):
    """What the endpoint answered is a step of the way to hosts that get a token, and of no other; with a message to its end."""
    service = sending(t).start()

    def probed(*words, status=0):
        done = service.ctl("probe", "default", *words, "--json", ok=False)
        equal(done.returncode, status, done.stdout + done.stderr)
        return [(step["step"], step["verdict"], step["text"]) for step in json.loads(done.stdout)["steps"]]
    steps = probed()
    tokens = [(verdict, text) for step, verdict, text in steps if step == "token"]
    equal(tokens[-1], ("ok", "result: a token was given"))
    for wanted in ("profile: m365", f"token endpoint: {service.endpoint.url}", "HTTP status: 200", "expires in 3600 s"):
        check(any(wanted in text for _, text in tokens), f"{wanted!r} is not in", tokens)
    check([step for step, *_ in steps].index("token") < [step for step, *_ in steps].index("next-hop"), steps)
    check(any(step == "login" and verdict == "ok" and "XOAUTH2" in text for step, verdict, text in steps), steps)
    equal([step for step in probed("--rcpt", "x@plain.example") if step[0] == "token"], [])
    equal([step for step in probed("--rcpt", "x@default.example") if step[0] == "token"], [])
    equal(probed("--rcpt", "b@fabrikam.example", "--send")[-1][:2], ("end", "ok"))
    equal(len(service.host.sink.wait()), 1)
    service.endpoint.answers.append((401, {"error": "invalid_client", "error_description": f"wrong {SECRET}"}))
    steps = probed("--rcpt", "b@fabrikam.example", "--send", status=1)
    check(any(step == "token" and verdict == "failed" and "no token: invalid_client" in text for step, verdict, text in steps), steps)
    equal(steps[-1][:2], ("message", "skipped"))
    no_secrets(service, str(steps))


# shows 2.6e, 2.6f
def test_to_microsoft(t):
    """XOAUTH2 with the token of the application: mail goes, over a kept connection too, and the token is in no log."""
    service = sending(t).start()
    ident = send(service)
    service.host.sink.wait(1)
    service.events.wait("auth", result="ok", user=USER, mechanism="XOAUTH2")
    delivered = service.events.wait("delivered", id=ident)
    text = service.ctl("counters", "--prometheus").stdout
    ends = re.search(r'^postern_token_expiry_timestamp_seconds\{server="default",profile="m365"\} (\d+)$', text, re.M)
    check(ends and abs(int(ends[1]) - time.time() - 3600) < 600, text)
    equal((delivered["verified"], delivered["tls"][:3]), ("name", "TLS"), "what the host has shown")
    send(service)
    service.host.sink.wait(2)
    equal(service.host.shown, [("XOAUTH2", f"user={USER}\1auth=Bearer {service.endpoint.tokens[0]}\1\1")], "what was shown")
    equal(len(service.endpoint.requests), 1, "requests")
    service.stop()
    logs = "".join(path.read_text() for path in (service.folder / "logs").rglob("*.log"))
    check("AUTH" in logs and "XOAUTH2" in logs, "the protocol log has no AUTH:", logs)
    no_secrets(service, logs)


# shows 2.6f
def test_to_google(t):
    """OAUTHBEARER goes before XOAUTH2; the token is the user's."""
    service = sending(t, flow="refresh-token", mechanisms="LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH").start()
    send(service)
    service.host.sink.wait(1)
    equal(service.host.shown, [("OAUTHBEARER", f"n,a={USER},\1host={MailHost.NAME}\1port={service.host.port}\1auth=Bearer {service.endpoint.tokens[0]}\1\1")])
    equal(service.endpoint.wait(1)[0]["refresh_token"], REFRESH)
    no_secrets(service)


def test_a_refused_token_is_changed_once(t):
    """The host does not know the token any more: a new one is shown on the same connection, after the challenge was answered."""
    for mechanism, challenge, answer in (("XOAUTH2", b'{"status":"401","schemes":"Bearer","scope":"https://mail.google.com/"}', ""),
                                         ("OAUTHBEARER", b'{"status":"invalid_token"}', "AQ==")):
        service = sending(t, mechanisms=mechanism, challenge=challenge).start()
        tried(service)
        shown = len(service.host.shown)
        service.endpoint.valid.clear()
        send(service)
        service.host.sink.wait(1)
        equal([service.endpoint.tokens.index(token) for token in service.host.tokens()[shown:]], [0, 1], "the tokens shown")
        equal(service.host.answered, [answer], "the answer to the challenge")
        service.events.wait("token", profile="m365", result="refused")
        service.events.wait("challenge", status="401" if mechanism == "XOAUTH2" else "invalid_token")
        no_secrets(service)


def test_a_token_that_ends_soon(t):
    """Exchange refuses such a token with 501, and takes the next one: no mail waits."""
    soon = "501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon"
    service = sending(t, messages=1).start()
    send(service)
    service.host.sink.wait(1)
    service.host.replies = [soon]
    send(service)
    service.host.sink.wait(2)
    equal([service.endpoint.tokens.index(token) for token in service.host.tokens()], [0, 0, 1], "the tokens shown")
    equal(service.events.all("deferred"), [], "put off")
    no_secrets(service)


def test_a_host_that_refuses_every_token(t):
    """Two tokens, then the mail waits and the host is left alone; other mail flows; after a word of the operator it goes."""
    service = sending(t).start()
    no = "535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.eurprd01.prod.exchangelabs.com]"
    service.host.replies = [no, no]
    ident = send(service)
    deferred = service.events.wait("deferred", id=ident)
    check("5.7.3 Authentication unsuccessful" in deferred["reason"] and deferred["status"] == "4.7.8", deferred.line)
    equal(len(service.endpoint.requests), 2, "requests")
    service.default.send(to="x@plain.example")
    service.plain.wait(1)
    equal(len(service.host.shown), 2, "tokens shown while the host is left alone")
    service.ctl("retry")
    service.host.sink.wait(1)
    equal(service.host.sink.wait(1)[0].recipients, ["b@fabrikam.example"])
    no_secrets(service)


def test_a_busy_host(t):
    """Throttling and temporary failures put the mail off, and are no fault of the token. A host that let us in a moment ago is asked again."""
    for reply in ("454 4.7.0 Temporary authentication failure.", "421 4.7.66 TLS 1.0 and 1.1 are not supported.", "432 4.3.2 Concurrent connections limit"
                  " exceeded.", "550 5.7.30 Basic authentication is not supported for Client Submission."):
        service = sending(t, messages=1).start()
        since = service.events.mark()
        service.host.replies = [reply]
        send(service)
        deferred = service.events.wait("deferred", since=since)
        _, status, words = reply.split(" ", 2)
        check(words in deferred["reason"] and status in (deferred["status"] + deferred["reason"]), deferred.line)
        service.ctl("retry")
        service.events.wait("delivered", since=since)
        equal(len(service.endpoint.requests), 1, "requests")
        service.stop()


def test_no_token_no_mail(t):
    """The endpoint says no, is busy, or is gone: mail waits with its reason, other mail flows; then it goes. What we lack is no word of the host: it is asked again at once."""
    service = sending(t, flow="refresh-token", messages=1).start()
    bad = [((400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}), "invalid_grant: Token has been expired"),
           ((401, {"error": "invalid_client"}), "invalid_client"), ((429, b"", {"Retry-After": "1"}), "429"), ((200, b"garbage"), "no JSON object")]
    for answer, why in bad:
        since = service.events.mark()
        service.endpoint.valid.clear()      # so that a new one is needed, and not to be had
        service.endpoint.answers = [answer]
        ident = send(service)
        deferred = service.events.wait("deferred", id=ident, since=since)
        check("[oauth m365]" in deferred["reason"] and why in deferred["reason"], deferred.line)
        service.default.send(to="x@plain.example")
        service.events.wait("delivered", since=since, host="[127.0.0.1]")
        service.events.wait("delivered", id=ident, since=since)
    service.plain.wait(len(bad))
    no_secrets(service)


def test_the_endpoint_names_its_time(t):
    """Retry-After: no request comes before."""
    service = sending(t).start()
    service.endpoint.answers = [(429, b"", {"Retry-After": "3"})]
    send(service)
    service.events.wait("deferred", count=2)
    service.host.sink.wait(1)
    (first, _), (second, _) = service.endpoint.requests[:2]
    check(2.9 < second - first < 10, "asked again after", second - first)
    equal(len(service.endpoint.requests), 2, "requests")


# shows 2.6f
def test_renewed_before_the_end(t):
    """A token in use is replaced in time without any mail; one that is not used is not."""
    service = sending(t)
    service.endpoint.lifetime = 5
    service.start()
    send(service)
    service.host.sink.wait(1)
    service.endpoint.wait(2)
    (first, _), (second, _) = service.endpoint.requests
    check(3.5 < second - first < 5, "renewed after", second - first)
    until(lambda: not service.endpoint.takes(service.endpoint.tokens[1]), what="the unused token's end")
    equal(len(service.endpoint.requests), 2, "requests")


def test_many_connections_one_request(t):
    """However many connections need a token at a time, the endpoint is asked once."""
    service = sending(t, delivery={"smart-host-after-direct": "no", "connections-per-domain": "20"})
    gate = threading.Event()

    def slow(handler):
        gate.wait(10)
        reply(handler, *service.endpoint.usual(service.endpoint.requests[-1][1]))
    service.endpoint.answers = [slow]
    service.start()
    for _ in range(12):
        send(service)
    service.endpoint.wait(1)
    gate.set()
    service.host.sink.wait(12)
    equal(len(service.endpoint.requests), 1, "requests")


def test_no_token_without_proof(t):
    """Without TLS, or with the certificate of another host, nothing is shown."""
    service = sending(t)
    other = Authority(t.folder, "other")
    service.host.sink.tls = other.context(MailHost.NAME)
    service.start()
    ident = send(service)
    service.events.wait("deferred", id=ident, status="4.7.5")
    service.host.sink.tls = None
    since = service.events.mark()
    service.ctl("retry")
    service.events.wait("deferred", id=ident, status="4.7.4", since=since)
    equal((service.host.shown, service.endpoint.requests), ([], []), "tokens")
    service.host.sink.tls = service.authority.context(MailHost.NAME)
    service.ctl("retry")
    service.host.sink.wait(1)


def test_the_helper_dies(t):
    """Those who wait are served by its successor."""
    service = sending(t)
    asked = threading.Event()

    def never(handler):
        asked.set()
        silent(handler)
    service.endpoint.answers = [never]
    service.start()
    send(service)
    check(asked.wait(WAIT), "the endpoint was not asked")
    os.kill(service.child("fetch"), 9)
    service.host.sink.wait(1)
    service.events.wait("crash", role="fetch")
    no_secrets(service)


def test_login_is_tried(t):
    """posternctl oauth test goes on to the smart host of the virtual server that uses the profile."""
    service = sending(t).start()
    said = tried(service, "--smtp")
    for wanted in ("virtual server: default", f"smart host: {MailHost.NAME}, user {USER}",
                   f"login: ok, as {USER} with XOAUTH2 at {MailHost.NAME} [127.0.0.1]",
                   "TLS TLSv1.3/", "name and issuer verified"):
        check(wanted in said, f"{wanted!r} is not in:\n{said}")
    service.host.replies = ["535 5.7.3 Authentication unsuccessful"] * 2
    said = tried(service, status=1)
    check("login: failed: 4.7.8 authentication with XOAUTH2 failed" in said, said)
    service.host.sink.answers["CONNECT"] = "554 5.7.1 not you"
    said = tried(service, status=1)
    check("login: failed: 5.7.1" in said and "not you" in said, said)
    no_secrets(service, said)


def test_a_domain_of_its_own(t):
    """A remote domain has its own profile and route; the server's mail goes as it did. The judge names what is missing."""
    service = sending(t)
    service.default.set("delivery", **{k: None for k in ("smart-host", "outbound-auth", "oauth", "user")})
    keys = {"type": "remote", "route": f"{MailHost.NAME}:{service.host.port}", "outbound-auth": "oauth2", "oauth": "m365", "user": USER}
    name = "domain fabrikam.example"
    for change, wanted in (({"oauth": "m356"}, 'did you mean "m365"'), ({"oauth": None}, "needs oauth = NAME"), ({"user": None}, "needs user"),
                           ({"route": "dns"}, "needs a route"), ({"outbound-tls": "required"}, "needs outbound-tls = verify")):
        service.default.sections[name] = {k: v for k, v in {**keys, **change}.items() if v is not None}
        service.default.write()
        done = service.ctl("check", ok=False)
        check(done.returncode == 78 and wanted in done.stdout + done.stderr, f"{wanted!r} is not in:\n{done.stdout}{done.stderr}")
    service.default.sections[name] = keys
    service.default.write()
    service.start()
    send(service)
    service.host.sink.wait(1)
    equal(len(service.host.shown), 1, "tokens shown")
