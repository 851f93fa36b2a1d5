/*
 * login - <manager-login>: takes the one-time link that `posternctl web login` prints
 */
import { frame } from "../base/dom.js";
import { loginToken } from "../base/address.js";
import { manager } from "../base/manager.js";

class ManagerLogin extends HTMLElement {
	#why = null;

	connectedCallback() {
		const { root, parts } = frame("frame-login");
		const form = root.querySelector("form");

		this.#why = parts.why;
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			this.#logIn(form.elements.link.value);
		});
		this.append(root);
		form.elements.link.focus();
	}

	say(text) {
		this.#why.textContent = text;
		this.#why.hidden = text === "";
	}

	async #logIn(text) {
		const token = loginToken(text);

		if (token === null) {
			this.say("That is no link of posternctl web login: it ends with #login= and 64 digits.");
			return;
		}
		try {
			await manager.logIn(token);
		} catch (error) {
			this.say(error.message);
		}
	}
}

customElements.define("manager-login", ManagerLogin);
