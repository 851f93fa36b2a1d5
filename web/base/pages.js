/*
 * pages - a command about a queue or badmail, which the service answers a page at a time
 *
 * Promise:  walks all pages in their order; waits while the queue is still being read
 * Fails by: an Error with what the service said
 */
const AGAIN_MS = 200;
const AGAINS = 150;	/* half a minute */
const LOCKED = "Another process has this queue: it is left alone.";
const READING = "The queue is still being read. Ask again in a moment.";

export function refusalOf(answer) {
	return answer.text.replace(/^[!=]/gm, "").trim() || `The service refused that (${answer.status}).`;
}

/* One page: its document, with `next` for the one behind it. ask(...words) gives { status, text, data }. */
export async function page(ask, words, at = null) {
	for (let again = 0; again < AGAINS; again++) {
		const answer = await ask(...words, ...(at === null ? [] : [`at=${at}`]));

		if (answer.status !== 0 || answer.data === null)
			throw new Error(refusalOf(answer));
		if (answer.data.page === "locked")
			throw new Error(LOCKED);
		if (answer.data.page === undefined || answer.data.page === "ok")
			return answer.data;
		await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
	}
	throw new Error(READING);
}

/* True at most twice a second: for what tells of progress, and not at once. */
export function everyHalfSecond() {
	let last = Date.now();

	return () => Date.now() - last >= 500 && (last = Date.now()) > 0;
}

/* Calls take(document) for each page. `going()` false: ends between two pages. */
export async function walk(ask, words, take, going = () => true) {
	let at = null;

	do {
		const document = await page(ask, words, at);
		take(document);
		at = document.next ?? null;
	} while (at !== null && going());
}
