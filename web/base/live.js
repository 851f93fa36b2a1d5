/*
 * live - what the service does now: the state of all virtual servers, their counters, and for how long they
 * were seen
 *
 * Owns:     the one stream of this tab; it is closed while the tab is hidden
 * Promise:  "status" and "counters" when there is something new, "stream" when the stream comes or goes.
 *           A stream that says nothing for SILENT_MS is lost, and begun again
 * Fails by: state "lost" (no stream) or "gone" (the web helper cannot ask the service)
 */
import { Rates } from "./rates.js";

const SILENT_MS = 6000;

export class Live extends EventTarget {
	status = null;		/* the document of `status` */
	rates = new Rates();
	state = "opening";	/* open, lost, gone, hidden */
	since = new Date();	/* of that state */
	#carrier = null;
	#close = null;
	#onLost = null;
	#watch = 0;

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
		this.#close = this.#carrier.events((kind, data) => this.#take(kind, data));
		this.#expect();
	}

	#stop() {
		clearTimeout(this.#watch);
		this.#close?.();
		this.#close = null;
	}

	#expect() {
		clearTimeout(this.#watch);
		this.#watch = setTimeout(() => {
			this.#take("lost");
			this.#stop();
			this.#close = this.#carrier.events((kind, data) => this.#take(kind, data));
			this.#expect();
		}, SILENT_MS);
	}

	#take(kind, data) {
		if (this.#carrier === null)
			return;
		if (kind === "lost") {
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
