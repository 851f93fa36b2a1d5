/*
 * routes - which view an address shows; pure
 *
 * A row: the words of the address (a word in capitals stands for any, and is given to the view), the element,
 * its title. A new view is a row here, an import in shell.js, and with `tree` an entry of the tree.
 */
const rows = [
	{ path: [], element: "view-overview", title: () => "Service" },
	{ path: ["server", "NAME"], element: "view-server", title: ({ NAME }) => NAME },
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
			return { element: row.element, title: row.title(words), words };
	}
	return null;
}

/* The entries of the tree below one virtual server: [{ path, title, count(row, counters) }] */
export function serverPages(name) {
	return rows.filter((row) => row.tree !== undefined).map((row) =>
		({ path: row.path.map((word) => word === "NAME" ? name : word), title: row.tree, count: row.count }));
}
