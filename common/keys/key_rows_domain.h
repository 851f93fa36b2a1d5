/* key_rows_domain - the keys of [domain NAME]; for key_rows.c alone */
	{ DOMAIN("type", KEY_ENUM, type), .choice = domain_types, .needed = true,
	    .derived = "none, it must be given",
	    .meaning =
	    "default: the local domain that completes bare addresses; exactly one domain is it. alias: "
	    "another local domain, with the same drop folder. remote: a domain of other hosts. sender: mail "
	    "from me@example.com, @example.com, @*.example.com or <> goes to hosts, or with an account, of "
	    "its own; see below. An alias or "
	    "remote domain may be written *.example.com: all names below example.com, but not example.com "
	    "itself." },
	{ DOMAIN("drop", KEY_PATH, drop), BY_SERVICE, .derived = "the virtual server's drop",
	    .meaning = "Default domain: the folder that receives its mail." },
	{ DOMAIN("drop-quota", KEY_SIZE, drop_quota),
	    UP_TO("operator-drop-quota"), .standard = "unlimited", .min = 1, .unlimited = true,
	    .meaning =
	    "Default domain: the largest size of the drop folder. Mail that does not fit waits, and clients "
	    "are answered 452 4.2.2." },
	{ DOMAIN("relay", KEY_BOOL, relay), .standard = "no",
	    .meaning = "Remote domain: whether mail for it is accepted from any client." },
	{ DOMAIN("helo", KEY_BOOL, helo), .standard = "no",
	    .meaning =
	    "Remote domain: say HELO instead of EHLO to its own hosts, found by route or by DNS, but not "
	    "to the virtual server's smart hosts." },
	{ DOMAIN("route", KEY_STRINGS, route), WITH_ACCOUNT, .standard = "dns", .check = key_check_smart_host,
	    .meaning = "Remote domain: dns, or the smart hosts of this domain, written as in smart-host." },
	{ DOMAIN("outbound-auth", KEY_ENUM, outbound_auth), BY_SERVICE,
	    .derived = "the virtual server's for its smart-host; anonymous with a route of its own",
	    .choice = outbound_auth,
	    .meaning =
	    "Remote domain: replaces the virtual server's outbound-auth, and then counts also for hosts "
	    "that the DNS names. With the same word as the virtual server's and no user here, the "
	    "virtual server's account is shown to the hosts of this domain; without it never." },
	{ DOMAIN("outbound-tls", KEY_ENUM, outbound_tls), WITH_ACCOUNT,
	    .derived = "the virtual server's", .choice = outbound_tls,
	    .meaning =
	    "Remote domain: replaces the virtual server's outbound-tls, also on the way by a smart host. "
	    "It may ask for more security or for less." },
	{ DOMAIN("mta-sts", KEY_BOOL, mta_sts), WITH_ACCOUNT, .derived = "the virtual server's",
	    .meaning = "Remote domain: replaces the virtual server's mta-sts." },
	{ DOMAIN("client-certificate", KEY_PATH, client_certificate), BY_SERVICE,
	    .derived = "the virtual server's where its smart-host is used, with its client-key",
	    .meaning =
	    "Remote domain: replaces the virtual server's client-certificate, and then counts also for "
	    "hosts that the DNS names." },
	{ DOMAIN("client-key", KEY_PATH, client_key), BY_SERVICE,
	    .derived = "the virtual server's where its client-certificate is",
	    .meaning = "Remote domain: the private key of its client-certificate." },
	{ DOMAIN("user", KEY_TEXT, user), BY_SERVICE,
	    .derived = "the virtual server's where outbound-auth is, with its secret-file",
	    .check = key_check_account, .meaning = "Remote domain: the account for outbound-auth." },
	{ DOMAIN("secret-file", KEY_PATH, secret_file), BY_SERVICE,
	    .derived = "the virtual server's where outbound-auth is, with its user",
	    .meaning = "Remote domain: the file with the password of its user, or the keytab." },
	{ DOMAIN("oauth", KEY_TEXT, oauth), BY_SERVICE, .check = key_check_word,
	    .meaning = "Remote domain: the profile for outbound-auth = oauth2." },
	{ DOMAIN("auth-mechanisms", KEY_FLAGS, mechanisms), WITH_ACCOUNT, .derived =
	    "the virtual server's",
	    .choice = mechanisms,
	    .meaning = "Remote domain: replaces the virtual server's auth-mechanisms." },
	{ DOMAIN("provider", KEY_ENUM, rules.provider), .standard = "none", .choice = providers,
	    .meaning =
	    "Remote domain: whose limits its mail keeps to, as in [host]. This and the next four keys go "
	    "before those of every [host] section, for the mail of this domain, whatever hosts it has." },
	{ DOMAIN("without", KEY_FLAGS, rules.without), WITH_ACCOUNT,
	    .derived = "as the [host] of its hosts says", .choice = extensions,
	    .meaning =
	    "Remote domain: extensions that are not used for its mail, as in [host]. nothing: all that its "
	    "hosts offer are, whatever their [host] says." },
	{ DOMAIN("connections", KEY_NUMBER, rules.connections), .derived = "as the [host] of its hosts says",
	    .min = 1, .max = 100000, .unlimited = true,
	    .meaning =
	    "Remote domain: the largest number of concurrent connections to one host for its mail, which "
	    "then counts apart from other mail at that host. connections-per-domain counts, too." },
	{ DOMAIN("rate", KEY_NUMBER, rules.rate),
	    UP_TO("operator-rate"), .derived = "as the [host] of its hosts says",
	    .min = 1, .max = 1000000, .unlimited = true,
	    .meaning =
	    "Remote domain: the largest number of its messages a minute to one host, counted as for "
	    "connections." },
	{ DOMAIN("recipients", KEY_NUMBER, rules.recipients), .derived = "as the [host] of its hosts says",
	    .min = 1, .max = 1000000, .unlimited = true,
	    .meaning =
	    "Remote domain: the largest number of recipients in one transaction with a host of it." },
	{ DOMAIN("port", KEY_NUMBER, port), WITH_ACCOUNT,
	    .derived = "the virtual server's", .min = 1, .max = 65535,
	    .meaning = "Remote domain: the port of its hosts." },
	{ DOMAIN("hold", KEY_BOOL, hold), .standard = "no",
	    .meaning =
	    "Remote domain: its mail stays in the queue and is not tried until its host asks for it with "
	    "ETRN, or fetches it with ATRN or TURN. The times of delay-notify and expire are the same as for "
	    "other mail. See postern(8)." },
	{ DOMAIN("atrn-accounts", KEY_STRINGS, atrn_accounts), .check = key_check_word,
	    .meaning =
	    "Remote domain with hold: the accounts that may fetch its mail with ATRN or TURN over their own "
	    "connection. An account is written as posternctl sessions shows the user of a session. With "
	    "outbound-tls = required or verify the connection needs TLS." },
