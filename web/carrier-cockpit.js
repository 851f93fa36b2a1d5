/*
 * carrier-cockpit - how the manager reaches the service from a page of Cockpit: posternctl api, run by
 * Cockpit's bridge as who is logged in there, with administrative access where that was granted
 *
 * Promise:  the same six as carrier-http, but for a login of its own: that is Cockpit's. What is read there by one
 *           stream comes here from two processes, which end with the page
 * Fails by: CarrierError; its status is 0: nothing answered
 */
import { CarrierError } from "./carrier-http.js";

const AGAIN_MS = 3000;
const OPTIONS = { superuser: "try", err: "message" };

export class CarrierCockpit {
	hasLogin = false;
	time = Date.now();	/* of the service, at its latest answer; in milliseconds */

	/* The user is Cockpit's; with administrative access the commands are root's. */
	async session() {
		const user = await cockpit.user();
		const { status, text, data } = await this.command(["status"]);

		if (status !== 0)
			throw new CarrierError(text.trim(), 0);
		const rows = [...data.servers, ...(data.service === null ? [] : [data.service])];
		return { name: user.name, uid: user.id, version: null,
			right: rows.some((row) => row.right === "operate" || row.right === "configure") ? "operator" : "viewer" };
	}

	/* The input is text, or bytes; the answer is bytes. */
	async #run(verb, input) {
		const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;

		try {
			return JSON.parse(new TextDecoder().decode(
				await cockpit.spawn(["posternctl", "api", verb], { ...OPTIONS, binary: true }).input(bytes)));
		} catch (error) {
			throw new CarrierError(error.problem === "not-found" ? "posternctl is not installed on this host." :
				error.message || "Cockpit does not answer.", 0);
		}
	}

	/* As in carrier-http: the file goes by the standard input. */
	async upload(bytes, tell) {
		tell(0);
		return this.#run("import", bytes);
	}

	/* { status, text, data } of one command. The words, and what is none, go by the standard input. */
	async command(words, watching = false, secret = null) {
		const answer = await this.#run("command", JSON.stringify(secret === null ? { words } : { words, secret }));

		if (answer.error !== undefined)
			throw new CarrierError(`${answer.error[0].toUpperCase()}${answer.error.slice(1)}.`, 0);
		this.time = answer.time;
		return answer;
	}

	/* As in carrier-http, with what `watch` names from a process of its own. */
	events(take, watch = null) {
		const state = new Lines(["api", "events"], ({ event, data }) => take(event, data), () => take("ended"));
		const log = watch === null ? null : new Lines(["watch", ...(watch === "-" ? [] : [watch])],
			(row) => takeLog(take, row), (error) => take("unwatched", { error }));

		take("open");
		state.begin();
		log?.begin();
		return () => {
			state.end();
			log?.end();
		};
	}
}

/* A row of posternctl watch. */
function takeLog(take, row) {
	if (row.event === "watching")
		take("watching", {});
	else
		take(row.event === "lost" ? "lost" : "watch", row);
}

/* What posternctl prints, a line of JSON at a time; begun again when it ends by itself. */
class Lines {
	#words;
	#take;
	#ended;
	#process = null;
	#timer = 0;

	constructor(words, take, ended) {
		this.#words = words;
		this.#take = take;
		this.#ended = ended;
	}

	begin() {
		let text = "";
		const process = cockpit.spawn(["posternctl", ...this.#words], OPTIONS);

		this.#process = process;
		process.stream((piece) => {
			const lines = (text + piece).split("\n");

			text = lines.pop();
			for (const line of lines)
				if (process === this.#process)
					this.#take(JSON.parse(line));
		});
		process.then(() => "", (error) => error.message ?? "").then((error) => {
			if (process !== this.#process)
				return;
			this.#timer = setTimeout(() => this.begin(), AGAIN_MS);
			this.#ended(error);
		});
	}

	end() {
		const process = this.#process;

		this.#process = null;
		clearTimeout(this.#timer);
		process.close("terminated");
	}
}
