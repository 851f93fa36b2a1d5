/*
 * carrier-http - how the manager reaches the service: HTTP to postern-web, and its one stream of events
 *
 * Promise:  all that knows of HTTP is here. Another carrier has the same five: login, session, logout,
 *           command, events
 * Fails by: CarrierError; its status is 401 when there is no session (any more), 0 when nothing answered
 */
const AGAIN_MS = 3000;

export class CarrierError extends Error {
	constructor(message, status) {
		super(message);
		this.status = status;
	}
}

async function readError(answer) {
	try {
		return (await answer.json()).error ?? "";
	} catch {
		return "";
	}
}

export class CarrierHttp {
	#token = "";
	time = Date.now();	/* of the service, at its latest answer; in milliseconds, true to a second */

	async #ask(method, path, body) {
		const options = { method, headers: {}, cache: "no-store", credentials: "same-origin" };
		let answer;

		if (body !== undefined) {
			options.headers["Content-Type"] = "application/json";
			options.headers["X-Postern-Token"] = this.#token;
			options.body = JSON.stringify(body);
		}
		try {
			answer = await fetch(path, options);
		} catch {
			throw new CarrierError("The service does not answer.", 0);
		}
		if (!answer.ok)
			throw new CarrierError(await readError(answer) || `The service answered ${answer.status}.`, answer.status);
		this.time = Date.parse(answer.headers.get("Date")) || Date.now();
		return answer.json();
	}

	/* Both give { name, right, version }. */
	async login(token) {
		return this.#keep(await this.#ask("POST", "api/login", { token }));
	}

	async session() {
		return this.#keep(await this.#ask("GET", "api/session"));
	}

	#keep(session) {
		this.#token = session.csrf;
		return { name: session.name, right: session.right, version: session.version };
	}

	async logout() {
		await this.#ask("POST", "api/logout", {});
		this.#token = "";
	}

	/*
	 * { status, text, data } of one command. `watching`: the page asks by itself, which does not keep a
	 * session alive.
	 */
	command(words, watching = false) {
		return this.#ask("POST", "api/command", watching ? { words, watching } : { words });
	}

	/*
	 * Calls take(kind, data): "open", "status", "counters", "gone", "lost". Tries again by itself. Gives the
	 * function that ends it.
	 */
	events(take) {
		let source = null;
		let timer = 0;
		const begin = () => {
			source = new EventSource("api/events");
			source.addEventListener("open", () => take("open"));
			for (const kind of ["status", "counters"])
				source.addEventListener(kind, (event) => take(kind, JSON.parse(event.data)));
			source.addEventListener("gone", () => take("gone"));
			source.addEventListener("error", () => {
				take("lost");
				source.close();
				timer = setTimeout(begin, AGAIN_MS);
			});
		};

		begin();
		return () => {
			clearTimeout(timer);
			source.close();
		};
	}
}
