/*
 * message - <view-message>: all that is known of one message of a queue or badmail: envelope, recipients,
 * attempts, header
 */
import { make } from "../base/dom.js";
import { bytes, visible, when } from "../base/format.js";
import { to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { refusalOf } from "../base/pages.js";
import { makeTable } from "../parts/table.js";
import { order, verbsOf } from "./order.js";
import { View } from "./view.js";

const EVERY_MS = 5000;
const NO_MATCH = 3;
const GONE = { queue: "This message is not in the queue any more: it was delivered, returned, moved or deleted.",
	badmail: "This message is not in badmail any more: it was put back into the queue, or purged." };
/* Name of a member, what stands before it, how it is shown. */
const FACTS = [["state", "State"], ["waits", "Waits, as"], ["sender", "Sender", (value) => value === "" ? "<> (a report)" : value],
	["arrived", "Arrived", when], ["due", "Next try", when], ["since", "In badmail since", when], ["size", "Size", bytes],
	["client", "Client"], ["helo", "HELO"], ["user", "User"], ["protocol", "Protocol"], ["envid", "Envelope id"], ["flags", "Flags"]];

class Message extends View {
	#body = make("div");
	#actions = make("div", { class: "actions" });
	#mark = "";

	begin() {
		const { NAME, KIND, ID } = this.words;
		const list = ["server", NAME, ...(KIND === "queue" ? ["queue", "messages"] : ["badmail"])];

		this.append(make("p", { class: "path" }, make("a", { href: to(list) }, KIND === "queue" ? "Messages in the queue" : "Badmail")),
			this.head(`Message ${ID}`, make("a", { class: "button", href: to(["server", NAME, "trace"], { id: ID }) }, "Trace"),
				this.#actions), this.#body, this.foot(KIND, NAME, "show", `id=${ID}`));
		this.every(EVERY_MS, () => this.#ask(true));
		this.#ask(false);
	}

	async #ask(watching) {
		const { NAME, KIND, ID } = this.words;

		try {
			const ask = watching ? manager.watch.bind(manager) : manager.command.bind(manager);
			const answer = await ask(KIND, NAME, "show", `id=${ID}`);
			const found = answer.data?.messages?.[0];
			if (found === undefined && answer.status !== 0 && answer.status !== NO_MATCH)
				this.refuse(this.#body, refusalOf(answer));
			else if (answer.data === null || answer.data.page === "ok")
				this.#show(found);
		} catch (error) {
			this.refuse(this.#body, error.message);
		}
	}

	#show(message) {
		const mark = JSON.stringify(message ?? null);

		if (mark === this.#mark)
			return;
		this.#mark = mark;
		this.#actions.replaceChildren(...(message === undefined ? [] : this.#makeOrders(message)));
		if (message === undefined) {
			this.#body.replaceChildren(this.empty(GONE[this.words.KIND]));
			return;
		}
		this.#body.replaceChildren(make("dl", { class: "facts" }, FACTS.filter(([name]) => message[name] !== undefined && message[name] !== null)
			.flatMap(([name, title, show = String]) => [make("dt", {}, title), make("dd", {}, visible(show(message[name])))])),
			...this.#section("Recipients", message.recipients, [["mark", "Result"], ["address", "Address"]], message["more-recipients"]),
			...this.#section("What happened", message.notes, [["time", "Time", when], ["event", "Event"], ["text", "Text"]]),
			...this.#lines("Reason", message.reason), ...this.#lines("Header", message.header));
	}

	#makeOrders(message) {
		const { NAME, KIND, ID } = this.words;
		const held = message.state === "held";

		return verbsOf(KIND, NAME).filter(({ verb }) => verb !== (held ? "hold" : "release") && !(held && verb === "retry"))
			.map(({ verb, title, danger }) => make("button", { type: "button", class: danger ? "danger" : null,
				onclick: async () => await order(KIND, NAME, verb, { ids: [ID] }) && this.#ask(false) }, title));
	}

	#section(title, rows = [], columns, more = 0) {
		if (rows.length === 0)
			return [];
		const table = makeTable({ caption: title, key: (row) => rows.indexOf(row),
			columns: columns.map(([name, heading, show = String]) =>
				({ heading, wide: name === "text" || name === "address", text: (row) => show(row[name] ?? "") })) });
		table.rows = rows;
		return [make("h2", {}, title), table, more > 0 ? make("p", { class: "soft" }, `and ${more} more`) : ""];
	}

	#lines(title, lines = []) {
		return lines.length === 0 ? [] : [make("h2", {}, title), make("pre", {}, visible(lines.join("\n")))];
	}
}

customElements.define("view-message", Message);
