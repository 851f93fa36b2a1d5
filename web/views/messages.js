/*
 * messages - <view-messages>: messages of a queue or of badmail that match a selection, a page at a time
 *
 * Promise:  the selection and the page are in the address
 */
import { make, setText } from "../base/dom.js";
import { age, bytes, count, number, when } from "../base/format.js";
import { go, to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { page } from "../base/pages.js";
import { fromQuery, toWords } from "../base/selection.js";
import { makeTable } from "../parts/table.js";
import { order, verbsOf } from "./order.js";
import { makeSelection } from "./selection-form.js";
import { View } from "./view.js";

const KINDS = {
	queue: { title: "Messages in the queue", path: ["queue", "messages"], since: "arrived",
		none: "No message waits. Mail that cannot be delivered at once stays here and is tried again.",
		own: [{ heading: "State", text: (row) => row.state, sort: (row) => row.state },
			{ heading: "Next try", text: (row) => row.due === null ? "" : when(row.due), sort: (row) => row.due ?? "" }] },
	drop: { title: "Drop", path: ["drop"], since: "since", own: [], hasReason: false,
		none: "The drop folder is empty. Mail for the local domain is put here as files, for the program that reads them." },
	badmail: { title: "Badmail", path: ["badmail"], since: "since", own: [],
		none: "There is no badmail: everything was delivered, or returned to its sender. Mail that can be neither is kept here." },
};

class Messages extends View {
	#kind = null;
	#place = make("div");
	#number = make("p", { class: "soft", role: "status" });
	#more = make("a", { class: "button", hidden: true }, "Next page");
	#first = make("a", { class: "button", hidden: true }, "First page");
	#some = [];
	#table = null;

	begin() {
		const { NAME, KIND } = this.words;
		const selection = fromQuery(this.query);
		const kind = this.#kind = KINDS[KIND];

		this.#table = makeTable({ caption: kind.title, key: (row) => row.id, name: (row) => `the message ${row.id}`,
			selects: manager.may("operate", NAME), columns: this.#columns() });
		this.append(this.head(kind.title), makeSelection(KIND === "queue", selection, (wanted) => go(["server", NAME, ...kind.path], wanted)),
			this.#makeOrders(KIND, selection), this.#place, make("div", { class: "actions" }, this.#number, this.#first, this.#more),
			this.foot(KIND, NAME, "list", ...toWords(selection)));
		this.#table.addEventListener("select", () => this.#some.forEach((button) => button.disabled = this.#table.chosen.length === 0));
		this.#ask();
	}

	#columns() {
		const { since, own, path } = this.#kind;

		return [
			{ heading: "Message", sort: (row) => row.id, text: (row) => row.id, mark: (row) => row.id,
				node: (row) => make("a", { class: "mono", href: to(["server", this.words.NAME, ...path, row.id]) }, row.id) },
			...own,
			{ heading: "Age", number: true, text: (row) => age(row[since]), sort: (row) => -Date.parse(row[since]) },
			{ heading: "Size", number: true, text: (row) => bytes(row.size), sort: (row) => row.size },
			{ heading: "Sender", long: true, text: (row) => row.sender === "" ? "<>" : row.sender, sort: (row) => row.sender },
			{ heading: "Recipients", long: true, sort: (row) => row.to.join(),
				text: (row) => row.to.join(", ") + (row.recipients > row.to.length ? ` and ${number(row.recipients - row.to.length)} more` : "") },
			...(this.#kind.hasReason === false ? [] : [{ heading: "Reason", long: true,
				text: (row) => [row.reason, row.details].filter((text) => text).join("; "), sort: (row) => row.reason }]),
		];
	}

	#makeOrders(kind, selection) {
		const verbs = verbsOf(kind, this.words.NAME);
		const button = ({ verb, title, danger }, all) => make("button", { type: "button", class: danger ? "danger" : null, disabled: !all,
			"aria-label": `${title} ${all ? "all that match" : "the selected messages"}`,
			onclick: () => this.#order(kind, verb, all, selection) }, title);
		const group = (label, buttons) => make("div", { class: "actions", role: "group", "aria-label": label },
			make("span", { class: "soft" }, label), buttons);

		this.#some = verbs.map((row) => button(row, false));
		return make("div", { class: "orders", hidden: verbs.length === 0 }, group("Selected", this.#some),
			group("All that match", verbs.map((row) => button(row, true))));
	}

	async #order(kind, verb, all, selection) {
		const ids = all ? null : this.#table.chosen.map((row) => row.id);

		if (await order(kind, this.words.NAME, verb, { ids, selection }))
			this.#ask();
	}

	async #ask() {
		const { NAME, KIND } = this.words;
		const selection = fromQuery(this.query);
		const path = ["server", NAME, ...this.#kind.path];

		try {
			const document = await page((...words) => manager.command(...words), [KIND, NAME, "list", ...toWords(selection)], this.query.get("at"));
			this.#table.rows = document.messages;
			this.#place.replaceChildren(document.messages.length > 0 ? this.#table : this.empty(Object.keys(selection).length > 0 ?
				"No message matches this selection." : this.#kind.none));
			this.#more.hidden = document.next === null;
			this.#more.href = to(path, { ...selection, at: document.next });
			this.#first.hidden = !this.query.has("at");
			this.#first.href = to(path, selection);
			setText(this.#number, document.messages.length === 0 ? "" : `${count(document.messages.length, "message")} on this page.`);
		} catch (error) {
			this.refuse(this.#place, error.message);
		}
	}
}

customElements.define("view-messages", Messages);
