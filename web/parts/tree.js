/*
 * tree - <manager-tree>: the service, its virtual servers with their states, and what each has
 *
 * Promise:  follows the live stream; the entry of the view that is shown is marked for eyes and readers
 */
import { make, setText } from "../base/dom.js";
import { number } from "../base/format.js";
import { manager } from "../base/manager.js";
import { parse, to } from "../base/address.js";
import { serverPages } from "../views/routes.js";
import { makeState } from "./state.js";

class ManagerTree extends HTMLElement {
	#servers = make("ul");
	#service = make("a", { href: "#/" }, "Service");
	#lines = new Map();	/* name to { line, state, open, counts } */
	#follow = () => this.#show();

	connectedCallback() {
		this.append(make("nav", { "aria-label": "Virtual servers" }, make("ul", {},
			make("li", {}, this.#service, this.#servers))));
		manager.live.addEventListener("status", this.#follow);
		manager.live.addEventListener("counters", this.#follow);
		addEventListener("hashchange", this.#follow);
		this.#show();
	}

	disconnectedCallback() {
		manager.live.removeEventListener("status", this.#follow);
		manager.live.removeEventListener("counters", this.#follow);
		removeEventListener("hashchange", this.#follow);
	}

	#show() {
		const servers = manager.live.status?.servers ?? [];
		const names = new Set(servers.map((row) => row.name));

		for (const [name, { line }] of this.#lines)
			if (!names.has(name)) {
				line.remove();
				this.#lines.delete(name);
			}
		servers.forEach((row, i) => {
			const line = this.#fill(row, servers.length);
			if (this.#servers.children[i] !== line)
				this.#servers.insertBefore(line, this.#servers.children[i] ?? null);
		});
		this.#mark();
	}

	#fill(row, servers) {
		const known = this.#lines.get(row.name) ?? this.#makeLine(row.name, servers === 1);

		if (known.state.mark !== row.state + row.reason) {
			known.state.mark = row.state + row.reason;
			known.state.replaceChildren(makeState(row.state, row.reason !== null));
		}
		for (const { page, element } of known.counts)
			setText(element, page.count(row, manager.live.rates.now(row.name)) > 0 ?
				number(page.count(row, manager.live.rates.now(row.name))) : "");
		return known.line;
	}

	#makeLine(name, open) {
		const state = make("span", { class: "at-end" });
		const counts = [];
		const pages = make("ul", { hidden: !open, "aria-label": name }, serverPages(name).map((page) => {
			const element = make("span", { class: "at-end count" });
			if (page.count !== undefined)
				counts.push({ page, element });
			return make("li", {}, make("a", { href: to(page.path) }, page.title, " ", element));
		}));
		const fold = make("button", { type: "button", class: "fold", "aria-expanded": String(open), "aria-label": `Pages of ${name}`,
			onclick: () => this.#open(name, pages.hidden) });
		const line = make("li", {}, make("div", { class: "server" }, fold,
			make("a", { href: to(["server", name]) }, make("span", { class: "name" }, name), " ", state)), pages);
		const known = { line, state, pages, fold, counts };

		this.#lines.set(name, known);
		return known;
	}

	#open(name, open) {
		const { pages, fold } = this.#lines.get(name);

		pages.hidden = !open;
		fold.ariaExpanded = String(open);
	}

	/* The entry of this view, or of the nearest one above it. */
	#mark() {
		const { path } = parse(location.hash);
		const links = [...this.querySelectorAll("a")];
		let current = null;

		if (path[0] === "server" && this.#lines.has(path[1]) && this.marked !== location.hash)
			this.#open(path[1], true);
		this.marked = location.hash;
		for (let n = path.length; n >= 0 && current === null; n--)
			current = links.find((link) => link.hash === to(path.slice(0, n))) ?? null;
		for (const link of links)
			if (link === current)
				link.ariaCurrent = "page";
			else
				link.removeAttribute("aria-current");
	}
}

customElements.define("manager-tree", ManagerTree);
