/*
 * overview - <view-overview>: all virtual servers with state, load and queue; whether all is well
 */
import { make } from "../base/dom.js";
import { number, rate, when } from "../base/format.js";
import { to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { RECEIVED, SENT } from "../base/rates.js";
import { makeState } from "../parts/state.js";
import { makeTable } from "../parts/table.js";
import "../parts/sparkline.js";
import { makeActions } from "./server-actions.js";
import { View } from "./view.js";

const HEALTH_MS = 30000;
const HEALTH = { ok: "All is well", warning: "Something needs attention", critical: "Something does not run" };

class Overview extends View {
	#health = make("div", { class: "health", role: "status", hidden: true });
	#rows = make("div");
	#since = make("p", { class: "soft" });
	#table = makeTable({
		caption: "Virtual servers",
		key: (row) => row.name,
		columns: [
			{ heading: "Virtual server", text: (row) => row.name, sort: (row) => row.name, mark: (row) => row.name + row.description,
				node: (row) => make("div", {}, make("div", {}, make("a", { href: to(["server", row.name]) }, row.name)),
					row.description === row.name ? null : make("div", { class: "under" }, row.description)) },
			{ heading: "State", sort: (row) => row.state, mark: (row) => row.state + row.reason,
				node: (row) => make("span", {}, makeState(row.state, row.reason !== null),
					row.reason === null ? null : make("span", { class: "under reason" }, row.reason)) },
			{ heading: "Addresses", text: (row) => row.listen.join(", "), sort: (row) => row.listen.join() },
			{ heading: "In/s", number: true, text: (row) => rate(manager.live.rates.rate(row.name, RECEIVED)),
				sort: (row) => manager.live.rates.rate(row.name, RECEIVED) ?? 0 },
			{ heading: "Out/s", number: true, text: (row) => rate(manager.live.rates.rate(row.name, SENT)),
				sort: (row) => manager.live.rates.rate(row.name, SENT) ?? 0 },
			{ heading: "Sessions", number: true, sort: (row) => row.sessions, mark: (row) => `${row.sessions}`,
				node: (row) => make("a", { href: to(["server", row.name, "sessions"]) }, number(row.sessions)) },
			{ heading: "Queue", number: true, sort: (row) => row.queue ?? -1, mark: (row) => `${row.queue}`,
				node: (row) => make("a", { href: to(["server", row.name, "queue"]) }, row.queue === null ? "–" : number(row.queue)) },
			...(manager.those("operate").length > 0 ? [{ heading: "Actions", mark: (row) => row.state + row.right,
				node: (row) => make("span", { class: "actions" }, ...makeActions(row)) }] : []),
		],
	});

	begin() {
		const link = (path, text) => make("a", { class: "button", href: to(path) }, text);

		this.append(this.head("Service", manager.may("configure") ? link(["new"], "New virtual server") : null,
			link(["settings"], "Settings"), link(["history"], "History"),
			manager.may("look") ? link(["log"], "Log") : null, manager.may("look") ? link(["nodes"], "Nodes") : null,
			manager.may("configure") ? link(["accounts"], "Accounts") : null,
			manager.may("operate") ? link(["test"], "Test") : null), this.#health, this.#rows, this.#since, this.foot("status"));
		this.listen(manager.live, "status", () => this.#showStatus());
		this.listen(manager.live, "counters", () => this.#showCounters());
		this.every(HEALTH_MS, () => this.#askHealth());
		this.#showStatus();
	}

	#showStatus() {
		if (manager.live.status === null)
			return;
		if (manager.live.status.servers.length === 0)
			this.#rows.replaceChildren(manager.may("configure") ?
				this.empty("There is no virtual server. The first one is made with New virtual server, or with ",
					make("code", {}, "posternctl create NAME"), ".") :
				this.empty("There is no virtual server that you may see. An operator of the service makes one."));
		else if (!this.#table.isConnected)
			this.#rows.replaceChildren(this.#table);
		this.#showCounters();
		this.#askHealth();
	}

	#showCounters() {
		const { status, rates } = manager.live;

		if (status === null)
			return;
		/* The stream tells the state; sessions and queue are counters. */
		this.#table.rows = status.servers.map((row) => ({ ...row,
			sessions: rates.now(row.name)?.inbound_connections_current ?? row.sessions,
			queue: row.queue === null ? null : rates.now(row.name)?.queue_length ?? row.queue }));
		this.#since.textContent = rates.since === null ? "" :
			`Rates are those of the last ten seconds. Seen since ${when(rates.since)}.`;
	}

	async #askHealth() {
		try {
			const { data } = await manager.watch("health");
			if (data === null)
				return;
			this.#health.className = `health ${data.health}`;
			this.#health.hidden = false;
			this.#health.replaceChildren(make("strong", {}, HEALTH[data.health] ?? "It cannot be told"), " ",
				make("span", {}, data.text));
		} catch {
			/* the stream says that the service does not answer */
		}
	}
}

customElements.define("view-overview", Overview);
