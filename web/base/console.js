/*
 * console - the command of posternctl that does the same as the words of a control command; pure
 */

/* How a shell takes it as one word. */
function quote(word) {
	return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/* Undoes the encoding of a selection: "+20" is a blank. */
function decode(text) {
	const bytes = [];

	for (let i = 0; i < text.length; i++) {
		const hex = text[i] === "+" ? parseInt(text.slice(i + 1, i + 3), 16) : NaN;
		bytes.push(Number.isNaN(hex) ? text.charCodeAt(i) : hex);
		i += Number.isNaN(hex) ? 0 : 2;
	}
	return new TextDecoder().decode(new Uint8Array(bytes));
}

/* The words of a selection as options. */
function options(words) {
	return words.flatMap((word) => {
		const [, key, value = ""] = /^([a-z]+)(?:=(.*))?$/s.exec(word) ?? [];

		if (key === "id")
			return [decode(value)];
		if (key === "at" || key === "newest" || key === undefined)
			return [];
		if (key === "all" || key === "yes")
			return [`--${key}`];
		return [`--${key}`, key === "older" || key === "newer" ? `${value}s` : decode(value)];
	});
}

function argumentsOf(words) {
	const [command, name = "-", verb = "", ...rest] = words;
	const named = name === "-" ? [] : [name];

	if (command === "sessions")
		return [command, ...(verb === "list" ? [] : [verb]), ...options(rest), ...named];
	if (command === "queue" || command === "badmail" || command === "drop")
		return [command, ...named, verb, ...options(rest)];
	if (command === "trace")
		return [command, ...rest.flatMap((word) => word.startsWith("id=") ? [word.slice(3)] :
			[`--${word.slice(0, word.indexOf("="))}`, word.slice(word.indexOf("=") + 1)])];
	if (command === "counters")
		return [command, ...(verb === "hour" || verb === "day" ? ["--history", verb] : []), ...named];
	if (command === "domain")
		return [command, verb, ...named, ...rest.filter((word) => word !== "dry-run")];
	if (command === "accounts")
		return ["passwd", ...(verb === "remove" ? ["--delete"] : verb === "list" ? ["--list"] : []), ...named, ...rest];
	if (command === "create")
		return [command, verb, ...rest.flatMap((word) => word.startsWith("from=") ? ["--from", word.slice(5)] : [word])];
	return [command, ...named, ...words.slice(2).map((word) => word === "dry-run" ? "--dry-run" : word)];
}

/* `yes`: the command changes more than one thing, and is not asked again. */
export function consoleText(words, yes = false) {
	return ["posternctl", ...argumentsOf(words), ...(yes ? ["--yes"] : [])].map(quote).join(" ");
}

/* One value of a selection as the service takes it: "domain=" + encode("a b"). */
export function encode(text) {
	return Array.from(new TextEncoder().encode(text), (byte) => byte <= 0x20 || byte > 0x7e || byte === 0x2b || byte === 0x3d ?
		`+${byte.toString(16).toUpperCase().padStart(2, "0")}` : String.fromCharCode(byte)).join("");
}
