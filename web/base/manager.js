/*
 * manager - what all views share: the carrier, who is logged in, the live numbers
 *
 * Owns:     the session, the live stream
 * Promise:  "begin" when somebody is logged in, "end" (detail: why) when the session is over, whatever found
 *           that out
 * Fails by: CarrierError
 */
import { Live } from "./live.js";

const ENDED = "Your session has ended. Log in again; the page you were on comes back.";

class Manager extends EventTarget {
	carrier = null;
	session = null;
	live = new Live();

	/* A viewer has no button that changes something. */
	get mayChange() {
		return this.session?.right !== "viewer";
	}

	/* Who is logged in: a name that somebody chose is told apart by its uid. */
	get user() {
		return `${this.session.name} (uid ${this.session.uid}, ${this.session.right})`;
	}

	async logIn(token) {
		this.#begin(await this.carrier.login(token));
	}

	async resume() {
		this.#begin(await this.carrier.session());
	}

	async logOut() {
		try {
			await this.carrier.logout();
		} catch (error) {
			if (error.status !== 401)
				throw error;
		}
		this.end("You are logged out.");
	}

	#begin(session) {
		this.end(null);
		this.session = session;
		this.live.begin(this.carrier, () => this.#check());
		this.dispatchEvent(new Event("begin"));
	}

	end(why) {
		if (this.session === null)
			return;
		this.session = null;
		this.live.end();
		if (why !== null)
			this.dispatchEvent(new CustomEvent("end", { detail: why }));
	}

	/* The stream was lost: is it the session? */
	async #check() {
		try {
			await this.carrier.session();
		} catch (error) {
			if (error.status === 401 || error.status === 403)
				this.end(error.status === 401 ? ENDED : error.message);
		}
	}

	async #ask(words, watching) {
		try {
			return await this.carrier.command(words, watching);
		} catch (error) {
			if (error.status === 401 || error.status === 403)
				await this.#check();
			throw error;
		}
	}

	/* The answer to a command of a person: { status, text, data }. */
	command(...words) {
		return this.#ask(words, false);
	}

	/* What the page asks by itself. */
	watch(...words) {
		return this.#ask(words, true);
	}
}

export const manager = new Manager();
