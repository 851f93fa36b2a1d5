"""import_iis - posternctl import: virtual servers of the SMTP service of IIS, from MetaBase.xml, exports and JSON of PowerShell"""

import json
import os
import re
import subprocess
from pathlib import Path

from checks import check, equal
from manual_pages import commands, run
from patience import until
from programs import BUILD, ROOT, SANITIZERS

FIXTURES = ROOT / "t/fixtures/import"
# As 11.3 of the public notes on the format: one list, one mask, 127.0.0.1.
ONE = ("18000080200000803c00008044000080010000004c000000000000000000000001000000010000000200000002000000040000000000000"
       "04c00008000000000000000000000000000000000ffffffff7f000001")
XML = '<configuration xmlns="urn:microsoft-catalog:XML_Metabase_V64_0"><MBProperty>{}</MBProperty></configuration>'


def put(t, name, data):
    path = t.folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    path.chmod(0o644)
    return path


def server(attributes="", children="", location="/LM/SmtpSvc/1"):
    return XML.format(f'<IIsSmtpServer Location ="{location}" DefaultDomain="a.example" FullyQualifiedDomainName="mx.a.example" '
                      f'{attributes}>{children}</IIsSmtpServer>')


def read(service, file, *args, status=0):
    """The document of a dry run; of each server the keys, and the rows of its report by property."""
    done = service.ctl("import", "--json", "--dry-run", "--into", "/nonexistent/new", *args, file, ok=False)
    equal(done.returncode, status, done.stdout + done.stderr)
    return json.loads(done.stdout) if status == 0 else done.stderr


def one(service, file):
    (found,) = read(service, file)["servers"]
    return found


def rows(found, name):
    return [row for row in found["report"] if row.get("property") == name]


def row(found, name, outcome=None):
    (wanted,) = [each for each in rows(found, name) if outcome is None or each["outcome"] == outcome]
    return wanted


def into(t, service, file):
    """Imports into a folder; what the command said, and how that configuration is asked."""
    t.count("into")
    folder = service.folder / f"into{t.counts['into']}"
    said = service.ctl("import", file, "--into", folder)

    def ctl(*args, ok=True):
        done = subprocess.run([service.bin / "posternctl", "-c", folder / "postern.ini", *map(str, args)], capture_output=True, text=True,
                              timeout=60, env=service.environment(), cwd="/", check=False, **service.account())
        check(not ok or done.returncode == 0, args, done.stdout, done.stderr)
        return done
    return said.stdout, ctl, folder


def explained(ctl, *args, status=0):
    done = ctl("explain", *args, "--json", ok=False)
    equal(done.returncode, status, done.stdout + done.stderr)
    return {step["step"]: step["value"] for step in json.loads(done.stdout)["steps"]}


# --- what comes in ---

# shows 8.1
def test_metabase(t):
    """Four virtual servers: the set passes check, and explain says of addresses what IIS did with them."""
    service = t.postern(start=False)
    said, ctl, folder = into(t, service, put(t, "MetaBase.xml", (FIXTURES / "MetaBase.xml").read_bytes()))
    equal(sorted(path.name for path in (folder / "servers").iterdir()),
          ["default.ini", "printers-floor-2.ini", "provider.ini", "smtp4.ini"])
    check(": good, 4 virtual servers" in said and " error:" not in said, said)
    ctl("check")
    inside, outside = ("default", "--from", "198.51.100.9"), ("default", "--from", "203.0.113.77")
    check("default" in explained(ctl, *outside, "--rcpt", "u@server01.example.com")["domain"], "local")
    check("alias" in explained(ctl, *outside, "--rcpt", "u@alias.example.com")["domain"], "alias")
    equal(explained(ctl, *outside, "--rcpt", "u@far.example", status=1)["answer"], "550 5.7.1 Unable to relay for u@far.example")
    equal(explained(ctl, *inside, "--rcpt", "u@far.example")["route"], "[192.0.2.25]:25", "smart host")
    told = explained(ctl, *outside, "--rcpt", "u@relayed.example")
    equal((told["answer"], told["relay"]), ("250", "yes"), "let through for everybody")
    told = explained(ctl, *outside, "--rcpt", "u@mail.partner.example")
    equal((told["answer"], told["route"]), ("250", "[198.51.100.7]:25"))
    equal(explained(ctl, *inside, "--rcpt", "u@branch.example")["hold"], "until its host asks for it")
    equal(explained(ctl, *inside, "--rcpt", "u@secure.example")["tls"], "required")
    equal(explained(ctl, *inside, "--rcpt", "u@far.example")["tls"], "may")
    # an empty relay list, and a list of those who may not connect
    check("550 5.7.1" in explained(ctl, "printers-floor-2", "--from", "192.0.2.7", "--rcpt", "u@far.example", status=1)["answer"], "nobody")
    check("554" in explained(ctl, "printers-floor-2", "--from", "203.0.113.9", "--rcpt", "u@server01.example.com", status=1)["answer"], "denied")
    # what needs a password lets nobody in before
    for name in ("provider", "smtp4"):
        check("554" in explained(ctl, name, "--from", "127.0.0.1", "--rcpt", "u@far.example", status=1)["answer"], name)
    check("! changed  RelayIpList = (empty: EVERYBODY could relay)" in said, said)
    text = (folder / "servers/default.ini").read_text()
    check("; HopCount was 15: " in text and "atrn-accounts = EXAMPLE\\branch1, EXAMPLE\\branch2" in text, text)


# shows 8.2
def test_inheritance(t):
    """A value of the server, else of the service, else what IIS has without: schema, or installed when the service is not in the file."""
    service = t.postern(start=False)
    whole = server().replace("<MBProperty>", '<MBProperty><IIsSmtpService Location="/LM/SMTPSVC" MaxRecipients="7" ConnectionTimeout="60"/>')
    found = one(service, put(t, "with.xml", whole.replace("DefaultDomain", 'ConnectionTimeout="90" DefaultDomain')))
    keys = found["keys"]
    equal((keys["messages.max-recipients"], keys["general.connection-timeout"], keys["messages.max-message-size"]), ("7", "90s", "32M"))
    equal([row(found, name)["from"] for name in ("MaxRecipients", "ConnectionTimeout", "MaxMessageSize")], ["service", "server", "default"])
    found = one(service, put(t, "without.xml", server()))
    equal((found["keys"]["messages.max-recipients"], found["keys"]["messages.max-message-size"]), ("100", "2M"))


def test_value_sets(t):
    """The two complete value sets that are public: a new IIS, and one of which everything was changed."""
    service = t.postern(start=False)
    first = one(service, put(t, "set1.json", (FIXTURES / "set1.json").read_bytes()))
    keys = first["keys"]
    wanted = {"general.listen": "*:25, [::]:25", "access.authentication": "anonymous", "access.relay": "only", "messages.max-message-size": "2M",
              "messages.max-session-size": "10M", "messages.max-messages-per-connection": "20", "delivery.retry": "15m 30m 1h 4h",
              "delivery.expire": "2d", "delivery.delay-notify": "12h", "delivery.connections": "1000", "general.log": "no"}
    equal({key: keys.get(key) for key in wanted}, wanted)
    check(not {"general.connection-limit", "access.relay-list", "delivery.hop-limit", "access.connection-control"} & set(keys), keys)
    second = one(service, put(t, "set2.json", (FIXTURES / "set2.json").read_bytes()))
    keys = second["keys"]
    wanted = {"general.listen": "*:25, [::]:25, *:26, [::]:26", "general.connection-timeout": "20m", "delivery.reverse-dns": "yes",
              "delivery.hop-limit": "30", "general.log-roll": "weekly", "general.log": "yes", "messages.max-messages-per-connection": "10",
              "delivery.port": "26", "messages.ndr-copy-to": "ndr@domain.com", "delivery.smart-host": "smarthost.domain.com",
              "delivery.smart-host-after-direct": "yes", "delivery.retry": "30m 1h 2h 8h", "delivery.expire": "7220m", "access.dsn": "none",
              "access.connection-control": "only", "access.basic-domain": "MOCK"}
    equal({key: keys.get(key) for key in wanted}, wanted)
    check("delivery.masquerade" not in keys and row(second, "MasqueradeDomain")["loud"], "an address is no domain")
    check(row(second, "InventedProperty")["loud"] and row(second, "AuthFlags", "asked")["loud"], "named")


# shows 8.3, 8.5
def test_relay_lists(t):
    """Absent, empty and full are not confused, in both forms; what is not understood lets nobody relay."""
    service = t.postern(start=False)
    deny = subprocess_blob(deny=[("255.255.255.255", ["203.0.113.9"])])
    nobody = subprocess_blob(grant=[("255.255.255.255", ["0.0.0.0"])])
    two = subprocess_blob(grant=[("255.255.255.255", ["127.0.0.1"]), ("255.255.255.0", ["198.51.100.0"])])
    for text, listed, loud in ((None, None, False), ("", None, True), (ONE, "127.0.0.1", False), (ONE[:-2], None, True), ("zz", None, True),
                               (deny, None, True), (nobody, None, False), (two, "127.0.0.1, 198.51.100.0/24", False)):
        attribute = "" if text is None else f'RelayIpList="{text}"'
        member = None if text is None else list(bytes.fromhex(text)) if re.fullmatch("([0-9a-f]{2})*", text) else text
        for file in (put(t, "list.xml", server(attribute)), put(t, "list.json", json.dumps({"Name": "SmtpSvc/1", "RelayIpList": member}))):
            found = one(service, file)
            equal((found["keys"]["access.relay"], found["keys"].get("access.relay-list")), ("only", listed), f"{file.name} {text}")
            equal(row(found, "RelayIpList")["loud"], loud, f"{file.name} {text}")


def subprocess_blob(deny=(), grant=()):
    """A list by its rule: four headers, a descriptor for each mask, then the addresses behind their masks."""
    def word(n):
        return n.to_bytes(4, "little")

    def address(text):
        return bytes(map(int, text.split(".")))
    top, begin, data, heads = 0x80000000, 24, b"", b""
    fixed = begin + 32 + 20 * (len(deny) + len(grant))
    places = []
    for lists in (deny, grant):
        places.append(begin + len(heads))
        heads += word(len(lists)) + word(sum(len(addresses) for _, addresses in lists))
        for mask, addresses in lists:
            heads += word(2) + word(len(addresses) + 1) + word(4) + word(0) + word(top | fixed + len(data))
            data += address(mask) + b"".join(map(address, addresses))
    names = begin + len(heads)
    return (b"".join(word(top | n) for n in (*places, names, names + 8)) + word(1) + word(fixed) + heads + bytes(16) + data).hex()


def test_forms(t):
    """JSON as PowerShell writes it: with a mark or without, UTF-16, one object, several documents; XML in UTF-16."""
    service = t.postern(start=False)
    text = (FIXTURES / "classes.json").read_text()
    wanted = one(service, put(t, "plain.json", text))
    equal(wanted["keys"]["general.listen"], "192.0.2.10:25, 192.0.2.10:587")
    equal(wanted["keys"]["access.connection-list"], "127.0.0.1, 192.0.2.0/24, office.example")
    equal(wanted["domains"]["partner.example"], {"type": "remote", "route": "mx.partner.example", "relay": "yes"})
    crlf = text.replace("\n", "\r\n")
    for name, data in (("mark", crlf.encode("utf-8-sig")), ("utf16", b"\xff\xfe" + crlf.encode("utf-16-le")),
                       ("big", b"\xfe\xff" + crlf.encode("utf-16-be")), ("bare", crlf.encode("utf-16-le")),
                       ("apart", "\r\n".join(json.dumps(each) for each in json.loads(text)).encode())):
        equal(one(service, put(t, f"{name}.json", data)), wanted, name)
    single = one(service, put(t, "single.json", json.dumps(json.loads(text)[1])))
    equal((single["name"], single["domains"]), ("default", {}), "without a name of its own it gets that of this host when it is written")
    xml = (FIXTURES / "MetaBase.xml").read_text()
    plain = read(service, put(t, "a.xml", xml))
    equal(read(service, put(t, "b.xml", b"\xff\xfe" + xml.encode("utf-16-le"))), plain)
    latin = read(service, put(t, "c.xml", b'<?xml version="1.0" encoding="ISO-8859-1"?>' + server('ServerComment="B\xfcro"').encode("latin-1")))
    equal(latin["servers"][0]["keys"]["general.description"], "Büro")


def test_export(t):
    """The console exports one virtual server with everything in Custom elements."""
    service = t.postern(start=False)
    found = one(service, put(t, "export.xml", (FIXTURES / "console-export.xml").read_bytes()))
    equal((found["name"], found["instance"], found["keys"]["general.id"]), ("newsletters-reports", 7, "7"))
    equal((found["keys"]["messages.max-message-size"], found["keys"]["delivery.hop-limit"]), ("unlimited", "30"))
    asked = row(found, "AuthFlags", "asked")
    check(not asked["loud"] and "access.authentication=anonymous,basic,integrated" in asked["command"], asked)


def test_what_a_report_says_of_domains(t):
    """An international name in its xn-- form; a folder of its own, the default domain and an address of another one are named, not carried."""
    service = t.postern(start=False)
    domain = '<IIsSmtpDomain Location="/LM/SmtpSvc/1/Domain/{}" RouteAction="{}" RouteActionString="{}"/>'
    file = put(t, "domains.xml", server('ServerComment="x" ServerBindings=":2525:"').replace("</MBProperty>", "".join((
        domain.format("b\u00fccher.example", 4098, "[198.51.100.7]"), domain.format("drop.example", 1, r"E:\Kunden\Drop"),
        domain.format("A.example", 2, "[198.51.100.8]"), '<IIsSmtpServer Location="/LM/SmtpSvc/2" ServerComment="B\u00fcro K\u00f6ln" '
        'ServerBindings=":2525: 127.0.0.1:2526:"/><IIsSmtpServer Location="/LM/SmtpSvc/3" ServerBindings=":2525:"/></MBProperty>'))))
    first, second, third = read(service, file)["servers"]
    equal(first["domains"]["xn--bcher-kva.example"], {"type": "remote", "route": "[198.51.100.7]", "relay": "yes"})
    told = {(each["domain"], each["property"]): each for each in first["report"] if each.get("domain")}
    drop, own = told["drop.example", "RouteActionString"], told["a.example", "RouteAction"]
    equal((drop["outcome"], drop["loud"], drop["key"], own["outcome"], own["loud"]), ("changed", True, "domain.drop", "none", True))
    equal((second["name"], second["keys"]["general.listen"]), ("buro-koln", "127.0.0.1:2526"))
    check("*:2525 is that of default" in row(second, "ServerBindings")["why"] and "change ServerBindings" in row(third, "ServerBindings")["why"], third)
    said, ctl, _ = into(t, service, put(t, "one.xml", file.read_text().replace('"/LM/SmtpSvc/3"', '"/LM/Other"')))
    check(" error:" not in said, said)
    equal(explained(ctl, "default", "--from", "203.0.113.7", "--rcpt", "u@b\u00fccher.example")["route"], "[198.51.100.7]:25")


# Every property of the SMTP classes that public pages name.
KNOWN = """MaxMessageSize MaxSessionSize MaxBatchedMessages MaxRecipients MaxSmtpErrors MaxConnections LimitRemoteConnections ConnectionTimeout
SmtpConnectTimeout SmtpMailFromTimeout SmtpRcptToTimeout SmtpDataTimeout SmtpBdatTimeout SmtpAuthTimeout SmtpSaslTimeout SmtpTurnTimeout
SmtpRsetTimeout SmtpHeloTimeout MaxOutConnections MaxOutConnectionsPerDomain RemoteTimeout RemoteSmtpPort RemoteSmtpSecurePort
SmtpRemoteProgressiveRetry SmtpRemoteRetryThreshold RemoteRetryAttempts RemoteRetryInterval LocalRetryInterval LocalRetryAttempts
SmtpRemoteDelayExpireMinutes SmtpRemoteNDRExpireMinutes SmtpLocalDelayExpireMinutes SmtpLocalNDRExpireMinutes HopCount NameResolutionType
SmtpUseTcpDns MasqueradeDomain DoMasquerade FullyQualifiedDomainName DefaultDomain SmartHost SmartHostType EnableReverseDnsLookup
DropDirectory PickupDirectory QueueDirectory BadMailDirectory SendNdrTo SendBadTo PostmasterEmail PostmasterName RelayIpList RelayForAuth
SmtpDisableRelay RouteAction RouteActionString RouteUserName RoutePassword AuthTurnList CSideEtrnDomains EtrnDays EtrnSubdomains
DomainRouting RoutingDll RoutingSources SmtpInboundCommandSupportOptions SmtpOutboundCommandSupportOptions SmtpMailNoHelo SmtpHeloNoDomain
SmtpDomainValidationFlags AddNoHeaders SmtpDotStuffPickupDirFiles SmtpFlushMailFile SmtpIpRestrictionFlag SmtpMaxRemoteQThreads
SmtpServiceVersion SaslLogonDomain DefaultLogonDomain SmtpClearTextProvider NTAuthenticationProviders AlwaysUseSsl AllowVerify
ConnectResponse AuthFlags ServerState ServerAutoStart ServerBindings SecureBindings LogType LogFilePeriod LogFileTruncateSize
LogFileDirectory LogExtFileFlags LogPluginClsid LogOdbcDataSource LogOdbcTableName LogOdbcUserName LogOdbcPassword SmtpDSNOptions
SmtpDSNLanguageID SmtpEventlogLevel SmtpCommandLogMask SmtpAqueueWait SmtpAdvQueueDll ShouldDeliver ShouldPickupMail ShouldPipelineIn
ShouldPipelineOut MaxMailObjects MaxDirChangeIOSize DisableSocketPooling Realm AdminACL AdminACLBin UpdatedDefaultDomain UpdatedFQDN
DisablePickupDotStuff ServerComment AccessSSLFlags SSLCertHash IPSecurity SmtpSSLRequireTrustedCA SmtpSSLCertHostnameValidation
LogModuleList SmtpDsHost SmtpDsNamingContext SmtpDsAccount SmtpDsPassword SmtpDsDomain SmtpDsBindType SmtpDsSchemaType SmtpDsPort
SmtpDsUseCat SmtpDsFlags SmtpRoutingTableType SmtpDsDataDirectory SmtpDsDefaultMailRoot""".split()


def table():
    env = {**os.environ, **SANITIZERS}
    return json.loads(subprocess.run([BUILD / "postern-import", "--properties"], capture_output=True, check=True, env=env).stdout)


# shows 8.4
def test_table_of_properties(t):
    """Each property has a row, each row leads to a key that there is or says why none, and names itself in the report."""
    keys = {".".join(line.split()) for line in subprocess.run([BUILD / "sample", "keys"], capture_output=True, text=True, check=True,
                                                              env={**os.environ, **SANITIZERS}).stdout.splitlines()}
    known = {each["property"]: each for each in table()}
    equal([name for name in KNOWN if name not in known], [], "properties without a row")
    for each in known.values():
        check(each["key"] or each["why"] or each["property"] in ("ServerAutoStart", "ServerState"), each)
        check(each["key"] is None or each["key"] in keys, each)
    service = t.postern(start=False)
    attributes = " ".join(f'{name}="1"' for name in known if name not in ("DefaultDomain", "FullyQualifiedDomainName")
                          and not name.startswith(("SmtpDs", "SmtpRoutingTable")))
    routing = " ".join(f'{name}="1"' for name in known if name.startswith(("SmtpDs", "SmtpRoutingTable")))
    file = put(t, "all.xml", server(attributes).replace("</MBProperty>",
               f'<IIsSmtpRoutingSource Location="/LM/SmtpSvc/1/RoutingSources" {routing}/></MBProperty>'))
    found = one(service, file)
    equal([name for name in known if not rows(found, name)], [], "properties without a line in the report")
    for name in ("RoutePassword", "SmtpDsPassword", "LogOdbcPassword"):
        equal(row(found, name)["old"], "(not shown)")
    _, ctl, _ = into(t, service, file)
    ctl("check")


def test_bits_of_route_action(t):
    """Each bit of RouteAction of a domain is a key, is asked for, or is named."""
    service = t.postern(start=False)
    for bit in range(32):
        domain = f'<IIsSmtpDomain Location="/LM/SmtpSvc/1/Domain/d.example" RouteAction="{1 << bit}" RouteActionString="h.example"/>'
        found = one(service, put(t, "bit.xml", server().replace("</MBProperty>", domain + "</MBProperty>")))
        keys = found["domains"]["d.example"]
        told = [each for each in found["report"] if each.get("domain") == "d.example" and each["property"] == "RouteAction"]
        kinds = {each["outcome"] for each in told}
        wanted = {0: ("alias", {"type"}), 1: ("remote", {"route"}), 2: ("remote", {"outbound-tls"}), 4: ("alias", {"type"}), 5: ("alias", {"type"}),
                  6: ("alias", {"type"}), 9: ("remote", {"hold"}), 12: ("remote", {"relay"}), 22: ("remote", {"helo"})}
        if bit in wanted:
            equal(keys["type"], wanted[bit][0], bit)
            check(wanted[bit][1] <= set(keys) and kinds == {"carried"}, bit, keys, told)
        else:
            check(kinds & {"asked", "none"} and keys == {"type": "remote"}, bit, keys, told)


# --- what does not come in ---

def test_hostile(t):
    """Refused, or mended with a line: entities, depth, size, encodings, truncation, doubles, names that are paths, control characters."""
    service = t.postern(start=False)
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    domains = "".join(f'<a Location="/LM/SmtpSvc/1/Domain/d{n}.example"/>' for n in range(5001))
    many = "".join(f'<IIsSmtpServer Location="/LM/SmtpSvc/{n}"/>' for n in range(1, 10001))
    for name, data, why in (
            ("bomb", laughs + server('ServerComment="&b;"'), "document type"), ("entity", outside + server('ServerComment="&a;"'), "document type"),
            ("undefined", server('ServerComment="&b;"'), "undefined entity"), ("deep", XML.format("<a>" * 5000 + "</a>" * 5000), "deeper"),
            ("cut", server()[:-30], "line 1"), ("huge-value", server(f'ServerComment="{"x" * 70000}"'), "too long"),
            ("wide", XML.format('<a Location="/LM/SmtpSvc/1">' + "".join(f'<Custom Name="p{n}" Value="1"/>' for n in range(2000)) + "</a>"),
             "more than 1000 properties of one object"), ("objects", XML.format(domains), "more than 5000 objects"),
            ("many", XML.format(many), "more than 200 virtual servers"), ("none", XML.format('<IIsWebService Location="/LM/W3SVC"/>'), "no virtual server"),
            ("other", "<html/>", "no MetaBase.xml"), ("text", "hello", "neither XML nor JSON"), ("empty", "", "neither XML nor JSON"),
            ("bad-utf8", server('ServerComment="\xff"').encode("latin-1"), "not well-formed"), ("odd", b"\xff\xfe{\0}", "UTF-16"),
            ("surrogate", b"\xff\xfe{\0\x00\xd8}\0", "UTF-16"), ("json-bytes", b'{"Name": "SmtpSvc/1", "ServerComment": "\xff"}', "UTF-8"),
            ("json-cut", '{"Name": "SmtpSvc/1"', "line 1"), ("json-deep", "[" * 100000, "depth"), ("json-none", "[]", "no object"),
            ("json-twice", '{"Name": "SmtpSvc/1", "HopCount": 1, "HopCount": 2}', "duplicate"),
            ("json-nul", '{"Name": "SmtpSvc/1", "ServerComment": "a\\u0000b"}', "NUL"), ("large", b" " * (33 << 20), "larger than 32M"),
            ("large-json", b"[" + b"0," * (5 << 20) + b"0]", "more than 8M")):
        said = read(service, put(t, name, data), status=65)
        check(why in said and name in said, name, said)
    file = put(t, "mended.xml", XML.format(
        '<IIsSmtpServer Location="/LM/SmtpSvc/1" ServerComment="a&#9;b&#x202e;c" DefaultDomain="../../etc/passwd" ServerBindings="&#10;:25:&#10;:25:&#10;x"/>'
        '<IIsSmtpServer Location="/LM/SmtpSvc/1" ServerComment="again"/><IIsSmtpServer Location="/LM/SmtpSvc/9" ServerComment="../../etc/passwd"/>'
        '<IIsSmtpDomain Location="/LM/SmtpSvc/9/Domain/a]&#10;[b" RouteAction="16"/>'
        '<IIsSmtpDomain Location="/LM/SmtpSvc/9/Domain/x.example" RouteAction="4098" RouteActionString="h; rm -rf /"/>'))
    document = read(service, file)
    first, second = document["servers"]
    check(any("twice" in remark for remark in document["remarks"]), document["remarks"])
    equal((first["keys"]["general.description"], first["keys"]["general.listen"]), ("a b?c", "*:25, [::]:25"))
    equal((second["name"], second["domains"]), ("etc-passwd", {"x.example": {"type": "remote", "relay": "yes"}}))
    said, ctl, folder = into(t, service, file)
    ctl("check")
    equal(sorted(path.name for path in (folder / "servers").iterdir()), ["default.ini", "etc-passwd.ini"])
    check("no name of a domain" in said, said)


def test_words_for_a_shell(t):
    """A command of the report has hostile values in quotes: it sets them, and starts nothing else."""
    service = t.postern(start=False)
    user = "x'; touch $(pwd)/pwned; `id` \"&"
    found = one(service, put(t, "shell.json", json.dumps({"Name": "SmtpSvc/1", "SmartHost": "[192.0.2.1]", "SmartHostType": 2, "RouteAction": 256,
                                                          "RouteUserName": user})))
    command = row(found, "RouteAction", "asked")["command"].replace("posternctl", "printf '%s\\n'").split(" && ")[-1]
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=t.folder, check=True).stdout
    check(f"delivery.user={user}" in said.splitlines() and not (t.folder / "pwned").exists(), command, said)


def test_into_needs_a_new_folder(t):
    service = t.postern(start=False)
    file = put(t, "a.xml", server())
    done = service.ctl("import", file, "--into", service.folder, ok=False)
    equal(done.returncode, 73, done.stderr)
    check("is not empty" in done.stderr, done.stderr)
    equal(service.ctl("import", service.folder / "nothing", ok=False).returncode, 66)
    equal(service.ctl("import", "/dev/zero", ok=False).returncode, 66)
    equal(service.ctl("import", ok=False).returncode, 64)


def test_reads_without_rights(t):
    """As root it is another user, without privileges and in its sandbox, before it reads."""
    t.need_root()
    process = subprocess.Popen([BUILD / "postern-import", "/etc/postern", "posternctl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env={**os.environ, **SANITIZERS})

    def status():
        text = Path(f"/proc/{process.pid}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    until(lambda: status()["Seccomp"] == "2", what="the sandbox")
    found = status()
    equal((found["Uid"].split(), found["Groups"].split(), found["CapEff"], found["CapBnd"], found["NoNewPrivs"]),
          (["65534"] * 4, ["65534"], "0" * 16, "0" * 16, "1"))
    out, _ = process.communicate(server().encode())
    equal(json.loads(out)["servers"][0]["name"], "default")


# --- into a service ---

def metabase_for(t, ports, comments=("Default SMTP Virtual Server", "Sales", "Sleeper")):
    return XML.format("".join(
        f'<IIsSmtpServer Location="/LM/SmtpSvc/{n}" ServerComment="{comment}" ServerBindings="127.0.0.1:{port}:" RelayIpList="{ONE}" '
        f'DefaultDomain="d{n}.example" FullyQualifiedDomainName="mx{n}.example" ServerAutoStart="{"FALSE" if comment == "Sleeper" else "TRUE"}"/>'
        f'<IIsSmtpDomain Location="/LM/SmtpSvc/{n}/Domain/alias{n}.example" RouteAction="16"/>'
        f'<IIsSmtpDomain Location="/LM/SmtpSvc/{n}/Domain/r{n}.example" RouteAction="4098" RouteActionString="[127.0.0.1]"/>'
        for n, (port, comment) in enumerate(zip(ports, comments), 1)))


def test_into_a_service(t):
    """By the way of create: judged, in the history, running at once; one that is there stays, one that did not run is stopped."""
    service = t.postern()
    ports = [t.port(), t.port(), t.port()]
    file = put(t, "three.xml", metabase_for(t, ports))
    before = service.default.file.read_text()
    said = service.ctl("import", "--dry-run", file, ok=False)
    check("default exists already" in said.stdout + said.stderr and "this is what would change; nothing was written" in said.stdout, said)
    equal(sorted(path.name for path in (service.folder / "servers").iterdir()), ["default.ini"])
    done = service.ctl("import", file, ok=False)
    equal(done.returncode, 1, done.stdout + done.stderr)
    equal(service.default.file.read_text(), before, "the one that is there")
    check("default exists already" in done.stderr and "sales has been made" in done.stdout, done.stdout, done.stderr)
    status = service.ctl("status").stdout
    check(re.search(r"^sales started .*id=2 .*description=\"?Sales", status, re.M) and re.search(r"^sleeper stopped ", status, re.M), status)
    made = {row["server"]: row["number"] for row in json.loads(service.ctl("history", "--json").stdout)["changes"] if row["command"] == "create"}
    equal(set(made), {"sales", "sleeper"}, "the history")
    check(all(f"this is change {number}" in done.stdout for number in made.values()), done.stdout)
    service.ctl("undo", str(made["sleeper"]))
    equal(service.ctl("status", "sleeper", ok=False).returncode, 3, "one that was made is taken back")
    with service_client(ports[1]) as client:
        client.message(to="b@alias2.example")
    (service.spool / "sales/drop").exists()
    until(lambda: list((service.spool / "sales/drop").glob("*.eml")), what="the mail")
    service.ctl("check")
    told = explained(lambda *args, ok=True: service.ctl(*args, ok=ok), "sales", "--from", "192.0.2.1", "--rcpt", "u@r2.example")
    equal(told["route"], "[127.0.0.1]:25")


def service_client(port):
    from smtp import Smtp
    return Smtp(("127.0.0.1", port))


def test_without_a_service(t):
    """The same on the files; the number of another virtual server is not taken away."""
    service = t.postern(start=False)
    service.default.set("general", id="2")
    ports = [t.port(), t.port(), t.port()]
    service.ctl("import", put(t, "three.xml", metabase_for(t, ports, ("First", "Sales", "Sleeper"))), ok=False)
    equal(sorted(path.stem for path in (service.folder / "servers").glob("*.ini")), ["default", "sales", "sleeper"])
    text = (service.folder / "servers/sales.ini").read_text()
    check("id = 1" in text and "[domain r2.example]" in text, text)
    service.ctl("check")
    service.start(wait=False)
    service.wait_state("sales", "started")
    check(re.search(r"^sleeper stopped ", service.ctl("status").stdout, re.M), "it did not run before")


def test_too_much_for_one_command(t):
    service = t.postern(start=False)
    domains = "".join(f'<IIsSmtpDomain Location="/LM/SmtpSvc/3/Domain/d{n}.example" RouteAction="16"/>' for n in range(300))
    file = put(t, "much.xml", server('ServerBindings="127.0.0.1:1234:"', location="/LM/SmtpSvc/3").replace("</MBProperty>", domains + "</MBProperty>"))
    done = service.ctl("import", file, ok=False)
    equal(done.returncode, 65, done.stderr)
    check("--into" in done.stderr, done.stderr)
    said, ctl, folder = into(t, service, file)
    check(": good, 1 virtual server" in said, said)
    equal((folder / "servers/smtp3.ini").read_text().count("type = alias"), 300)


def test_what_is_asked_for(t):
    """The commands of the report, as they stand there, open the virtual server again."""
    service = t.postern({"other": {}})
    port = t.port()
    account = f'RouteAction="260" RouteUserName="relay@a.example" RoutePassword="49634462" SmartHost="[127.0.0.1]" SmartHostType="2"'
    file = put(t, "ask.xml", server(f'{account} ServerBindings="127.0.0.1:{port}:" RelayIpList="{ONE}" AuthFlags="3"'))
    document = json.loads(service.ctl("import", "--json", file).stdout)
    commands = [each["command"] for each in document["servers"][0]["report"] if each.get("outcome") == "asked"]
    equal(len(commands), 3, commands)

    def ctl(*args, ok=True):
        return service.ctl(*args, ok=ok)
    check("554" in explained(ctl, "default", "--from", "127.0.0.1", "--rcpt", "u@far.example", status=1)["answer"], "shut")
    env = {**service.environment(), "PATH": f"{service.bin}:{os.environ['PATH']}"}
    for command in commands:
        command = command.replace(" ACCOUNT", " --stdin printer")
        done = subprocess.run(["sh", "-ec", command], input="secret\n", capture_output=True, text=True, env=env, timeout=60, check=False,
                              **service.account())
        equal(done.returncode, 0, command + done.stdout + done.stderr)
    told = explained(ctl, "default", "--from", "127.0.0.1", "--rcpt", "u@far.example")
    equal((told["answer"], told["route"], told["tls"], told["account"]), ("250", "[127.0.0.1]:25", "required", "basic"))
    service.ctl("check")


# shows 8.1, 8.4
def test_guide(t):
    """Each command of the manual's way from IIS, with the mail of the old machine."""
    service = t.postern()
    work = service.folder / "work"
    for folder in (work, work / "Drop", work / "Queue"):
        folder.mkdir()
    (work / "MetaBase.xml").write_text(metabase_for(t, [t.port()]).replace('DefaultDomain="d1.example"',
                                       'DefaultDomain="example.com" SmartHost="[127.0.0.1]" SmartHostType="2"'))
    (work / "Drop/1.eml").write_bytes(b"x-sender: a@example.com\r\nx-receiver: dropped@example.com\r\nTo: other@example.com\r\n\r\nD\r\n")
    (work / "Queue/NTFS_1.EML").write_bytes(b"From: a@example.com\r\nTo: queued@example.com\r\n\r\nQ\r\n")
    service.own()
    lines = commands("master/posternctl/posternctl-import.8", ".Sh MOVING FROM IIS", ".Sh EXIT STATUS")
    equal(len(lines), 12, lines)
    for line in lines:
        done = run(service, line, work)
        refused = "--dry-run" in line or "203.0.113.7" in line    # default is there; who may not relay
        equal(done.returncode, 1 if refused else 0, line + done.stdout + done.stderr)
    drops = until(lambda: len(found := list((service.spool / "default/drop").glob("*.eml"))) == 2 and found, what="two drop files")
    equal(sorted(re.search(r"^x-receiver: (\S+)", drop.read_text(), re.M)[1] for drop in drops), ["dropped@example.com", "queued@example.com"])
    check(re.search(r"^default started ", service.ctl("status").stdout, re.M), "the imported one")
