/*
 * nodes - <view-nodes>: how all nodes are, as the account that asks them has last heard it; nothing is changed here
 */
import { make } from "../base/dom.js";
import { count, number, when } from "../base/format.js";
import { makeTable } from "../parts/table.js";
import { makeState } from "../parts/state.js";
import { View } from "./view.js";

const ASK_MS = 15000;
const OLD_MS = 180000;
const HEALTH = { ok: "well", warning: "warning", critical: "critical" };

const isOld = (row) => Date.now() - Date.parse(row.asked) > OLD_MS;
const countOf = (value) => value === null ? "" : number(value);
const isSilent = (row) => row.name === null;
const healthOf = (row) => isOld(row) ? "not heard of" : HEALTH[row.health] ?? row.health;

class Nodes extends View {
	#place = make("div");
	#sum = make("p", { class: "health", role: "status", hidden: true });
	#table = makeTable({
		caption: "Nodes",
		key: (row) => `${row.node} ${row.name}`,
		columns: [
			{ heading: "Node", text: (row) => row.node, sort: (row) => row.node },
			{ heading: "Virtual server", text: (row) => row.name ?? "", sort: (row) => row.name ?? "" },
			{ heading: "State", sort: (row) => row.state ?? "", mark: (row) => `${row.state} ${row.health}`,
				node: (row) => row.state === null ? make("span", {}, "no answer") : makeState(row.state, row.health !== "ok") },
			{ heading: "Health", text: healthOf, sort: healthOf },
			{ heading: "Sessions", number: true, text: (row) => countOf(row.sessions), sort: (row) => row.sessions ?? -1 },
			{ heading: "Queue", number: true, text: (row) => countOf(row.queue), sort: (row) => row.queue ?? -1 },
			{ heading: "What it says", long: true, text: (row) => row.reason ?? "" },
			{ heading: "As of", text: (row) => when(row.asked), sort: (row) => row.asked },
		],
	});

	begin() {
		this.append(this.head("Nodes"), this.#sum, this.#place, this.foot("nodes"));
		this.every(ASK_MS, () => this.#ask());
		this.#ask();
	}

	async #ask() {
		const data = await this.read(this.#place, "nodes");

		this.#sum.hidden = data === null;
		if (data === null)
			return;
		const nodesOf = (rows) => new Set(rows.map((row) => row.node));
		const all = nodesOf(data.nodes);
		const silent = nodesOf(data.nodes.filter((row) => isSilent(row) || isOld(row)));
		const bad = nodesOf(data.nodes.filter((row) => row.health !== "ok" && !silent.has(row.node)));

		this.#sum.className = `health ${silent.size > 0 ? "critical" : bad.size > 0 ? "warning" : "ok"}`;
		this.#sum.textContent = `${count(all.size, "node")}, ${silent.size === 0 ? "all answer" : `${silent.size} without an answer`}` +
			`${bad.size > 0 ? `, ${bad.size} with trouble` : ""}.`;
		this.#table.rows = data.nodes;
		this.#place.replaceChildren(this.#table);
	}
}

customElements.define("view-nodes", Nodes);
