/*
 * view - what all views have in common: words of the address, following the live stream while shown, the
 * heading, a body that is drawn anew
 *
 * Promise:  a view that has left the page listens to nothing
 * Fails by: a sentence in place of the body
 */
import { make } from "../base/dom.js";
import { manager } from "../base/manager.js";
import { refusalOf } from "../base/pages.js";
import { makeCommand } from "../parts/command.js";
import { consoleText } from "../base/console.js";
import { change } from "./change.js";

export class View extends HTMLElement {
	words = {};			/* of the address: { NAME: "default" } */
	query = new URLSearchParams();
	#heard = [];

	/* Listens while the view is shown. */
	listen(target, kind, call) {
		target.addEventListener(kind, call);
		this.#heard.push(() => target.removeEventListener(kind, call));
	}

	/* Calls every `ms` while the view is shown and the tab is seen. */
	every(ms, call) {
		const timer = setInterval(() => document.hidden || call(), ms);
		this.#heard.push(() => clearInterval(timer));
	}

	disconnectedCallback() {
		for (const forget of this.#heard)
			forget();
		this.#heard = [];
	}

	connectedCallback() {
		this.begin();
	}

	/* Something was filled in that is not applied. */
	get isUnsaved() {
		return this.querySelector(".changed") !== null;
	}

	/* The heading, and beside it what may be done. */
	head(text, ...actions) {
		return make("div", { class: "head" }, make("h1", {}, text), make("div", { class: "actions" }, ...actions));
	}

	/* The command that shows the same. */
	foot(...words) {
		return make("footer", {}, makeCommand(consoleText(words)));
	}

	/* One sentence where nothing is to be shown. */
	empty(...text) {
		return make("p", { class: "empty" }, ...text);
	}

	/* What the page asks by itself; a refusal is a sentence. Null: it was shown. */
	async read(place, ...words) {
		try {
			const answer = await manager.watch(...words);
			if (answer.data !== null && answer.status === 0)
				return answer.data;
			this.refuse(place, refusalOf(answer));
		} catch (error) {
			this.refuse(place, error.message);
		}
		return null;
	}

	/* Where apply() says why something was refused. */
	makeRefusal() {
		return make("p", { class: "refused", role: "alert", hidden: true });
	}

	/* A change of the configuration, as change(). True: it is done. */
	async apply(place, words, about) {
		const outcome = await change(words, about);

		place.hidden = outcome.refused === undefined;
		place.textContent = outcome.refused ?? "";
		return outcome.done;
	}

	refuse(place, text) {
		if (this.isConnected)
			place.replaceChildren(make("p", { class: "refused", role: "alert" }, text));
	}
}
