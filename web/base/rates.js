/*
 * rates - counters of all virtual servers as they were seen since the page opened, and what follows from them
 *
 * Owns:     the last KEEP samples
 * Promise:  a counter that began anew (its process was replaced, the service started again) gives no negative
 *           rate
 * Fails by: null: not seen long enough
 */
const KEEP = 900;
const OVER_MS = 10000;	/* a rate is that of the last ten seconds */

export class Rates {
	#samples = [];		/* { at, all, servers: Map of name to counters } */

	/* Samples that come at once, or after the clock was set back, leave the newest of them. */
	add(document, at = Date.now()) {
		while (this.#samples.length > 0 && this.#samples.at(-1).at >= at)
			this.#samples.pop();
		this.#samples.push({ at, all: document.counters,
			servers: new Map(document.servers.map((row) => [row.server, row.counters])) });
		if (this.#samples.length > KEEP)
			this.#samples.shift();
	}

	/* The counters of a virtual server (null: the sums of all) as they are now. */
	now(server) {
		const last = this.#samples.at(-1);

		return last === undefined ? null : this.#of(last, server);
	}

	get since() {
		return this.#samples.length > 0 ? new Date(this.#samples[0].at) : null;
	}

	#of(sample, server) {
		return (server === null ? sample.all : sample.servers.get(server)) ?? null;
	}

	#value(sample, server, names) {
		const counters = this.#of(sample, server);

		return counters === null ? null : names.reduce((sum, name) => sum + (counters[name] ?? 0), 0);
	}

	/* Per second, of the sum of these counters. */
	rate(server, names) {
		const last = this.#samples.at(-1);
		const first = this.#samples.find((sample) => last.at - sample.at <= OVER_MS);

		if (last === undefined || first === last)
			return null;
		const from = this.#value(first, server, names);
		const to = this.#value(last, server, names);
		if (from === null || to === null || to < from)
			return null;
		return (to - from) * 1000 / (last.at - first.at);
	}

	/* [{ at, value }], `grows`: the growth from one sample to the next, per second; else the value itself. */
	series(server, names, grows) {
		const points = [];

		this.#samples.forEach((sample, i) => {
			const value = this.#value(sample, server, names);
			const before = i > 0 ? this.#samples[i - 1] : null;
			if (value === null || (grows && before === null))
				return;
			const from = grows ? this.#value(before, server, names) : 0;
			if (from !== null && value >= from)
				points.push({ at: sample.at, value: grows ? (value - from) * 1000 / (sample.at - before.at) : value });
		});
		return points;
	}
}

export const RECEIVED = ["messages_received_total", "pickup_messages_retrieved_total"];
export const SENT = ["messages_sent_total", "messages_delivered_total"];
