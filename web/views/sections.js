/*
 * sections - <view-sections>: the sections of one kind in a virtual server's file, [filter NAME] or [host PATTERN]:
 * one is added, removed, or opened; <view-section>: the keys of one
 *
 * Promise:  a new kind is a row here, and two of routes.js
 */
import { make } from "../base/dom.js";
import { to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { refusalOf } from "../base/pages.js";
import { makeTable } from "../parts/table.js";
import { makeSettingsForm, readRows } from "./settings-form.js";
import { View } from "./view.js";

/* what: a section is about it. first: the key that a new one begins with. none: a sentence without any. */
const KINDS = {
	filter: { title: "Mail Filters", what: "Filter", path: "filters", first: "connect", hint: "inet:127.0.0.1:11332",
		none: "No mail filter is asked. Filters are asked in the order of the file; each is a row here." },
	host: { title: "Rules for Hosts", what: "Host", path: "host-rules", first: "connections", hint: "2",
		none: "No host has rules of its own. A rule is for the hosts that fit its pattern, such as *.example.com or 192.0.2.0/24." },
};

/* [{ name, keys: its rows }] in the order of the file. */
async function readSections(server, kind) {
	const answer = await manager.watch("get", server);
	const found = new Map();

	if (answer.status !== 0 || answer.data === null)
		throw new Error(refusalOf(answer));
	for (const row of answer.data.keys) {
		const place = row.key.startsWith(`${kind}:`) ? row.key.slice(kind.length + 1) : null;
		const end = place === null ? -1 : place.lastIndexOf(".");
		if (end === -1)
			continue;
		const name = place.slice(0, end);
		found.set(name, [...found.get(name) ?? [], row]);
	}
	return [...found].map(([name, keys]) => ({ name, keys: keys.filter((row) => row.origin !== "default") }));
}

class Sections extends View {
	#place = make("div");
	#refusal = this.makeRefusal();
	#table = null;

	begin() {
		const { NAME, KIND } = this.words;
		const mayChange = manager.may("configure", NAME);
		const kind = KINDS[KIND];

		this.#table = makeTable({
			caption: kind.title,
			key: (row) => row.name,
			columns: [
				{ heading: kind.what, wide: true, sort: (row) => row.name, mark: (row) => row.name,
					node: (row) => make("a", { href: to(["server", NAME, kind.path, row.name]) }, row.name) },
				{ heading: "Keys", wide: true, text: ({ name, keys }) =>
					keys.map((row) => `${row.key.slice(KIND.length + name.length + 2)} = ${row.value}`).join("; ") },
				...(mayChange ? [{ heading: "Actions", mark: (row) => row.name + row.keys.length, node: (row) => this.#remove(row) }] : []),
			],
		});
		this.append(this.head(kind.title), this.#place, ...(mayChange ? [this.#makeForm(kind)] : []), this.foot("get", NAME));
		this.#ask();
	}

	#remove({ name, keys }) {
		return make("span", { class: "actions" }, make("button", { type: "button", "aria-label": `Remove ${name}`,
			onclick: () => this.#change(["unset", this.words.NAME, ...keys.map((row) => row.key)], `Remove ${name}?`) }, "Remove"));
	}

	#makeForm(kind) {
		const { NAME, KIND } = this.words;
		const form = make("form", { class: "selection" }, make("h2", {}, `New ${kind.what.toLowerCase()}`),
			make("label", {}, "Name ", make("input", { name: "name", required: true, spellcheck: "false", autocomplete: "off" })),
			make("label", {}, `${kind.first} `, make("input", { name: "value", required: true, spellcheck: "false", autocomplete: "off",
				placeholder: kind.hint })),
			make("button", {}, "Add"), this.#refusal);

		form.addEventListener("submit", async (event) => {
			event.preventDefault();
			const { name, value } = Object.fromEntries(new FormData(form));
			if (await this.#change(["set", NAME, `${KIND}:${name.trim()}.${kind.first}=${value.trim()}`], `Add ${name.trim()}?`))
				form.reset();
		});
		return form;
	}

	async #change(words, title) {
		const done = await this.apply(this.#refusal, words, { title });

		if (done)
			this.#ask();
		return done;
	}

	async #ask() {
		try {
			const sections = await readSections(this.words.NAME, this.words.KIND);
			this.#table.rows = sections;
			this.#place.replaceChildren(sections.length > 0 ? this.#table : this.empty(KINDS[this.words.KIND].none));
		} catch (error) {
			this.refuse(this.#place, error.message);
		}
	}
}

customElements.define("view-sections", Sections);

/* One section: its keys. */
class Section extends View {
	#place = make("div");

	begin() {
		const { NAME, KIND, SECTION } = this.words;
		const { title, path } = KINDS[KIND];

		this.append(make("p", { class: "path" }, make("a", { href: to(["server", NAME, path]) }, title)), this.head(SECTION), this.#place,
			this.foot("get", NAME));
		this.#show();
	}

	async #show(focused = null) {
		const { NAME, KIND, SECTION } = this.words;

		try {
			const rows = await readRows(NAME, `${KIND}:${SECTION}`);
			this.#place.replaceChildren(rows.length > 0 ? makeSettingsForm(NAME, rows, (id) => this.#show(id)) :
				this.empty("There is no section of that name any more."));
			document.getElementById(focused)?.focus();
		} catch (error) {
			this.refuse(this.#place, error.message);
		}
	}
}

customElements.define("view-section", Section);
