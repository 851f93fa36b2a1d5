/*
 * carrier-cockpit - how the manager reaches the service from a page of Cockpit: posternctl api, run by
 * Cockpit's bridge as who is logged in there, with administrative access where that was granted
 *
 * Promise:  the same six as carrier-http, but for a login of its own: that is Cockpit's
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

	async #run(verb, input) {
		try {
			return JSON.parse(await cockpit.spawn(["posternctl", "api", verb], OPTIONS).input(input));
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

	/* { status, text, data } of one command. The words go by the standard input. */
	async command(words) {
		const answer = await this.#run("command", JSON.stringify({ words }));

		if (answer.error !== undefined)
			throw new CarrierError(`${answer.error[0].toUpperCase()}${answer.error.slice(1)}.`, 0);
		this.time = answer.time;
		return answer;
	}

	/* As in carrier-http: "open", "status", "counters", "gone", "lost". */
	events(take) {
		let stopped = false;
		let timer = 0;
		let process = null;
		const begin = () => {
			let text = "";

			process = cockpit.spawn(["posternctl", "api", "events"], OPTIONS);
			take("open");
			process.stream((piece) => {
				const lines = (text + piece).split("\n");

				text = lines.pop();
				for (const line of lines) {
					const { event, data } = JSON.parse(line);
					if (!stopped)
						take(event, data);
				}
			});
			process.catch(() => {}).then(() => {
				if (stopped)
					return;
				timer = setTimeout(begin, AGAIN_MS);
				take("lost");
			});
		};

		begin();
		return () => {
			stopped = true;
			clearTimeout(timer);
			process.close("terminated");
		};
	}
}
