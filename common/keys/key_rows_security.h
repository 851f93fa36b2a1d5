/* key_rows_security - the keys of [security]; for key_rows.c alone */
	{ SECURITY("operators", KEY_STRINGS, operators), BY_SERVICE, .check = key_check_operator,
	    .meaning =
	    "Accounts, and groups written as @group, that may control this virtual server; account:NAME and "
	    "kerberos:NAME@REALM as in [service]." },
	{ SECURITY("viewers", KEY_STRINGS, viewers), BY_SERVICE, .check = key_check_operator,
	    .meaning =
	    "Accounts, and groups written as @group, that may look at this virtual server and change "
	    "nothing." },
