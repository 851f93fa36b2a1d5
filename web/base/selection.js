/*
 * selection - which messages are meant: members of an address, and words of a command; pure
 */
import { encode } from "./console.js";

/* Of a person; each is a member of the address of its name. Ages are in seconds. */
const PATTERNS = ["domain", "sender", "recipient"];
const PLAIN = ["state", "older", "newer"];
const IDS_MOST = 20;	/* of one command */

export function fromQuery(query) {
	return Object.fromEntries([...PATTERNS, ...PLAIN].map((name) => [name, query.get(name) ?? ""]).filter(([, value]) => value !== ""));
}

export function toWords(selection) {
	return [...PATTERNS.filter((name) => selection[name]).map((name) => `${name}=${encode(selection[name])}`),
		...PLAIN.filter((name) => selection[name]).map((name) => `${name}=${selection[name]}`)];
}

/* Lists of words, one a command, that mean these ids. */
export function idWords(ids) {
	const commands = [];

	for (let i = 0; i < ids.length; i += IDS_MOST)
		commands.push(ids.slice(i, i + IDS_MOST).map((id) => `id=${id}`));
	return commands;
}
