/*
 * test - <view-test>: what would happen to a message; asks other services what they would answer: hosts and files
 * on the way of a mail, the directory about a recipient, a token endpoint and smart hosts about an account; sends a
 * test message; shows the certificates that clients get
 *
 * Promise:  what the processes said is shown as text, line by line, with the console command that asks the same
 */
import { make } from "../base/dom.js";
import { visible } from "../base/format.js";
import { manager } from "../base/manager.js";
import { makeCommand } from "../parts/command.js";
import { consoleText } from "../base/console.js";
import { View } from "./view.js";

/*
 * fields: [name, label, needed]; each test gets the values of its own by these names, "" where none is given.
 * said: what its exit status means; heads, lines: of the table, and which list of the answer has its rows.
 */
const WAY = ["Step", "Verdict", "Time", "What was found"];
const SERVER = [{
	title: "What would happen", right: "look",
	fields: [["from", "Client address", true], ["rcpt", "Recipient", true], ["sender", "Sender"], ["auth", "Logged in as"], ["size", "Size"]],
	help: "Which rules of the configuration decide about a message: whether it is taken, and where it goes. Nothing is sent.",
	said: { 0: "It would be taken.", 1: "It would be refused or returned." },
	heads: ["Step", "Value", "Decided by"],
	words: (name, value) => ["explain", name, ...given(value, (key, text) => [`${key}=${text}`])],
	console: (name, value) => consoleText(["explain", name, ...given(value, (key, text) => [`--${key}`, text])]),
	line: (step) => [step.step, step.value, [step.key, step.origin].filter((each) => each !== null).join(": ")],
}, {
	title: "The way of a mail", fields: [["rcpt", "Recipient"]], right: "operate",
	help: "Goes the way of a mail without one: files, queue, route, DNS, connection, TLS, login. " +
		"Without a recipient it is the way to the smart hosts.",
	words: (name, { rcpt }) => ["probe", name, ...(rcpt === "" ? [] : [rcpt])],
	console: (name, { rcpt }) => consoleText(["probe", name, ...(rcpt === "" ? [] : ["--rcpt", rcpt])]),
	heads: WAY, line: wayLine,
}, {
	title: "Test message", fields: [["rcpt", "Recipient", true]], right: "operate", button: "Send",
	help: "Goes the same way, and sends a message when all is well: what the host says to it, and what became of it. " +
		"Its sender is postmaster; its text says that it is a test and who asked for it.",
	said: { 0: "The message has arrived there.", 1: "The message was not taken.", 75: "The message is still in the queue." },
	words: (name, { rcpt }) => ["probe", name, rcpt, "--send"],
	console: (name, { rcpt }) => consoleText(["probe", name, "--rcpt", rcpt, "--send"]),
	heads: WAY, line: wayLine,
}, {
	title: "Certificates", fields: [], right: "look", button: "Show",
	help: "What clients are shown now, and the certificates of the issuers that go with it.",
	said: { 0: "All is well.", 1: "Something is wrong." },
	words: (name) => ["certificates", name],
	console: (name) => consoleText(["certificate", name, "served"]),
	lines: "certificates", heads: ["For", "Issued by", "Valid until", "Key", "SHA-256"],
	line: (each) => [each.names.length > 0 ? each.names.join(", ") : each.subject, each.issuer,
		`${each.until.slice(0, 10)}, ${daysText(each.days)}`, each.type, each.fingerprint],
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

function wayLine(step) {
	return [step.step, step.verdict, `${step.ms} ms`, step.step === "message" && step.id !== null ? `${step.text}: ${step.id}` : step.text];
}

function daysText(days) {
	return days < 0 ? "over" : days === 1 ? "1 day" : `${days} days`;
}

function given(values, make) {
	return Object.entries(values).filter(([, text]) => text !== "").flatMap(([key, text]) => make(key, text));
}

/* What was answered: rows, and what was said besides them; else the text. */
function makeAnswer(row, answer) {
	const { lines = "steps" } = row, steps = row.line === undefined ? [] : answer.data?.[lines] ?? [];

	if (steps.length === 0)
		return [make("pre", { tabindex: "0", "aria-label": "What was answered" }, visible(answer.text))];
	return [...(answer.data.remarks ?? []).map((remark) => make("p", {}, visible(remark))),
		make("table", {}, make("caption", { class: "unseen" }, "What was answered"),
			make("thead", {}, make("tr", {}, row.heads.map((head) => make("th", { scope: "col" }, head)))),
			make("tbody", {}, steps.map((step) => make("tr", {}, row.line(step).map((text, i) => i === 0 ?
				make("th", { scope: "row" }, visible(text ?? "")) :
				make("td", { class: "wide", "data-label": row.heads[i] }, visible(text ?? "")))))))];
}

class Test extends View {
	begin() {
		const { NAME = "-" } = this.words;
		const rows = (NAME === "-" ? SERVICE : SERVER).filter((row) => manager.may(row.right, NAME));

		this.append(this.head("Test"), ...(rows.length > 0 ? rows.map((row) => this.#form(row, NAME)) :
			[this.empty("This test is for operators of the service.")]), make("footer"));
	}

	#form(row, name) {
		const place = make("div", { role: "status" }), { button = "Test" } = row;
		const option = row.option === undefined ? null : make("label", {}, make("input", { type: "checkbox", name: "more" }), " ", row.option);
		const form = make("form", { class: "selection" }, make("h2", {}, row.title),
			row.fields.map(([field, label, needed = false]) => make("label", {}, label, " ",
				make("input", { name: field, required: needed, maxlength: 300, spellcheck: "false", autocomplete: "off" }))),
			option, make("button", { "aria-label": `${button}: ${row.title}` }, button), make("p", { class: "soft" }, row.help));

		form.addEventListener("submit", (event) => {
			event.preventDefault();
			this.#ask(row, name, Object.fromEntries([...new FormData(form)].map(([field, text]) => [field, text.trim()])), form, place);
		});
		return make("section", {}, form, place);
	}

	async #ask(row, name, values, form, place) {
		form.inert = true;
		place.replaceChildren(make("p", { class: "soft" }, "Asking. This may take until a service has answered, or its time is over."));
		try {
			const answer = await manager.command(...row.words(name, values));
			const said = row.said?.[answer.status] ?? (answer.status === 0 ? "Good." : `Not good (${answer.status}).`);
			place.replaceChildren(make("p", {}, said), ...makeAnswer(row, answer), makeCommand(row.console(name, values)));
		} catch (error) {
			this.refuse(place, error.message);
		}
		form.inert = false;
	}
}

customElements.define("view-test", Test);
