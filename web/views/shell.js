/*
 * shell - <manager-shell>: tree, view and what stands above them, while somebody is logged in
 *
 * Promise:  the view is that of the address; after a change of the address the page begins at its heading,
 *           for eyes and for readers of the screen
 */
import { frame, make } from "../base/dom.js";
import { keep, parse } from "../base/address.js";
import { manager } from "../base/manager.js";
import { confirm } from "../parts/confirm.js";
import { clearNotice, say } from "../parts/notice.js";
import "../parts/stream.js";
import "../parts/tree.js";
import { find } from "./routes.js";
import "./accounts.js";
import "./counters.js";
import "./domains.js";
import "./drop-message.js";
import "./history.js";
import "./hosts.js";
import "./import.js";
import "./log.js";
import "./message.js";
import "./messages.js";
import "./new-server.js";
import "./nodes.js";
import "./overview.js";
import "./queue.js";
import "./sections.js";
import "./server.js";
import "./sessions.js";
import "./settings.js";
import "./test.js";
import "./trace.js";

class ManagerShell extends HTMLElement {
	#parts = null;
	#path = "";
	#address = "";		/* of the view that is shown */
	#follow = () => this.#leave();
	#right = "";		/* of who is logged in, where the view is */
	#followRights = () => this.#mayBeOthers();

	connectedCallback() {
		const { root, parts } = frame("frame-shell");

		this.#parts = parts;
		parts.who.textContent = manager.user;
		parts.logout.hidden = !manager.carrier.hasLogin;
		parts.logout.addEventListener("click", () => manager.logOut().catch((error) => say(error.message, { bad: true })));
		parts.menu.addEventListener("click", () => this.#openMenu(parts.menu.ariaExpanded !== "true"));
		parts.skip.addEventListener("click", (event) => {
			event.preventDefault();
			parts.main.focus();
		});
		addEventListener("hashchange", this.#follow);
		manager.live.addEventListener("status", this.#followRights);
		this.addEventListener("keydown", (event) => event.key === "Escape" && this.#openMenu(false));
		this.append(root);
		this.#show(false);
	}

	disconnectedCallback() {
		removeEventListener("hashchange", this.#follow);
		manager.live.removeEventListener("status", this.#followRights);
	}

	#openMenu(open) {
		this.#parts.menu.ariaExpanded = String(open);
		this.classList.toggle("menu-open", open);
	}

	/* What was filled in is not thrown away unasked. */
	async #leave() {
		const wanted = location.hash;

		if (wanted === this.#address)
			return;
		if (this.#parts.main.firstElementChild?.isUnsaved) {
			history.replaceState(null, "", this.#address || "#/");
			if (await confirm({ title: "Leave without applying?", lines: ["What you have changed on this page is not applied yet."],
				button: "Leave", command: "", danger: true }) === null)
				return;
			history.replaceState(null, "", wanted);
		}
		this.#show(true);
	}

	/* A reload may give or take a right: the buttons follow, unless something was filled in. */
	#mayBeOthers() {
		if (this.#right !== this.#rightHere() && !this.#parts.main.firstElementChild?.isUnsaved)
			this.#show(false);
	}

	#rightHere() {
		return `${manager.rightOf(find(parse(location.hash).path)?.words.NAME)} ${manager.those("operate").length > 0}`;
	}

	#show(moved) {
		const { path, query } = parse(location.hash);
		const found = find(path);
		const main = this.#parts.main;
		const same = this.#path === path.join("/");

		keep(location.hash);
		this.#address = location.hash;
		this.#path = path.join("/");
		this.#right = this.#rightHere();
		this.#openMenu(false);
		if (moved && !same)
			clearNotice();
		document.title = `${found?.title ?? "Not found"} - Postern`;
		if (found === null) {
			main.replaceChildren(make("h1", {}, "There is no such page"), make("p", {}, make("a", { href: "#/" }, "To the service")));
		} else {
			const view = document.createElement(found.element);
			view.words = found.words;
			view.query = query;
			main.replaceChildren(view);
		}
		if (moved && !same)
			main.focus();
	}
}

customElements.define("manager-shell", ManagerShell);
