/*
 * notice - <manager-notice>: what became of the latest action, with the command that does the same
 *
 * Promise:  it is announced to readers of the screen; it stays until the next action or view, or is closed
 */
import { make } from "../base/dom.js";
import { makeCommand } from "./command.js";

class ManagerNotice extends HTMLElement {
	#good = make("div", { role: "status" });
	#bad = make("div", { role: "alert" });

	connectedCallback() {
		this.append(this.#good, this.#bad);
	}

	say(text, { bad = false, command = "" } = {}) {
		const lines = text.split("\n").filter((line) => line !== "");
		const close = make("button", { type: "button", class: "quiet", "aria-label": "Close this message",
			onclick: () => this.clear() }, "Close");

		this.clear();
		(bad ? this.#bad : this.#good).replaceChildren(make("div", { class: bad ? "said bad" : "said" },
			make("div", { class: "lines" }, ...lines.map((line) => make("p", {}, line)),
				command === "" ? null : makeCommand(command)), close));
	}

	clear() {
		this.#good.replaceChildren();
		this.#bad.replaceChildren();
	}
}

customElements.define("manager-notice", ManagerNotice);

/* Of the shell that is shown. */
export function say(text, options) {
	document.querySelector("manager-notice")?.say(text, options);
}

export function clearNotice() {
	document.querySelector("manager-notice")?.clear();
}
