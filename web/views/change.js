/*
 * change - a change of the configuration: its difference is shown before it is applied
 *
 * Promise:  nothing is written before a person has seen the lines that change; what is refused touched no file
 * Fails by: the refusal, for the caller to show beside what it is about
 */
import { consoleText } from "../base/console.js";
import { make } from "../base/dom.js";
import { manager } from "../base/manager.js";
import { refusalOf } from "../base/pages.js";
import { confirm } from "../parts/confirm.js";
import { say } from "../parts/notice.js";

const NOTHING = "all of this is so already";

/* Where the word that asks for the difference alone stands: behind what is named. */
function dryRun(words) {
	const places = { create: 3, domain: words[2] === "rename" ? 5 : 4, accounts: 3 };

	return words.toSpliced(places[words[0]] ?? 2, 0, "dry-run");
}

/* The lines of a difference; "+" and "-" say the same as the colours. */
export function makeDifference(text) {
	const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("this is what would change"));

	return make("pre", { class: "difference", tabindex: "0", "aria-label": "What changes" }, lines.map((line) =>
		make("span", { class: line.startsWith("+") ? "more" : line.startsWith("-") ? "less" : null }, line, "\n")));
}

/* Without file and line: the text that has them is not written, and whoever sees it stands at the field. */
const plain = (text) => text.replace(/^\/.+?\.ini:(?:\d+:)? (?:error: )?/gm, "");

/* The refusal of a change that is only tried, or null. */
export async function refusalOfChange(words) {
	const answer = await manager.command(...dryRun(words));

	return answer.status === 0 ? null : plain(refusalOf(answer));
}

/*
 * Shows the difference, asks, applies. { done: true }; { done: false, refused: text }; or { done: false } when
 * the person said no, or nothing would change.
 */
export async function change(words, { title, lines = [], button = "Apply", danger = false, command = consoleText(words) }) {

	try {
		const shown = await manager.command(...dryRun(words));
		if (shown.status !== 0)
			return { done: false, refused: plain(refusalOf(shown)) };
		if (shown.text.includes(NOTHING)) {
			say("All of this is so already.", { command });
			return { done: false };
		}
		if (await confirm({ title, lines: [...lines, makeDifference(shown.text)], button, command, danger }) === null)
			return { done: false };
		const answer = await manager.command(...words);
		say(answer.text.replace(/^[ +-].*\n/gm, "").replace(/^\n/gm, ""), { bad: answer.status !== 0, command });
		return { done: answer.status === 0 };
	} catch (error) {
		say(error.message, { bad: true, command });
		return { done: false };
	}
}
