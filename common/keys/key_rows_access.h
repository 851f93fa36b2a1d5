/* key_rows_access - the keys of [access]; for key_rows.c alone */
	{ ACCESS("authentication", KEY_FLAGS, authentication), .standard = "anonymous", .choice = auth_flags,
	    .meaning =
	    "How clients may log in: any of anonymous (no login), basic (a password) and integrated "
	    "(Kerberos). Without anonymous a client has to authenticate before MAIL." },
	{ ACCESS("helo-required", KEY_BOOL, helo_required), .standard = "no",
	    .meaning =
	    "Whether a client has to say HELO or EHLO with a name before MAIL and AUTH. With no, HELO "
	    "without a name, and MAIL and AUTH without HELO are accepted, as devices and the SMTP service "
	    "of IIS do." },
	{ ACCESS("mend", KEY_ENUM, mend), .standard = "relay", .choice = clients,
	    .meaning =
	    "Whose messages are mended instead of refused or sent on as they are: of clients that may relay "
	    "(by relay-list or by login), of none, or of all. A bare LF or CR in the content becomes "
	    "CRLF, as does CR CR LF, a missing Date and Message-ID are added, Bcc, Resent-Bcc and "
	    "Return-Path are taken out. What was mended is in the event of the accepted message. A bare LF "
	    "or CR of other clients is refused with 554 5.6.0." },
	{ ACCESS("dsn", KEY_ENUM, dsn), .standard = "relay", .choice = clients,
	    .meaning =
	    "Who is offered DSN (RFC 3461), so may ask for reports of success and delay: clients that may "
	    "relay (by relay-list or by login), none, or all. Reports of failure do not depend on it." },
	{ ACCESS("password-file", KEY_PATH, password_file), BY_SERVICE,
	    .meaning =
	    "The file with the accounts for basic authentication (PLAIN, LOGIN, SCRAM-SHA-256), one line "
	    "name:hash for each. posternctl passwd edits it, and the manager when it lies in the folder "
	    "passwords beside postern.ini. Only root needs to be able to read it (mode 0600). A file that "
	    "everybody may read is refused." },
	{ ACCESS("basic-requires-tls", KEY_BOOL, basic_requires_tls), .standard = "yes",
	    .meaning =
	    "Whether PLAIN and LOGIN are offered and accepted only under TLS. SCRAM does not send the "
	    "password and is always offered." },
	{ ACCESS("mechanisms", KEY_FLAGS, offered_mechanisms),
	    .standard = "plain, login, scram-sha-256, scram-sha-256-plus, gssapi",
	    .choice = offered_mechanisms,
	    .meaning =
	    "What AUTH offers, of that which authentication allows: gssapi with integrated, the others with "
	    "basic. Some clients choose scram-sha-256-plus when it is offered and cannot do it (mutt with "
	    "GNU SASL): then name the others only." },
	{ ACCESS("auth-for-old-clients", KEY_BOOL, auth_for_old_clients), .standard = "no",
	    .meaning =
	    "Whether EHLO also has a line AUTH= with the mechanisms, the form of a draft that very old "
	    "clients and devices wait for (Outlook Express 4)." },
	{ ACCESS("basic-domain", KEY_TEXT, basic_domain), .check = key_check_word,
	    .meaning =
	    "A domain for user names that have neither a backslash nor an at sign: the domain and a "
	    "backslash are put before the name. The password file may list such an account with the domain "
	    "or without it." },
	{ ACCESS("keytab", KEY_PATH, keytab), BY_SERVICE,
	    .meaning =
	    "The file with the Kerberos keys for integrated authentication (GSSAPI with Kerberos and SPNEGO "
	    "tokens, of up to 48,000 octets, as of Windows users in very many groups). Only root needs to be "
	    "able to read it." },
	{ ACCESS("service-principal", KEY_TEXT, service_principal), BY_SERVICE,
	    .derived = "smtp/ and the fqdn",
	    .check = key_check_word,
	    .meaning =
	    "The Kerberos name of this virtual server, with or without @REALM. Tickets for another name "
	    "are refused." },
	{ ACCESS("kerberos-realms", KEY_STRINGS, kerberos_realms), .derived = "that of the service-principal",
	    .check = key_check_word,
	    .meaning =
	    "Whose users may log in with Kerberos: realms, in their exact spelling; * is every realm that "
	    "the KDC trusts. Repeatable; at most 2047 characters together." },
	{ ACCESS("kerberos-accounts", KEY_STRINGS, kerberos_accounts), .derived = "all of these realms",
	    .check = key_check_word,
	    .meaning =
	    "Which of them: names like alice@EXAMPLE.COM, in which * stands for any letters. Repeatable; at "
	    "most 2047 characters together." },
	{ ACCESS("kerberos-binding", KEY_ENUM, kerberos_binding), .standard = "when-offered",
	    .choice = kerberos_bindings,
	    .meaning =
	    "Whether a Kerberos login is tied to the TLS connection that it comes by (RFC 5929; Windows "
	    "calls it extended protection): none, when-offered (a client that ties it to another connection "
	    "is refused), required (so is one that does not, or has no TLS)." },
	{ ACCESS("tls", KEY_ENUM, tls), .derived = "optional with a certificate, else off",
	    .choice = tls_modes,
	    .meaning =
	    "Inbound TLS: off, optional (STARTTLS is offered) or required (mail is refused with 530 5.7.0 "
	    "until STARTTLS). Sessions at the addresses of tls-listen always have TLS." },
	{ ACCESS("certificate", KEY_STRINGS, certificate), BY_SERVICE, .check = key_check_path,
	    .meaning =
	    "Certificate files in PEM form. In each file the certificate is followed by its chain. The "
	    "client gets the certificate for the name that it asks for, else the first one. Files that "
	    "change are loaded again automatically. When a certificate and its key do not fit together, an "
	    "event says so, and the old pair stays in use. At most " TEXT_OF(CONFIG_CERTIFICATES_MAX)
	    " files; one certificate may be for many names." },
	{ ACCESS("key", KEY_STRINGS, key), BY_SERVICE, .check = key_check_path,
	    .meaning =
	    "The private keys of the certificates, in the same order, in PEM form and without a pass phrase. "
	    "Only root needs to be able to read them." },
	{ ACCESS("certificate-alarm", KEY_TIME, certificate_alarm), .standard = "14d", .min = DAY,
	    .max = YEARS, .unlimited = true,
	    .meaning =
	    "How long before a certificate ends posternctl status --check, check and the event log say so. "
	    "unlimited: only when it has ended." },
	{ ACCESS("tls-minimum", KEY_ENUM, tls_minimum), .standard = "1.2", .choice = tls_versions,
	    .meaning =
	    "The oldest TLS version that is accepted: 1.2 or 1.3. For old devices there are 1.0 and 1.1, "
	    "which need connection-control = only with a list." },
	{ ACCESS("tls-for-old-devices", KEY_BOOL, tls_for_old_devices), .standard = "no",
	    .meaning =
	    "Whether TLS 1.2 also has ciphers without forward secrecy (RSA key exchange) and with CBC, which "
	    "some old printers and scanners need: recorded sessions can be read when the key becomes known. "
	    "Without it: ECDHE with AES-GCM or ChaCha20. With tls-minimum under 1.2 they are there in any "
	    "case." },
	{ ACCESS("client-certificate", KEY_ENUM, ask_certificate), .standard = "no",
	    .choice = client_certificates,
	    .meaning =
	    "Whether clients are asked for a certificate under TLS. A client may show any certificate or "
	    "none, and the certificate gives it no rights. The SHA-256 fingerprint is shown in the list of "
	    "sessions and in the event of an accepted message." },
	{ ACCESS("evacuate-from", KEY_STRINGS, evacuate_from), BY_SERVICE, .check = key_check_fingerprint,
	    .meaning =
	    "The SHA-256 fingerprints of the certificates of other nodes of Postern. Who shows one of them "
	    "under TLS may put its queue into this one (posternctl queue evacuate): mail for any domain, "
	    "which no filter sees. All others do not see that there is such a command." },
	{ ACCESS("connection-control", KEY_ENUM, connection_control), .standard = "all-except",
	    .choice = list_modes,
	    .meaning =
	    "Who may connect: only the clients of connection-list, or all except them. Other clients get 554 "
	    "5.7.1, and the connection is closed." },
	{ ACCESS("connection-list", KEY_NETS, connection_list),
	    .meaning =
	    "Addresses, networks and domain names: 192.0.2.1, 192.0.2.0/24, 192.0.2.0/255.255.255.0, "
	    "2001:db8::/32, example.com (this name and all names below it). For domain names the name of the "
	    "client's address is looked up, and this name must lead back to the address. While the DNS "
	    "fails, clients whose name would decide may connect with all-except, and are answered 421 4.4.3 "
	    "with only. The path of a file stands for the entries in it, one in each line." },
	{ ACCESS("relay", KEY_ENUM, relay), .standard = "only", .choice = list_modes,
	    .meaning =
	    "Who may send to domains that are not local: only the clients of relay-list, or all except "
	    "them." },
	{ ACCESS("relay-list", KEY_NETS, relay_list),
	    .meaning =
	    "Addresses, networks and domain names, as in connection-list. While the DNS fails, a client "
	    "whose name would decide is answered 451 4.4.3. The path of a file stands for the entries in "
	    "it." },
	{ ACCESS("relay-authenticated", KEY_BOOL, relay_authenticated), .standard = "yes",
	    .meaning = "Whether an authenticated client may relay, whatever relay-list says." },
	{ ACCESS("open-relay", KEY_ENUM, open_relay), BY_SERVICE, .standard = "no", .choice = open_relay,
	    .meaning =
	    "A list that lets everybody relay is an error, unless this key is i-know. A large part of the "
	    "world (relay = all-except, more than a 64th of all IPv4 addresses, a top-level domain) is a "
	    "warning, and operators of the service alone may say so by command." },
	{ ACCESS("proxy", KEY_BOOL, proxy), BY_SERVICE, .standard = "no",
	    .meaning =
	    "Whether connections from proxy-trusted begin with a PROXY protocol header, version 1 or 2, "
	    "which names the real client. Such a connection must have the header, and the header comes "
	    "before any TLS. For all other connections the client is the address that connects." },
	{ ACCESS("proxy-trusted", KEY_NETS, proxy_trusted), BY_SERVICE, .addresses = true,
	    .meaning =
	    "The load balancers whose PROXY headers are trusted: addresses and networks, or the path of a "
	    "file with them." },
