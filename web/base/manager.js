/*
 * manager - what all views share: the carrier, who is logged in, the live numbers
 *
 * Owns:     the session, the live stream
 * Promise:  "begin" when somebody is logged in, "end" (detail: why) when the session is over, whatever found
 *           that out
 * Fails by: CarrierError
 */
import { Live } from "./live.js";

const RIGHTS = ["none", "look", "operate", "configure"];
const ENDED = "Your session has ended. Log in again; the page you were on comes back.";

class Manager extends EventTarget {
	carrier = null;
	session = null;
	live = new Live();

	/* What this person may do with that virtual server; "-" or undefined: with the service. */
	rightOf(name = "-") {
		return (name === "-" ? this.live.status?.service : this.live.server(name))?.right ?? "none";
	}

	/* A button that is shown works. `right`: "look", "operate" or "configure". */
	may(right, name) {
		return RIGHTS.indexOf(this.rightOf(name)) >= RIGHTS.indexOf(right);
	}

	/* The virtual servers that have that right. */
	those(right) {
		return (this.live.status?.servers ?? []).map((row) => row.name).filter((name) => this.may(right, name));
	}

	/* Who is logged in: a name that somebody chose is told apart by its uid, or by the way it came in. */
	get user() {
		const { name, uid, way, right } = this.session;

		return `${name} (${uid === null ? way : `uid ${uid}`}, ${right})`;
	}

	async logIn(token) {
		await this.#begin(await this.carrier.login(token));
	}

	async logInByPassword(name, password) {
		await this.#begin(await this.carrier.loginByPassword(name, password));
	}

	async logInByTicket() {
		await this.#begin(await this.carrier.loginByTicket());
	}

	async resume() {
		await this.#begin(await this.carrier.session());
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

	/* Views begin with the rights: the stream tells them again. */
	async #begin(session) {
		const { data } = await this.carrier.command(["status"], true);

		this.end(null);
		this.session = session;
		this.live.status = data;
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

	async #try(call) {
		try {
			return await call();
		} catch (error) {
			if (error.status === 401 || error.status === 403)
				await this.#check();
			throw error;
		}
	}

	/* The answer to a command of a person: { status, text, data }. */
	command(...words) {
		return this.#try(() => this.carrier.command(words, false));
	}

	/* The same with what is no word, as a password; null: nothing. */
	commandWith(secret, ...words) {
		return this.#try(() => this.carrier.command(words, false, secret));
	}

	/* What the page asks by itself. */
	watch(...words) {
		return this.#try(() => this.carrier.command(words, true));
	}

	/* What postern-import makes of the bytes of a file: { status, text, data }; tell(bytes) as they go. */
	upload(bytes, tell) {
		return this.#try(() => this.carrier.upload(bytes, tell));
	}
}

export const manager = new Manager();
