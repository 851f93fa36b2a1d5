/*
 * test - <view-test>: asks other services what they would answer: the directory about a recipient, a token
 * endpoint and smart hosts about an account
 *
 * Promise:  what the processes said is shown as text, line by line, with the console command that asks the same
 */
import { make } from "../base/dom.js";
import { visible } from "../base/format.js";
import { manager } from "../base/manager.js";
import { makeCommand } from "../parts/command.js";
import { consoleText } from "../base/console.js";
import { View } from "./view.js";

const SERVER = {
	title: "Recipient in the directory", label: "Address", right: "look",
	help: "Whether the directory has the recipient, and what it stands for.",
	words: (name, value) => ["directory-test", name, value],
	console: (name, value) => consoleText(["explain", name, "--from", "127.0.0.1", "--rcpt", value]),
};
const SERVICE = {
	title: "Account by OAuth", label: "Profile", right: "operate", option: "Log in at the smart hosts, too",
	help: "A new token for an [oauth] profile, step by step.",
	words: (name, value, more) => ["oauth-test", "-", value, ...(more ? ["--smtp"] : [])],
	console: (name, value, more) => consoleText(["oauth", "-", "test", value, ...(more ? ["--smtp"] : [])]),
};

class Test extends View {
	#place = make("div", { role: "status" });

	begin() {
		const { NAME = "-" } = this.words;
		const row = NAME === "-" ? SERVICE : SERVER;
		const option = row.option === undefined ? null : make("label", {}, make("input", { type: "checkbox", name: "more" }), " ", row.option);
		const form = make("form", { class: "selection" }, make("h2", {}, row.title),
			make("label", {}, row.label, " ",
				make("input", { name: "value", required: true, maxlength: 300, spellcheck: "false", autocomplete: "off" })),
			option, make("button", {}, "Test"), make("p", { class: "soft" }, row.help));

		form.addEventListener("submit", (event) => {
			event.preventDefault();
			const { value, more } = Object.fromEntries(new FormData(form));
			this.#ask(row, NAME, value.trim(), more !== undefined, form);
		});
		this.append(this.head("Test"), manager.may(row.right, NAME) ? form : this.empty("This test is for operators of the service."),
			this.#place, make("footer"));
	}

	async #ask(row, name, value, more, form) {
		form.inert = true;
		this.#place.replaceChildren(make("p", { class: "soft" }, "Asking. This may take until a service has answered, or its time is over."));
		try {
			const answer = await manager.command(...row.words(name, value, more));
			this.#place.replaceChildren(make("p", {}, answer.status === 0 ? "Good." : `Not good (${answer.status}).`),
				make("pre", { tabindex: "0", "aria-label": "What was answered" }, visible(answer.text)), makeCommand(row.console(name, value, more)));
		} catch (error) {
			this.refuse(this.#place, error.message);
		}
		form.inert = false;
	}
}

customElements.define("view-test", Test);
