/*
 * drop-message - <view-drop-message>: one message of a drop folder: its header, its text, its parts, its
 * source; saved as a file, or deleted
 *
 * Promise:  what the message says is shown as text, and nothing of it is loaded or run. No more than LOOK bytes
 *           are fetched to look at it, and SAVE to save it
 */
import { make, setText } from "../base/dom.js";
import { bytes, visible, when } from "../base/format.js";
import { to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { latin, parse } from "../base/mime.js";
import { page } from "../base/pages.js";
import { makeTable } from "../parts/table.js";
import { order, verbsOf } from "./order.js";
import { View } from "./view.js";

const LOOK = 1 << 20;
const SAVE = 64 << 20;
const SHOWN = ["from", "to", "cc", "date", "subject"];
const TEXT_MOST = 200000;	/* characters that are shown at once */

function decode(text) {
	return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

class DropMessage extends View {
	#body = make("div");
	#actions = make("div", { class: "actions" });
	#said = make("p", { class: "soft", role: "status" });

	begin() {
		const { NAME, ID } = this.words;

		this.append(make("p", { class: "path" }, make("a", { href: to(["server", NAME, "drop"]) }, "Drop")),
			this.head(`Message ${ID}`, make("a", { class: "button", href: to(["server", NAME, "trace"], { id: ID.slice(0, 16) }) }, "Trace"),
				this.#actions), this.#body, this.#said, this.foot("drop", NAME, "show", `id=${ID}`));
		this.#ask();
	}

	/* The first `most` bytes; whole: that was all. */
	async #fetch(most) {
		const pieces = [];
		let at = null, got = 0;

		do {
			const document = await page((...words) => manager.command(...words), ["drop", this.words.NAME, "read", `id=${this.words.ID}`], at);
			const found = document.messages[0];
			if (found === undefined)
				return null;
			pieces.push(decode(found.data ?? ""));
			got += pieces.at(-1).length;
			at = document.next;
			setText(this.#said, at === null ? "" : `Reading. So far: ${bytes(got)} of ${bytes(found.size)}.`);
		} while (at !== null && got < most && this.isConnected);
		setText(this.#said, "");
		return { data: new Uint8Array(await new Blob(pieces).arrayBuffer()), whole: at === null };
	}

	async #ask() {
		const { NAME, ID } = this.words;

		try {
			const { messages } = await page((...words) => manager.command(...words), ["drop", NAME, "show", `id=${ID}`]);
			const content = messages.length > 0 ? await this.#fetch(LOOK) : null;
			this.#actions.replaceChildren();
			if (content === null)
				this.#body.replaceChildren(this.empty("This message is not in the drop folder any more: ",
					"whoever reads the folder has taken it, or it was deleted."));
			else
				this.#show(messages[0], content);
		} catch (error) {
			this.refuse(this.#body, error.message);
		}
	}

	#show(message, { data, whole }) {
		const raw = latin(data);
		/* The lines that deliver has put on top are the envelope. */
		const mail = parse(raw.replace(/^(?:x-(?:sender|receiver):[^\n]*\n)+/i, ""));
		const facts = [["Sender", message.sender || "<> (a report)"],
			["Recipients", message.recipients?.map((each) => each.address).join(", ") ?? ""],
			["Written", when(message.since)], ["Size", bytes(message.size)],
			...mail.fields.filter(([name]) => SHOWN.includes(name.toLowerCase()))];

		this.#actions.replaceChildren(make("button", { type: "button", onclick: () => this.#save() }, "Save as a file"), ...this.#makeOrders());
		this.#body.replaceChildren(make("dl", { class: "facts" }, facts.flatMap(([name, value]) =>
			[make("dt", {}, visible(name)), make("dd", {}, visible(value))])),
		whole ? "" : make("p", { class: "soft" }, `Only its first ${bytes(data.length)} are shown.`),
		make("h2", {}, "Text"), mail.text === null ? this.empty("It has no part of plain text. HTML is not shown; it is in the source.") :
			make("pre", { tabindex: "0", "aria-label": "Text of the message" }, visible(mail.text.slice(0, TEXT_MOST))),
		...this.#makeParts(mail.parts), make("details", {}, make("summary", {}, "Source"),
			make("pre", { tabindex: "0", "aria-label": "Source of the message" }, visible(new TextDecoder().decode(data).slice(0, TEXT_MOST)))));
	}

	#makeParts(parts) {
		const table = makeTable({ caption: "Parts", key: (row) => parts.indexOf(row), columns: [
			{ heading: "Type", wide: true, text: (row) => row.kind }, { heading: "Name", long: true, text: (row) => row.name },
			{ heading: "Size as it is sent", number: true, text: (row) => bytes(row.size) },
		] });

		if (parts.length < 2)
			return [];
		table.rows = parts;
		return [make("h2", {}, "Parts"), table];
	}

	#makeOrders() {
		const { NAME, ID } = this.words;

		return verbsOf("drop", NAME).map(({ verb, title }) => make("button", { type: "button", class: "danger", onclick: async () =>
			await order("drop", NAME, verb, { ids: [ID] }) && this.#ask() }, title));
	}

	/* A browser that opens it does so as a file of unknown type. */
	async #save() {
		try {
			const content = await this.#fetch(SAVE);
			if (content === null || !content.whole)
				throw new Error(content === null ? "It is gone." : `It has more than ${bytes(SAVE)}: copy it from the drop folder.`);
			const address = URL.createObjectURL(new Blob([content.data], { type: "application/octet-stream" }));
			make("a", { href: address, download: `${this.words.ID}.eml` }).click();
			URL.revokeObjectURL(address);
		} catch (error) {
			setText(this.#said, error.message);
		}
	}
}

customElements.define("view-drop-message", DropMessage);
