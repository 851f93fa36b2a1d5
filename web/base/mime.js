/*
 * mime - a message as bytes: its header fields, its parts, the text that people read; pure
 *
 * Promise:  bounded whatever the message is: PARTS_MOST parts, DEEP levels, FIELDS_MOST fields. What cannot be
 *           decoded is shown as it is
 */
const PARTS_MOST = 200;
const DEEP = 10;
const FIELDS_MOST = 500;

/* Bytes as characters 0 to 255. */
export function latin(bytes) {
	const pieces = [];

	for (let i = 0; i < bytes.length; i += 8192)
		pieces.push(String.fromCharCode(...bytes.subarray(i, i + 8192)));
	return pieces.join("");
}

function bytesOf(text) {
	return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function decodeCharset(bytes, charset) {
	try {
		return new TextDecoder(charset || "utf-8").decode(bytes);
	} catch {
		return new TextDecoder().decode(bytes);
	}
}

function fromBase64(text) {
	const clean = text.replace(/[^A-Za-z0-9+/]/g, "");

	try {
		return bytesOf(atob(clean.slice(0, clean.length - (clean.length % 4 === 1 ? 1 : 0))));
	} catch {
		return bytesOf(text);
	}
}

function fromQuoted(text) {
	return bytesOf(text.replace(/(?<![ \t])[ \t]+$/gm, "").replace(/=\r?\n/g, "").replace(/=([0-9A-Fa-f]{2})/g, (_, hex) =>
		String.fromCharCode(parseInt(hex, 16))));
}

/* RFC 2047: "=?utf-8?q?...?=" */
export function decodeWords(text) {
	return text.replace(/(=\?[^?\s]+\?[bq]\?[^?\s]*\?=)\s+(?==\?)/gi, "$1").replace(/=\?([^?*\s]+)(?:\*[^?]*)?\?([bq])\?([^?\s]*)\?=/gi,
		(_, charset, kind, value) => decodeCharset(kind.toLowerCase() === "b" ? fromBase64(value) :
			fromQuoted(value.replaceAll("_", " ")), charset));
}

/* Raw 8-bit text in a header: UTF-8, or what it is. */
function textOf(raw) {
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(raw));
	} catch {
		return raw;
	}
}

/* { fields: [[name, value]], body }, of characters 0 to 255. */
export function split(raw) {
	const found = /\r?\n\r?\n/.exec(raw);
	const head = found === null ? raw : raw.slice(0, found.index);
	const fields = [];

	for (const line of head.split(/\r?\n(?![ \t])/).slice(0, FIELDS_MOST)) {
		const at = line.indexOf(":");
		if (at > 0)
			fields.push([line.slice(0, at).trim(), decodeWords(textOf(line.slice(at + 1).replace(/\r?\n[ \t]+/g, " ").trim()))]);
	}
	return { fields, body: found === null ? "" : raw.slice(found.index + found[0].length) };
}

export function field(fields, name) {
	return fields.find(([each]) => each.toLowerCase() === name)?.[1] ?? "";
}

function parameter(value, name) {
	return new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;\\s]+))`, "i").exec(value)?.slice(1).find((each) => each !== undefined) ?? "";
}

/* The pieces between the lines of a boundary. */
function pieces(body, boundary) {
	const lines = `\n${body}`.split(`\n--${boundary}`);

	return lines.slice(1).filter((piece) => !piece.startsWith("--")).map((piece) => piece.replace(/^[^\n]*\n/, "").replace(/\r?$/, ""));
}

function walk(raw, deep, parts) {
	const { fields, body } = split(raw);
	const type = field(fields, "content-type") || "text/plain";
	const kind = type.split(";")[0].trim().toLowerCase();
	const boundary = parameter(type, "boundary");

	if (parts.length >= PARTS_MOST)
		return;
	if (kind.startsWith("multipart/") && boundary !== "" && deep < DEEP) {
		for (const piece of pieces(body, boundary).slice(0, PARTS_MOST))
			walk(piece, deep + 1, parts);
		return;
	}
	const encoding = field(fields, "content-transfer-encoding").trim().toLowerCase();
	const bytes = () => encoding === "base64" ? fromBase64(body) : encoding === "quoted-printable" ? fromQuoted(body) : bytesOf(body);
	parts.push({ kind, size: body.length, name: parameter(field(fields, "content-disposition"), "filename") || parameter(type, "name"),
		isAttachment: /^\s*attachment/i.test(field(fields, "content-disposition")), bytes,
		text: () => decodeCharset(bytes(), parameter(type, "charset")) });
}

/* { fields, parts: [{ kind, size, name, isAttachment, bytes(), text() }], text: the first part of plain text, or null } */
export function parse(raw) {
	const parts = [];

	walk(raw, 0, parts);
	return { fields: split(raw).fields, parts, text: parts.find((part) => part.kind === "text/plain" && !part.isAttachment)?.text() ?? null };
}
