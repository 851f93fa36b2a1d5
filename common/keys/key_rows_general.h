/* key_rows_general - the keys of [general]; for key_rows.c alone */
	{ GENERAL("id", KEY_NUMBER, id), BY_SERVICE,
	    .derived = "the next free number", .min = 1, .max = 1000000,
	    .own = true,
	    .meaning =
	    "The number N of the virtual server. Protocol logs call it SMTPSVCN, and signals name it by this "
	    "number. Without this key it keeps the number that it was given first." },
	{ GENERAL("user", KEY_TEXT, user), BY_SERVICE,
	    .derived = "that of the service", .check = key_check_word,
	    .own = true,
	    .meaning =
	    "An account of its own for the processes that own the folders of this virtual server, with that "
	    "account's group: those of other virtual servers then cannot open them." },
	{ GENERAL("pickup-group", KEY_TEXT, pickup_group), BY_SERVICE, .derived = "that of user",
	    .check = key_check_word, .own = true,
	    .meaning =
	    "Who may put files into pickup: the members of this group. They can neither list the folder nor "
	    "read, replace or remove what others have put there (mode 3730); a file has to be readable for "
	    "the group. Counts, as the next three, when the service is started as root." },
	{ GENERAL("drop-group", KEY_TEXT, drop_group), BY_SERVICE, .derived = "that of user",
	    .check = key_check_word, .own = true,
	    .meaning = "Who may fetch files from the drop folder: the members of this group (mode 2750)." },
	{ GENERAL("drop-delete", KEY_BOOL, drop_delete), .standard = "no", .own = true,
	    .meaning = "The members of drop-group may also remove files there (mode 2770)." },
	{ GENERAL("log-group", KEY_TEXT, log_group), BY_SERVICE, .derived = "that of user",
	    .check = key_check_word, .own = true,
	    .meaning = "Who may read the protocol log: the members of this group (mode 2750)." },
	{ GENERAL("description", KEY_TEXT, description), .own = true,
	    .derived = "\"Default SMTP Virtual Server\" for default, else the virtual server's name",
	    .meaning = "A text that posternctl status shows with the name of the virtual server." },
	{ GENERAL("listen", KEY_LISTEN, listen), IN_RANGE, .standard = "*:25, [::]:25", .own = true,
	    .meaning =
	    "The addresses and ports at which the virtual server takes mail. *:25 is every IPv4 address, "
	    "[::]:25 every IPv6 address; beside it another virtual server may have one address of that "
	    "port, and gets its clients. While that one is paused or stopped they are turned away, and "
	    "mail for it waits: the rules of the first would return it." },
	{ GENERAL("tls-listen", KEY_LISTEN_TLS, listen), IN_RANGE, .own = true,
	    .meaning = "The addresses and ports where a session starts with TLS at once, usually port 465." },
	{ GENERAL("own-address", KEY_STRINGS, own_address), .check = key_check_own_address,
	    .meaning =
	    "Addresses and names that lead to this virtual server and that it cannot know: outside of a "
	    "NAT, of a forwarded port or of a load balancer. An address may have a port. Together with "
	    "the addresses of listen, the fqdn and the hostname of the service they are the virtual "
	    "server itself: mail is never sent there, nor to an MX that is no better (5.4.6), and mail "
	    "for user@[address] is for the default domain. An address at which another virtual server "
	    "listens is that one's, also beside a listen of all addresses: mail goes to it, or waits "
	    "while it is stopped." },
	{ GENERAL("home", KEY_PATH, home), BY_SERVICE,
	    .derived = "the spool folder and the virtual server's name", .own = true,
	    .meaning = "The folder that holds pickup, queue, drop and badmail." },
	{ GENERAL("pickup", KEY_PATH, pickup), BY_SERVICE, .derived = "home/pickup", .own = true,
	    .meaning =
	    "The folder whose files are sent as mail. It must be on the same file system as queue." },
	{ GENERAL("queue", KEY_PATH, queue), BY_SERVICE, .derived = "home/queue", .own = true,
	    .meaning = "The folder of messages that are still to be delivered." },
	{ GENERAL("drop", KEY_PATH, drop), BY_SERVICE, .derived = "home/drop", .own = true,
	    .meaning =
	    "The folder that receives mail for local domains. It must be on the same file system as "
	    "queue." },
	{ GENERAL("connection-limit", KEY_NUMBER, connection_limit), BY_SERVICE, .min = 1,
	    .derived = "what memory-limit and half of the open files of a process hold, with mail filters a "
	    "third of them, 100 to 100000",
	    .max = 1000000, .unlimited = true,
	    .meaning =
	    "The largest number of concurrent inbound connections. A further one is answered 421 and "
	    "closed. One that its client has closed counts until filters and disk are done with its "
	    "message." },
	{ GENERAL("connection-limit-per-client", KEY_NUMBER, connection_limit_per_client), .min = 1,
	    .derived = "connection-limit where it is set, else a quarter of it; at most 250, and what an "
	    "eighth of memory-limit holds in messages, but 20; none for loopback addresses",
	    .max = 1000000, .unlimited = true, .meaning =
	    "The largest number of concurrent inbound connections from one client, in all listener processes "
	    "together; with [limits], and set here, in all nodes together. With connection-limit = unlimited "
	    "there is none unless it is set." },
	{ GENERAL("client-prefix-ipv4", KEY_NUMBER, client_prefix_ipv4), .standard = "32", .min = 8,
	    .max = 32, .meaning =
	    "How many bits of an IPv4 address make one client of connection-limit-per-client." },
	{ GENERAL("client-prefix-ipv6", KEY_NUMBER, client_prefix_ipv6), .standard = "64", .min = 16,
	    .max = 128, .meaning =
	    "The same for IPv6. A customer has a /64 at least, with more addresses than can be counted." },
	{ GENERAL("memory-limit", KEY_SIZE, memory_limit), BY_SERVICE, .min = 1U << 20, .unlimited = true,
	    .derived = "a quarter of the memory (of the limit of a container or unit), shared by virtual "
	    "servers and their processes, 64M at least",
	    .meaning =
	    "How much memory the inbound sessions of one listener process may hold together. A message on "
	    "its way counts as 272K. Beyond it, and where messages hold more than 7/8 of it, MAIL, RCPT, "
	    "DATA and BDAT are answered 452 4.3.1; beyond it, and where sessions hold more than 7/8 of it, "
	    "a new connection 421. Where sessions that exist grow so far, by commands that wait or replies "
	    "that are not read, the one that holds most without a message under way ends with 421 4.3.1." },
	{ GENERAL("connection-timeout", KEY_TIME, connection_timeout), .standard = "10m", .min = SECOND,
	    .max = DAY,
	    .meaning =
	    "How long an inbound session may be idle before it is answered 421 4.4.2 and closed." },
	{ GENERAL("session-time", KEY_TIME, session_time), .standard = "1d", .min = SECOND, .max = YEARS,
	    .unlimited = true,
	    .meaning =
	    "How long an inbound session may last. An older one is answered 421 4.3.2 at its next command "
	    "between two messages, 15 minutes later at any command; content that is coming is taken first: "
	    "it may take 15 minutes and a second for each 1,000 bytes, also when it is refused." },
	{ GENERAL("idle-command-limit", KEY_NUMBER, idle_command_limit), .standard = "200", .min = 1,
	    .max = 1000000, .unlimited = true,
	    .meaning =
	    "How many commands that bring no mail (NOOP, RSET, HELO, EHLO, VRFY, HELP, MAIL without RCPT, "
	    "ETRN) a client may send since a message was accepted or ETRN found mail. A further one is 421 "
	    "4.7.0 and the session ends." },
	{ GENERAL("processes", KEY_NUMBER, processes), BY_SERVICE, .standard = "1", .min = 1, .max = 64,
	    .automatic = true, .meaning =
	    "The number of listener processes. They share the sockets. A listener is not the first thing "
	    "that is full on a small machine, and a second one is no gain there. auto: one for each four "
	    "processors that the service may use (of the machine, or of the limit of a container or unit), "
	    "shared by virtual servers; one at least, and at most four. They are counted when the "
	    "listeners start." },
	{ GENERAL("log", KEY_BOOL, log), .standard = "yes",
	    .meaning = "Whether inbound and outbound sessions are written to a protocol log." },
	{ GENERAL("log-format", KEY_ENUM, log_format), .standard = "w3c", .choice = log_formats,
	    .meaning =
	    "w3c: W3C extended format with the fields of the SMTP service of IIS 6. json: one JSON object in "
	    "each line." },
	{ GENERAL("log-fields", KEY_STRINGS, log_fields), .standard = "all", .check = key_check_log_field,
	    .meaning =
	    "The fields in a line of the protocol log, by their W3C names: date, time, c-ip, cs-username and "
	    "so on. Their order is fixed." },
	{ GENERAL("log-roll", KEY_ENUM, log_roll), .standard = "daily", .choice = log_rolls,
	    .meaning =
	    "When a new log file begins, in UTC, and its name. daily: exYYMMDD.log. hourly: exYYMMDDHH.log. "
	    "weekly: exYYMMWW.log, with the week of the month. monthly: exYYMM.log. size: extendN.log, when "
	    "a file has reached log-roll-size. With log-format = json the names end in .json." },
	{ GENERAL("log-roll-size", KEY_SIZE, log_roll_size), .standard = "20M", .min = 64 * KIB,
	    .meaning = "The size of a log file at which a new one begins when log-roll is size." },
	{ GENERAL("log-keep", KEY_TIME, log_keep), BY_SERVICE, .standard = "90d", .min = 3600 * SECOND,
	    .max = YEARS, .unlimited = true,
	    .meaning =
	    "How long a file of the protocol log is kept after its last line; then it is removed. Files with "
	    "other names stay, also those that another program compressed or renamed. On the file system of "
	    "the queue no line is written while that is at its reserve (disk-reserve)." },
	{ GENERAL("log-directory", KEY_PATH, log_directory), BY_SERVICE,
	    .derived = "the logs folder and the virtual server's name",
	    .meaning = "The folder of this virtual server's protocol log." },
	{ GENERAL("banner", KEY_TEXT, banner), .derived = "the product's name", .check = key_check_line,
	    .meaning = "The text of the greeting, after the virtual server's fqdn." },
