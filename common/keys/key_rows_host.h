/* key_rows_host - the keys of [host PATTERN]; for key_rows.c alone */
	{ REMOTE("provider", KEY_ENUM, provider), .standard = "none", .choice = providers,
	    .meaning =
	    "Whose limits are kept to, where this section has no key of its own for them. microsoft: 3 "
	    "connections and 30 messages a minute, the limits of Microsoft 365 for a mailbox that sends by "
	    "SMTP. google: 10 connections and 100 recipients a message." },
	{ REMOTE("without", KEY_FLAGS, without), WITH_ACCOUNT,
	    .derived = "as a less exact section says, else nothing",
	    .choice = extensions,
	    .meaning =
	    "Extensions that are not used though the host offers them. A message that cannot go without one "
	    "of them (smtputf8, or binarymime with chunking) is returned; 8-bit content goes without its "
	    "parameter. starttls counts only where mail may go in clear, and never for an account or where "
	    "outbound-tls asks for TLS. nothing: all that it offers is used, whatever less exact sections "
	    "say." },
	{ REMOTE("auth-mechanisms", KEY_FLAGS, mechanisms), WITH_ACCOUNT,
	    .derived = "as a less exact section says, else all", .choice = mechanisms,
	    .meaning =
	    "The mechanisms that an account may use at the host, of those that auth-mechanisms of its "
	    "[domain] or of [delivery] allows. Names with a minus sign are left out." },
	{ REMOTE("connections", KEY_NUMBER, connections),
	    .derived = "as a less exact section says, else unlimited",
	    .min = 1, .max = 100000, .unlimited = true,
	    .meaning =
	    "The largest number of concurrent connections to the host, for all domains whose mail goes there "
	    "and all addresses that it has. Where the section is one of addresses, each address counts by "
	    "itself. Mail of different accounts counts apart." },
	{ REMOTE("rate", KEY_NUMBER, rate), UP_TO("operator-rate"),
	    .derived = "as a less exact section says, else unlimited",
	    .min = 1, .max = 1000000, .unlimited = true,
	    .meaning =
	    "The largest number of messages a minute to the host, counted as for connections. They go in "
	    "even steps: with 30 one in two seconds. Mail that waits for its turn costs no attempts." },
	{ REMOTE("recipients", KEY_NUMBER, recipients),
	    .derived = "as a less exact section says, else unlimited",
	    .min = 1, .max = 1000000, .unlimited = true,
	    .meaning =
	    "The largest number of recipients of a message in one transaction with the host. The others "
	    "follow in further transactions." },
