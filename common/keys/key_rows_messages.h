/* key_rows_messages - the keys of [messages]; for key_rows.c alone */
	{ MESSAGES("max-message-size", KEY_SIZE, max_message_size),
	    UP_TO("operator-max-message-size"), .standard = "25M", .min = 1,
	    .unlimited = true,
	    .meaning =
	    "The largest size of a message, by SMTP and by pickup. It is announced with SIZE. A larger "
	    "message is refused with 552 5.3.4." },
	{ MESSAGES("disk-reserve", KEY_NUMBER, disk_reserve), BY_SERVICE,
	    .standard = "5", .max = 50, .meaning =
	    "How many percent of the file system of queue stay free, in bytes and in inodes, for mail that "
	    "is under way, reports and logs. Below it MAIL is answered 452 4.3.1 and files stay in pickup; "
	    "an event tells when that begins and when it is over, with a quarter of the reserve more. The "
	    "reserve holds 16 messages of max-message-size at least, which count for a tenth of the file "
	    "system at most; it is never more than 1G and 10000 inodes. 0: there is none." },
	{ MESSAGES("max-session-size", KEY_SIZE, max_session_size),
	    UP_TO("operator-max-session-size"), .standard = "100M", .min = 1,
	    .unlimited = true, .meaning =
	    "The largest sum of all messages that are accepted in one connection." },
	{ MESSAGES("max-messages-per-connection", KEY_NUMBER, max_messages_per_connection), .standard = "20",
	    .min = 1, .max = 2000000000,
	    .unlimited = true, .meaning =
	    "Outbound: after this number of messages a new connection is made." },
	{ MESSAGES("max-recipients", KEY_NUMBER, max_recipients),
	    UP_TO("operator-max-recipients"), .standard = "100", .min = 1, .max = 1000000,
	    .unlimited = true,
	    .meaning =
	    "The largest number of recipients of one inbound message. Each further recipient is answered 452 "
	    "4.5.3, and the message goes on without it." },
	{ MESSAGES("ndr-copy-to", KEY_TEXT, ndr_copy_to), .check = key_check_mailbox,
	    .meaning = "A mail address that gets a copy of each report of failure (NDR)." },
	{ MESSAGES("badmail", KEY_PATH, badmail), BY_SERVICE, .derived = "home/badmail", .own = true,
	    .meaning =
	    "The folder of mail that could be neither delivered nor returned. It must be on the same file "
	    "system as queue." },
	{ MESSAGES("badmail-keep", KEY_TIME, badmail_keep), .standard = "30d", .min = SECOND, .max = YEARS,
	    .unlimited = true, .meaning = "How long files stay in badmail." },
	{ MESSAGES("badmail-limit", KEY_SIZE, badmail_limit), BY_SERVICE,
	    .standard = "1G", .min = 1, .unlimited = true,
	    .meaning =
	    "The largest size of badmail, in whole blocks of 4 KB: small files count with one, so that they "
	    "do not take all inodes either. Before it would be exceeded, the oldest messages are removed. A "
	    "message that is larger by itself is not kept." },
	{ MESSAGES("pickup-dots", KEY_ENUM, pickup_dots), .standard = "auto", .choice = dots,
	    .meaning =
	    "Whether programs that write to pickup double a dot at the start of a line. stuffed: they do, as "
	    "programs for IIS and for the .NET Framework. plain: they do not, as programs for .NET 5 and "
	    "later. auto: this is decided for each file; without evidence that dots were doubled they stay "
	    "as they are." },
	{ MESSAGES("pickup-settle", KEY_TIME, pickup_settle), .standard = "250ms", .max = DAY,
	    .meaning =
	    "How long nothing must have happened to a file that was written in pickup itself before it is "
	    "taken. A file that is written in several pieces is waited for longer. A file that was renamed "
	    "into pickup, or whose writer was seen to hold a lock, is taken at once." },
