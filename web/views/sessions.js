/*
 * sessions - <view-sessions>: the SMTP sessions of a virtual server, live; one, several or all are ended
 *
 * Promise:  asks again when the answer has come and some time has gone, never twice at once
 */
import { make, setText } from "../base/dom.js";
import { count, duration, number, when } from "../base/format.js";
import { manager } from "../base/manager.js";
import { makeTable } from "../parts/table.js";
import { act } from "./act.js";
import { View } from "./view.js";

const EVERY_MS = 2000;
const IDS_MOST = 200;	/* of one command */

class Sessions extends View {
	#place = make("div");
	#number = make("p", { class: "soft", role: "status" });
	#some = make("button", { type: "button", disabled: true, onclick: () => this.#endChosen() }, "Terminate selected");
	#everyone = make("button", { type: "button", class: "danger", disabled: true, onclick: () => this.#endAll() }, "Terminate all");
	#filter = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter sessions",
		oninput: (event) => this.#table.filter = event.target.value });
	#busy = false;
	#table = null;

	#makeTable() {
		return makeTable({
			caption: "Current sessions",
			key: (row) => row.id,
			name: (row) => `the session of ${row.client}`,
			selects: manager.may("operate", this.words.NAME),
			columns: [
				{ heading: "Client", text: (row) => row.client, sort: (row) => row.client },
				{ heading: "User or HELO", long: true, text: (row) => row.user ?? (row.helo === null ? "" : `(${row.helo})`),
					sort: (row) => row.user ?? row.helo ?? "" },
				{ heading: "State", text: (row) => row.state, sort: (row) => row.state },
				{ heading: "TLS", text: (row) => row.tls ?? "no", sort: (row) => row.tls ?? "" },
				{ heading: "Since", text: (row) => when(row.since), sort: (row) => row.since },
				{ heading: "Idle", number: true, text: (row) => duration(row.idle), sort: (row) => row.idle },
				{ heading: "Messages", number: true, text: (row) => number(row.messages), sort: (row) => row.messages },
			],
		});
	}

	begin() {
		const words = ["sessions", this.words.NAME, "list"];

		this.#table = this.#makeTable();
		this.append(this.head("Current sessions", this.#filter, ...(manager.may("operate", this.words.NAME) ? [this.#some, this.#everyone] : [])),
			this.#place, this.#number, this.foot(...words));
		this.#table.addEventListener("select", () => this.#some.disabled = this.#table.chosen.length === 0);
		this.every(EVERY_MS, () => this.#ask(words));
		this.#ask(words);
	}

	async #ask(words = ["sessions", this.words.NAME, "list"]) {
		if (this.#busy)
			return;
		this.#busy = true;
		const data = await this.read(this.#place, ...words);
		this.#busy = false;
		if (data === null || !this.isConnected)
			return;
		this.#table.rows = data.sessions;
		this.#everyone.disabled = data.sessions.length === 0;
		if (data.sessions.length === 0)
			this.#place.replaceChildren(this.empty("Nobody is connected. Each client that sends mail by SMTP is a row here, ",
				"from its connection to its end."));
		else if (!this.#table.isConnected)
			this.#place.replaceChildren(this.#table);
		setText(this.#number, [data.sessions.length === 0 ? "" : `${count(data.sessions.length, "session")}.`, ...data.remarks].join(" ").trim());
	}

	async #endChosen() {
		const chosen = this.#table.chosen.slice(0, IDS_MOST);
		const shown = chosen.length === 1 ? `the session of ${chosen[0].client}` : count(chosen.length, "session");
		const words = ["sessions", this.words.NAME, "terminate", ...chosen.map((row) => `id=${row.id}`), ...(chosen.length > 1 ? ["yes"] : [])];

		await this.#end(words, { title: `Terminate ${shown}?`, button: "Terminate" });
	}

	async #endAll() {
		await this.#end(["sessions", this.words.NAME, "terminate", "all", "yes"],
			{ title: `Terminate all sessions of ${this.words.NAME}?`, danger: true,
				button: `Terminate ${count(this.#table.rows.length, "session")}` });
	}

	async #end(words, question) {
		await act(words, { question: { ...question,
			lines: ["The client hears 421 4.3.2 and the connection is closed.",
				"Content that is still coming is thrown away; the client sends it again later."] } });
		this.#ask();
	}
}

customElements.define("view-sessions", Sessions);
