/*
 * test - <view-test>: what would happen to a message; asks other services what they would answer: hosts and files
 * on the way of a mail, the directory about a recipient, a token endpoint and smart hosts about an account
 *
 * Promise:  what the processes said is shown as text, line by line, with the console command that asks the same
 */
import { make } from "../base/dom.js";
import { visible } from "../base/format.js";
import { manager } from "../base/manager.js";
import { makeCommand } from "../parts/command.js";
import { consoleText } from "../base/console.js";
import { View } from "./view.js";

/* fields: [name, label, needed]; each test gets the values of its own by these names, "" where none is given. */
const SERVER = [{
	title: "What would happen", right: "look",
	fields: [["from", "Client address", true], ["rcpt", "Recipient", true], ["sender", "Sender"], ["auth", "Logged in as"], ["size", "Size"]],
	help: "Which rules of the configuration decide about a message: whether it is taken, and where it goes. Nothing is sent.",
	good: "It would be taken.", bad: "It would be refused or returned.",
	words: (name, value) => ["explain", name, ...given(value, (key, text) => [`${key}=${text}`])],
	console: (name, value) => consoleText(["explain", name, ...given(value, (key, text) => [`--${key}`, text])]),
	line: (step) => [step.step, step.value, [step.key, step.origin].filter((each) => each !== null).join(": ")],
}, {
	title: "The way of a mail", fields: [["rcpt", "Recipient"]], right: "operate",
	help: "Goes the way of a mail without one: files, queue, route, DNS, connection, TLS, login. " +
		"Without a recipient it is the way to the smart hosts.",
	words: (name, { rcpt }) => ["probe", name, ...(rcpt === "" ? [] : [rcpt])],
	console: (name, { rcpt }) => consoleText(["probe", name, ...(rcpt === "" ? [] : ["--rcpt", rcpt])]),
	line: (step) => [step.step, step.verdict, `${step.ms} ms`, step.text],
}, {
	title: "Recipient in the directory", fields: [["value", "Address", true]], right: "look",
	help: "Whether the directory has the recipient, and what it stands for.",
	words: (name, { value }) => ["directory-test", name, value],
	console: (name, { value }) => consoleText(["explain", name, "--from", "127.0.0.1", "--rcpt", value]),
}];
const SERVICE = [{
	title: "Account by OAuth", fields: [["value", "Profile", true]], right: "operate", option: "Log in at the smart hosts, too",
	help: "A new token for an [oauth] profile, step by step.",
	words: (name, { value, more }) => ["oauth-test", "-", value, ...(more === undefined ? [] : ["--smtp"])],
	console: (name, { value, more }) => consoleText(["oauth", "-", "test", value, ...(more === undefined ? [] : ["--smtp"])]),
}];

function given(values, make) {
	return Object.entries(values).filter(([, text]) => text !== "").flatMap(([key, text]) => make(key, text));
}

/* What was answered: rows of steps, else the text. */
function makeAnswer(row, answer) {
	const steps = row.line === undefined ? [] : answer.data?.steps ?? [];

	if (steps.length === 0)
		return make("pre", { tabindex: "0", "aria-label": "What was answered" }, visible(answer.text));
	return make("table", {}, make("caption", { class: "unseen" }, "What was answered"), make("tbody", {}, steps.map((step) =>
		make("tr", {}, row.line(step).map((text, i) => i === 0 ? make("th", { scope: "row" }, visible(text ?? "")) :
			make("td", { class: "wide" }, visible(text ?? "")))))));
}

class Test extends View {
	begin() {
		const { NAME = "-" } = this.words;
		const rows = (NAME === "-" ? SERVICE : SERVER).filter((row) => manager.may(row.right, NAME));

		this.append(this.head("Test"), ...(rows.length > 0 ? rows.map((row) => this.#form(row, NAME)) :
			[this.empty("This test is for operators of the service.")]), make("footer"));
	}

	#form(row, name) {
		const place = make("div", { role: "status" });
		const option = row.option === undefined ? null : make("label", {}, make("input", { type: "checkbox", name: "more" }), " ", row.option);
		const form = make("form", { class: "selection" }, make("h2", {}, row.title),
			row.fields.map(([field, label, needed = false]) => make("label", {}, label, " ",
				make("input", { name: field, required: needed, maxlength: 300, spellcheck: "false", autocomplete: "off" }))),
			option, make("button", { "aria-label": `Test: ${row.title}` }, "Test"), make("p", { class: "soft" }, row.help));

		form.addEventListener("submit", (event) => {
			event.preventDefault();
			this.#ask(row, name, Object.fromEntries([...new FormData(form)].map(([field, text]) => [field, text.trim()])), form, place);
		});
		return make("section", {}, form, place);
	}

	async #ask(row, name, values, form, place) {
		const { good = "Good.", bad = null } = row;

		form.inert = true;
		place.replaceChildren(make("p", { class: "soft" }, "Asking. This may take until a service has answered, or its time is over."));
		try {
			const answer = await manager.command(...row.words(name, values));
			const said = answer.status === 0 ? good : bad !== null && answer.status === 1 ? bad : `Not good (${answer.status}).`;
			place.replaceChildren(make("p", {}, said), makeAnswer(row, answer), makeCommand(row.console(name, values)));
		} catch (error) {
			this.refuse(place, error.message);
		}
		form.inert = false;
	}
}

customElements.define("view-test", Test);
