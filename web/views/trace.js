/*
 * trace - <view-trace>: what became of a message, from the event log; found by its id, sender, recipient or
 * Message-ID, also when it is long gone
 *
 * Promise:  what is searched is in the address; a long log is shown as it is read, and the search can be left
 */
import { make, setText } from "../base/dom.js";
import { count } from "../base/format.js";
import { go, to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { walk } from "../base/pages.js";
import { makeTable } from "../parts/table.js";
import { factsOf, makeStory } from "./story.js";
import { View } from "./view.js";

const MOST = 500;	/* messages that are shown */
const MOST_SEEN = 100000;	/* that are kept in mind while another word is searched */
const FIELDS = [["id", "Message"], ["sender", "Sender"], ["recipient", "Recipient"], ["message-id", "Message-ID"]];
const HELP = "A whole address, or @domain.";

class Trace extends View {
	#place = make("div");
	#number = make("p", { class: "soft", role: "status" });
	#begins = make("p", { class: "soft" });

	begin() {
		const { NAME } = this.words;
		const wanted = Object.fromEntries(FIELDS.map(([name]) => [name, this.query.get(name) ?? ""]).filter(([, value]) => value !== ""));
		const words = wanted.id !== undefined ? ["story", `id=${wanted.id}`] :
			["find", ...Object.entries(wanted).reverse().map(([name, value]) => `${name}=${value}`)];

		this.append(this.head("Trace"), this.#makeForm(wanted), this.#place, this.#number, this.#begins,
			...(words.length > 1 ? [this.foot("trace", NAME, ...words)] : [make("footer")]));
		if (words.length === 1)
			this.#place.replaceChildren(this.empty("The story of a message: who brought it, each attempt to deliver it, reports, and what ",
				"operators did. It comes from the event log, so also of mail that has left long ago."));
		else if (words[0] === "story")
			this.#tell(words);
		else
			this.#find(words.slice(1));
	}

	#makeForm(wanted) {
		const form = make("form", { class: "selection", role: "search", "aria-label": "Find messages" },
			FIELDS.map(([name, label]) => make("label", {}, label, " ", make("input", { name, value: wanted[name] ?? "", maxlength: 500,
				title: name === "sender" || name === "recipient" ? HELP : null, spellcheck: "false", autocomplete: "off" }))),
			make("button", {}, "Trace"));

		form.addEventListener("submit", (event) => {
			event.preventDefault();
			go(["server", this.words.NAME, "trace"], Object.fromEntries(Array.from(new FormData(form), ([name, value]) => [name, value.trim()])));
		});
		return form;
	}

	/* Calls take(events) for each page, while this is shown. */
	async #read(words, take, going = () => true) {
		try {
			await walk((...all) => manager.watch(...all), ["trace", this.words.NAME, ...words], (document) => {
				take(document.events);
				for (const remark of document.remarks)
					if (remark.includes(" begins at "))
						setText(this.#begins, `${remark[0].toUpperCase()}${remark.slice(1)}.`);
			}, () => this.isConnected && going());
			return true;
		} catch (error) {
			this.refuse(this.#place, error.message);
			return false;
		}
	}

	async #tell(words) {
		const story = makeStory();
		let events = [];
		const whole = await this.#read(words, (more) => {
			events = events.concat(more);
			story.rows = events.map((event, i) => ({ ...event, i }));
			if (!story.isConnected && events.length > 0)
				this.#place.replaceChildren(story);
			setText(this.#number, `Reading the log. So far: ${count(events.length, "event")}.`);
		});

		if (whole && events.length === 0)
			this.#place.replaceChildren(this.empty("The event log has no such message of this virtual server."));
		setText(this.#number, whole && events.length > 0 ? `${count(events.length, "event")}.` : "");
	}

	/* The messages whose lines say all of `words` together: null, it is known why not. */
	async #narrow(words) {
		let among = null;

		for (const word of words) {
			const ids = new Set();
			const whole = await this.#read(["find", word], (events) => {
				events.filter(({ id }) => among === null || among.has(id)).forEach(({ id }) => ids.add(id));
				setText(this.#number, `Searching the log for ${word}. So far: ${count(ids.size, "message")}.`);
			}, () => ids.size <= MOST_SEEN);

			if (!whole)
				return null;
			if (ids.size > MOST_SEEN) {
				this.refuse(this.#place, `More than ${count(MOST_SEEN, "message")} with ${word}: say more about the one that you mean.`);
				return null;
			}
			among = ids;
		}
		return among;
	}

	/* One word after the other, as no line has to say all of them; the last one shows what it finds. */
	async #find(words) {
		const { NAME } = this.words;
		const found = new Map();
		const table = makeTable({ caption: "Messages", key: (row) => row.id, columns: [
			{ heading: "Message", text: (row) => row.id, sort: (row) => row.id, mark: (row) => row.id,
				node: (row) => make("a", { class: "mono", href: to(["server", NAME, "trace"], { id: row.id }) }, row.id) },
			{ heading: "Time", text: (row) => row.time, sort: (row) => row.time },
			{ heading: "Event", text: (row) => row.event, sort: (row) => row.event },
			{ heading: "About it", long: true, text: factsOf },
		] });
		const among = words.length > 1 ? await this.#narrow(words.slice(0, -1)) : null;
		const whole = (words.length === 1 || among !== null) && await this.#read(["find", words.at(-1)], (events) => {
			events.filter(({ id }) => !found.has(id) && (among === null || among.has(id))).forEach((event) => found.set(event.id, event));
			table.rows = [...found.values()].slice(0, MOST);
			if (!table.isConnected && found.size > 0)
				this.#place.replaceChildren(table);
			setText(this.#number, `Searching the log. So far: ${count(found.size, "message")}.`);
		}, () => found.size <= MOST);

		if (whole && found.size === 0)
			this.#place.replaceChildren(this.empty("The event log has no such message of this virtual server."));
		setText(this.#number, !whole || found.size === 0 ? "" : found.size > MOST ?
			`More than ${count(MOST, "message")}: say more about the one that you mean.` : `${count(found.size, "message")}.`);
	}
}

customElements.define("view-trace", Trace);
