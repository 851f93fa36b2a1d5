/*
 * live - what the service does now: the state of all virtual servers, their counters, and for how long they
 * were seen
 *
 * Owns:     the one stream of this tab; it is closed while the tab is hidden
 * Promise:  "status" and "counters" when there is something new, "log" for events that are watched, "stream"
 *           when the stream comes or goes.
 *           A stream that says nothing for SILENT_MS is lost, and begun again
 * Fails by: state "lost" (no stream) or "gone" (the web helper cannot ask the service)
 */
import { Rates } from "./rates.js";

const SILENT_MS = 6000;
const LOG = ["watching", "watch", "lost", "unwatched", "ended"];

export class Live extends EventTarget {
	status = null;		/* the document of `status` */
	rates = new Rates();
	state = "opening";	/* open, lost, gone, hidden */
	since = new Date();	/* of that state */
	#carrier = null;
	#close = null;
	#onLost = null;
	#watch = 0;
	#watched = null;	/* whose events of the log come, too */

	constructor() {
		super();
		document.addEventListener("visibilitychange", () => this.#follow());
	}

	begin(carrier, onLost) {
		this.#carrier = carrier;
		this.#onLost = onLost;
		this.#follow();
	}

	end() {
		this.#stop();
		this.#carrier = null;
		this.#watched = null;
		this.status = null;
		this.rates = new Rates();
	}

	/* The row of one virtual server, or undefined. */
	server(name) {
		return this.status?.servers.find((row) => row.name === name);
	}

	#follow() {
		if (this.#carrier === null)
			return;
		this.#stop();
		if (document.hidden) {
			this.#become("hidden");
			return;
		}
		this.#become("opening");
		this.#open();
		this.#expect();
	}

	#open() {
		this.#close = this.#carrier.events((kind, data) => this.#take(kind, data), this.#watched);
	}

	/* Events of the log come with the stream, as "log": of a virtual server, "-": of all, null: none (any more). */
	watch(name) {
		if (name === this.#watched)
			return;
		this.#watched = name;
		if (this.#close !== null) {
			this.#stop();
			this.#open();
			this.#expect();
		}
	}

	#stop() {
		clearTimeout(this.#watch);
		this.#close?.();
		this.#close = null;
	}

	#expect() {
		clearTimeout(this.#watch);
		this.#watch = setTimeout(() => {
			this.#take("ended");
			this.#stop();
			this.#open();
			this.#expect();
		}, SILENT_MS);
	}

	#take(kind, data) {
		if (this.#carrier === null)
			return;
		if (LOG.includes(kind))
			this.dispatchEvent(new CustomEvent("log", { detail: { kind, data } }));
		if (kind === "ended") {
			this.#become("lost");
			this.#onLost();
			return;
		}
		this.#expect();
		if (kind === "gone")
			this.#become("gone");
		else if (kind !== "open")
			this.#become("open");
		if (kind === "status")
			this.status = data;
		else if (kind === "counters")
			this.rates.add(data);
		if (kind === "status" || kind === "counters")
			this.dispatchEvent(new Event(kind));
	}

	#become(state) {
		if (state === this.state)
			return;
		this.state = state;
		this.since = new Date();
		this.dispatchEvent(new Event("stream"));
	}
}
