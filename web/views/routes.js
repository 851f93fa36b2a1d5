/*
 * routes - which view an address shows; pure
 *
 * A row: the words of the address (a word in capitals stands for any, and is given to the view), the element,
 * its title. A new view is a row here, an import in shell.js, and with `tree` an entry of the tree.
 */
const rows = [
	{ path: [], element: "view-overview", title: () => "Service" },
	{ path: ["new"], element: "view-new-server", title: () => "New virtual server" },
	{ path: ["import"], element: "view-import", title: () => "Import from IIS" },
	{ path: ["settings"], element: "view-settings", title: () => "Settings of the service" },
	{ path: ["settings", "SECTION"], element: "view-settings", title: ({ SECTION }) => `Settings: ${SECTION}` },
	{ path: ["accounts"], element: "view-accounts", title: () => "Accounts of the manager" },
	{ path: ["nodes"], element: "view-nodes", title: () => "Nodes" },
	{ path: ["history"], element: "view-history", title: () => "History" },
	{ path: ["test"], element: "view-test", title: () => "Test of the service" },
	{ path: ["log"], element: "view-log", title: () => "Log of the service" },
	{ path: ["server", "NAME"], element: "view-server", title: ({ NAME }) => NAME },
	{ path: ["server", "NAME", "settings"], element: "view-settings", title: ({ NAME }) => `Settings of ${NAME}`, tree: "Settings" },
	{ path: ["server", "NAME", "settings", "SECTION"], element: "view-settings", title: ({ NAME, SECTION }) => `Settings of ${NAME}: ${SECTION}` },
	{ path: ["server", "NAME", "domains"], element: "view-domains", title: ({ NAME }) => `Domains of ${NAME}`, tree: "Domains" },
	{ path: ["server", "NAME", "domains", "DOMAIN"], element: "view-domain", title: ({ DOMAIN }) => DOMAIN },
	{ path: ["server", "NAME", "accounts"], element: "view-accounts", title: ({ NAME }) => `Accounts of ${NAME}`, tree: "Accounts" },
	{ path: ["server", "NAME", "filters"], element: "view-sections", words: { KIND: "filter" }, title: ({ NAME }) => `Mail filters of ${NAME}`,
		tree: "Mail Filters" },
	{ path: ["server", "NAME", "filters", "SECTION"], element: "view-section", words: { KIND: "filter" },
		title: ({ SECTION }) => `Filter ${SECTION}` },
	{ path: ["server", "NAME", "host-rules"], element: "view-sections", words: { KIND: "host" }, title: ({ NAME }) => `Rules for hosts of ${NAME}`,
		tree: "Rules for Hosts" },
	{ path: ["server", "NAME", "host-rules", "SECTION"], element: "view-section", words: { KIND: "host" },
		title: ({ SECTION }) => `Rules: ${SECTION}` },
	{ path: ["server", "NAME", "sessions"], element: "view-sessions", title: ({ NAME }) => `Sessions of ${NAME}`, tree: "Current Sessions",
		count: (row, counters) => counters?.inbound_connections_current ?? row.sessions },
	{ path: ["server", "NAME", "queue"], element: "view-queue", title: ({ NAME }) => `Queue of ${NAME}`, tree: "Queue",
		count: (row, counters) => counters?.queue_length ?? row.queue },
	{ path: ["server", "NAME", "queue", "messages"], element: "view-messages", words: { KIND: "queue" }, title: ({ NAME }) => `Messages of ${NAME}` },
	{ path: ["server", "NAME", "queue", "messages", "ID"], element: "view-message", words: { KIND: "queue" }, title: ({ ID }) => `Message ${ID}` },
	{ path: ["server", "NAME", "hosts"], element: "view-hosts", title: ({ NAME }) => `Hosts of ${NAME}`, tree: "Hosts" },
	{ path: ["server", "NAME", "badmail"], element: "view-messages", words: { KIND: "badmail" }, title: ({ NAME }) => `Badmail of ${NAME}`,
		tree: "Badmail" },
	{ path: ["server", "NAME", "badmail", "ID"], element: "view-message", words: { KIND: "badmail" }, title: ({ ID }) => `Badmail ${ID}` },
	{ path: ["server", "NAME", "drop"], element: "view-messages", words: { KIND: "drop" }, title: ({ NAME }) => `Drop of ${NAME}`, tree: "Drop" },
	{ path: ["server", "NAME", "drop", "ID"], element: "view-drop-message", title: ({ ID }) => `Message ${ID}` },
	{ path: ["server", "NAME", "trace"], element: "view-trace", title: ({ NAME }) => `Trace of ${NAME}`, tree: "Trace" },
	{ path: ["server", "NAME", "test"], element: "view-test", title: ({ NAME }) => `Test of ${NAME}`, tree: "Test" },
	{ path: ["server", "NAME", "log"], element: "view-log", title: ({ NAME }) => `Log of ${NAME}`, tree: "Log" },
	{ path: ["server", "NAME", "counters"], element: "view-counters", title: ({ NAME }) => `Counters of ${NAME}`, tree: "Counters" },
	{ path: ["server", "NAME", "history"], element: "view-history", title: ({ NAME }) => `History of ${NAME}`, tree: "History" },
];

function match(pattern, path) {
	const found = {};

	if (pattern.length !== path.length)
		return null;
	for (const [i, word] of pattern.entries())
		if (word === word.toUpperCase())
			found[word] = path[i];
		else if (word !== path[i])
			return null;
	return found;
}

/* { element, title, words } or null. */
export function find(path) {
	for (const row of rows) {
		const words = match(row.path, path);
		if (words !== null)
			return { element: row.element, title: row.title(words), words: { ...row.words, ...words } };
	}
	return null;
}

/* The entries of the tree below one virtual server: [{ path, title, count(row, counters) }] */
export function serverPages(name) {
	return rows.filter((row) => row.tree !== undefined).map((row) =>
		({ path: row.path.map((word) => word === "NAME" ? name : word), title: row.tree, count: row.count }));
}
