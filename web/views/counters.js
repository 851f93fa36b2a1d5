/*
 * counters - <view-counters>: all counters of a virtual server, each with its curve since the page opened
 */
import { make } from "../base/dom.js";
import { number, rate, when } from "../base/format.js";
import { manager } from "../base/manager.js";
import { makeTable } from "../parts/table.js";
import "../parts/sparkline.js";
import { View } from "./view.js";

const EVERY = 5;	/* curves are drawn anew with every fifth sample */

class Counters extends View {
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
		this.append(this.head("Counters", this.#filter), this.#place, this.#since, this.foot("counters", this.words.NAME));
		this.listen(manager.live, "counters", () => this.#show());
		this.#show();
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
		this.#since.textContent = `Seen since ${when(rates.since)}. What began earlier is in the values alone.`;
	}
}

customElements.define("view-counters", Counters);
