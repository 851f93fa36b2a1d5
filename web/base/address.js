/*
 * address - the part of the address behind "#": which view is shown, of what, with which selection; pure but
 * for go() and kept()
 *
 * #/server/default/queue/messages?domain=example.com -> { path: ["server", "default", "queue", "messages"],
 * query: URLSearchParams }
 */
const LINK = /(?:^|#)login=([0-9a-f]{64})$/;

/* The token of a link, or of what was pasted; null: it is none. */
export function loginToken(text) {
	return LINK.exec(text.trim())?.[1] ?? /^[0-9a-f]{64}$/.exec(text.trim())?.[0] ?? null;
}

function decode(word) {
	try {
		return decodeURIComponent(word);
	} catch {
		return word;
	}
}

export function parse(hash) {
	const [path, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);

	return { path: path.split("/").filter((word) => word !== "").map(decode), query: new URLSearchParams(query) };
}

/* The address for these words; a query member that is null or "" is left out. */
export function to(path, query = {}) {
	const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== ""));

	return `#/${path.map(encodeURIComponent).join("/")}${search.size > 0 ? `?${search}` : ""}`;
}

export function go(path, query) {
	location.hash = to(path, query);
}

let latest = "#/";

/* The address before a link of a login came. */
export function kept() {
	return latest;
}

export function keep(hash) {
	latest = hash;
}
