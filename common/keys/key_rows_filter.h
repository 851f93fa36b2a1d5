/* key_rows_filter - the keys of [filter NAME]; for key_rows.c alone */
	{ FILTER("connect", KEY_TEXT, connect), .check = key_check_filter,
	    .meaning =
	    "Where the filter listens: inet:ADDRESS:PORT with a numeric address, an IPv6 one in brackets, or "
	    "unix:/PATH. The socket must be open to the user postern-filter. It must be given." },
	{ FILTER("for", KEY_FLAGS, sources), .standard = "smtp, pickup", .choice = filter_sources,
	    .meaning =
	    "Whose mail the filter sees. smtp: what clients send to listen and tls-listen. pickup: files "
	    "that programs put into the pickup folder, and what they give to sendmail(1)." },
	{ FILTER("on-failure", KEY_ENUM, on_failure), .standard = "tempfail", .choice = filter_failures,
	    .meaning =
	    "What happens to mail while the filter cannot be asked, gives no answer in time or a wrong one. "
	    "tempfail: it is put off (451), and a file of pickup waits. accept: it goes on as if this filter "
	    "were not there. disconnect: the client gets 421 and is disconnected. See postern-filter(8)." },
	{ FILTER("connect-time", KEY_TIME, connect_time), .standard = "10s", .min = SECOND,
	    .max = 300 * SECOND,
	    .meaning = "How long the connection to the filter, and its first answer, may take." },
	{ FILTER("command-time", KEY_TIME, command_time), .standard = "30s", .min = SECOND,
	    .max = 3600 * SECOND,
	    .meaning = "How long the filter may take for one answer, but the last one for a message." },
	{ FILTER("content-time", KEY_TIME, content_time), .standard = "5m", .min = SECOND,
	    .max = 3600 * SECOND,
	    .meaning =
	    "How long the filter may take from the end of the content to its verdict. When it says that it "
	    "is still at work, this time begins anew, and ends after an hour all the same." },
