/* key_rows_service - the keys of [service], [manager] and [limits]; for key_rows.c alone */
	{ SERVICE("hostname", KEY_HOST, hostname), .derived = "the host's full name",
	    .meaning =
	    "The fully qualified name of the host. It is the default for the fqdn of each virtual server." },
	{ SERVICE("user", KEY_TEXT, user), .standard = "postern", .check = key_check_word,
	    .meaning =
	    "The account that owns the folders of mail: of the processes that write, deliver and return it. "
	    "All other processes have accounts of their own, which cannot open these folders: see "
	    "listener-user and those after it. All may be numbers. Ignored, with a note, when the service is "
	    "not started as root." },
	{ SERVICE("group", KEY_TEXT, group), .standard = "postern", .check = key_check_word,
	    .meaning = "The group of the processes of user." },
	{ SERVICE("listener-user", KEY_TEXT, listener_user), .standard = "postern-listener",
	    .check = key_check_word,
	    .meaning = "The account of the process that takes mail by SMTP." },
	{ SERVICE("resolver-user", KEY_TEXT, resolver_user), .standard = "postern-resolver",
	    .check = key_check_word,
	    .meaning = "The account of the process that asks the DNS." },
	{ SERVICE("auth-user", KEY_TEXT, auth_user), .standard = "postern-auth",
	    .check = key_check_word,
	    .meaning = "The account of the process that checks passwords." },
	{ SERVICE("directory-user", KEY_TEXT, directory_user), .standard = "postern-directory",
	    .check = key_check_word,
	    .meaning = "The account of the process that asks LDAP." },
	{ SERVICE("fetch-user", KEY_TEXT, fetch_user), .standard = "postern-fetch",
	    .check = key_check_word,
	    .meaning = "The account of the process that gets OAuth2 tokens." },
	{ SERVICE("filter-user", KEY_TEXT, filter_user), .standard = "postern-filter",
	    .check = key_check_word, .meaning =
	    "The account of the process that asks mail filters. It is needed when a virtual server has a "
	    "section [filter]." },
	{ SERVICE("limits-user", KEY_TEXT, limits_user), .standard = "postern-limits",
	    .check = key_check_word, .meaning =
	    "The account of the process that shares limits with other nodes. It is needed when engine names "
	    "where they are kept." },
	{ SERVICE("metrics-user", KEY_TEXT, metrics_user), .standard = "postern-metrics",
	    .check = key_check_word,
	    .meaning = "The account of the process that shows the counters." },
	{ SERVICE("web-user", KEY_TEXT, web_user), .standard = "postern-web", .check = key_check_word,
	    .meaning = "The account of the process that serves the manager in a web browser." },
	{ SERVICE("spool", KEY_PATH, spool), .standard = POSTERN_LOCALSTATEDIR "/spool/postern",
	    .meaning = "The folder in which each virtual server has its home folder." },
	{ SERVICE("state", KEY_PATH, state), .standard = POSTERN_LOCALSTATEDIR "/lib/postern",
	    .meaning = "The folder in which the service remembers which virtual servers are to run." },
	{ SERVICE("run", KEY_PATH, run), .standard = POSTERN_RUNDIR "/postern", .max = 90,
	    .meaning =
	    "The folder of the control socket and of the file with the process id. At most 90 characters, "
	    "because names of sockets must be short." },
	{ SERVICE("logs", KEY_PATH, logs), .standard = POSTERN_LOCALSTATEDIR "/log/postern",
	    .meaning = "The folder of the protocol logs." },
	{ SERVICE("sendmail", KEY_TEXT, sendmail), .standard = "default", .check = key_check_word,
	    .meaning =
	    "The virtual server that takes what programs of this host give to sendmail(1); where there is "
	    "only one, that one. It needs a pickup-group, which is the group of the command: see "
	    "postern-sendmail(8)." },
	{ SERVICE("operators", KEY_STRINGS, operators), .check = key_check_operator,
	    .meaning =
	    "Accounts, and groups written as @group, that may control the service and every virtual server. "
	    "Root always may. In the manager, account:NAME is an account of its password file, and "
	    "kerberos:NAME@REALM a user of Kerberos; neither is an account of this host, and a plain NAME "
	    "is neither of them." },
	{ SERVICE("viewers", KEY_STRINGS, viewers), .check = key_check_operator,
	    .meaning =
	    "Accounts, and groups written as @group, that may look at the service and every virtual server "
	    "(posternctl status, status --check, sessions, queue list, counters and the like) and change "
	    "nothing. An account for monitoring belongs here." },
	{ SERVICE("operator-listen", KEY_STRINGS, operator_listen), .check = key_check_range,
	    .derived = "nowhere",
	    .meaning =
	    "Where operators of a virtual server may let it listen: which addresses they may give its listen "
	    "and tls-listen by command. Each item is an address or a network with a port, a range of ports, "
	    "or * for all ports: 192.0.2.10:25-2599, 192.0.2.0/28:25, [2001:db8::1]:*. An address of * "
	    "allows every address of this host, also all of them at once as in *:2525. What another virtual "
	    "server, the manager or metrics name is refused; but one that listens at all addresses loses the "
	    "clients of an address that is given to another." },
	{ SERVICE("operator-max-message-size", KEY_SIZE, ceiling.message_size), .standard = "100M", .min = 1,
	    .unlimited = true,
	    .meaning =
	    "How far operators of a virtual server may lift its max-message-size by command. As the next "
	    "six, it binds no operator of the service: what they write into the file of a virtual server "
	    "counts, and posternctl check names it where that one has operators of its own." },
	{ SERVICE("operator-max-session-size", KEY_SIZE, ceiling.session_size), .standard = "1G", .min = 1,
	    .unlimited = true, .meaning = "The same for max-session-size." },
	{ SERVICE("operator-max-recipients", KEY_NUMBER, ceiling.recipients), .standard = "1000", .min = 1,
	    .max = 1000000, .unlimited = true, .meaning = "The same for max-recipients." },
	{ SERVICE("operator-connections-per-domain", KEY_NUMBER, ceiling.connections_per_domain),
	    .standard = "100", .min = 1, .max = 100000, .unlimited = true,
	    .meaning =
	    "The same for connections-per-domain: other hosts judge all virtual servers by the address that "
	    "they share." },
	{ SERVICE("operator-rate", KEY_NUMBER, ceiling.rate), .standard = "unlimited", .min = 1,
	    .max = 1000000, .unlimited = true,
	    .meaning =
	    "The same for a rate that a [host] or [domain] gives. A rate that is to hold for all belongs "
	    "into postern.ini." },
	{ SERVICE("operator-expire", KEY_TIME, ceiling.expire), .standard = "7d", .min = SECOND,
	    .max = YEARS,
	    .meaning =
	    "The same for expire and local-expire: how long mail that nobody takes may lie on the disk." },
	{ SERVICE("operator-drop-quota", KEY_SIZE, ceiling.drop_quota), .standard = "unlimited", .min = 1,
	    .unlimited = true, .meaning =
	    "The same for drop-quota, which is unlimited where it is not set: set it in the file, too." },
	{ SERVICE("dns-server", KEY_STRINGS, dns_server), .derived = "the servers of /etc/resolv.conf",
	    .check = key_check_resolver,
	    .meaning = "The name servers to ask, each an address with an optional port." },
	{ SERVICE("dnssec", KEY_ENUM, dnssec), .standard = "no", .choice = dnssec_words,
	    .meaning =
	    "Whether the answers of the name servers are validated with DNSSEC. An answer that fails the "
	    "validation is then a temporary failure. With yes the service validates them itself. With "
	    "resolver it believes the validating resolver of this host (its AD bit): dns-server has to name "
	    "it, and only addresses of the loopback interface are taken, as anybody between could set the "
	    "bit." },
	{ SERVICE("trust-anchor", KEY_PATH, trust_anchor), .derived = "the root keys of the system",
	    .meaning =
	    "A file with the trust anchors for dnssec: DS or DNSKEY records. In Debian the package "
	    "dns-root-data brings those of the root. A file without a usable key is an error: while there is "
	    "no other, mail that needs the DNS waits." },
	{ SERVICE("dns-insecure", KEY_STRINGS, dns_insecure), .check = key_check_host,
	    .meaning = "Domains whose answers are accepted without validation although dnssec is on." },
	{ SERVICE("grace", KEY_TIME, grace), .standard = "30s", .min = SECOND, .max = DAY,
	    .meaning = "How long sessions and deliveries may take to finish when a virtual server stops." },
	{ SERVICE("sandbox", KEY_BOOL, sandbox), .standard = "yes",
	    .meaning =
	    "Each process gives up the system calls (seccomp) and the folders (Landlock) that its work has "
	    "no use for, before it reads anything of a client; see postern(8), Security. no is for a host "
	    "whose libraries do what nobody foresaw, until that is mended: its events name the call. A "
	    "change at a reload starts all processes anew, but the supervisor stays as it is." },
	{ SERVICE("syslog", KEY_BOOL, syslog), .standard = "yes",
	    .meaning =
	    "The older form of events: yes is syslog, no is stderr. It has no effect beside events." },
	{ SERVICE("events", KEY_TEXT, events), .derived = "syslog; with syslog = no, stderr",
	    .check = key_check_events,
	    .meaning =
	    "Where events go: syslog (facility mail), stderr, json (the standard output, one JSON object a "
	    "line, with the names of posternctl watch; for containers), or the path of a file. In the "
	    "foreground those for syslog, too, go to the standard error output; the journal of systemd gets "
	    "them with their severity. In the background nobody reads the standard outputs, so name a file "
	    "where no syslog daemon runs. The supervisor makes the file (mode 0640), which may not be a "
	    "link, belong to another user or be writable for everybody, and opens it again at a reload. Each "
	    "line begins with the time in UTC." },
	{ SERVICE("metrics", KEY_STRINGS, metrics), .check = key_check_metrics,
	    .meaning =
	    "Where the counters are served as text for Prometheus, at /metrics over HTTP: paths of sockets, "
	    "which the group may use, and loopback addresses with a port. No other address is accepted. To "
	    "show the counters to other hosts, put a web server in front." },

	{ MANAGER("listen", KEY_STRINGS, listen), .check = key_check_manager_listen,
	    .meaning =
	    "Where the manager is served to web browsers: addresses with a port, and paths of sockets for a "
	    "web server in front, which the group may use. Without an address there is no manager. An "
	    "address that other hosts reach needs certificate and key. See postern-web(8)." },
	{ MANAGER("certificate", KEY_PATH, certificate), .derived = "none: no TLS",
	    .meaning =
	    "The certificate chain of the manager in PEM form; all its addresses then speak TLS, paths of "
	    "sockets never do. It is read again at a reload." },
	{ MANAGER("key", KEY_PATH, key), .derived = "none",
	    .meaning = "The private key of certificate, in PEM form and without a pass phrase." },
	{ MANAGER("accounts", KEY_PATH, accounts), .derived = "none: no login by password",
	    .meaning =
	    "A password file, as posternctl passwd makes it, whose accounts may log in to the manager by "
	    "name and password. What each of them may do there say operators and viewers, where it is "
	    "written account:NAME. Only root needs to be able to read it (mode 0600). A file that everybody "
	    "may read is refused." },
	{ MANAGER("keytab", KEY_PATH, keytab), .derived = "none: no login with Kerberos",
	    .meaning =
	    "The file with the Kerberos key of service-principal, by which users of Kerberos or of an Active "
	    "Directory log in to the manager (SPNEGO). What each of them may do there say operators and "
	    "viewers, where it is written kerberos:NAME@REALM. Only root needs to be able to read it." },
	{ MANAGER("service-principal", KEY_TEXT, service_principal),
	    .derived = "HTTP/ and the first of hosts, else the hostname", .check = key_check_word,
	    .meaning =
	    "The Kerberos name of the manager, with or without @REALM: HTTP/ and the name by which "
	    "browsers call it." },
	{ MANAGER("kerberos-realms", KEY_STRINGS, kerberos_realms),
	    .derived = "that of the service-principal", .check = key_check_word,
	    .meaning =
	    "Whose users may log in to the manager with Kerberos: realms, in their exact spelling; * is "
	    "every realm that the KDC trusts." },
	{ MANAGER("hosts", KEY_STRINGS, hosts), .check = key_check_manager_host,
	    .meaning =
	    "Names by which browsers call the manager, beside the address that they connect to and "
	    "localhost. A request for another name is refused, so that no page of another site can reach "
	    "the manager through a name of its own. The first one stands in the link of posternctl web "
	    "login." },
	{ MANAGER("nodes", KEY_STRINGS, nodes), .check = key_check_node,
	    .meaning =
	    "The nodes that posternctl nodes gather asks, each as ssh takes it: a host, user@host or a name "
	    "of its configuration. See postern-guide-nodes(7)." },
	{ MANAGER("nodes-file", KEY_PATH, nodes_file), .derived = "none: no nodes are shown",
	    .meaning =
	    "Where posternctl nodes gather leaves what the nodes have said, and where the service finds it "
	    "for posternctl nodes and the page Nodes. It belongs to the account that asks the nodes, in a "
	    "folder of that account, and its owner alone may write it." },

	{ LIMITS("engine", KEY_TEXT, engine), .derived = "none: no limits are shared",
	    .check = key_check_filter, .meaning =
	    "Where Redis or Valkey listens that the nodes share: inet:ADDRESS:PORT or unix:/PATH. "
	    "Connections and messages a minute of a [host], of its provider or of a [domain] are then limits "
	    "of all nodes together, and failed logins are counted together. See postern-limits(8) and "
	    "postern-guide-nodes(7)." },
	{ LIMITS("user", KEY_TEXT, user), .derived = "the default user of the engine",
	    .check = key_check_word,
	    .meaning = "The user of the engine whose password is in password-file." },
	{ LIMITS("password-file", KEY_PATH, password_file), .derived = "none: no password",
	    .meaning =
	    "A file with the password for the engine in its first line. Only root needs to be able to read "
	    "it (mode 0600). A file that everybody may read is refused." },
	{ LIMITS("prefix", KEY_TEXT, prefix), .standard = "postern", .check = key_check_word,
	    .meaning =
	    "What the names of all keys in the engine begin with. Nodes with another prefix share nothing "
	    "with these." },
	{ LIMITS("node", KEY_TEXT, node), .derived = "the hostname", .check = key_check_word,
	    .meaning = "How this node is called in the engine, for people who look there." },
	{ LIMITS("nodes", KEY_NUMBER, nodes), .standard = "1", .min = 1, .max = 10000,
	    .meaning =
	    "How many nodes share the limits: a node that has lost the engine uses this share of them. The "
	    "same number in all nodes." },
	{ LIMITS("on-loss", KEY_ENUM, on_loss), .standard = "share", .choice = on_loss_words,
	    .meaning =
	    "What a node may use while it cannot reach the engine. share: each limit divided by nodes, at "
	    "least 1, from one lease after the loss on; until then what it held, within that share. closed: "
	    "nothing; mail for hosts with such limits waits. Of failed logins that delay nothing a node has "
	    "then its part, or none." },
	{ LIMITS("lease", KEY_TIME, lease), .standard = "60s", .min = 5 * SECOND, .max = 3600 * SECOND,
	    .meaning =
	    "How long the engine keeps for a node what the node has taken. It is renewed after a third of "
	    "that. What a node that has died had taken is free after this time. A connection whose lease "
	    "ends is cut, and its message tried again. The same in all nodes." },
