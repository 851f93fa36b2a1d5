/*
 * config - rows of INI texts with the faults they must have, line by line; the snapshot's round trip; the judge
 */
#include "common/process/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/process/config_parts.h"
#include "t/unit/unit.h"

/* --- a scratch folder with an INI set --- */

static char folder[64];
static struct config *config;
static struct config_faults faults;
static char *told;	/* all faults, one a line, without the folder */

static char *
path_of(const char *name)
{
	return mem_printf("%s/%s", folder, name);
}

static void
put_bytes(const char *name, const char *text, size_t len)
{
	char *path = path_of(name);
	FILE *f = fopen(path, "w");

	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	ck_assert(fwrite(text, 1, len, f) == len && fclose(f) == 0);
	free(path);
}

static void
put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void
begin(void)
{
	strcpy(folder, "/tmp/postern-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	char *servers = path_of("servers");
	ck_assert_int_eq(mkdir(servers, 0755), 0);
	free(servers);
	put("postern.ini", "[service]\nhostname = host.example\n");
	put("servers/default.ini", "");
}

static void
forget(void)
{
	config_free(config);
	config_faults_done(&faults);
	free(told);
	config = NULL;
	told = NULL;
}

static void
read_all(void)
{
	size_t size;
	char *raw = NULL, *path = path_of("postern.ini"), *prefix = path_of("");

	forget();
	config = config_read(path, &faults);
	FILE *out = open_memstream(&raw, &size);
	config_faults_print(&faults, out);
	fclose(out);
	told = mem_zalloc(size + 1);
	for (char *p = raw, *q = told; *p != '\0'; ) {
		if (strncmp(p, prefix, strlen(prefix)) == 0)
			p += strlen(prefix);
		else
			*q++ = *p++;
	}
	free(raw);
	free(path);
	free(prefix);
}

static void
empty_folder(const char *path)
{
	DIR *dir = opendir(path);

	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL; ) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		char *child = mem_printf("%s/%s", path, e->d_name);
		if (unlink(child) == -1)
			empty_folder(child);
		free(child);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

static void
end(void)
{
	forget();
	empty_folder(folder);
}

/* Each line of `want` begins a line of what is told, in this order, and no error is told besides; "!text": that is told nowhere. */
static void
expect(const char *title, const char *want)
{
	char *copy = mem_strdup(want), *save = NULL;
	const char *at = told;
	size_t errors = 0;

	for (char *line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '!') {
			ck_assert_msg(strstr(told, line + 1) == NULL, "%s:\n\"%s\" in\n%s", title, line + 1, told);
			continue;
		}
		errors += strstr(line, ": error: ") != NULL;
		while (*at != '\0' && strncmp(at, line, strlen(line)) != 0) {
			at = strchr(at, '\n');
			at = at != NULL ? at + 1 : "";
		}
		ck_assert_msg(*at != '\0', "%s:\nno \"%s\" in\n%s", title, line, told);
	}
	ck_assert_msg(errors == faults.errors, "%s: %zu errors wanted\n%s", title, errors, told);
	free(copy);
}

static const struct config_server *
server(const char *name)
{
	ck_assert_ptr_nonnull(config);
	const struct config_server *s = config_server_by_name(config, name);
	ck_assert_msg(s != NULL, "no %s:\n%s", name, told);
	return s;
}

/* --- rows: the text of servers/default.ini, and its faults --- */

#define D "servers/default.ini:"
#define E ": error: "
#define W ": warning: "
#define LIST D "2" E "relay-list "
#define ACCOUNT "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\n"

static const struct { const char *text, *want; } rows[] = {
	{ "", "" },
	{ "# comment\n; comment\n\n[general]\n  ; comment\nid = 3 ; comment\ndescription = a;b # c\n", "" },
	{ "\xef\xbb\xbf[general]\r\nid = 3\r\n\r\n[access]\r\nrelay-list = 192.0.2.1,\r\n    192.0.2.2\r\n", "" },
	{ "[general]\nid: 3", "" },
	/* form */
	{ "id = 3\n", D "1" E "stands before the first [section]" },
	{ "[general]\nlisten 192.0.2.1\nid = x\n", D "2" E "\"listen 192.0.2.1\" is no key = value\n" D "3" E "id must be a number" },
	{ "[general]\n= 3\n", D "2" E "there is no key in front of =" },
	{ "[general]\nid ; = 3\n", D "2" E "\"id ; = 3\" is no key" },
	{ "[general\nid = 3\nlisen = 4\n", D "1" E "the section heading has no closing ]" },
	{ "[general] x\n", D "1" E "there is something behind the section heading" },
	{ "[general] ; fine\n", "" },
	{ "[]\n", D "1" E "unknown section []" },
	{ "[general x]\n", D "1" E "must be [general] and nothing more" },
	{ "[domain a b]\n", D "1" E "there are too many words" },
	{ "[General]\n", D "1" E "unknown section [General]; did you mean [general]?" },
	{ "[acess]\nx = y\n[colours]\n", D "1" E "unknown section [acess]; did you mean [access]?\n" D "3" E "unknown section [colours]" },
	{ "[access]\n[general]\n[access]\nx = y\n", D "3" E "section [access] is there a second time (first at line 1)" },
	{ "[service]\n", D "1" E "[service] belongs in postern.ini" },
	{ "[general]\ndescription = a\0b\n", "" },	/* cut by strlen here; whole in test_bytes */
	{ "[general]\ndescription = \xff\n[x]\n", D "2" E "is not UTF-8" },
	{ "[general]\ndescription = \xc0\xaf\n", D "2" E "is not UTF-8" },
	{ "[general]\ndescription = \xed\xa0\x80\n", D "2" E "is not UTF-8" },
	{ "[general]\ndescription = Gr\xc3\xbc\xc3\x9f" "e \xf0\x9f\x93\xae\n", "" },
	{ "[general]\nbanner = a\033b\n", D "2" E "has a control character" },
	{ "[general]\rid = 3\r", D "1" E "has a carriage return without a line feed" },
	/* keys */
	{ "[general]\nlisen = *:25\n", D "2" E "unknown key \"lisen\" in [general]; did you mean \"listen\"?" },
	{ "[general]\ncolour = red\n", D "2" E "unknown key \"colour\" in [general]\n" },
	{ "[general]\nrelay-list = 192.0.2.1\n", D "2" E "\"relay-list\" is no key of [general], it belongs in [access]" },
	{ "[general]\nunknown = 1\n  2\n  3\n", D "2" E "unknown key" },
	{ "[general]\nid = 1\nid = 2\n", D "3" E "\"id\" is given a second time (first at line 2)" },
	{ "[general]\nid = 1\n  2\n", D "3" E "the line starts with a blank and so goes on with \"id\"" },
	{ "[access]\nrelay-list = 192.0.2.1\n  relay = only\n", D "3" E "relay-list \"=\": must be an address" },
	/* values */
	{ "[general]\nid = 0\nprocesses = 65\n", D "2" E "id must be from 1 to 1000000, not 0\n" D "3" E "processes must be from 1 to 64, not 65" },
	{ "[general]\nconnection-limit = 0\n", D "2" E "connection-limit must be from 1 to 1000000, or unlimited, not 0" },
	{ "[general]\nconnection-limit = many\n", D "2" E "connection-limit must be a number or unlimited, not \"many\"" },
	{ "[general]\nprocesses = unlimited\n", D "2" E "processes must be a number, not \"unlimited\"" },
	{ "[general]\nconnection-timeout = 10\n", D "2" E "connection-timeout must be a time like 90s, 10m, 12h or 2d, not \"10\"" },
	{ "[general]\nconnection-timeout = 0s\n", D "2" E "connection-timeout must be from 1s to 1d, not 0s" },
	{ "[messages]\nmax-message-size = 12Q\nmax-session-size = 0\n", D "2" E "max-message-size must be a size like 25M or 2048K or unlimited, not "
	    "\"12Q\"\n" D "3" E "max-session-size must be at least 1, or unlimited, not 0" },
	{ "[general]\nprocesses =\n", D "2" E "processes must be a number" },
	{ "[general]\nhome = mail\nqueue = /a/../b\n", D "2" E "home must be an absolute path\n" D "3" E "queue must be an absolute path" },
	{ "[access]\nrelay-authenticated = maybe\n", D "2" E "relay-authenticated must be yes or no, not \"maybe\"" },
	{ "[access]\nrelay = all\n", D "2" E "relay must be only or all-except, not \"all\"" },
	{ "[delivery]\nsmart-host-after-direct = x\n", D "2" E "smart-host-after-direct must be no, yes or on-failure, not \"x\"" },
	{ "[access]\nrelay-list = 192.0.2.0/33\n", LIST "\"192.0.2.0/33\": the part after /" },
	{ "[access]\nrelay-list = example.com, 192.0.2.1\nconnection-list = a.example\nconnection-control = only\n", "" },
	{ "[access]\nproxy = yes\nproxy-trusted = lb.example.com\n", D "3" E "proxy-trusted \"lb.example.com\": a domain name cannot stand in this list" },
	{ "[access]\nproxy = yes\n", D "2" E "\"proxy\" is not complete without proxy-trusted" },
	{ "[access]\nproxy = yes\nproxy-trusted = 0.0.0.0/0\n", D "3" E "proxy-trusted would let every client claim any address" },
	{ "[access]\nconnection-list = 300.1.1.1\n", D "2" E "connection-list \"300.1.1.1\": must be an address" },
	{ "[general]\nlisten = 127.0.0.1:99999\n", D "2" E "listen \"127.0.0.1:99999\": the port must be a number from 1 to 65535" },
	{ "[general]\nlisten =\n", D "2" E "listen has no address" },
	{ "[delivery]\nretry = 15m, x\n", D "2" E "retry \"x\" is not a time" },
	{ "[delivery]\nretry =\n", D "2" E "retry has no time" },
	{ "[delivery]\nsmart-host = 192.0.2.1\n", D "2" E "smart-host \"192.0.2.1\" is not a host name or an address in brackets" },
	{ "[delivery]\nsource-address = 192.0.2.1, 192.0.2.2\n", D "2" E "source-address \"192.0.2.2\" is a second address of its family" },
	{ "[delivery]\nsource-address = 192.0.2.1:25\n", D "2" E "source-address \"192.0.2.1:25\" is not an address of this host" },
	{ "[delivery]\nfqdn = m\xc3\xbcnchen.example\n", D "2" E "fqdn must be a host name" },
	{ "[messages]\nndr-copy-to = somebody\n", D "2" E "ndr-copy-to must be a mail address" },
	{ "[delivery]\nport = 65536\n", D "2" E "port must be from 1 to 65535, not 65536" },
	/* not in this version */
	{ "[access]\nauthentication = anonymous, basic\n", D "2" E "authentication = basic needs a password-file" },
	{ "[access]\nproxy = yes\nproxy-trusted = 192.0.2.1, 2001:db8::/64\n[delivery]\nreverse-dns = yes\n", "" },
	{ "[access]\nproxy = no\nproxy-trusted =\nbasic-requires-tls = yes\n", "" },
	{ "[general]\nlog-format = json\nlog-roll = hourly\nlog-fields = date, CS-METHOD\n cs(User-Agent)\nlog-directory = /x\n", "" },
	{ "[general]\nlog-fields = date, cs-metod\n", D "2" E "log-fields \"cs-metod\" is not a field of the W3C log: date, time, c-ip" },
	{ "[general]\nlog-roll = yearly\nlog-format = ncsa\n", D "2" E "log-roll must be daily, hourly, weekly, monthly or size\n"
	    D "3" E "log-format must be w3c or json" },
	{ "[general]\nhome = /h\nlog-directory = /h/pickup/logs\n", D "3" E "the folders pickup (/h/pickup) and log-directory (/h/pickup/logs) must be apart" },
	{ "[general]\nhome = /h\nlog-directory = /h/logs\n", "" },
	{ "[general]\nlog = no\nlog-format = w3c\nlog-roll = daily\nlog-fields = all\n", "" },
	{ "[ldap]\nenable = yes\nuri = ldap://x\n", D "2" E "[ldap] needs a base" },
	{ "[ldap]\nenable = yes\nbase = dc=x\n", D "2" E "[ldap] needs a uri" },
	{ "[ldap]\nenable = yes\nuri = ldapi://%2Frun%2Fx, ldaps://[2001:db8::1]:636, ldap://h\nbase = dc=x\n", "" },
	{ "[ldap]\nenable = yes\nuri = ldaps://h\nbase = dc=x\nbind = gssapi\nuser = p@X\nsecret-file = /x\n", "" },
	{ "[ldap]\nenable = yes\nuri = ldap://h\nstart-tls = yes\nbase = dc=x\nbind = gssapi\nuser = p@X\n", D "6" E "bind = gssapi needs user and "
	    "secret-file" },
	{ "[ldap]\nenable = yes\nuri = ldapi://%2Fx\nbase = dc=x\nbind = gssapi\nuser = p@X\nsecret-file = /x\n", D "3" E "bind = gssapi needs ldap or "
	    "ldaps addresses" },
	{ "[ldap]\nenable = no\n", "" },
	{ "[domain a.example]\ntype = remote\natrn-accounts = x\n", D "3" ": warning: atrn-accounts has no effect without hold" },
	{ "[domain a.example]\ntype = remote\nhold = yes\natrn-accounts = x\n", D "4" ": warning: atrn-accounts has no effect while authentication" },
	{ "[domain a.example]\ntype = alias\nhold = yes\n", D "3" E "\"hold\" is for remote domains only" },
	{ "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\nsmart-host = relay.example\noutbound-tls = verify\n", "!warning" },
	/* who gets to see a password */
	{ ACCOUNT "smart-host = relay.example\n", D "2" W "outbound-tls = may: whoever answers for a host is shown the password of x when no SCRAM is "
	    "offered; outbound-tls = verify checks who it is" },
	{ ACCOUNT "smart-host = relay.example\noutbound-tls = may\n", D "6" W "outbound-tls = may: whoever" },
	{ ACCOUNT "smart-host = relay.example\noutbound-tls = required\n", D "6" W "outbound-tls = required: whoever" },
	{ ACCOUNT "smart-host = relay.example\noutbound-tls = off\n", D "6" W "outbound-tls = off: to a host that offers no SCRAM the password of x goes" },
	{ ACCOUNT "smart-host = [127.0.0.1]:587, [::1], [127.1.2.3]\n", "!outbound-tls" },
	{ ACCOUNT "smart-host = [127.0.0.1], [192.0.2.1]\n", D "2" W "outbound-tls = may: whoever" },
	{ ACCOUNT "smart-host = a.example\noutbound-tls = verify\n[domain a.example]\ntype = remote\noutbound-tls = required\n",
	  D "9" W "outbound-tls = required: whoever" },
	{ ACCOUNT "smart-host = a.example\noutbound-tls = verify\n[domain a.example]\ntype = remote\noutbound-tls = off\nroute = dns\n", "!outbound-tls" },
	{ ACCOUNT "smart-host = a.example\n[domain a.example]\ntype = remote\nroute = b.example\noutbound-tls = may\n",
	  D "2" W "outbound-tls = may: whoever\n!" D "9" },
	{ ACCOUNT "smart-host = [::1]\n[domain a.example]\ntype = remote\nroute = b.example\n", D "8" W "outbound-tls = may: whoever" },
	{ ACCOUNT "smart-host = [::1]\n[domain a.example]\ntype = remote\noutbound-auth = basic\nroute = dns\n", D "8" W "outbound-tls = may" },
	{ "[domain a.example]\ntype = remote\noutbound-auth = basic\nuser = y\nsecret-file = /y\noutbound-tls = verify\n"
	  "[domain b.example]\ntype = remote\noutbound-auth = basic\nuser = z\nsecret-file = /y\n", D "9" W "outbound-tls = may: whoever answers for a "
	    "host is shown the password of z" },
	{ "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\n", D "2" W "outbound-auth has no effect: the account is shown only to hosts" },
	{ "[delivery]\noutbound-auth = integrated\nsmart-host = relay.example\n", D "2" E "outbound-auth = integrated needs user and secret-file" },
	{ "[delivery]\nuser = x\n", D "2" E "user and secret-file belong together, and secret-file is missing" },
	{ "[delivery]\nsecret-file = /x\n", D "2" E "user and secret-file belong together, and user is missing" },
	{ "[delivery]\nuser = x\nsecret-file = /x\n", D "2" W "user has no effect: outbound-auth is anonymous" },
	{ "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\n[domain a.example]\ntype = remote\noutbound-auth = basic\n"
	  "[domain b.example]\ntype = remote\noutbound-auth = anonymous\n[domain c.example]\ntype = remote\nuser = y\nsecret-file = /y\n", "" },
	{ "[delivery]\noutbound-auth = basic\nuser = x\nsecret-file = /x\nsmart-host = a.example\n[domain a.example]\ntype = remote\n"
	  "outbound-auth = integrated\n", D "8" E "outbound-auth = integrated needs user and secret-file" },
	{ "[domain a.example]\ntype = remote\nuser = x\nsecret-file = /x\n", D "3" W "user has no effect" },
	{ "[domain a.example]\ntype = remote\noutbound-auth = basic\nuser = x\n", D "4" E "user and secret-file belong together" },
	{ "[delivery]\noutbound-tls = dane\n", D "2: warning: outbound-tls = dane is no more than may without dnssec\n" },
	{ "[domain a.example]\ntype = remote\nhold = yes\noutbound-tls = may\noutbound-auth = anonymous\n", "" },
	{ "[domain r.example]\ntype = remote\nhelo = yes\noutbound-tls = verify\n", D "4" E "outbound-tls = verify cannot be had with helo = yes" },
	{ "[delivery]\noutbound-tls = required\n[domain r.example]\ntype = remote\nhelo = yes\n", D "5" E "helo = yes cannot be had with outbound-tls = required" },
	{ "[delivery]\noutbound-tls = required\n[domain r.example]\ntype = remote\nhelo = yes\noutbound-tls = may\n", "" },
	/* combinations */
	{ "[access]\ntls-minimum = 1.2\ntls = off\n", "" },
	{ "[access]\ncertificate = /c\nkey = /k\n", "" },
	{ "[access]\ntls = required\n", D "2" E "tls = required needs certificate and key" },
	{ "[access]\ntls = must\n", D "2" E "tls must be off, optional or required, not \"must\"" },
	{ "[access]\ntls = optional\ncertificate = /a, /b\nkey = /k\n", D "3" E "there are 2 certificates and 1 key: each certificate needs its key" },
	{ "[access]\nkey = /k\n", D "2" E "there are 0 certificates and 1 key" },
	{ "[access]\ncertificate = c.pem\nkey = /k\n", D "2" E "certificate \"c.pem\" is not an absolute path" },
	{ "[access]\ntls = off\ncertificate = /c\nkey = /k\n", D "3: warning: certificate has no effect" },
	{ "[general]\ntls-listen = *:465\n", D "2" E "tls-listen needs certificate and key" },
	{ "[general]\ntls-listen = *:465\n[access]\ntls = off\ncertificate = /c\nkey = /k\n", "" },
	{ "[general]\ntls-listen = *:25\n[access]\ncertificate = /c\nkey = /k\n", "servers/default.ini" E "listen names" },
	{ "[access]\nclient-certificate = ask\n", D "2: warning: client-certificate has no effect without TLS" },
	{ "[access]\ntls-minimum = 1.4\n", D "2" E "tls-minimum must be 1.0, 1.1, 1.2 or 1.3, not \"1.4\"" },
	{ "[access]\ntls-minimum = 1.1\n", D "2" E "tls-minimum under 1.2 is for devices that are known" },
	{ "[access]\ntls-minimum = 1.0\nconnection-control = only\nconnection-list = 192.0.2.0/24\n", "" },
	{ "[access]\nrelay-list = 0.0.0.0/0\n", D "2" E "open relay: relay-list would let every client" },
	{ "[access]\nrelay-list = ::/0\n", D "2" E "open relay" },
	{ "[access]\nrelay-list = ::ffff:0.0.0.0/96\n", D "2" E "open relay" },
	{ "[access]\nrelay-list = 0.0.0.0/1\n 128.0.0.0/1\n", D "2" E "open relay" },
	{ "[access]\nrelay-list = 10.0.0.0/8, 127.0.0.1\n", "" },
	{ "[access]\nrelay = all-except\n", D "2" E "open relay: relay = all-except with an empty relay-list" },
	{ "[access]\nrelay = all-except\nrelay-list = 192.0.2.1\n", D "2: warning: open relay: every client outside" },
	{ "[access]\nrelay = all-except\nopen-relay = i-know\n", D "3: warning: open relay" },
	{ "[access]\nopen-relay = yes\n", D "2" E "open-relay must be no or i-know" },
	{ "[access]\nconnection-control = only\n", D "2: warning: nobody can connect" },
	{ "[general]\nlisten = *:25, *:25\n", D "2" E "listen names *:25 and *:25: one covers the other" },
	{ "[general]\nlisten = *:25\nlisten = 192.0.2.1:25\n", D "2" E "listen names *:25 and 192.0.2.1:25" },
	{ "[general]\nlisten = *:25\n  [::]:25\n  192.0.2.1:26\n", "" },
	{ "[general]\npickup = /m/a\nqueue = /m/a\n", D "3" E "the folders pickup (/m/a) and queue (/m/a) must be apart" },
	{ "[general]\npickup = /m/a/\nqueue = /m//a/./b\n", D "3" E "the folders pickup (/m/a) and queue (/m/a/b) must be apart" },
	{ "[general]\npickup = /m/a\nqueue = /m/ab\n", "" },
	{ "[general]\ndrop = /m/x\n[messages]\nbadmail = /m/x/y\n", D "4" E "the folders drop (/m/x) and badmail (/m/x/y)" },
	{ "[domain a.example]\ntype = default\ndrop = /var/spool/postern/default/queue/x\n", D "3" E "the folders queue" },
	{ "[delivery]\nexpire = 1h\nlocal-expire = 1h\n", D "2: warning: expire is shorter than delay-notify\n" D "3: warning: local-expire" },
	{ "[delivery]\nexpire = 1h\ndelay-notify = unlimited\n", "" },
	{ "[delivery]\nexpire = 15m\n", D "0" },
	{ "[delivery]\nfqdn = shorty\n", D "2: warning: fqdn \"shorty\" has no dot" },
	{ "[messages]\nmax-message-size = 200M\n", D " warning: max-session-size is smaller" },
	{ "[delivery]\nsmart-host-after-direct = yes\n", D "2: warning: smart-host-after-direct has no effect" },
	/* domains */
	{ "[domain a.example]\n", D "1" E "[domain a.example] has no type" },
	{ "[domain a.example]\ntype = remoet\nrelay = yes\n", D "2" E "type must be default, alias or remote, not \"remoet\"" },
	{ "[domain]\n", D "1" E "must be [domain NAME]" },
	{ "[domain *]\n[domain a.*.b]\n[domain 192.0.2.1]\n[domain -a]\n", D "1" E "must be [domain NAME]\n" D "2" E "must be\n" D "3" E "must be\n" D "4" E
	    "must be" },
	{ "[domain a.example]\ntype = alias\n[domain A.Example]\ntype = alias\n", D "3" E "domain a.example is there a second time (first at line 1)" },
	{ "[domain a.example]\ntype = default\n[domain b.example]\ntype = default\n", D "4" E "b.example is a second default domain, besides a.example" },
	{ "[domain *.a.example]\ntype = default\n", D "2" E "the default domain cannot be *.a.example" },
	{ "[domain *.a.example]\ntype = alias\n[domain a.example]\ntype = remote\n", "" },
	{ "[domain a.example]\ntype = alias\nrelay = yes\nroute = dns\n", D "3" E "\"relay\" is for remote domains only\n" D "4" E "\"route\" is for" },
	{ "[domain a.example]\ntype = remote\ndrop = /x\n", D "3" E "\"drop\" is for the default domain only" },
	{ "[domain host.example]\ntype = alias\n", D "1" E "there is no [domain] of type default" },
	{ "[domain host.example]\n", D "1" E "[domain host.example] has no type" },
};

START_TEST(test_rows)
{
	begin();
	for (size_t i = 0; i < nitems_of(rows); i++) {
		put("servers/default.ini", rows[i].text);
		read_all();
		if (strcmp(rows[i].want, D "0") == 0)	/* a warning of the file as a whole */
			expect(rows[i].text, "servers/default.ini: warning: the first retry is not before expire");
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
		expect("length", len <= 198 ? D "3" E "\"proxy\" is not" : D "2" E "is \n" D "3" E "\"proxy\" is not");
	}
	end();
}
END_TEST

/* The tail of a long line reaches nobody, wherever a cut might be. */
START_TEST(test_tail_is_not_parsed)
{
	static const size_t lens[] = { 215, 400, 401, 599, 600, 5000, 100000 };

	begin();
	for (size_t i = 0; i < nitems_of(lens); i++) {
		put_long(lens[i], "\topen-relay = evil");
		read_all();
		char *want = mem_printf(D "2" E "is %zu bytes long, at most 198\n" D "3" E "\"proxy\" is not", lens[i]);
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
	begin();
	char filler[300];
	memset(filler, 'x', 299);
	filler[299] = '\0';
	char *text = mem_printf("[access]\nconnection-list = 192.0.2.1\nrelay-list = %s\n  evil\n\n  evil\nproxy = yes\n", filler);
	put("servers/default.ini", text);
	read_all();
	expect("continuation", D "3" E "is 312 bytes long\n" D "7" E "\"proxy\"");
	free(text);
	end();
}
END_TEST

START_TEST(test_long_comments_and_blanks)
{
	begin();
	char filler[1000];
	memset(filler, ' ', 999);
	filler[999] = '\0';
	char *text = mem_printf("; %sx = y\n[access]   %s\n%s\nrelay-list = 192.0.2.1%s\n  # %s x\nproxy = yes\n", filler, filler, filler, filler, filler);
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
	begin();
	const char *label = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee";
	char *text = mem_printf("[domain %s.%s.%s.one.example]\ntype = alias\n[domain %s.%s.%s.two.example]\ntype = remote\n", label, label, label,
	    label, label, label);
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

START_TEST(test_files)
{
	begin();
	char *path = path_of("servers/folder.ini"), *big = mem_zalloc(CONFIG_FILE_MAX + 2), *link = path_of("servers/link.ini"),
	    *fifo = path_of("servers/fifo.ini");
	memset(big, '\n', CONFIG_FILE_MAX + 1);
	put("servers/big.ini", big);
	big[CONFIG_FILE_MAX] = '\0';
	put("servers/full.ini", big);
	put("servers/Upper.ini", "");
	put("servers/upper2.INI", "");
	put("servers/abcdefghijabcdefghijabcdefghijabc.ini", "");
	put("servers/-x.ini", "");
	put("servers/default.ini~", "rubbish");
	put("servers/.default.ini.swp", "rubbish");
	put("servers/.hidden.ini", "rubbish");
	put("servers/README", "rubbish");
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_int_eq(symlink("/nonexistent", link), 0);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	read_all();
	expect("files", "servers/-x.ini: error: the name\nservers/Upper.ini: error: the name of a virtual server's file must be lower-case\n"
	    "servers/abcdefghijabcdefghijabcdefghijabc.ini: error: the name\nservers/big.ini: error: is larger than 1 MiB\n"
	    "servers/fifo.ini: error: is a device or pipe\nservers/folder.ini: error: is a folder\n"
	    "servers/link.ini: error: cannot be read: No such file\nservers/upper2.INI: error: the name");
	ck_assert_uint_eq(config->nserver, 2);
	free(path);
	free(big);
	free(link);
	free(fifo);
	end();
}
END_TEST

START_TEST(test_service_file)
{
	begin();
	put("postern.ini", "[service]\nhostnam = x\ngrace = 1\n[domain a.example]\n[general]\nid = 4\nlisten = *:26\n[access]\nrelay = all\n");
	read_all();
	expect("service", "postern.ini:2" E "unknown key \"hostnam\" in [service]; did you mean \"hostname\"?\npostern.ini:3" E "grace must be a time\n"
	    "postern.ini:4" E "[domain] belongs in the file of a virtual server\npostern.ini:6" E "\"id\" cannot be shared\n"
	    "postern.ini:7" E "\"listen\" cannot be shared\npostern.ini:9" E "relay must be only");
	ck_assert_ptr_null(config);
	ck_assert_ptr_null(faults.fault[0].server);
	put("postern.ini", "[service]\nhostname = host\nmetrics = /x\n");
	read_all();
	expect("service", "postern.ini:2: warning: the hostname \"host\" has no dot");
	put("postern.ini", "[service]\nhostname = h.example\nmetrics = /run/m.sock, 127.0.0.1:9925\n [::1]:9925\n");
	read_all();
	expect("service", "");
	put("postern.ini", "[service]\nhostname = h.example\nmetrics = 0.0.0.0:9925\n 127.0.0.1\n");
	read_all();
	expect("service", "postern.ini:3" E "metrics \"0.0.0.0:9925\" is not the path of a socket, or a loopback address\npostern.ini:4" E
	    "metrics \"127.0.0.1\" is not the path of a socket");
	char *path = path_of("postern.ini");
	unlink(path);
	read_all();
	expect("service", "postern.ini: error: cannot be read: No such file");
	ck_assert_ptr_null(config);
	free(path);
	end();
}
END_TEST

START_TEST(test_no_server)
{
	begin();
	char *file = path_of("servers/default.ini"), *servers = path_of("servers");
	unlink(file);
	read_all();
	expect("no file", "postern.ini: error: there is no virtual server: make a file servers/default.ini");
	ck_assert_ptr_null(config);
	rmdir(servers);
	read_all();
	expect("no folder", "postern.ini: error: there is no virtual server");
	free(file);
	free(servers);
	end();
}
END_TEST

START_TEST(test_bad_file_affects_itself)
{
	begin();
	put("servers/bad.ini", "[general]\nnonsense = 1\nid = 7\n[delivery]\nfqdn = shorty\n");
	put("servers/good.ini", "[general]\nlisten = *:26\n");
	read_all();
	expect("bad", "servers/bad.ini:2" E "unknown key\nservers/bad.ini:5: warning: fqdn");
	ck_assert_uint_eq(config->nserver, 2);
	ck_assert_str_eq(config->server[0].name, "default");
	ck_assert_str_eq(config->server[1].name, "good");
	end();
}
END_TEST

START_TEST(test_many_faults)
{
	begin();
	char *text = mem_zalloc(20000), *p = text;
	p += sprintf(p, "[general]\n");
	for (int i = 0; i < 1000; i++)
		p += sprintf(p, "x%d = 1\n", i);
	put("servers/default.ini", text);
	read_all();
	ck_assert_uint_eq(faults.errors, 1000);
	ck_assert_uint_eq(faults.count, 500);
	ck_assert_ptr_nonnull(strstr(told, "more than 500 faults"));
	free(text);
	end();
}
END_TEST

/* --- several virtual servers --- */

START_TEST(test_ids)
{
	begin();
	put("servers/a.ini", "");
	put("servers/b.ini", "[general]\nid = 1\n");
	put("servers/c.ini", "[general]\nbroken\nid = 3\n");
	put("servers/d.ini", "");
	read_all();
	ck_assert_uint_eq(server("a")->id, 2);
	ck_assert_uint_eq(server("b")->id, 1);
	ck_assert_uint_eq(server("d")->id, 4);	/* 3 is the broken one's */
	ck_assert_uint_eq(server("default")->id, 5);
	ck_assert_ptr_eq(config_server_by_id(config, 4), server("d"));
	ck_assert_ptr_null(config_server_by_id(config, 3));
	ck_assert_ptr_null(config_server_by_name(config, "c"));
	end();
}
END_TEST

START_TEST(test_servers_against_each_other)
{
	begin();
	put("servers/a.ini", "[general]\nid = 5\nhome = /m/a\nlisten = 192.0.2.1:25\n");
	put("servers/b.ini", "[general]\nlisten = 192.0.2.2:25\nid = 5\n");
	put("servers/c.ini", "[general]\nlisten = 192.0.2.3:25\nhome = /m/a/\n");
	put("servers/d.ini", "[general]\nlisten = 192.0.2.4:25\npickup = /m/a/drop\nqueue = /m/a/queue/inside\n");
	put("servers/default.ini", "");
	read_all();
	expect("each other", "servers/b.ini:3" E "id 5 belongs to virtual server a already\nservers/c.ini:3" E "home /m/a belongs to virtual server a\n"
	    "servers/d.ini:3" E "pickup (/m/a/drop) and the drop (/m/a/drop) of virtual server a must be apart\n"
	    "servers/d.ini:4" E "queue (/m/a/queue/inside) and the queue (/m/a/queue) of virtual server a\n"
	    "servers/default.ini: warning: listens on *:25, as virtual server a does on 192.0.2.1:25");
	ck_assert_uint_eq(config->nserver, 2);
	end();
}
END_TEST

START_TEST(test_file_systems)
{
	begin();
	struct stat here, shm;
	if (stat("/dev/shm", &shm) == -1 || stat(folder, &here) == -1 || shm.st_dev == here.st_dev) {
		end();
		return;
	}
	char *text = mem_printf("[general]\nqueue = %s\npickup = /dev/shm\ndrop = /nonexistent/drop\n[messages]\nbadmail = /dev/null\n", folder);
	put("servers/default.ini", text);
	read_all();
	expect("file system", D "3" E "pickup (/dev/shm) must be on the same file system as queue\n" D "6" E "badmail (/dev/null) is not a folder");
	free(text);
	end();
}
END_TEST

START_TEST(test_shared_sections)
{
	begin();
	put("postern.ini", "[service]\nhostname = host.example\n[access]\nrelay-list = 192.0.2.0/24\n[messages]\nmax-recipients = 7\n");
	put("servers/own.ini", "[general]\nlisten = *:26\n[access]\nrelay-list = 10.0.0.0/8\nrelay-list = 127.0.0.1\n[messages]\nmax-recipients = 8\n");
	read_all();
	expect("shared", "");
	ck_assert_uint_eq(server("default")->max_recipients, 7);
	ck_assert_uint_eq(server("default")->relay_list.count, 1);
	ck_assert_uint_eq(server("own")->max_recipients, 8);
	ck_assert_uint_eq(server("own")->relay_list.count, 2);
	put("postern.ini", "[access]\nrelay-list = 0.0.0.0/0\n");
	read_all();
	ck_assert_msg(strstr(told, "default.ini: error: open relay") != NULL && strstr(told, "(line 2 of postern.ini)") != NULL, "%s", told);
	ck_assert_uint_eq(config->nserver, 1);
	end();
}
END_TEST

/* --- values, defaults, look-ups --- */

START_TEST(test_defaults)
{
	begin();
	read_all();
	const struct config_server *s = server("default");
	ck_assert_uint_eq(s->id, 1);
	ck_assert_uint_eq(s->nlisten, 2);
	ck_assert_uint_eq(s->max_message_size, 25 << 20);
	ck_assert_uint_eq(s->connection_limit, CONFIG_UNLIMITED);
	ck_assert_uint_eq(s->connection_timeout, 600000);
	ck_assert_uint_eq(s->retry.count, 4);
	ck_assert_uint_eq(s->retry.ms[3], 4 * 3600 * 1000);
	ck_assert_uint_eq(s->port, 25);
	ck_assert_uint_eq(s->authentication, CONFIG_AUTH_ANONYMOUS);
	ck_assert_int_eq(s->relay, CONFIG_ONLY);
	ck_assert_int_eq(s->connection_control, CONFIG_ALL_EXCEPT);
	ck_assert(s->relay_authenticated && !s->open_relay && s->banner == NULL && s->masquerade == NULL);
	ck_assert_str_eq(s->fqdn, "host.example");
	ck_assert_str_eq(s->queue, POSTERN_LOCALSTATEDIR "/spool/postern/default/queue");
	ck_assert_str_eq(s->default_domain->name, "host.example");
	ck_assert_uint_eq(s->default_domain->drop_quota, CONFIG_UNLIMITED);
	ck_assert_uint_eq(config->service.grace, 30000);
	ck_assert(config->service.syslog && !config->service.dnssec);
	end();
}
END_TEST

static const char rich[] = "[general]\nlisten = [::1]:2525 127.0.0.1:2525\nbanner = Hello;there\n[access]\nrelay-list = 10.0.0.0/8 192.0.2.1,\n"
    " 2001:db8::/32\nrelay-list = 127.0.0.1\n[messages]\nmax-message-size = unlimited\nmax-session-size = unlimited\nndr-copy-to = a@b.example\n"
    "[delivery]\nretry = 1s 2s\nretry = 3s\nsmart-host = a.example:587, [192.0.2.1]\nsmart-host-after-direct = on-failure\nfqdn = MAIL.Example\n"
    "source-address = 2001:db8::1, 192.0.2.1\n[security]\noperators = alice, @wheel\n[domain b.example]\ntype = remote\nroute = dns\nport = 2525\n"
    "relay = yes\n[domain *.b.example]\ntype = remote\nroute = r.example, [2001:db8::2]:26\n[domain c.example]\ntype = default\ndrop-quota = 1M\n"
    "[domain x.b.example]\ntype = alias\n[domain B\xc3\x9c" "cher.example]\ntype = alias\n";

START_TEST(test_rich_values)
{
	begin();
	put("servers/default.ini", rich);
	read_all();
	expect("rich", "");
	const struct config_server *s = server("default");
	ck_assert_str_eq(s->banner, "Hello;there");
	ck_assert_uint_eq(s->relay_list.count, 4);
	ck_assert_uint_eq(s->retry.count, 3);
	ck_assert_uint_eq(s->retry.ms[2], 3000);
	ck_assert_uint_eq(s->smart_host.count, 2);
	ck_assert_str_eq(s->smart_host.text[0], "a.example:587");
	ck_assert_int_eq(s->smart_host_after_direct, CONFIG_DIRECT_ON_FAILURE);
	ck_assert_str_eq(s->fqdn, "mail.example");
	ck_assert_uint_eq(s->nsource_address, 2);
	ck_assert_uint_eq(s->operators.count, 2);
	ck_assert_str_eq(s->default_domain->name, "c.example");
	ck_assert_uint_eq(s->default_domain->drop_quota, 1 << 20);
	const struct config_domain *d = config_domain_find(s, "b.example");
	ck_assert(d != NULL && d->has_route && d->type == CONFIG_DOMAIN_REMOTE && d->relay && d->has_port && d->port == 2525 && d->route.count == 0);
	d = config_domain_find(s, "y.b.example");
	ck_assert(d != NULL && strcmp(d->name, "*.b.example") == 0 && !d->has_port && d->route.count == 2);
	ck_assert_str_eq(config_domain_find(s, "z.x.b.example")->name, "*.b.example");
	ck_assert_str_eq(config_domain_find(s, "x.b.example")->name, "x.b.example");
	ck_assert_ptr_null(config_domain_find(s, "xb.example"));
	ck_assert_str_eq(config_domain_find(s, "b\xc3\xbc" "cher.example")->name, "xn--bcher-kva.example");
	ck_assert_str_eq(config_domain_find(s, "\xc3\xbc.b.example")->name, "*.b.example");
	ck_assert_ptr_nonnull(config_domain_find(s, "xn--bcher-kva.example"));
	ck_assert_ptr_null(config_domain_find(s, "\xff.b.example"));
	ck_assert_ptr_null(config_domain_find(s, "example"));
	ck_assert_ptr_null(config_domain_find(s, "*.b.example"));
	ck_assert_ptr_null(config_domain_find(s, ""));
	end();
}
END_TEST

START_TEST(test_many_domains)
{
	begin();
	char *text = mem_zalloc(CONFIG_FILE_MAX), *p = text, name[64];
	for (int i = 0; i < 20000; i++)
		p += sprintf(p, "[domain d%d.example]\ntype = alias\n", i);
	put("servers/default.ini", text);
	read_all();
	expect("many", "");
	for (int i = 0; i < 20000; i += 997) {
		snprintf(name, sizeof(name), "d%d.example", i);
		ck_assert_ptr_nonnull(config_domain_find(server("default"), name));
	}
	free(text);
	end();
}
END_TEST

/* --- snapshot, print, sameness --- */

static char *
printed(const struct config *c, const char *name)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	config_print(c, name, out);
	fclose(out);
	return text;
}

static struct config *
through_snapshot(void)
{
	int fd = config_snapshot(config);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	struct config *c = config_read_snapshot(fd);
	ck_assert_ptr_nonnull(c);
	close(fd);
	return c;
}

START_TEST(test_snapshot)
{
	begin();
	put("postern.ini", "[service]\nhostname = host.example\n[messages]\nmax-recipients = 7\n");
	put("servers/default.ini", rich);
	put("servers/bad.ini", "[general]\nnonsense = 1\n");	/* would take an id if it were forgotten */
	put("servers/no-newline.ini", "[general]\r\nlisten = *:26");
	put("servers/empty.ini", "");
	read_all();
	struct config *copy = through_snapshot();
	char *a = printed(config, NULL), *b = printed(copy, NULL);
	ck_assert_str_eq(a, b);
	ck_assert_uint_eq(config_server_by_name(copy, "empty")->id, server("empty")->id);
	ck_assert_ptr_null(config_server_by_name(copy, "bad"));
	ck_assert_uint_eq(copy->text_len, config->text_len);
	ck_assert_mem_eq(copy->text, config->text, copy->text_len);
	for (size_t i = 0; i < config->nserver; i++)
		ck_assert(config_server_same(config, copy, config->server[i].name));
	free(a);
	free(b);
	config_free(copy);
	end();
}
END_TEST

/* A child looks neither at folders and files nor at the host's name: it has what the snapshot says. */
START_TEST(test_snapshot_stands_alone)
{
	begin();
	put("postern.ini", "");
	read_all();
	char *rest = strstr(strstr(config->text, "host ") + 1, "\n"), *text = mem_printf("postern-snapshot 1\nhost elsewhere.example%s", rest);
	empty_folder(folder);
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	struct config *copy = config_read_snapshot(fd);
	ck_assert_ptr_nonnull(copy);
	ck_assert_str_eq(copy->service.hostname, "elsewhere.example");
	ck_assert_str_eq(config_server_by_name(copy, "default")->default_domain->name, "elsewhere.example");
	free(text);
	close(fd);
	config_free(copy);
	end();
}
END_TEST

START_TEST(test_damaged_snapshot)
{
	begin();
	put("servers/default.ini", rich);
	read_all();
	for (size_t len = 0; len < config->text_len; len += len < 100 ? 1 : 37) {
		int fd = memfd_create("damaged", MFD_CLOEXEC);
		ck_assert_int_eq(write(fd, config->text, len), (ssize_t)len);
		struct config *c = config_read_snapshot(fd);
		ck_assert_msg(c == NULL || c->nserver == 0, "cut at %zu", len);	/* whole files left out are a legal text */
		config_free(c);
		close(fd);
	}
	ck_assert_ptr_null(config_read_snapshot(-1));
	end();
}
END_TEST

START_TEST(test_print_shows_origins)
{
	begin();
	put("postern.ini", "[service]\nhostname = host.example\n[messages]\nmax-recipients = 7\n"
	    "[oauth m365]\ntoken-url = https://a.example/t\nclient-id = c\nsecret-file = /s\n");
	put("servers/default.ini", "[general]\nid = 9\n[domain r.example]\ntype = remote\n");
	read_all();
	char *text = printed(config, "default"), *all = printed(config, NULL), *id = mem_printf("; %s/servers/default.ini:2\n", folder),
	    *shared = mem_printf("; %s/postern.ini:4\n", folder);
	ck_assert_ptr_nonnull(strstr(text, id));
	ck_assert_ptr_nonnull(strstr(text, shared));
	ck_assert_ptr_null(strstr(text, "[service]"));
	ck_assert_ptr_nonnull(strstr(all, "[service]\nhostname"));
	for (size_t i = 0; i < key_rows_count; i++) {
		char *line = mem_printf("\n%s ", key_rows[i].name);
		ck_assert_msg(strstr(all, line) != NULL, "%s", key_rows[i].name);
		free(line);
	}
	ck_assert_ptr_nonnull(strstr(text, "; default\n"));
	free(text);
	free(all);
	free(id);
	free(shared);
	end();
}
END_TEST

/* What config_print says is an INI file of the same values. */
START_TEST(test_print_reads_back)
{
	begin();
	put("servers/default.ini", rich);
	read_all();
	struct config *first = config;
	char *text = printed(config, "default");
	config = NULL;
	put("servers/default.ini", text);
	read_all();
	expect("printed", "");
	ck_assert(config_server_same(first, config, "default"));
	free(text);
	config_free(first);
	end();
}
END_TEST

START_TEST(test_same)
{
	static const struct { const char *service, *server; bool same; } cases[] = {
		{ "[service]\nhostname = host.example\n", "[general]\nid = 1\n[access]\nrelay-list = 192.0.2.1\n", true },
		{ "# comment\n[service]\nhostname = host.example\n", "[access]\nrelay-list = 192.0.2.1/32 ; the same\n", true },
		{ "[service]\nhostname = host.example\n", "[access]\nrelay-list = 192.0.2.2\n", false },
		{ "[service]\nhostname = host.example\n", "[access]\nrelay-list = 192.0.2.1\n[domain a.example]\ntype = alias\n", false },
		{ "[service]\nhostname = host.example\ngrace = 31s\n", "[access]\nrelay-list = 192.0.2.1\n", false },
		{ "[service]\nhostname = host.example\n[messages]\nmax-recipients = 7\n", "[access]\nrelay-list = 192.0.2.1\n", false },
	};
	begin();
	put("servers/default.ini", cases[0].server);
	read_all();
	struct config *before = config;
	config = NULL;
	for (size_t i = 0; i < nitems_of(cases); i++) {
		put("postern.ini", cases[i].service);
		put("servers/default.ini", cases[i].server);
		read_all();
		ck_assert_msg(config_server_same(before, config, "default") == cases[i].same, "case %zu", i);
	}
	ck_assert(!config_server_same(before, config, "x") == false);
	config_free(before);
	end();
}
END_TEST

/* The sample, with the semicolons taken away, sets everything to its default. */
START_TEST(test_sample_is_the_defaults)
{
	begin();
	put("postern.ini", "");
	read_all();
	struct config *before = config;
	config = NULL;
	for (int which = 0; which < 2; which++) {
		char *text = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);
		key_print_sample(out, which == 1);
		fclose(out);
		char *named = strstr(text, which == 1 ? ";[domain" : ";[oauth");
		ck_assert_ptr_nonnull(named);
		*named = '\0';
		for (char *p = text; (p = strstr(p, "\n;")) != NULL; )
			memmove(p + 1, p + 2, strlen(p + 2) + 1);
		put(which == 1 ? "servers/default.ini" : "postern.ini", text);
		free(text);
	}
	read_all();
	expect("sample", "");
	ck_assert(config_server_same(before, config, "default"));
	for (size_t i = 0; i < key_rows_count; i++)	/* and does name every key */
		if (key_rows[i].section < KEY_DOMAIN && !key_rows[i].missing)
			ck_assert_msg(config_build_origin(key_rows[i].section == KEY_SERVICE ? config->service.origin : server("default")->origin,
			    key_rows[i].section, key_rows[i].name)->file != NULL, "%s", key_rows[i].name);
	config_free(before);
	end();
}
END_TEST

START_TEST(test_hostname)
{
	char name[256] = "";

	begin();
	ck_assert_int_eq(gethostname(name, sizeof(name) - 1), 0);
	char *hosts = path_of("hosts"), *text = mem_printf("127.0.0.1 localhost\n# 192.0.2.9 wrong.example %s\n192.0.2.1 other.example other\n"
	    "192.0.2.2 Right.Example %s # comment\n", name, name);
	put("hosts", text);
	char *full = config_file_hostname(hosts), *plain = config_file_hostname("/nonexistent");
	if (strchr(name, '.') == NULL)
		ck_assert_str_eq(full, "right.example");
	else
		ck_assert_str_eq(full, plain);
	free(full);
	free(plain);
	free(hosts);
	free(text);
	end();
}
END_TEST

UNIT_MAIN("config", test_rows, test_line_length, test_tail_is_not_parsed, test_refused_line_takes_its_continuation_with_it,
    test_long_comments_and_blanks, test_long_section_names, test_bytes, test_files, test_service_file, test_no_server,
    test_bad_file_affects_itself, test_many_faults, test_ids, test_servers_against_each_other, test_file_systems, test_shared_sections,
    test_defaults, test_rich_values, test_many_domains, test_snapshot, test_snapshot_stands_alone, test_damaged_snapshot,
    test_print_shows_origins, test_print_reads_back, test_same, test_sample_is_the_defaults, test_hostname)
