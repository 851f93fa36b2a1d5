/*
 * act - runs a command that a person wants, after the question that it needs, and says what became of it
 *
 * Promise:  the outcome and the command of the console that does the same are shown
 */
import { consoleText } from "../base/console.js";
import { manager } from "../base/manager.js";
import { confirm } from "../parts/confirm.js";
import { say } from "../parts/notice.js";

/* Lines for people: those of rows are left out. */
function remarks(answer) {
	return answer.text.split("\n").filter((line) => line !== "" && !line.includes("\t")).map((line) => line.replace(/^[!=]/, "")).join("\n");
}

/* The answer, or null: no, or it failed (and was said). `question`: that of confirm, or null. */
export async function act(words, { question = null, command = consoleText(words) } = {}) {
	if (question !== null && await confirm({ command, ...question }) === null)
		return null;
	try {
		const answer = await manager.command(...words);
		say(remarks(answer) || (answer.status === 0 ? "Done." : `The service refused that (${answer.status}).`),
			{ bad: answer.status !== 0, command });
		return answer.status === 0 ? answer : null;
	} catch (error) {
		say(error.message, { bad: true, command });
		return null;
	}
}
