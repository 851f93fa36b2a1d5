/*
 * carrier-http - how the manager reaches the service: HTTP to postern-web, and its one stream of events
 *
 * Promise:  all that knows of HTTP is here. Another carrier has the same: session, logout, command, upload, events; and
 *           where its sessions begin with a login of ours: ways, login, loginByPassword, loginByTicket
 * Fails by: CarrierError; its status is 401 when there is no session (any more), 0 when nothing answered
 */
const AGAIN_MS = 3000;
const PIECE = 47 * 1024;	/* bytes of a file in one request, which has 64 KiB with base64 and all */
/* The token of this tab: a reload keeps it, and no page of another port or tab has it. */
const KEPT = "postern-token";

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

/* Until the stream ends: each "event: KIND" and "data: JSON", which end with an empty line. */
async function readEvents(stream, take) {
	const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
	let text = "";

	for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
		const events = (text + piece.value).split("\n\n");

		text = events.pop();
		for (const event of events) {
			const found = /^event: (\w+)\ndata: (.*)$/.exec(event);

			if (found !== null)
				take(found[1], JSON.parse(found[2]));
		}
	}
}

export class CarrierHttp {
	hasLogin = true;	/* of its own, and so a logout */
	#token = sessionStorage.getItem(KEPT) ?? "";
	time = Date.now();	/* of the service, at its latest answer; in milliseconds, true to a second */

	async #fetch(method, path, body, signal = null, fields = {}) {
		const options = { method, headers: { "X-Postern-Token": this.#token, ...fields }, cache: "no-store", credentials: "same-origin", signal };
		let answer;

		if (body !== undefined) {
			options.headers["Content-Type"] = "application/json";
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
		return answer;
	}

	async #ask(method, path, body) {
		return (await this.#fetch(method, path, body)).json();
	}

	/* The ways in that there are: "link", "password", "kerberos". */
	async ways() {
		return (await this.#ask("GET", "api/ways")).ways;
	}

	/* Each of these gives { name, uid, way, right, version }; uid is null without an account of the host. */
	async #begin(path, proof) {
		const { csrf, ...session } = await this.#ask("POST", path, proof);

		this.#keep(csrf);
		return session;
	}

	login(token) {
		return this.#begin("api/login", { token });
	}

	loginByPassword(name, password) {
		return this.#begin("api/login", { name, password });
	}

	/* The browser adds its ticket of Kerberos, when it has one and is set up to send it here. */
	loginByTicket() {
		return this.#begin("login/negotiate", {});
	}

	session() {
		if (this.#token === "")
			throw new CarrierError("This tab has no session.", 401);
		return this.#ask("GET", "api/session");
	}

	#keep(token) {
		this.#token = token;
		sessionStorage.setItem(KEPT, token);
	}

	async logout() {
		await this.#ask("POST", "api/logout", {});
		this.#keep("");
	}

	/*
	 * { status, text, data } of one command. `watching`: the page asks by itself, which does not keep a
	 * session alive. `secret`: what is no word, as a password.
	 */
	command(words, watching = false, secret = null) {
		return this.#ask("POST", "api/command", { words, ...(watching ? { watching } : {}), ...(secret === null ? {} : { secret }) });
	}

	/* { status, text, data } of what postern-import makes of a file; tell(bytes) is called for each piece. */
	async upload(bytes, tell) {
		let answer = null;

		for (let at = 0; at === 0 || at < bytes.length; at += PIECE) {
			const piece = bytes.subarray(at, at + PIECE);
			const data = btoa(Array.from(piece, (byte) => String.fromCharCode(byte)).join(""));

			tell(at);
			answer = await this.#ask("POST", "api/import", { at, data, last: at + PIECE >= bytes.length });
		}
		return answer;
	}

	/*
	 * Calls take(kind, data): "open", "status", "counters", "gone", "ended"; and with `watch`, the name of a
	 * virtual server or "-" for all, what the event log gets: "watching", "watch" for each event, "lost" with
	 * the number of those that came too fast, "unwatched". Tries again by itself. Gives the
	 * function that ends it. An EventSource cannot send the token, so the stream is read here.
	 */
	events(take, watch = null) {
		const stop = new AbortController();
		let timer = 0;
		const begin = async () => {
			try {
				const answer = await this.#fetch("GET", "api/events", undefined, stop.signal,
					watch === null ? {} : { "X-Postern-Watch": watch });

				take("open");
				await readEvents(answer.body, (kind, data) => take(kind, data));
			} catch {
				/* an end of the stream like any other */
			}
			if (stop.signal.aborted)
				return;
			timer = setTimeout(begin, AGAIN_MS);
			take("ended");
		};

		begin();
		return () => {
			clearTimeout(timer);
			stop.abort();
		};
	}
}
