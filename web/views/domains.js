/*
 * domains - <view-domains>: the domains of a virtual server; one is added, renamed, removed, or opened
 */
import { make } from "../base/dom.js";
import { to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { confirm } from "../parts/confirm.js";
import { makeTable } from "../parts/table.js";
import { makeSettingsForm, readRows } from "./settings-form.js";
import { View } from "./view.js";

const TYPES = { remote: "remote: mail for it goes on to its host", alias: "alias: another name of the local domain",
	default: "default: the local domain, whose mail is put into the drop folder",
	sender: "sender: mail from me@example.com or @example.com has hosts or an account of its own" };

class Domains extends View {
	#place = make("div");
	#refusal = this.makeRefusal();
	#table = null;

	#makeTable(mayChange) {
		return makeTable({
			caption: "Domains",
			key: (row) => row.domain,
			columns: [
				{ heading: "Domain", wide: true, sort: (row) => row.domain, mark: (row) => row.domain,
					node: (row) => make("a", { href: to(["server", this.words.NAME, "domains", row.domain]) }, row.domain) },
				{ heading: "Type", text: (row) => row.type, sort: (row) => row.type },
				{ heading: "From", wide: true, text: (row) => row.origin },
				...(mayChange ? [{ heading: "Actions", mark: (row) => row.domain + row.type, node: (row) => this.#actions(row) }] : []),
			],
		});
	}

	begin() {
		const mayChange = manager.may("configure", this.words.NAME);

		this.#table = this.#makeTable(mayChange);
		this.append(this.head("Domains"), this.#place, ...(mayChange ? [this.#makeForm()] : []),
			this.foot("domain", this.words.NAME, "list"));
		this.#ask();
	}

	#actions({ domain, type }) {
		const button = (title, run) => make("button", { type: "button", "aria-label": `${title} ${domain}`, onclick: run }, title);

		return make("span", { class: "actions" }, button("Rename", () => this.#rename(domain)),
			type === "default" ? null : button("Remove", () =>
				this.#change(["domain", this.words.NAME, "remove", domain], `Remove ${domain}?`)));
	}

	#makeForm() {
		const form = make("form", { class: "selection" }, make("h2", {}, "New domain"),
			make("label", {}, "Name ", make("input", { name: "domain", required: true, spellcheck: "false", autocomplete: "off" })),
			make("label", {}, "Type ", make("select", { name: "type", class: "broad" },
				Object.entries(TYPES).map(([value, text]) => make("option", { value }, text)))),
			make("button", {}, "Add"), this.#refusal);

		form.addEventListener("submit", async (event) => {
			event.preventDefault();
			const { domain, type } = Object.fromEntries(new FormData(form));
			if (await this.#change(["domain", this.words.NAME, "add", domain.trim(), `type=${type}`], `Add ${domain.trim()}?`))
				form.reset();
		});
		return form;
	}

	async #rename(domain) {
		const name = await confirm({ title: `Rename ${domain}`, lines: [], button: "Show what would change", field: { label: "New name" },
			command: (value) => `posternctl domain rename ${this.words.NAME} ${domain} ${value}` });

		if (name !== null && name.trim() !== "")
			await this.#change(["domain", this.words.NAME, "rename", domain, name.trim()], `Rename ${domain} to ${name.trim()}?`);
	}

	async #change(words, title) {
		const done = await this.apply(this.#refusal, words, { title });

		if (done)
			this.#ask();
		return done;
	}

	async #ask() {
		const data = await this.read(this.#place, "domain", this.words.NAME, "list");

		if (data === null)
			return;
		this.#table.rows = data.domains;
		this.#place.replaceChildren(data.domains.length > 0 ? this.#table :
			this.empty("This virtual server has no domain. A domain says whose mail is local, and where the mail of others goes."));
	}
}

customElements.define("view-domains", Domains);

/* One domain: its keys. */
class Domain extends View {
	#place = make("div");

	begin() {
		const { NAME, DOMAIN } = this.words;

		this.append(make("p", { class: "path" }, make("a", { href: to(["server", NAME, "domains"]) }, "Domains")), this.head(DOMAIN), this.#place,
			this.foot("get", NAME));
		this.#show();
	}

	async #show(focused = null) {
		const { NAME, DOMAIN } = this.words;

		try {
			const rows = await readRows(NAME, `domain:${DOMAIN}`);
			this.#place.replaceChildren(rows.length > 0 ? makeSettingsForm(NAME, rows, (id) => this.#show(id)) :
				this.empty("There is no domain of that name any more."));
			document.getElementById(focused)?.focus();
		} catch (error) {
			this.refuse(this.#place, error.message);
		}
	}
}

customElements.define("view-domain", Domain);
