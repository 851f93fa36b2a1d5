/*
 * queue - <view-queue>: the queue of a virtual server by recipient domain and age; domains are paused and resumed
 *
 * Promise:  a long queue is shown as it is counted; it is counted anew after ten times the time that took
 */
import { encode } from "../base/console.js";
import { make, setText } from "../base/dom.js";
import { count, number } from "../base/format.js";
import { to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { everyHalfSecond, walk } from "../base/pages.js";
import { say } from "../parts/notice.js";
import { makeTable } from "../parts/table.js";
import { act } from "./act.js";
import { change } from "./change.js";
import { View } from "./view.js";

const EVERY_MS = 10000;
const REST = 10;
/* What the numbers count: messages at least so old, and younger than that, in seconds. */
const AGES = [["15m", null, 900], ["1h", 900, 3600], ["4h", 3600, 14400], ["12h", 14400, 43200], ["1d", 43200, 86400],
	["2d", 86400, 172800], ["older", 172800, null]];

class Queue extends View {
	#place = make("div");
	#sum = make("p", { class: "soft", role: "status" });
	#filter = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter domains",
		oninput: (event) => this.#table.filter = event.target.value });
	#paused = make("div", { hidden: true });
	#pauses = [];		/* the domains that are paused, as the key has them */
	#busy = false;
	#known = false;		/* it was counted once */
	#next = 0;
	#table = makeTable({
		caption: "Messages by domain and age",
		key: (row) => row.domain,
		columns: [
			{ heading: "Domain", wide: true, text: (row) => row.domain, sort: (row) => row.domain, mark: (row) => row.domain,
				node: (row) => this.#link({ domain: row.domain }, row.domain) },
			{ heading: "Messages", number: true, sort: (row) => row.messages, mark: (row) => `${row.messages}`,
				node: (row) => this.#link({ domain: row.domain }, number(row.messages)) },
			...AGES.map(([name, older, newer]) => ({ heading: name, number: true, sort: (row) => row.ages[name], mark: (row) => `${row.ages[name]}`,
				node: (row) => row.ages[name] === 0 ? make("span", { class: "soft" }, "0") :
					this.#link({ domain: row.domain, older, newer }, number(row.ages[name])) })),
			{ heading: "Last error", long: true, text: (row) => row.reason ?? "" },
			{ heading: "Delivery", text: (row) => this.#isPaused(row.domain) ? "paused" : "", mark: (row) => `${this.#isPaused(row.domain)}`,
				node: (row) => this.#isPaused(row.domain) ? "paused" : this.#pauseButton(row.domain) },
		],
	});

	begin() {
		const { NAME } = this.words;
		const actions = [this.#filter, make("a", { class: "button", href: to(["server", NAME, "queue", "messages"]) }, "All messages"),
			make("a", { class: "button", href: to(["server", NAME, "queue", "messages"], { state: "held" }) }, "Held")];

		if (manager.may("operate", NAME))
			actions.push(make("button", { type: "button", onclick: () => this.#retry() }, "Retry all now"));
		this.append(this.head("Queue", ...actions), this.#paused, this.#place, this.#sum, this.foot("queue", NAME, "count"));
		this.every(EVERY_MS, () => Date.now() >= this.#next && this.#ask());
		this.#ask();
	}

	#link(query, text) {
		return make("a", { href: to(["server", this.words.NAME, "queue", "messages"], query) }, text);
	}

	#isPaused(domain) {
		const name = domain.toLowerCase();

		return this.#pauses.some((each) => each.startsWith("*.") ? name.endsWith(each.slice(1)) : name === each);
	}

	#pauseButton(domain) {
		return manager.may("configure", this.words.NAME) && domain !== "-" ? make("button", { type: "button", class: "quiet",
			"aria-label": `Pause ${domain}`, onclick: () => this.#pause(domain) }, "Pause") : "";
	}

	#showPauses() {
		const may = manager.may("configure", this.words.NAME);

		this.#paused.hidden = this.#pauses.length === 0;
		this.#paused.replaceChildren(make("p", {}, "Mail for these domains is not tried until they are resumed:"),
			make("ul", {}, this.#pauses.map((domain) => make("li", {}, domain, " ", may ? make("button", { type: "button", class: "quiet",
				"aria-label": `Resume ${domain}`, onclick: () => this.#resume(domain) }, "Resume") : ""))));
	}

	async #pause(domain) {
		const outcome = await change(["set", this.words.NAME, `delivery.paused+=${domain.toLowerCase()}`], {
			title: `Pause ${domain}?`, button: "Pause",
			lines: ["Its mail is accepted and waits. It goes back to its sender when its time is over."] });
		this.#changed(outcome);
	}

	/* What was deferred before the pause has a time of its own: all of it is due now. */
	async #resume(domain) {
		const { NAME } = this.words;
		const outcome = await change(["set", NAME, `delivery.paused-=${domain}`], { title: `Resume ${domain}?`, button: "Resume",
			lines: ["All its mail is tried at once."] });

		if (outcome.done) {
			try {
				await walk((...words) => manager.command(...words), ["queue", NAME, "retry", `domain=${encode(domain)}`], () => {});
			} catch (error) {
				say(error.message, { bad: true });
			}
		}
		this.#changed(outcome);
	}

	#changed(outcome) {
		if (outcome.refused !== undefined)
			say(outcome.refused, { bad: true });
		if (outcome.done)
			this.#ask();
	}

	async #askPauses() {
		const answer = await manager.watch("get", this.words.NAME, "delivery.paused");
		const row = answer.data?.keys?.[0];

		this.#pauses = (row?.value ?? "-") === "-" ? [] : row.value.split(",").map((each) => each.trim().toLowerCase()).filter((each) => each !== "");
		this.#showPauses();
	}

	async #retry() {
		if (await act(["retry", this.words.NAME]) !== null)
			this.#ask();
	}

	async #ask() {
		const domains = new Map();
		const begun = Date.now();
		const due = everyHalfSecond();
		let matched = 0;

		if (this.#busy)
			return;
		this.#busy = true;
		try {
			await this.#askPauses();
			await walk((...words) => manager.watch(...words), ["queue", this.words.NAME, "count"], (document) => {
				matched += document.matched;
				document.domains.forEach((row) => this.#add(domains, row));
				if (!this.#known && due())
					this.#show([...domains.values()], matched, "Counting. So far: ");
			}, () => this.isConnected);
			this.#known = true;
			this.#show([...domains.values()], matched, "");
		} catch (error) {
			this.refuse(this.#place, error.message);
		}
		this.#busy = false;
		this.#next = Date.now() + (Date.now() - begun) * REST;
	}

	#add(domains, row) {
		const sum = domains.get(row.domain);

		if (sum === undefined) {
			domains.set(row.domain, row);
			return;
		}
		sum.messages += row.messages;
		sum.reason ??= row.reason;
		for (const name of Object.keys(row.ages))
			sum.ages[name] += row.ages[name];
	}

	#show(rows, matched, so) {
		this.#table.rows = rows.sort((a, b) => b.messages - a.messages || a.domain.localeCompare(b.domain));
		if (rows.length === 0)
			this.#place.replaceChildren(this.empty("No mail waits. A message stays here while its host does not take it, ",
				"or while an operator holds it."));
		else if (!this.#table.isConnected)
			this.#place.replaceChildren(this.#table);
		setText(this.#sum, rows.length === 0 ? "" : `${so}${count(matched, "message")} for ${count(rows.length, "domain")}. ` +
			"A message for two domains is counted for both.");
	}
}

customElements.define("view-queue", Queue);
