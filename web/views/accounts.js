/*
 * accounts - <view-accounts>: who may log in to a virtual server, or to the manager: the accounts of its password
 * file; one is made, gets another password, is removed
 *
 * Promise:  a password goes to the service beside the words of a command, never in them. One that was made here
 *           is shown once. What else has to be set before clients can log in stands above the list
 */
import { make } from "../base/dom.js";
import { to } from "../base/address.js";
import { consoleText } from "../base/console.js";
import { age, visible } from "../base/format.js";
import { manager } from "../base/manager.js";
import { refusalOf } from "../base/pages.js";
import { makeCommand } from "../parts/command.js";
import { confirm } from "../parts/confirm.js";
import { say } from "../parts/notice.js";
import { makeTable } from "../parts/table.js";
import { makePassword, makePasswordField, showOnce } from "./account-password.js";
import { View } from "./view.js";

const NO_FILE = 3;	/* the status of a list without a password file */
const KEYS = ["access.authentication", "access.tls", "access.basic-requires-tls", "access.relay-authenticated"];

const split = (list) => list.split(/[\s,]+/).filter((word) => word !== "");

class Accounts extends View {
	#needs = make("div");
	#once = make("div", { role: "status" });
	#place = make("div");
	#refusal = this.makeRefusal();
	#form = null;
	#table = null;

	get #server() {
		return this.words.NAME ?? "-";
	}

	get #isManager() {
		return this.words.NAME === undefined;
	}

	begin() {
		this.append(this.head(this.#isManager ? "Accounts of the manager" : "Accounts"));
		if (!manager.may("configure", this.#server)) {
			this.append(this.empty("Who may log in here is for operators."), make("footer"));
			return;
		}
		this.#table = makeTable({
			caption: "Accounts",
			key: (row) => row.name,
			columns: [
				{ heading: "Name", wide: true, sort: (row) => row.name, mark: (row) => row.name + row.kind,
					node: (row) => make("span", {}, visible(row.name), row.kind === "crypt" && !this.#isManager ?
						make("span", { class: "under" }, "by PLAIN and LOGIN only") : null) },
				{ heading: "Last login", text: (row) => row.login === null ? "-" : `${age(row.login)} ago`, sort: (row) => row.login ?? "" },
				{ heading: "Actions", wide: true, mark: (row) => row.name, node: (row) => this.#actions(row.name) },
			],
		});
		this.#form = this.#makeForm();
		this.append(this.#needs, this.#once, this.#place, this.#form, make("footer", {}, makeCommand(this.#console("list"))));
		this.#ask();
	}

	#actions(name) {
		const button = (title, run) => make("button", { type: "button", "aria-label": `${title}: ${name}`, onclick: run }, title);

		return make("span", { class: "actions" }, button("New password", () => this.#askPassword(name)),
			button("Remove", () => this.#remove(name)));
	}

	#makeForm() {
		const password = makePasswordField({ name: "password" });
		const form = make("form", { class: "selection", hidden: true }, make("h2", {}, "New account"),
			make("label", {}, "Name ", make("input", { name: "account", required: true, maxlength: 255, spellcheck: "false", autocomplete: "off" })),
			make("label", {}, "Password ", password), make("button", {}, "Add"), this.#refusal);

		form.addEventListener("submit", async (event) => {
			event.preventDefault();
			const name = form.elements.account.value.trim(), typed = password.value;

			form.reset();	/* before anything is waited for: a person may write the next one meanwhile */
			if (this.#table.rows.some((row) => row.name.toLowerCase() === name.toLowerCase()))
				this.#refuse(`There is an account ${name} already: give it a new password above.`);
			else if (await this.#set(name, typed))
				return;
			form.elements.account.value ||= name;
		});
		return form;
	}

	async #askPassword(name) {
		const password = makePasswordField();
		const answer = await confirm({ title: `A new password for ${name}`, button: "Change it", command: this.#console("set", name),
			lines: ["The one that it has now fails from then on.", make("p", {}, make("label", {}, "New password ", password))] });

		if (answer !== null)
			await this.#set(name, password.value);
		password.value = "";
	}

	async #remove(name) {
		const lines = this.#isManager ? ["Its sessions in the manager end within seconds."] :
			["It cannot log in any more. A session that it has at present goes on."];

		if (await confirm({ title: `Remove the account ${name}?`, lines, button: "Remove it", danger: true,
			command: this.#console("remove", name) }) !== null)
			await this.#run(["accounts", this.#server, "remove", name], null);
	}

	/* posternctl passwd does the same to the file; that of the manager it knows by its path alone. */
	#console(...words) {
		return this.#isManager ? "" : consoleText(["accounts", this.#server, ...words]);
	}

	async #set(name, typed) {
		const password = typed === "" ? makePassword() : typed;
		const done = await this.#run(["accounts", this.#server, "set", name], password);

		if (done && typed === "")
			showOnce(this.#once, name, password);
		return done;
	}

	#refuse(text) {
		this.#refusal.hidden = text === "";
		this.#refusal.textContent = text;
	}

	/* True: it is done. */
	async #run(words, secret) {
		this.#once.replaceChildren();
		this.#refuse("");
		try {
			const answer = await manager.commandWith(secret, ...words);
			if (answer.status !== 0) {
				this.#refuse(refusalOf(answer));
				return false;
			}
			say(answer.text.trim());
		} catch (error) {
			this.#refuse(error.message);
			return false;
		}
		await this.#ask();
		return true;
	}

	async #change(words, about) {
		if (await this.apply(this.#refusal, words, about))
			await this.#ask();
	}

	#offerFile() {
		const what = this.#isManager ? "The manager has no file of accounts: people log in with a link of posternctl web login, or with Kerberos." :
			"This virtual server has no password file, so no client can log in with a password.";

		this.#needs.replaceChildren();
		this.#form.hidden = true;
		this.#place.replaceChildren(this.empty(what), manager.may("configure") ? make("p", {}, make("button", { type: "button",
			onclick: () => this.#change(["accounts", this.#server, "make"], { title: "Make a password file?", button: "Make it", command: "",
				lines: ["An empty file is made in the folder passwords beside postern.ini, and these keys name it."] }) }, "Make a password file")) :
			this.empty("An operator of the service can make one: it names a file."), this.#refusal);
	}

	#setButton(text, word, lines) {
		return make("button", { type: "button", onclick: () => this.#change(["set", this.#server, word], { title: `${text}?`, lines }) }, text);
	}

	/* What else has to be set before a client can log in, or may surprise. */
	async #askNeeds() {
		const { data } = await manager.watch("get", this.#server, ...KEYS);
		const [authentication, tls, requires, relays] = KEYS.map((key) => data?.keys.find((row) => row.key === key)?.value ?? "");
		const settings = make("a", { href: to(["server", this.#server, "settings", "access"]) }, "Settings, Access");
		const needs = [];

		if (!/\bbasic\b/.test(authentication))
			needs.push(["Nobody can log in by these accounts yet: authentication does not say basic. ",
				this.#setButton("Let clients log in", `access.authentication=${[...split(authentication), "basic"].join(",")}`, [])]);
		else if (tls === "off" && requires === "yes")
			needs.push(["Without TLS only SCRAM-SHA-256 is offered, which few clients speak. Give this virtual server a certificate ",
				"and its key in ", settings, "; or, in a network that you trust, ",
				this.#setButton("allow passwords without TLS", "access.basic-requires-tls=no",
					["Passwords then go over the network as they are: who listens there can read them."])]);
		if (/\bbasic\b/.test(authentication) && /\banonymous\b/.test(authentication))
			needs.push(["A client that does not log in may still send to local domains, as other mail servers do. ",
				this.#setButton("Demand a login of every client",
					`access.authentication=${split(authentication).filter((word) => word !== "anonymous").join(",")}`,
					["Then no other mail server can send mail to this virtual server."])]);
		if (relays === "no")
			needs.push(["Who logs in may not send to other domains: relay-authenticated says no, in ", settings, "."]);
		this.#needs.replaceChildren(...needs.map((parts) => make("p", { class: "need" }, ...parts)));
	}

	#tellManager() {
		this.#needs.replaceChildren(make("p", { class: "need" },
			"What each may do here say operators and viewers, where it is written account:NAME: in ",
			make("a", { href: to(["settings", "service"]) }, "Settings of the service"), ", or of one virtual server under Security."));
	}

	async #ask() {
		try {
			const answer = await manager.watch("accounts", this.#server, "list");

			if (answer.status === NO_FILE) {
				this.#offerFile();
				return;
			}
			if (answer.status !== 0 || answer.data === null)
				throw new Error(refusalOf(answer));
			this.#table.rows = answer.data.accounts;
			this.#form.hidden = false;
			this.#form.append(this.#refusal);
			this.#place.replaceChildren(...(answer.data.remarks ?? []).map((text) => make("p", { class: "need" }, text)),
				answer.data.accounts.length > 0 ? this.#table : this.empty("There is no account yet."));
			if (this.#isManager)
				this.#tellManager();
			else
				await this.#askNeeds();
		} catch (error) {
			this.refuse(this.#place, error.message);
		}
	}
}

customElements.define("view-accounts", Accounts);
