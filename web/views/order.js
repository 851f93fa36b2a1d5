/*
 * order - a command that changes messages of a queue or badmail: counted first, confirmed with the number, done
 * page by page, its outcome said
 *
 * Promise:  messages that came after the count are not touched; nothing is changed without the number
 * Fails by: a notice
 */
import { consoleText, encode } from "../base/console.js";
import { count, number } from "../base/format.js";
import { manager } from "../base/manager.js";
import { everyHalfSecond, walk } from "../base/pages.js";
import { idWords, toWords } from "../base/selection.js";
import { confirm } from "../parts/confirm.js";
import { clearNotice, say } from "../parts/notice.js";

const REASON = { label: "Reason", word: "reason", hint: "for the event log, or the report" };
const LASTING = "This cannot be undone.";

/* title: of the button; done: as in "3 messages held"; states: of those that it is for. */
const VERBS = {
	queue: {
		retry: { title: "Retry", done: "made due now", states: ["ready", "active", "waiting"] },
		hold: { title: "Hold", done: "held", states: ["ready", "active", "waiting", "kept"], field: REASON,
			note: "They rest until they are released, and do not expire." },
		release: { title: "Release", done: "released", states: ["held"], note: "They are tried at once." },
		bounce: { title: "Bounce", done: "returned to their senders", field: REASON, danger: true,
			note: `The senders get a report that their mail was not delivered. ${LASTING}` },
		delete: { title: "Delete", done: "deleted", danger: true, note: `No report is sent. ${LASTING}` },
		move: { title: "Move", done: "moved", field: { label: "To the queue of", word: "to", servers: true } },
		evacuate: { title: "Evacuate", done: "brought to the other node",
			field: { label: "To the node", word: "to", hint: "n2.example.com, or with a port", needed: true },
			note: "They leave this queue, and go on there as they would here. The two nodes have to know each other by certificate." },
	},
	drop: {
		delete: { title: "Delete", done: "deleted", danger: true, note: `The program that reads the folder will not get them. ${LASTING}` },
	},
	badmail: {
		retry: { title: "Put back", done: "put back into the queue",
			note: "They become new messages in the queue, for the recipients that failed." },
		purge: { title: "Purge", done: "purged", danger: true, note: `All that is known of them goes. ${LASTING}` },
	},
};

function othersOf(server) {
	return manager.those("operate").filter((name) => name !== server);
}

/* [{ verb, title, danger }] that this person may do there. */
export function verbsOf(kind, server) {
	const others = othersOf(server).length > 0;

	return !manager.may("operate", server) ? [] : Object.entries(VERBS[kind]).filter(([verb]) => verb !== "move" || others)
		.map(([verb, { title, danger = false }]) => ({ verb, title, danger }));
}

function statesOf(kind, verb, selection) {
	return selection.state ? [] : (VERBS[kind][verb].states ?? []).map((state) => `state=${state}`);
}

function fieldWords(row, value) {
	return row.field === undefined || value === "" ? [] :
		[`${row.field.word}=${row.field.word === "to" ? value.trim() : encode(value)}`];
}

/* How many messages are meant, and the time of the service then. */
async function countMessages(kind, server, words) {
	const due = everyHalfSecond();
	let matched = 0;

	await walk((...all) => manager.command(...all), [kind, server, "tally", ...words],
		(document) => {
			matched += document.matched;
			if (due())
				say(`Counting. So far: ${count(matched, "message")}.`);
		});
	return { matched, newest: `newest=${(Math.floor(manager.carrier.time / 1000) + 1) * 1000000}` };
}

async function run(kind, server, verb, commands) {
	const sums = { done: 0, busy: 0, failed: 0 };
	const remarks = new Set();
	const due = everyHalfSecond();

	for (const words of commands)
		await walk((...all) => manager.command(...all), [kind, server, verb, ...words], (document) => {
			for (const name of Object.keys(sums))
				sums[name] += document[name] ?? 0;
			document.remarks.forEach((line) => remarks.add(line));
			if (due())
				say(`${count(sums.done, "message")} ${VERBS[kind][verb].done} so far.`);
		});
	return { ...sums, remarks: [...remarks] };
}

function tell({ done, busy, failed, remarks }, row, command) {
	const lines = [`${count(done, "message")} ${row.done}.`, ...remarks.slice(0, 10)];

	if (busy > 0)
		lines.push(`${number(busy)} at work just now ${busy === 1 ? "was" : "were"} left alone: hold them first, or try again.`);
	if (failed > 0)
		lines.push(`${number(failed)} failed.`);
	say(lines.join("\n"), { bad: failed > 0 || done === 0, command });
}

function questionOf(row, server, matched, what) {
	const some = matched === 1 ? "1 message" : `${number(matched)} messages`;
	const field = row.field?.servers ? { ...row.field, options: othersOf(server) } : row.field;

	return { title: `${row.title} ${some}?`, button: `${row.title} ${some}`, danger: row.danger, field: field ?? null,
		lines: [what, ...(row.note === undefined ? [] : [row.note])] };
}

/*
 * Of the messages with these ids, or (null) all of the selection. True: something was done.
 */
export async function order(kind, server, verb, { ids = null, selection = {} }) {
	const row = VERBS[kind][verb];
	const meant = ids === null ? [...toWords(selection), ...statesOf(kind, verb, selection)] : null;
	const chosen = ids === null && meant.length === 0 ? ["all"] : meant;

	try {
		const { matched, newest } = ids === null ? await countMessages(kind, server, meant) : { matched: ids.length, newest: null };
		if (matched === 0) {
			say("No message matches.", { bad: true });
			return false;
		}
		const all = (value) => ids === null ? [[...chosen, newest, ...fieldWords(row, value)]] :
			idWords(ids).map((words) => [...words, ...fieldWords(row, value)]);
		const command = (value) => consoleText([kind, server, verb, ...all(value).flat().filter((word, i, words) => words.indexOf(word) === i)],
			matched > 1);
		const value = await confirm({ ...questionOf(row, server, matched, ids === null ?
			"All that match the selection of this page, also those that it does not show." : "Those that are selected."), command });
		clearNotice();
		if (value === null)
			return false;
		if (row.field?.needed && value.trim() === "") {
			say(`${row.field.label}: say which one.`, { bad: true });
			return false;
		}
		tell(await run(kind, server, verb, all(value)), row, command(value));
		return true;
	} catch (error) {
		say(error.message, { bad: true });
		return false;
	}
}
