/* key_rows_ldap - the keys of [ldap]; for key_rows.c alone */
	{ LDAP("enable", KEY_BOOL, enable), .standard = "no",
	    .meaning =
	    "Whether local recipients are looked up in a directory. Unknown recipients are refused or "
	    "returned with 5.1.1. Forwarding addresses and groups are resolved. While the directory cannot "
	    "be asked, mail is accepted and waits." },
	{ LDAP("uri", KEY_STRINGS, uri), BY_SERVICE, .check = key_check_ldap_uri,
	    .meaning =
	    "Directory servers, tried in order: ldap://host:port, ldaps://host:port, ldapi://path with %2F "
	    "for each slash." },
	{ LDAP("start-tls", KEY_BOOL, start_tls), BY_SERVICE, .standard = "no",
	    .meaning =
	    "Whether connections to ldap addresses switch to TLS before anything else is sent. Certificates "
	    "are always checked." },
	{ LDAP("ca-file", KEY_PATH, ca_file), BY_SERVICE,
	    .derived = "the certificate authorities of the system",
	    .meaning =
	    "A file in PEM form with the certificate authorities that may issue the certificates of the "
	    "directory servers." },
	{ LDAP("timeout", KEY_TIME, timeout), .standard = "10s", .min = SECOND, .max = 300 * SECOND,
	    .meaning =
	    "How long a directory server may take to connect, and for each answer, before the next server is "
	    "tried." },
	{ LDAP("schema", KEY_ENUM, schema), .standard = "active-directory", .choice = ldap_schemas,
	    .meaning =
	    "The attributes of the directory: active-directory (also with Exchange 2000 and later), exchange "
	    "(5.5), site-server, rfc2307 or inetorgperson (the last two are the same)." },
	{ LDAP("bind", KEY_ENUM, bind), BY_SERVICE, .standard = "anonymous", .choice = ldap_binds,
	    .meaning =
	    "How the virtual server logs in at the directory: anonymous, simple (with a password) or "
	    "gssapi (Kerberos; the Kerberos servers come from krb5.conf(5))." },
	{ LDAP("user", KEY_TEXT, user), BY_SERVICE,
	    .meaning =
	    "The account. For a simple bind: a distinguished name, or user@domain with Active Directory. For "
	    "gssapi: a principal, for example postern@EXAMPLE.COM." },
	{ LDAP("secret-file", KEY_PATH, secret_file), BY_SERVICE,
	    .meaning =
	    "A file whose first line is the password of that account; for gssapi, a keytab with its key. "
	    "Only root needs to be able to read it (mode 0600). A file that everybody may read is "
	    "refused." },
	{ LDAP("base", KEY_TEXT, base), BY_SERVICE, .check = key_check_ldap_base,
	    .meaning =
	    "The place in the directory where a search begins: a distinguished name." },
	{ LDAP("filter", KEY_TEXT, filter), BY_SERVICE,
	    .derived = "the schema's", .check = key_check_ldap_filter,
	    .meaning =
	    "The search filter for an address. %s stands for the address, %u for its local part, %d for its "
	    "domain." },
	{ LDAP("mail-attribute", KEY_STRINGS, mail_attribute), BY_SERVICE, .derived = "the schema's",
	    .check = key_check_ldap_attribute,
	    .meaning =
	    "The attributes with the mail addresses of an entry. The attribute with the entry's own address "
	    "comes first." },
	{ LDAP("forward-attribute", KEY_STRINGS, forward_attribute), BY_SERVICE, .derived = "the schema's",
	    .check = key_check_ldap_attribute,
	    .meaning =
	    "The attributes with the addresses, or the entries, to which the mail of an entry is "
	    "forwarded." },
	{ LDAP("member-attribute", KEY_STRINGS, member_attribute), BY_SERVICE, .derived = "the schema's",
	    .check = key_check_ldap_attribute,
	    .meaning = "The attributes with the members of a group: entries or addresses." },
	{ LDAP("group-depth", KEY_NUMBER, group_depth), .standard = "10", .min = 1, .max = 100,
	    .meaning =
	    "How many levels of groups and forwarding addresses are followed. Mail for an address on a "
	    "deeper level is returned with 5.4.6." },
	{ LDAP("report-members", KEY_BOOL, report_members), .standard = "yes",
	    .meaning =
	    "Whether the sender gets a report about each member of a group that cannot get the mail: it is "
	    "in another server's directory, is not there any more, or has no mail address. The other members "
	    "get the mail in any case. With no, only the event names them." },
	{ LDAP("recipient-delimiter", KEY_TEXT, recipient_delimiter), .check = key_check_ldap_delimiter,
	    .meaning =
	    "Characters that begin a tag in the local part, for example +. With user+tag@domain not in the "
	    "directory, user@domain is looked up; the mail is delivered to the address with its tag." },
	{ LDAP("resolve-senders", KEY_BOOL, senders_own), .standard = "no",
	    .meaning =
	    "Whether a local envelope sender of mail to other hosts is looked up, too, and becomes the own "
	    "address of the entry that has it, for example when it is somebody's second address. A sender "
	    "that is not in the directory stays as it is. With yes, mail of local senders waits while the "
	    "directory cannot be asked." },
	{ LDAP("cache-found", KEY_TIME, cache_found), .standard = "60s", .min = SECOND, .max = DAY,
	    .meaning = "How long an entry that was found is remembered." },
	{ LDAP("cache-not-found", KEY_TIME, cache_missing), .standard = "10s", .min = SECOND, .max = DAY,
	    .meaning = "How long it is remembered that an address has no entry." },
