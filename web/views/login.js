/*
 * login - <manager-login>: the ways in that the service offers: name and password, Kerberos, and the one-time
 * link that `posternctl web login` prints
 *
 * Promise:  nothing is tried by itself: a ticket of Kerberos is sent when its button is pressed. One login at a
 *           time
 * Fails by: a sentence above the forms; a password that was refused is taken out of its field
 */
import { frame } from "../base/dom.js";
import { loginToken } from "../base/address.js";
import { manager } from "../base/manager.js";

const NO_LINK = "That is no link of posternctl web login: it ends with #login= and 64 digits.";

class ManagerLogin extends HTMLElement {
	#parts = null;
	#busy = false;

	connectedCallback() {
		const { root, parts } = frame("frame-login");

		this.#parts = parts;
		this.#listen(parts.password, (fields) => this.#logInByPassword(fields));
		this.#listen(parts.link, (fields) => this.#logInByLink(fields.link.value));
		parts.ticket.addEventListener("click", () => this.#try(() => manager.logInByTicket()));
		this.append(root);
		parts.link.elements.link.focus();
		this.#offer();
	}

	#listen(form, take) {
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			take(form.elements);
		});
	}

	/* A service that does not say it has the link alone. */
	async #offer() {
		const ways = await manager.carrier.ways().catch(() => []);
		const { password, kerberos, link } = this.#parts;
		const untouched = document.activeElement === link.elements.link && link.elements.link.value === "";

		password.hidden = !ways.includes("password");
		kerberos.hidden = !ways.includes("kerberos");
		if (!password.hidden && untouched)
			password.elements.name.focus();
	}

	say(text) {
		const { why, wait } = this.#parts;

		why.textContent = text;
		why.hidden = text === "";
		wait.textContent = "";
	}

	async #try(login) {
		if (this.#busy)
			return;
		this.#busy = true;
		this.say("");
		this.#parts.wait.textContent = "Logging in. A wrong password is answered late.";
		try {
			await login();
		} catch (error) {
			this.say(error.message);
		} finally {
			this.#busy = false;
		}
	}

	async #logInByPassword({ name, password }) {
		await this.#try(() => manager.logInByPassword(name.value, password.value));
		password.value = "";
		if (this.isConnected)
			password.focus();
	}

	async #logInByLink(text) {
		const token = loginToken(text);

		if (token === null)
			this.say(NO_LINK);
		else
			await this.#try(() => manager.logIn(token));
	}
}

customElements.define("manager-login", ManagerLogin);
