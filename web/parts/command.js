/*
 * command - <manager-command>: a command of the console that does the same, to be copied
 */
import { make } from "../base/dom.js";

class ManagerCommand extends HTMLElement {
	#text = "";

	get text() {
		return this.#text;
	}

	set text(text) {
		if (this.#text === text)
			return;
		this.#text = text;
		this.hidden = text === "";
		this.replaceChildren(make("span", { class: "label" }, "On the console"), " ", make("code", {}, text), " ",
			make("button", { type: "button", class: "quiet", "aria-label": `Copy the command ${text}`,
				onclick: (event) => this.#copy(event.currentTarget) }, "Copy"));
	}

	async #copy(button) {
		try {
			await navigator.clipboard.writeText(this.#text);
			button.textContent = "Copied";
		} catch {
			getSelection().selectAllChildren(this.querySelector("code"));
			button.textContent = "Selected";
		}
	}
}

customElements.define("manager-command", ManagerCommand);

export function makeCommand(text) {
	const element = document.createElement("manager-command");
	element.text = text;
	return element;
}
