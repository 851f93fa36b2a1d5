/* key_rows_delivery - the keys of [delivery]; for key_rows.c alone */
	{ DELIVERY("retry", KEY_TIMES, retry), .standard = "15m 30m 1h 4h", .min = SECOND, .max = 30 * DAY,
	    .meaning =
	    "The waiting times after the first, second and third failed attempt, and after each later one. "
	    "When the remote host names a time (\"try again in 300 seconds\"), this time is used, but at "
	    "most the longest time of the list. A time that is shorter than the usual one is used three "
	    "times at most. What a host has said for good of a recipient stands, however its connection "
	    "ends. An attempt that delivers to some recipients of a message at a host is no failed one: the "
	    "others, which the host puts off, follow at once on the same connection, when its answer is not "
	    "about their mailboxes, else after the first time of the list. A message that a host cannot take "
	    "(its size, an extension) is returned only when no host of its destination can." },
	{ DELIVERY("delay-notify", KEY_TIME, delay_notify), .standard = "12h", .min = SECOND, .max = YEARS,
	    .unlimited = true,
	    .meaning = "The age of outbound mail at which its sender is told, once, that the mail is late." },
	{ DELIVERY("expire", KEY_TIME, expire),
	    UP_TO("operator-expire"), .standard = "2d", .min = SECOND, .max = YEARS,
	    .meaning =
	    "The age of outbound mail at which it is returned to its sender. When the clock of the host is "
	    "set forth, that time counts for nothing within the next hour." },
	{ DELIVERY("local-delay-notify", KEY_TIME, local_delay_notify), .standard = "12h", .min = SECOND,
	    .max = YEARS, .unlimited = true,
	    .meaning = "The same as delay-notify for mail to local domains." },
	{ DELIVERY("local-expire", KEY_TIME, local_expire),
	    UP_TO("operator-expire"), .standard = "2d", .min = SECOND, .max = YEARS,
	    .meaning = "The same as expire for mail to local domains." },
	{ DELIVERY("outbound-auth", KEY_ENUM, outbound_auth), BY_SERVICE, .standard = "anonymous",
	    .choice = outbound_auth,
	    .meaning =
	    "How the virtual server logs in at its smart hosts: anonymous (no login), basic "
	    "(SCRAM-SHA-256, PLAIN or LOGIN, the first of them that the host offers), integrated (GSSAPI "
	    "with Kerberos) or oauth2. This key never counts for the route of a domain that leads to "
	    "other hosts, nor for hosts that only the DNS names: there outbound-auth of the domain "
	    "counts. Without TLS, PLAIN and LOGIN are used only on a connection within this host, or "
	    "where outbound-tls is off. With TLS they show the password to any host that answers, unless "
	    "outbound-tls is verify, or dane and the host has TLSA records. A host that does not accept "
	    "the login gets no mail; the mail waits." },
	{ DELIVERY("user", KEY_TEXT, outbound_user), BY_SERVICE, .check = key_check_account,
	    .meaning = "The account for outbound-auth; with integrated, a Kerberos principal." },
	{ DELIVERY("secret-file", KEY_PATH, outbound_secret_file), BY_SERVICE,
	    .meaning =
	    "A file with the password of that account on one line; with integrated, the keytab of the "
	    "account. Only root needs to be able to read it (mode 0600). A file that everybody may read is "
	    "refused. A changed file is used from the next connection on." },
	{ DELIVERY("oauth", KEY_TEXT, outbound_oauth), BY_SERVICE, .check = key_check_word,
	    .meaning =
	    "The profile, an [oauth NAME] section of postern.ini, from which outbound-auth = oauth2 takes "
	    "its tokens." },
	{ DELIVERY("auth-mechanisms", KEY_FLAGS, mechanisms), WITH_ACCOUNT, .choice = mechanisms,
	    .standard = "scram-sha-256-plus scram-sha-256 gssapi oauthbearer xoauth2 plain login",
	    .meaning =
	    "The mechanisms that outbound-auth may use, of those that the host offers. Names with a minus "
	    "sign are left out: -login is all but LOGIN. The order is always this one. When the host "
	    "refuses a mechanism and another one may do, that is tried in the same connection; a host is "
	    "remembered for a while by the mechanism that it accepted." },
	{ DELIVERY("outbound-tls", KEY_ENUM, outbound_tls), WITH_ACCOUNT,
	    .standard = "may", .choice = outbound_tls,
	    .meaning =
	    "TLS to remote hosts. off: never. may: where the host offers it; when TLS fails, the mail goes "
	    "in clear over a new connection. required: nothing is sent without TLS, but any certificate is "
	    "accepted. verify: the certificate must be for this host and from one of the authorities. dane: "
	    "the certificate must fit the TLSA records of the host, where DNSSEC proves them, or nothing is "
	    "sent; without such records as with may. What proves who the host is has forward secrecy, too. "
	    "Hosts at port 465 have TLS from the first byte. A session of TLS is resumed within an hour, "
	    "where the same is asked of the same host." },
	{ DELIVERY("mta-sts", KEY_BOOL, mta_sts), WITH_ACCOUNT, .standard = "yes",
	    .meaning =
	    "Whether the MTA-STS policies of domains count (RFC 8461), where the DNS names the hosts and "
	    "outbound-tls is not off. Where the policy of a domain says enforce, its mail goes only to hosts "
	    "that the policy names, and only under TLS with a certificate for the name of the host, from one "
	    "of the authorities. Else it waits. TLSA records of a host count more, with outbound-tls = dane. "
	    "A policy that was fetched once is kept until its end, also when its host or its TXT record are "
	    "away." },
	{ DELIVERY("tls-reports", KEY_BOOL, tls_reports), .standard = "no",
	    .meaning =
	    "Whether reports are sent to the domains that want them (RFC 8460: a TXT record _smtp._tls): of "
	    "each day, in UTC, how many TLS sessions went well and why others failed, at the hosts that the "
	    "DNS names. By mail they are signed where dkim-key has a key for the domain of "
	    "tls-report-contact; receivers ignore those without a signature." },
	{ DELIVERY("tls-report-contact", KEY_TEXT, tls_report_contact), .check = key_check_mailbox,
	    .derived = "postmaster of the default domain",
	    .meaning =
	    "The mail address in the reports of tls-reports, and the sender in their header. No report comes "
	    "back to it." },
	{ DELIVERY("tls-report-organization", KEY_TEXT, tls_report_organization), .check = key_check_line,
	    .derived = "fqdn",
	    .meaning = "The name of the organization in these reports." },
	{ DELIVERY("authorities", KEY_PATH, authorities), BY_SERVICE, .standard = CONFIG_SYSTEM_CA,
	    .meaning =
	    "A file in PEM form with the certificates of the authorities that outbound-tls = verify and "
	    "mta-sts trust. It is read again when it changes." },
	{ DELIVERY("client-certificate", KEY_PATH, client_certificate), BY_SERVICE,
	    .meaning =
	    "The certificate, in PEM form and followed by its chain, that the virtual server shows to "
	    "its smart hosts when they ask for one, such as the connectors of Microsoft 365. These hosts "
	    "get mail under TLS only, may is then as required, and a host that does not accept the "
	    "certificate gets no mail: the mail waits. This key never counts for the route of a domain "
	    "that leads to other hosts, nor for hosts that only the DNS names: there client-certificate "
	    "of the domain counts. Files that change are loaded again automatically, and new connections "
	    "have them; while certificate and key do not fit together, an event says so, and the old "
	    "pair stays in use. certificate-alarm counts for it, too." },
	{ DELIVERY("client-key", KEY_PATH, client_key), BY_SERVICE,
	    .meaning =
	    "The private key of client-certificate, in PEM form and without a pass phrase. Only root needs "
	    "to be able to read it (mode 0600). A file that everybody may read is refused." },
	{ DELIVERY("evacuate-certificate", KEY_PATH, evacuate_certificate), BY_SERVICE,
	    .derived = "client-certificate",
	    .meaning =
	    "The certificate, in PEM form, by which another node of Postern knows this one when it brings "
	    "its queue there (posternctl queue evacuate): its fingerprint stands in evacuate-from there. It "
	    "is shown to that node and to no other host, and changes nothing for other mail. Any certificate "
	    "will do, also one of its own making that lasts for years. Without it client-certificate is "
	    "shown: of a [domain] of the name of the node, or of the virtual server." },
	{ DELIVERY("evacuate-key", KEY_PATH, evacuate_key), BY_SERVICE,
	    .derived = "client-key",
	    .meaning =
	    "The private key of evacuate-certificate, as client-key." },
	{ DELIVERY("dkim-key", KEY_STRINGS, dkim_key), BY_SERVICE, .check = key_check_dkim,
	    .meaning =
	    "The keys that sign outgoing mail (DKIM). An item is a domain, a selector, perhaps the days on "
	    "which it signs, and the file of the private key: example.com s2026 2026-01-01..2026-12-31 "
	    "/etc/postern/s2026.key. Either day may be left out; they are days of UTC, and the last one "
	    "counts. Mail whose From is of that domain, or of one below it that has no key of its own, is "
	    "signed when a client that may relay, or a file in pickup, has brought it, and so are our own "
	    "reports; mail of others that only passes never is. With an RSA and an Ed25519 key it gets two "
	    "signatures; of several keys of one kind the one whose days began last signs. Files are in PEM "
	    "form without a pass phrase; only root needs to be able to read them (mode 0600), and they are "
	    "loaded again when they change. Without a key that can be used the mail goes unsigned, and "
	    "posternctl status --check says so. See posternctl(8), dkim." },
	{ DELIVERY("connections", KEY_NUMBER, connections), BY_SERVICE,
	    .standard = "1000", .min = 1, .max = 100000,
	    .unlimited = true, .meaning = "The largest number of concurrent outbound connections." },
	{ DELIVERY("connections-per-domain", KEY_NUMBER, connections_per_domain),
	    UP_TO("operator-connections-per-domain"), .standard = "100", .min = 1,
	    .max = 100000, .unlimited = true, .meaning =
	    "The largest number of concurrent outbound connections for one domain." },
	{ DELIVERY("connection-timeout", KEY_TIME, outbound_timeout), .standard = "10m", .min = SECOND,
	    .max = DAY, .meaning = "How long a remote host may be silent." },
	{ DELIVERY("minimum-rate", KEY_SIZE, minimum_rate), .standard = "512", .min = 1, .max = 1U << 30,
	    .unlimited = true, .meaning =
	    "The bytes a second, on average, that a remote host takes of a message at least. A host that "
	    "takes them more slowly holds the message no longer than that, together with the time for the "
	    "commands (20 minutes, and 5 seconds for each recipient; less when connection-timeout is short): "
	    "then another host or a later attempt follows. unlimited: a host may take its time." },
	{ DELIVERY("port", KEY_NUMBER, port), WITH_ACCOUNT, .standard = "25", .min = 1, .max = 65535,
	    .meaning = "The port of remote hosts that are named without a port." },
	{ DELIVERY("hop-limit", KEY_NUMBER, hop_limit), .standard = "100", .min = 1, .max = 1000,
	    .meaning =
	    "The largest number of Received lines in a message. A message with more of them runs in a loop "
	    "and is returned with 5.4.6." },
	{ DELIVERY("masquerade", KEY_HOST, masquerade),
	    .meaning =
	    "A domain that replaces a local one in the envelope sender of outgoing mail, and in the From of "
	    "reports." },
	{ DELIVERY("fqdn", KEY_HOST, fqdn), .derived = "the service's hostname",
	    .meaning = "The name of this virtual server in the greeting, EHLO, Received and Message-ID." },
	{ DELIVERY("smart-host", KEY_STRINGS, smart_host), WITH_ACCOUNT, .check = key_check_smart_host,
	    .meaning =
	    "Hosts that get all remote mail, tried in this order. Each is a name or [address] with an "
	    "optional :port. When the list is empty, mail goes to the MX hosts of its domain." },
	{ DELIVERY("smart-host-after-direct", KEY_ENUM, smart_host_after_direct), .standard = "no",
	    .choice = after_direct,
	    .meaning =
	    "Whether direct delivery is tried before the smart host. yes: the smart host is used when the "
	    "domain cannot be found. on-failure: also when the domain cannot be reached." },
	{ DELIVERY("acknowledge", KEY_ENUM, acknowledge), .standard = "stored", .choice = acknowledge,
	    .meaning =
	    "When a client hears that its message is accepted. stored: when the message is on disk. safe: as "
	    "soon as the next hop has it, or it is on disk, whichever comes first: it is sent at once, and "
	    "written to disk with others when no host has taken it within some 10 milliseconds. When a host "
	    "refuses the whole message in that time, the client gets this reply, and no report is made. safe "
	    "is for messages of up to 128 KiB whose recipients are all at other hosts, and without "
	    "NOTIFY=SUCCESS; other messages are stored. See postern-pickup(8)." },
	{ DELIVERY("smart-host-alarm", KEY_TIME, smart_host_alarm), .standard = "15m", .min = SECOND,
	    .max = YEARS, .unlimited = true,
	    .meaning =
	    "How long a smart host, or a host of a domain's route, may take no message while mail waits for "
	    "it, also while the first attempt is without an answer. Then posternctl status --check and the "
	    "event log say so." },
	{ DELIVERY("queue-age-alarm", KEY_TIME, queue_age_alarm), .standard = "unlimited", .min = SECOND,
	    .max = YEARS, .unlimited = true,
	    .meaning =
	    "How old the oldest message in the queue may get before posternctl status --check and the event "
	    "log say so. Messages that an operator holds, or that wait for ETRN or ATRN or for a domain "
	    "that is paused, do not count." },
	{ DELIVERY("paused", KEY_STRINGS, paused), .check = key_check_paused, .own = true,
	    .meaning =
	    "Recipient domains whose mail is not tried for now: example.com, or *.example.com for all names "
	    "below it. Mail for them is accepted and waits in the queue. This costs it no tries, but "
	    "delay-notify and expire count. Once its domain is taken out it is tried at once. See "
	    "posternctl(8), queue pause." },
	{ DELIVERY("paused-hosts", KEY_STRINGS, paused_hosts), .check = key_check_remote, .own = true,
	    .covers = host_pattern_covers,
	    .meaning =
	    "Remote hosts that get no mail for now, as patterns of [host]: mx.example.com, *.example.com, an "
	    "address, a network, or * for all; one with a port, as mx.example.com:25 or [192.0.2.1]:25, is "
	    "for that port alone. Mail goes to other hosts of its destination, else it waits in "
	    "the queue; this costs it no tries, but delay-notify and expire count. See posternctl(8), hosts "
	    "pause." },
	{ DELIVERY("never-to", KEY_NETS, never_to), BY_SERVICE, .addresses = true,
	    .standard = "loopback, unspecified, link-local, multicast",
	    .meaning =
	    "Addresses and networks to which no mail is sent because the DNS, or an address in brackets "
	    "behind the @, says so. Hosts that the configuration names are not meant. Words for networks: "
	    "loopback, unspecified, link-local, multicast, and private (10.0.0.0/8, 172.16.0.0/12, "
	    "192.168.0.0/16, fc00::/7). The path of a file stands for the entries in it. Mail for a domain "
	    "that has only such addresses is returned with 5.4.4." },
	{ DELIVERY("reverse-dns", KEY_BOOL, reverse_dns), .standard = "no",
	    .meaning =
	    "Whether the name of the client's address is looked up for the Received line. The line says RDNS "
	    "failed when no name leads back to the address. No client is refused for this." },
	{ DELIVERY("source-address", KEY_SOURCES, source_address), BY_SERVICE,
	    .meaning =
	    "The local addresses of outbound connections: at most one for IPv4 and one for IPv6." },
