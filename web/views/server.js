/*
 * server - <view-server>: one virtual server: state, addresses, load, processes, and the ways to its pages
 */
import { make, setText } from "../base/dom.js";
import { number, rate } from "../base/format.js";
import { to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { RECEIVED, SENT } from "../base/rates.js";
import { makeState } from "../parts/state.js";
import { serverPages } from "./routes.js";
import { makeActions, makeMoves } from "./server-actions.js";
import { View } from "./view.js";

const ROLES = ["listener", "pickup", "deliver", "maintenance", "leaving"];

function fact(name, ...value) {
	return [make("dt", {}, name), make("dd", {}, ...value)];
}

class Server extends View {
	#actions = make("div", { class: "actions" });
	#facts = make("dl", { class: "facts" });
	#curves = make("div", { class: "curves" });
	#shown = [];

	begin() {
		const ways = serverPages(this.words.NAME).map((page) => make("li", {}, make("a", { href: to(page.path) }, page.title)));

		this.append(this.head(this.words.NAME, this.#actions), this.#facts, this.#curves, make("ul", { class: "ways" }, ...ways),
			this.foot("status", this.words.NAME));
		this.#shown = [this.#curve("Messages in per second", RECEIVED, true), this.#curve("Messages out per second", SENT, true),
			this.#curve("Sessions", ["inbound_connections_current"], false), this.#curve("Queue", ["queue_length"], false)];
		this.listen(manager.live, "status", () => this.#showStatus());
		this.listen(manager.live, "counters", () => this.#showCounters());
		this.#showStatus();
		this.#showCounters();
	}

	#curve(title, names, grows) {
		const line = document.createElement("manager-sparkline");
		const value = make("output");

		this.#curves.append(make("figure", {}, make("figcaption", {}, title, " ", value), line));
		return { title, names, grows, line, value };
	}

	#showStatus() {
		const row = manager.live.server(this.words.NAME);

		if (row === undefined) {
			this.#facts.replaceChildren(...(manager.live.status === null ? [] :
				fact("State", "There is no virtual server of that name.")));
			this.#actions.replaceChildren();
			return;
		}
		const mark = JSON.stringify({ ...row, sessions: 0, queue: 0 });
		if (this.#facts.mark === mark)
			return;
		this.#facts.mark = mark;
		this.#actions.replaceChildren(...makeActions(row), ...makeMoves(row));
		this.#facts.replaceChildren(...fact("State", makeState(row.state, row.reason !== null)),
			...(row.reason === null ? [] : fact("Reason", row.reason)), ...fact("Description", row.description),
			...fact("Addresses", row.listen.join(", ") || "none"),
			...fact("Processes", ROLES.filter((role) => row[role].length > 0)
				.map((role) => `${role} ${row[role].join(", ")}`).join("; ") || "none"));
	}

	#showCounters() {
		const { rates } = manager.live;

		for (const { title, names, grows, line, value } of this.#shown) {
			const text = grows ? rate(rates.rate(this.words.NAME, names)) : number(rates.now(this.words.NAME)?.[names[0]]);
			setText(value, text);
			line.show(rates.series(this.words.NAME, names, grows), `${title}, now ${text}`);
		}
	}
}

customElements.define("view-server", Server);
