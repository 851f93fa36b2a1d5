/*
 * hosts - <view-hosts>: the remote hosts that get mail from a virtual server, live; one is paused, resumed, reset
 *
 * Promise:  asks again when the answer has come and some time has gone, never twice at once
 */
import { make, setText } from "../base/dom.js";
import { count, duration, number, when } from "../base/format.js";
import { manager } from "../base/manager.js";
import { say } from "../parts/notice.js";
import { makeTable } from "../parts/table.js";
import { act } from "./act.js";
import { change } from "./change.js";
import { View } from "./view.js";

const EVERY_MS = 3000;

class Hosts extends View {
	#place = make("div");
	#sum = make("p", { class: "soft", role: "status" });
	#filter = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter hosts",
		oninput: (event) => this.#table.filter = event.target.value });
	#busy = false;
	#table = null;

	#makeTable() {
		const most = (value) => value === null ? "no limit" : number(value);
		const may = manager.may("operate", this.words.NAME) || manager.may("configure", this.words.NAME);

		return makeTable({
			caption: "Hosts",
			key: (row) => `${row.host} ${row.account}`,
			columns: [
				{ heading: "Host", wide: true, text: (row) => row.host, sort: (row) => row.host },
				{ heading: "Account", text: (row) => row.account ?? "", sort: (row) => row.account ?? "" },
				{ heading: "State", text: (row) => row.rest > 0 ? `${row.state}, ${duration(row.rest)}` : row.state, sort: (row) => row.state },
				{ heading: "Connections", number: true, sort: (row) => row.connections,
					text: (row) => number(row.connections) +
						(row["most-connections"] === null ? "" : ` of ${number(row["most-connections"])}`) },
				{ heading: "Messages a minute", number: true, text: (row) => most(row.rate), sort: (row) => row.rate ?? Infinity },
				{ heading: "Messages", number: true, text: (row) => number(row.messages), sort: (row) => row.messages },
				{ heading: "Last \u201cslow down\u201d", long: true, text: (row) => row.reason === null ? "" : `${when(row.since)}: ${row.reason}` },
				{ heading: "Last failure", long: true, text: (row) => row.said ?? "" },
				...(may ? [{ heading: "Actions", mark: (row) => row.host + row.state, node: (row) => this.#actions(row) }] : []),
			],
		});
	}

	begin() {
		this.#table = this.#makeTable();
		this.append(this.head("Hosts", this.#filter), this.#place, this.#sum, this.foot("hosts", this.words.NAME, "list"));
		this.every(EVERY_MS, () => this.#ask());
		this.#ask();
	}

	#actions({ host, state }) {
		const button = (title, run) => make("button", { type: "button", class: "quiet", "aria-label": `${title} ${host}`, onclick: run }, title);
		const { NAME } = this.words;

		return make("span", { class: "actions" },
			manager.may("configure", NAME) ? state === "paused" ? button("Resume", () => this.#pause(host, false)) :
				button("Pause", () => this.#pause(host, true)) : null,
			manager.may("operate", NAME) && state !== "paused" ? button("Reset", () => this.#reset(host)) : null);
	}

	async #ask() {
		if (this.#busy)
			return;
		this.#busy = true;
		const data = await this.read(this.#place, "hosts", this.words.NAME, "list");
		this.#busy = false;
		if (data === null || !this.isConnected)
			return;
		this.#table.rows = data.hosts;
		if (data.hosts.length === 0)
			this.#place.replaceChildren(this.empty("No host has got mail lately. Each remote host that does is a row here."));
		else if (!this.#table.isConnected)
			this.#place.replaceChildren(this.#table);
		setText(this.#sum, [data.hosts.length === 0 ? "" : `${count(data.hosts.length, "host")}.`, ...data.remarks].join(" ").trim());
	}

	async #pause(host, pauses) {
		const outcome = await change(["set", this.words.NAME, `delivery.paused-hosts${pauses ? "+" : "-"}=${host}`], {
			title: `${pauses ? "Pause" : "Resume"} ${host}?`, button: pauses ? "Pause" : "Resume",
			lines: [pauses ? "Mail goes to other hosts of its destination; where there is none it waits." :
				"Mail that waits for it is tried at once."] });

		if (outcome.refused !== undefined)
			say(outcome.refused, { bad: true });
		this.#ask();
	}

	async #reset(host) {
		await act(["hosts", this.words.NAME, "reset", host], { question: { title: `Reset ${host}?`, button: "Reset",
			lines: ["Its rest and the limits that it has shown are forgotten."] } });
		this.#ask();
	}
}

customElements.define("view-hosts", Hosts);
