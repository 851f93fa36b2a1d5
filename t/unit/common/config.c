/* config - rows of INI texts, each with the faults that are reported for it, line by line */
#include "t/unit/common/temp_config.h"

/* --- rows: the text of servers/default.ini, and its faults --- */

#define LIST D "2" E "relay-list "
#define ACCOUNT "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\n"

static const struct { const char *text, *want; } rows[] = {
	{ "", "" },
	{ "# comment\n; comment\n\n[general]\n  ; comment\nid = 3 ; comment\ndescription = a;b # c\n", "" },
	{ "\xef\xbb\xbf[general]\r\nid = 3\r\n\r\n[access]\r\nrelay-list = 192.0.2.1,\r\n    192.0.2.2\r\n",
	    "" },
	{ "[general]\nid: 3", "" },
	/* form */
	{ "id = 3\n", D "1" E "stands before the first [section]" },
	{ "[general]\nlisten 192.0.2.1\nid = x\n", D "2" E "\"listen 192.0.2.1\" is no key = value\n" D "3"
	    E "id must be a number" },
	{ "[general]\n= 3\n", D "2" E "there is no key in front of =" },
	{ "[general]\nid ; = 3\n", D "2" E "\"id ; = 3\" is no key" },
	{ "[general\nid = 3\nlisen = 4\n", D "1" E "the section heading has no closing ]" },
	{ "[general] x\n", D "1" E "there is something behind the section heading" },
	{ "[general] ; fine\n", "" },
	{ "[]\n", D "1" E "unknown section []" },
	{ "[general x]\n", D "1" E "must be [general] and nothing more" },
	{ "[domain a b]\n", D "1" E "there are too many words" },
	{ "[General]\n", D "1" E "unknown section [General]; did you mean [general]?" },
	{ "[acess]\nx = y\n[colours]\n", D "1" E "unknown section [acess]; did you mean [access]?\n" D "3"
	    E "unknown section [colours]" },
	{ "[access]\n[general]\n[access]\nx = y\n",
	    D "3" E "section [access] is there a second time (first at line 1)" },
	{ "[service]\n", D "1" E "[service] belongs in postern.ini" },
	{ "[general]\ndescription = a\0b\n", "" },	/* cut by strlen here; whole in test_bytes */
	{ "[general]\ndescription = \xff\n[x]\n", D "2" E "is not UTF-8" },
	{ "[general]\ndescription = \xc0\xaf\n", D "2" E "is not UTF-8" },
	{ "[general]\ndescription = \xed\xa0\x80\n", D "2" E "is not UTF-8" },
	{ "[general]\ndescription = Gr\xc3\xbc\xc3\x9f" "e \xf0\x9f\x93\xae\n", "" },
	{ "[general]\nbanner = a\033b\n", D "2" E "has a control character" },
	{ "[general]\rid = 3\r", D "1" E "has a carriage return without a line feed" },
	/* keys */
	{ "[general]\nlisen = *:25\n",
	    D "2" E "unknown key \"lisen\" in [general]; did you mean \"listen\"?" },
	{ "[general]\ncolour = red\n", D "2" E "unknown key \"colour\" in [general]\n" },
	{ "[domain a.example]\ntype = default\nbad = 1\n", D "3" E "unknown key \"bad\" in [domain a.example]\n" },
	{ "[general]\nlisten 127.0.0.1:25\n", D "2" E "there is no = behind \"listen\"\n" },
	{ "[general]\ndrop = /srv/drop # here\n",
	    D "2" E "drop = /srv/drop # here (a comment behind a value begins with ; and not with #)\n" },
	{ "[general]\nprocesses = 2 # two\n", D "2" E
	    "processes must be a number or auto, not \"2 # two\" (a comment behind a value begins with ;" },
	{ "[general]\nbanner = ready # really\n",
	    D "2" W "banner = ready # really (a comment behind a value begins with ;" },
	{ "[delivery]\nport = \"25\"\n", D "2" E
	    "port must be a number, not \"\"25\"\" (values have no quotes around them)\n" },
	{ "[general]\ndescription = 'mail'\n",
	    D "2" W "description = 'mail' (values have no quotes around them)\n" },
	{ "[delivery]\npassword = x\n", D "2" E "\"password\" is no key of [delivery]: no password stands in "
	    "these files; secret-file names the file that has it\n" },
	{ "[access]\npassword = x\n", D "2" E "\"password\" is no key of [access]: no password stands in these "
	    "files; password-file names the file that has it\n" },
	{ "[general]\nrelay-list = 192.0.2.1\n", D "2"
	    E "\"relay-list\" is no key of [general], it belongs in [access]" },
	{ "[general]\nunknown = 1\n  2\n  3\n", D "2" E "unknown key" },
	{ "[general]\nid = 1\nid = 2\n", D "3" E "\"id\" is given a second time (first at line 2)" },
	{ "[general]\nid = 1\n  2\n", D "3" E "the line starts with a blank and so goes on with \"id\"" },
	{ "[access]\nrelay-list = 192.0.2.1\n  relay = only\n",
	    D "3" E "relay-list \"=\": must be an address" },
	/* values */
	{ "[general]\nid = 0\nprocesses = 65\n", D "2" E "id must be from 1 to 1000000, not 0\n" D "3"
	    E "processes must be from 1 to 64, or auto, not 65" },
	{ "[general]\nconnection-limit = 0\n", D "2"
	    E "connection-limit must be from 1 to 1000000, or unlimited, not 0" },
	{ "[general]\nconnection-limit = many\n", D "2"
	    E "connection-limit must be a number or unlimited, not \"many\"" },
	{ "[general]\nprocesses = auto\n", "" },
	{ "[general]\nprocesses = 0\n", D "2" E "processes must be from 1 to 64, or auto, not 0" },
	{ "[general]\nprocesses = unlimited\n", D "2" E "processes must be a number or auto, not \"unlimited\"" },
	{ "[general]\nconnection-timeout = 10\n", D "2"
	    E "connection-timeout must be a time like 90s, 10m, 12h or 2d, not \"10\"" },
	{ "[general]\nconnection-timeout = 0s\n", D "2"
	    E "connection-timeout must be from 1s to 1d, not 0s" },
	{ "[messages]\nmax-message-size = 12Q\nmax-session-size = 0\n",
	    D "2" E "max-message-size must be a size like 25M or 2048K or unlimited, not "
	    "\"12Q\"\n" D "3" E "max-session-size must be at least 1, or unlimited, not 0" },
	{ "[general]\nprocesses =\n", D "2" E "processes must be a number" },
	{ "[general]\nhome = mail\nqueue = /a/../b\n",
	    D "2" E "home must be an absolute path\n" D "3" E "queue must be an absolute path" },
	{ "[access]\nrelay-authenticated = maybe\n",
	    D "2" E "relay-authenticated must be yes or no, not \"maybe\"" },
	{ "[access]\nrelay = all\n", D "2" E "relay must be only or all-except, not \"all\"" },
	{ "[delivery]\nsmart-host-after-direct = x\n",
	    D "2" E "smart-host-after-direct must be no, yes or on-failure, not \"x\"" },
	{ "[access]\nrelay-list = 192.0.2.0/33\n", LIST "\"192.0.2.0/33\": the part after /" },
	{ "[access]\nrelay-list = example.com, 192.0.2.1\nconnection-list = a.example\nconnection-control = "
	    "only\n", "" },
	{ "[access]\nproxy = yes\nproxy-trusted = lb.example.com\n",
	    D "3" E "proxy-trusted \"lb.example.com\": a domain name cannot stand in this list" },
	{ "[access]\nproxy = yes\n", D "2" E "\"proxy\" is not complete without proxy-trusted" },
	{ "[access]\nproxy = yes\nproxy-trusted = 0.0.0.0/0\n",
	    D "3" E "proxy-trusted would let every client claim any address" },
	{ "[access]\nconnection-list = 300.1.1.1\n",
	    D "2" E "connection-list \"300.1.1.1\": must be an address" },
	{ "[general]\nlisten = 127.0.0.1:99999\n",
	    D "2" E "listen \"127.0.0.1:99999\": the port must be a number from 1 to 65535" },
	{ "[general]\nlisten =\n", D "2" E "listen has no address" },
	{ "[delivery]\nretry = 15m, x\n", D "2" E "retry \"x\" is not a time" },
	{ "[delivery]\nretry =\n", D "2" E "retry has no time" },
	{ "[delivery]\nsmart-host = 192.0.2.1\n", D "2"
	    E "smart-host \"192.0.2.1\" is not a host name or an address in brackets" },
	{ "[delivery]\nsource-address = 192.0.2.1, 192.0.2.2\n",
	    D "2" E "source-address \"192.0.2.2\" is a second address of its family" },
	{ "[delivery]\nsource-address = 192.0.2.1:25\n",
	    D "2" E "source-address \"192.0.2.1:25\" is not an address of this host" },
	{ "[delivery]\nfqdn = m\xc3\xbcnchen.example\n", D "2" E "fqdn must be a host name" },
	{ "[messages]\nndr-copy-to = somebody\n", D "2" E "ndr-copy-to must be a mail address" },
	{ "[delivery]\npaused = a.example, *.b.example, [192.0.2.1]\n", "" },
	{ "[delivery]\npaused =\n", "" },
	{ "[delivery]\npaused = a..b\n", D "2" E "paused \"a..b\" is not a domain like example.com, or *.example" },
	{ "[delivery]\nport = 65536\n", D "2" E "port must be from 1 to 65535, not 65536" },
	{ "[delivery]\nauth-mechanisms = -plain, -login\n", "" },
	{ "[delivery]\nauth-mechanisms = cram-md5\n", D "2" E "auth-mechanisms must be scram-sha-256-plus" },
	{ "[delivery]\nauth-mechanisms = plain -plain\n", D "2" E "auth-mechanisms has no value" },
	{ "[delivery]\nsmart-host = r.example\noutbound-auth = basic\nuser = u\nsecret-file = /s\n"
	    "outbound-tls = verify\nauth-mechanisms = gssapi, xoauth2\n",
	    D "7" E "auth-mechanisms leaves nothing that outbound-auth = basic can use" },
	{ "[delivery]\nevacuate-key = /k\n",
	    D "2" E "evacuate-certificate and evacuate-key belong together, and evacuate-certificate is missing" },
	{ "[delivery]\nsmart-host = r.example\nclient-certificate = /c\n",
	    D "3" E "client-certificate and client-key belong together, and client-key is missing" },
	{ "[delivery]\nnever-to = loopback, private, 192.0.2.0/24\n", "" },
	{ "[delivery]\nnever-to =\n", "" },
	{ "[delivery]\nnever-to = private, example.com\n",
	    D "2" E "never-to \"example.com\": a domain name cannot stand in this list" },
	{ "[general]\nown-address = 198.51.100.1, [2001:db8::1]:25, mail.example.com\n", "" },
	{ "[general]\nown-address = *:25\n", D "2" E "own-address \"*:25\" is not an address with an" },
	/* not in this version */
	{ "[access]\nauthentication = anonymous, basic\n",
	    D "2" E "authentication = basic needs a password-file" },
	{ "[access]\nproxy = yes\nproxy-trusted = 192.0.2.1, 2001:db8::/64\n[delivery]\nreverse-dns = yes\n",
	    "" },
	{ "[access]\nproxy = no\nproxy-trusted =\nbasic-requires-tls = yes\n", "" },
	{ "[general]\nlog-format = json\nlog-roll = hourly\nlog-fields = date, CS-METHOD\n "
	    "cs(User-Agent)\nlog-directory = /x\n", "" },
	{ "[general]\nlog-fields = date, cs-metod\n",
	    D "2" E "log-fields \"cs-metod\" is not a field of the W3C log: date, time, c-ip" },
	{ "[general]\nlog-roll = yearly\nlog-format = ncsa\n",
	    D "2" E "log-roll must be daily, hourly, weekly, monthly or size\n"
	    D "3" E "log-format must be w3c or json" },
	{ "[general]\nhome = /h\nlog-directory = /h/pickup/logs\n",
	    D "3" E "the folders pickup (/h/pickup) and log-directory (/h/pickup/logs) must be apart" },
	{ "[general]\nhome = /h\nlog-directory = /h/logs\n", "" },
	{ "[general]\nlog = no\nlog-format = w3c\nlog-roll = daily\nlog-fields = all\n", "" },
	{ "[ldap]\nenable = yes\nuri = ldap://x\n", D "2" E "[ldap] needs a base" },
	{ "[ldap]\nenable = yes\nbase = dc=x\n", D "2" E "[ldap] needs a uri" },
	{ "[ldap]\nenable = yes\nuri = ldapi://%2Frun%2Fx, ldaps://[2001:db8::1]:636, ldap://h\nbase = "
	    "dc=x\n", "" },
	{ "[ldap]\nenable = yes\nuri = ldaps://h\nbase = dc=x\nbind = gssapi\nuser = p@X\nsecret-file = /x\n",
	    "" },
	{ "[ldap]\nenable = yes\nuri = ldap://h\nstart-tls = yes\nbase = dc=x\nbind = gssapi\nuser = p@X\n",
	    D "6" E "bind = gssapi needs user and " "secret-file" },
	{ "[ldap]\nenable = yes\nuri = ldapi://%2Fx\nbase = dc=x\nbind = gssapi\nuser = p@X\nsecret-file = "
	    "/x\n", D "3" E "bind = gssapi needs ldap or " "ldaps addresses" },
	{ "[ldap]\nenable = no\n", "" },
	{ "[domain a.example]\ntype = remote\natrn-accounts = x\n",
	    D "3" ": warning: atrn-accounts has no effect without hold" },
	{ "[domain a.example]\ntype = remote\nhold = yes\natrn-accounts = x\n",
	    D "4" ": warning: atrn-accounts has no effect while authentication" },
	{ "[domain a.example]\ntype = alias\nhold = yes\n", D "3" E "\"hold\" is for remote domains only" },
	{ "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\nsmart-host = "
	    "relay.example\noutbound-tls = verify\n", "!warning" },
	/* a domain whose mailboxes are at the smart host is no local one */
	{ "[delivery]\noutbound-auth = basic\nuser = a@B.example\nsecret-file = /x\nsmart-host = [::1]\n[domain b.example]\n"
	  "type = alias\n", D "7" W "mail for b.example stays here, in drop, although a@B.example says" },
	{ "[delivery]\nsmart-host = B-Example.mail.protection.outlook.com:25\n[domain b.example]\ntype = alias\n",
	    D "4" W "mail for b.example stays here, in drop, although B-Example.mail" },
	{ "[delivery]\noutbound-auth = basic\nuser = a@b.example\nsecret-file = /x\nsmart-host = [::1]\n[domain b.example]\n"
	  "type = remote\n[domain example]\ntype = alias\n", "!stays here" },
	{ "[delivery]\nsmart-host = b-example.mail.protection.outlook.co\n[domain b.example]\ntype = alias\n"
	  "[domain b-example.mail.protection.outlook.com.example]\ntype = alias\n", "!stays here" },
	/* which hosts see a password */
	{ ACCOUNT "smart-host = relay.example\n", D "2"
	    W "outbound-tls = may: whoever answers for a host is shown the password of x when no SCRAM is "
	    "offered; outbound-tls = verify checks who it is" },
	{ ACCOUNT "smart-host = relay.example\noutbound-tls = may\n", D "6" W "outbound-tls = may: whoever" },
	{ ACCOUNT "smart-host = relay.example\noutbound-tls = required\n",
	    D "6" W "outbound-tls = required: whoever" },
	{ ACCOUNT "smart-host = relay.example\noutbound-tls = off\n",
	    D "6" W "outbound-tls = off: to a host that offers no SCRAM the password of x goes" },
	{ ACCOUNT "smart-host = [127.0.0.1]:587, [::1], [127.1.2.3]\n", "!outbound-tls" },
	{ ACCOUNT "smart-host = [127.0.0.1], [192.0.2.1]\n", D "2" W "outbound-tls = may: whoever" },
	{ ACCOUNT "smart-host = a.example\noutbound-tls = verify\n[domain a.example]\ntype = "
	    "remote\noutbound-tls = required\n",
	  D "9" W "outbound-tls = required: whoever" },
	{ ACCOUNT "smart-host = a.example\noutbound-tls = verify\n[domain a.example]\ntype = "
	    "remote\noutbound-tls = off\nroute = dns\n", "!outbound-tls" },
	{ ACCOUNT "smart-host = a.example\n[domain a.example]\ntype = remote\nroute = "
	    "b.example\noutbound-tls = may\n",
	  D "2" W "outbound-tls = may: whoever\n!" D "9" },
	{ ACCOUNT "smart-host = [::1]\n[domain a.example]\ntype = remote\nroute = b.example\n", "" },
	{ ACCOUNT "smart-host = [::1]\n[domain a.example]\ntype = remote\noutbound-auth = basic\nroute = "
	    "b.example\n", D "8" W "outbound-tls = may: whoever" },
	{ ACCOUNT "smart-host = [::1]\n[domain a.example]\ntype = remote\noutbound-auth = basic\nroute = "
	    "dns\n", D "8" W "outbound-tls = may" },
	{ "[domain a.example]\ntype = remote\noutbound-auth = basic\nuser = y\nsecret-file = "
	    "/y\noutbound-tls = verify\n"
	  "[domain b.example]\ntype = remote\noutbound-auth = basic\nuser = z\nsecret-file = /y\n",
	  D "9" W "outbound-tls = may: whoever answers for a "
	    "host is shown the password of z" },
	{ "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\n",
	    D "2" W "outbound-auth has no effect: the account is shown only to hosts" },
	{ "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\n"
	  "[domain a.example]\ntype = remote\nroute = partner.example\n",
	    D "2" W "outbound-auth has no effect: the account is shown only to hosts" },
	{ "[delivery]\noutbound-auth = integrated\nsmart-host = relay.example\n",
	    D "2" E "outbound-auth = integrated needs user and secret-file" },
	{ "[delivery]\nuser = x\n",
	    D "2" E "user and secret-file belong together, and secret-file is missing" },
	{ "[delivery]\nsecret-file = /x\n",
	    D "2" E "user and secret-file belong together, and user is missing" },
	{ "[delivery]\nuser = x\nsecret-file = /x\n",
	    D "2" W "user has no effect: outbound-auth is anonymous" },
	{ "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\n[domain a.example]\ntype = "
	    "remote\noutbound-auth = basic\n"
	  "[domain b.example]\ntype = remote\noutbound-auth = anonymous\n[domain c.example]\ntype = "
	    "remote\nuser = y\nsecret-file = /y\n", "" },
	{ "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\nsmart-host = a.example\n[domain "
	    "a.example]\ntype = remote\n"
	  "outbound-auth = integrated\n", D "8" E "outbound-auth = integrated needs user and secret-file" },
	{ "[domain a.example]\ntype = remote\nuser = x\nsecret-file = /x\n", D "3" W "user has no effect" },
	{ "[domain a.example]\ntype = remote\noutbound-auth = basic\nuser = x\n",
	    D "4" E "user and secret-file belong together" },
	{ "[delivery]\noutbound-tls = dane\n",
	    D "2: warning: outbound-tls = dane is no more than may without dnssec\n" },
	{ "[domain a.example]\ntype = remote\nhold = yes\noutbound-tls = may\noutbound-auth = anonymous\n",
	    "" },
	{ "[domain r.example]\ntype = remote\nhelo = yes\noutbound-tls = verify\n",
	    D "4" E "outbound-tls = verify cannot be had with helo = yes" },
	{ "[delivery]\noutbound-tls = required\n[domain r.example]\ntype = remote\nhelo = yes\n",
	    D "5" E "helo = yes cannot be had with outbound-tls = required" },
	{ "[delivery]\noutbound-tls = required\n[domain r.example]\ntype = remote\nhelo = yes\noutbound-tls "
	    "= may\n", "" },
	/* combinations */
	{ "[access]\ntls-minimum = 1.2\ntls = off\n", "" },
	{ "[access]\ncertificate = /c\nkey = /k\n", "" },
	{ "[access]\ntls = required\n", D "2" E "tls = required needs certificate and key" },
	{ "[access]\ntls = must\n", D "2" E "tls must be off, optional or required, not \"must\"" },
	{ "[access]\ntls = optional\ncertificate = /a, /b\nkey = /k\n",
	    D "3" E "there are 2 certificates and 1 key: each certificate needs its key" },
	{ "[access]\nkey = /k\n", D "2" E "there are 0 certificates and 1 key" },
	{ "[access]\ncertificate = c.pem\nkey = /k\n",
	    D "2" E "certificate \"c.pem\" is not an absolute path" },
	{ "[access]\ntls = off\ncertificate = /c\nkey = /k\n", D "3: warning: certificate has no effect" },
	{ "[general]\ntls-listen = *:465\n", D "2" E "tls-listen needs certificate and key" },
	{ "[general]\ntls-listen = *:465\n[access]\ntls = off\ncertificate = /c\nkey = /k\n", "" },
	{ "[general]\ntls-listen = *:25\n[access]\ncertificate = /c\nkey = /k\n",
	    "servers/default.ini" E "listen names" },
	{ "[access]\nclient-certificate = ask\n",
	    D "2: warning: client-certificate has no effect without TLS" },
	{ "[access]\ntls-minimum = 1.4\n", D "2" E "tls-minimum must be 1.0, 1.1, 1.2 or 1.3, not \"1.4\"" },
	{ "[access]\ntls-minimum = 1.1\n", D "2" E "tls-minimum under 1.2 is for devices that are known" },
	{ "[access]\ntls-minimum = 1.0\nconnection-control = only\nconnection-list = 192.0.2.0/24\n", "" },
	{ "[access]\nrelay-list = 0.0.0.0/0\n", D "2" E "open relay: relay-list would let every client" },
	{ "[access]\nrelay-list = ::/0\n", D "2" E "open relay" },
	{ "[access]\nrelay-list = ::ffff:0.0.0.0/96\n", D "2" E "open relay" },
	{ "[access]\nrelay-list = 0.0.0.0/1\n 128.0.0.0/1\n", D "2" E "open relay" },
	{ "[access]\nrelay-list = 0.0.0.0/1\n 10.0.0.0/8\n 128.0.0.0/2\n 192.0.0.0/3 224.0.0.0/4\n 240.0.0.0/5 248.0.0.0/6\n"
	    " 252.0.0.0/7 254.0.0.0/8 255.0.0.0/9 255.128.0.0/9\n", D "2" E "open relay" },
	{ "[access]\nrelay-list = 2000::/3\n", D "2" E "open relay" },
	{ "[access]\nrelay-list = 10.0.0.0/7\n 10.0.0.0/8 11.0.0.0/8 10.1.0.0/16\n", "" },
	{ "[access]\nrelay-list = 16.0.0.0/5\n", D "2: warning: relay-list is a large part of all addresses" },
	{ "[access]\nrelay-list = 10.0.0.0/8, 127.0.0.1\n", "" },
	{ "[access]\nrelay = all-except\n",
	    D "2" E "open relay: relay = all-except with an empty relay-list" },
	{ "[access]\nrelay = all-except\nrelay-list = 192.0.2.1\n",
	    D "2: warning: open relay: every client outside" },
	{ "[access]\nrelay = all-except\nopen-relay = i-know\n", D "3: warning: open relay" },
	{ "[access]\nopen-relay = yes\n", D "2" E "open-relay must be no or i-know" },
	{ "[access]\nconnection-control = only\n", D "2: warning: nobody can connect" },
	{ "[general]\nlisten = *:25, *:25\n", D "2" E "listen names *:25 and *:25: one covers the other" },
	{ "[general]\nlisten = *:25\nlisten = 192.0.2.1:25\n", D "2" E "listen names *:25 and 192.0.2.1:25" },
	{ "[general]\nlisten = *:25\n  [::]:25\n  192.0.2.1:26\n", "" },
	{ "[general]\npickup = /m/a\nqueue = /m/a\n",
	    D "3" E "the folders pickup (/m/a) and queue (/m/a) must be apart" },
	{ "[general]\npickup = /m/a/\nqueue = /m//a/./b\n",
	    D "3" E "the folders pickup (/m/a) and queue (/m/a/b) must be apart" },
	{ "[general]\npickup = /m/a\nqueue = /m/ab\n", "" },
	{ "[general]\ndrop = /m/x\n[messages]\nbadmail = /m/x/y\n",
	    D "4" E "the folders drop (/m/x) and badmail (/m/x/y)" },
	{ "[domain a.example]\ntype = default\ndrop = /var/spool/postern/default/queue/x\n",
	    D "3" E "the folders queue" },
	{ "[delivery]\nexpire = 1h\nlocal-expire = 1h\n",
	    D "2: warning: expire is shorter than delay-notify\n" D "3: warning: local-expire" },
	{ "[delivery]\nexpire = 1h\ndelay-notify = unlimited\n", "" },
	{ "[delivery]\nexpire = 15m\n", D "0" },
	{ "[delivery]\nfqdn = shorty\n", D "2: warning: fqdn \"shorty\" has no dot" },
	{ "[messages]\nmax-message-size = 200M\n", D " warning: max-session-size is smaller" },
	{ "[delivery]\nsmart-host-after-direct = yes\n",
	    D "2: warning: smart-host-after-direct has no effect" },
	/* senders */
	{ "[delivery]\nsmart-host = a.example\n[domain me@Example.com]\ntype = sender\nroute = b.example\n"
	  "[domain @bücher.example]\ntype = sender\noutbound-tls = verify\n[domain @*.example.com]\ntype = sender\nroute = c.example\n"
	  "[domain <>]\ntype = sender\nroute = d.example\n", "" },
	{ "[domain me@example.com]\ntype = remote\n", D "2" E "[domain me@example.com] must be of type sender" },
	{ "[domain example.com]\ntype = sender\nroute = a.example\n", D "2" E "[domain example.com]: a sender is written me@" },
	{ "[domain a@*.b.example]\n[domain a@b@]\n[domain <a@b.c>]\n", D "1" E "must be\n" D "2" E "must be\n" D "3" E "must be" },
	{ "[domain me@a.example]\ntype = sender\nroute = b.example\n[domain ME@A.example]\ntype = sender\nroute = b.example\n",
	    D "4" E "domain me@a.example is there a second time" },
	{ "[domain me@a.example]\ntype = sender\nroute = b.example\nhold = yes\nrelay = yes\n",
	    D "4" E "\"hold\" is for remote domains only\n" D "5" E "\"relay\" is for remote domains only" },
	{ "[domain me@a.example]\ntype = sender\nuser = x\nsecret-file = /x\noutbound-auth = basic\noutbound-tls = verify\n",
	    D "2" W "[domain me@a.example] has no effect: it has no route" },
	{ "[delivery]\nsmart-host = a.example\n[domain me@a.example]\ntype = sender\n",
	    D "4" W "[domain me@a.example] says nothing of hosts, account or TLS" },
	{ "[domain me@a.example]\ntype = sender\nroute = b.example\noutbound-auth = basic\n",
	    D "4" E "outbound-auth = basic needs user and secret-file" },
	/* domains */
	{ "[domain a.example]\n", D "1" E "[domain a.example] has no type" },
	{ "[domain a.example]\ntype = remoet\nrelay = yes\n",
	    D "2" E "type must be default, alias, remote or sender, not \"remoet\"" },
	{ "[domain]\n", D "1" E "must be [domain NAME]" },
	{ "[domain *]\n[domain a.*.b]\n[domain 192.0.2.1]\n[domain -a]\n",
	    D "1" E "must be [domain NAME]\n" D "2" E "must be\n" D "3" E "must be\n" D "4" E "must be" },
	{ "[domain a.example]\ntype = alias\n[domain A.Example]\ntype = alias\n",
	    D "3" E "domain a.example is there a second time (first at line 1)" },
	{ "[domain a.example]\ntype = default\n[domain b.example]\ntype = default\n",
	    D "4" E "b.example is a second default domain, besides a.example" },
	{ "[domain *.a.example]\ntype = default\n", D "2" E "the default domain cannot be *.a.example" },
	{ "[domain *.a.example]\ntype = alias\n[domain a.example]\ntype = remote\n", "" },
	{ "[domain a.example]\ntype = alias\nrelay = yes\nroute = dns\n",
	    D "3" E "\"relay\" is for remote domains only\n" D "4" E "\"route\" is for" },
	{ "[domain a.example]\ntype = remote\ndrop = /x\n",
	    D "3" E "\"drop\" is for the default domain only" },
	{ "[domain host.example]\ntype = alias\n", D "1" E "there is no [domain] of type default" },
	{ "[domain host.example]\n", D "1" E "[domain host.example] has no type" },
};

/* shows 1.12b, 2.1d, 2.4v, 2.8a */
START_TEST(test_rows)
{
	begin();
	for (size_t i = 0; i < nitems_of(rows); i++) {
		put("servers/default.ini", rows[i].text);
		read_all();
		if (strcmp(rows[i].want, D "0") == 0)	/* a warning of the file as a whole */
			expect(rows[i].text,
			    "servers/default.ini: warning: the first retry is not before expire");
		else
			expect(rows[i].text, rows[i].want);
		ck_assert_ptr_nonnull(config);
		ck_assert_uint_eq(config->nserver, faults.errors == 0);
		for (size_t f = 0; f < faults.count; f++)
			ck_assert_str_eq(faults.fault[f].server, "default");
	}
	end();
}
END_TEST

/* --- lines of inih's size --- */

/* "[access]", then relay-list of `len` bytes as line 2, then id-like lines that must keep their numbers. */
static void
put_long(size_t len, const char *tail)
{
	char *line = mem_zalloc(len + 1), *text;

	memset(line, 'x', len);
	memcpy(line, "relay-list = 192.0.2.1 ;", 24);
	if (tail != NULL)
		memcpy(line + len - strlen(tail), tail, strlen(tail));
	text = mem_printf("[access]\n%s\nproxy = yes\n", line);
	put("servers/default.ini", text);
	free(text);
	free(line);
}

START_TEST(test_line_length)
{
	begin();
	for (size_t len = 190; len <= 210; len++) {
		put_long(len, NULL);
		read_all();
		expect("length", len <= 198 ? D "3" E "\"proxy\" is not" : D "2" E "is \n" D "3"
		    E "\"proxy\" is not");
	}
	end();
}
END_TEST

/* The tail of a long line is never parsed, wherever a cut might be. */
START_TEST(test_tail_is_not_parsed)
{
	static const size_t lens[] = { 215, 400, 401, 599, 600, 5000, 100000 };

	begin();
	for (size_t i = 0; i < nitems_of(lens); i++) {
		char *want;

		put_long(lens[i], "\topen-relay = evil");
		read_all();
		want = mem_printf(D "2" E "is %zu bytes long, at most 198\n" D "3" E "\"proxy\" is not",
		    lens[i]);
		expect("tail", want);
		free(want);
	}
	for (size_t cut = 195; cut < 215; cut++) {	/* exactly where the library would begin a new line */
		char *text = mem_printf("[general]\ndescription = %*sid = 77\n", (int)(cut - 14), "");
		memset(text + strlen("[general]\ndescription = "), 'x', cut - 14);
		put("servers/default.ini", text);
		read_all();
		ck_assert_uint_eq(faults.errors, strlen(text) - 11 > 198);
		ck_assert(config->nserver == 0 || server("default")->id == 1);
		free(text);
	}
	end();
}
END_TEST

START_TEST(test_refused_line_takes_its_continuation_with_it)
{
	char *text, filler[300];

	begin();
	memset(filler, 'x', 299);
	filler[299] = '\0';
	text = mem_printf("[access]\nconnection-list = 192.0.2.1\nrelay-list = %s\n  evil\n\n  evil\nproxy = "
	    "yes\n", filler);
	put("servers/default.ini", text);
	read_all();
	expect("continuation", D "3" E "is 312 bytes long\n" D "7" E "\"proxy\"");
	free(text);
	end();
}
END_TEST

START_TEST(test_long_comments_and_blanks)
{
	char *text, filler[1000];

	begin();
	memset(filler, ' ', 999);
	filler[999] = '\0';
	text = mem_printf("; %sx = y\n[access]   %s\n%s\nrelay-list = 192.0.2.1%s\n  # %s x\nproxy = yes\n",
	    filler, filler, filler, filler, filler);
	put("servers/default.ini", text);
	read_all();
	expect("comments", D "6" E "\"proxy\"");
	free(text);
	end();
}
END_TEST

/* inih cuts section names at 49 bytes. */
START_TEST(test_long_section_names)
{
	const char *label;
	char *text;

	begin();
	label = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee";
	text = mem_printf("[domain %s.%s.%s.one.example]\ntype = alias\n[domain %s.%s.%s.two.example]\ntype "
	    "= remote\n", label, label, label, label, label, label);
	put("servers/default.ini", text);
	read_all();
	expect("sections", "");
	ck_assert_uint_eq(server("default")->ndomain, 3);
	free(text);
	end();
}
END_TEST

/* --- files --- */

START_TEST(test_bytes)
{
	static const char nul[] = "[general]\nid = 3\0\nlisen = 1\n", utf16[] = "[\0g\0e\0n\0";

	begin();
	put_bytes("servers/default.ini", nul, sizeof(nul) - 1);
	read_all();
	expect("nul", D "2" E "has a NUL byte");
	put_bytes("servers/default.ini", utf16, sizeof(utf16) - 1);
	read_all();
	expect("utf16", D "1" E "has a NUL byte; the file must be saved as UTF-8 text (not as UTF-16)");
	end();
}
END_TEST

UNIT_MAIN("config", test_rows, test_line_length, test_tail_is_not_parsed,
    test_refused_line_takes_its_continuation_with_it,
    test_long_comments_and_blanks, test_long_section_names, test_bytes)
