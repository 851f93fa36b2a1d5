/*
 * counters - <view-counters>: how a virtual server went in the last hour or day, and all its counters now
 */
import { make, setText } from "../base/dom.js";
import { to } from "../base/address.js";
import { bytes, number, rate, when } from "../base/format.js";
import { manager } from "../base/manager.js";
import { SENT, RECEIVED } from "../base/rates.js";
import { countersOf, linesOf } from "../base/series.js";
import { makeTable } from "../parts/table.js";
import "../parts/plot.js";
import "../parts/sparkline.js";
import { View } from "./view.js";

const EVERY = 5;	/* curves are drawn anew with every fifth sample */
const SPANS = { hour: { title: "Last hour", ms: 3600000, every: 10000 }, day: { title: "Last day", ms: 86400000, every: 60000 } };
const PLOTS = [
	{ title: "Messages a minute", per: 60, text: rate, lines: [{ name: "received", of: RECEIVED }, { name: "sent and delivered", of: SENT }] },
	{ title: "Messages in the queue", text: number, lines: [{ name: "all", of: ["queue_length"] },
		{ name: "to be tried again", of: ["remote_retry_queue_length", "local_retry_queue_length"] }, { name: "held", of: ["held_queue_length"] }] },
	{ title: "Connections", text: number, lines: [{ name: "inbound", of: ["inbound_connections_current"] },
		{ name: "outbound", of: ["outbound_connections_current"] }] },
	{ title: "Bytes a second", text: bytes, lines: [{ name: "received", of: ["bytes_received_total"] }, { name: "sent", of: ["bytes_sent_total"] }] },
	{ title: "Refused a minute", per: 60, text: rate, lines: [{ name: "connections", of: ["inbound_connections_refused_total"] },
		{ name: "recipients, for relay", of: ["recipients_refused_for_relay_total"] },
		{ name: "messages", of: ["messages_refused_for_size_total", "messages_refused_for_storage_total", "messages_refused_by_next_hop_total"] },
		{ name: "by mail filters", of: ["refused_by_filters_total"] }] },
	{ title: "Trouble a minute", per: 60, text: rate, lines: [{ name: "sent again", of: ["message_send_retries_total"] },
		{ name: "connections that failed", of: ["connection_errors_total"] }, { name: "reports of failure", of: ["ndrs_generated_total"] }] },
];

class Counters extends View {
	#span = "hour";
	#plots = PLOTS.map((plot) => document.createElement("manager-plot").define({ title: plot.title, text: plot.text,
		names: plot.lines.map((line) => line.name) }));
	#said = make("div");
	#place = make("div");
	#since = make("p", { class: "soft" });
	#filter = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter counters",
		oninput: (event) => this.#table.filter = event.target.value });
	#samples = 0;
	#curves = new Map();
	#table = makeTable({
		caption: "Counters",
		key: (row) => row.name,
		columns: [
			{ heading: "Counter", text: (row) => row.name, sort: (row) => row.name },
			{ heading: "Value", number: true, text: (row) => number(row.value), sort: (row) => row.value },
			{ heading: "Per second", number: true, text: (row) => row.grows ? rate(row.rate) : "", sort: (row) => row.rate ?? -1 },
			{ heading: "Since the page opened", mark: (row) => row.name, node: (row) => this.#curve(row) },
		],
	});

	begin() {
		const { NAME } = this.words;
		const asked = this.query.get("span");

		this.#span = Object.hasOwn(SPANS, asked) ? asked : "hour";
		this.append(this.head("Counters"), this.#tabs(), this.#said, make("div", { class: "plots" }, ...this.#plots),
			this.head2("All counters now", this.#filter), this.#place, this.#since, this.foot("counters", NAME, this.#span));
		this.listen(manager.live, "counters", () => this.#show());
		this.every(SPANS[this.#span].every, () => this.#load());
		this.#show();
		this.#load();
		if (this.#span === asked && document.activeElement === document.body)
			this.querySelector(".tabs [aria-current]").focus();	/* the tab that was chosen was of another view */
	}

	head2(text, ...actions) {
		return make("div", { class: "head" }, make("h2", {}, text), make("div", { class: "actions" }, ...actions));
	}

	#tabs() {
		return make("nav", { class: "tabs", "aria-label": "Time that is shown" }, ...Object.entries(SPANS).map(([span, { title }]) =>
			make("a", { href: to(["server", this.words.NAME, "counters"], { span }), "aria-current": span === this.#span ? "page" : null }, title)));
	}

	async #load() {
		const document = await this.read(this.#said, "counters", this.words.NAME, this.#span, ...countersOf(PLOTS));
		const end = manager.carrier.time;

		if (document === null || !this.isConnected)
			return;
		this.#said.replaceChildren();
		PLOTS.forEach((plot, i) => this.#plots[i].show(linesOf(document, plot), end - SPANS[this.#span].ms, end));
	}

	#curve(row) {
		const line = document.createElement("manager-sparkline");

		this.#curves.set(row.name, line);
		return line;
	}

	#show() {
		const { rates } = manager.live;
		const now = rates.now(this.words.NAME);

		if (now === null) {
			this.#place.replaceChildren(this.empty("No counters have come yet."));
			return;
		}
		const rows = Object.entries(now).filter(([name]) => name !== "state").map(([name, value]) =>
			({ name, value, grows: name.endsWith("_total"), rate: rates.rate(this.words.NAME, [name]) }));
		this.#table.rows = rows;
		if (!this.#table.isConnected)
			this.#place.replaceChildren(this.#table);
		if (this.#samples++ % EVERY === 0)
			for (const { name, grows } of rows)
				this.#curves.get(name)?.show(rates.series(this.words.NAME, [name], grows), `${name} since ${when(rates.since)}`);
		setText(this.#since, `Seen since ${when(rates.since)}. What began earlier is in the values alone.`);
	}
}

customElements.define("view-counters", Counters);
