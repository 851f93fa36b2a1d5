/*
 * log - <view-log>: events of a virtual server, or of the service, as they come; by topic and text, the newest
 * first
 *
 * Promise:  keeps MOST events; a pause shows nothing new and says how many have come; what was lost is said
 * Fails by: a sentence above the events
 */
import { make, setText } from "../base/dom.js";
import { count, visible, when } from "../base/format.js";
import { to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { factsOf } from "./story.js";
import { View } from "./view.js";

const MOST = 1000;
const TOPICS = ["sessions", "messages", "state", "operators", "trouble"];

class Log extends View {
	#rows = [];		/* { event, line }, the newest first; line null: not made yet */
	#waiting = [];		/* of a pause, and of the next frame */
	#paused = false;
	#due = false;
	#missed = 0;		/* not shown in a pause, as there were too many */
	#topic = make("select", { "aria-label": "Topic", onchange: () => this.#filter() }, make("option", { value: "" }, "all topics"),
		TOPICS.map((topic) => make("option", { value: topic }, topic)));
	#text = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter events", oninput: () => this.#filter() });
	#pause = make("button", { type: "button", "aria-pressed": "false", onclick: () => this.#turn() }, "Pause");
	#said = make("p", { class: "soft", role: "status" }, "Waiting for events.");
	#body = make("tbody");
	#table = make("table", { class: "log" }, make("caption", { class: "unseen" }, "Events"), make("thead", {}, make("tr", {},
		["Time", "Event", "Virtual server", "Message", "What"].map((heading) => make("th", { scope: "col" }, heading)))), this.#body);

	begin() {
		const { NAME = "-" } = this.words;

		this.append(this.head("Log", this.#topic, this.#text, this.#pause,
			make("button", { type: "button", onclick: () => this.#clear() }, "Clear")), this.#said, this.#table,
		this.foot("watch", NAME));
		this.listen(manager.live, "log", ({ detail }) => this.#take(detail));
		manager.live.watch(NAME);
	}

	disconnectedCallback() {
		super.disconnectedCallback();
		manager.live.watch(null);
	}

	#take({ kind, data }) {
		if (kind === "watching")
			setText(this.#said, `Watching since ${when(Date.now())}. Each event from now on is a row.`);
		else if (kind === "unwatched")
			setText(this.#said, visible(data.error.replace(/^!/, "").trim()) || "The service watches no more.");
		else
			this.#add(kind === "watch" ? data : kind === "lost" ?
				{ event: "lost", lines: data.lines, reason: "they came faster than this page took them" } :
				{ event: "lost", reason: "the stream ended; what came since then is not here" });
	}

	#add(event) {
		this.#waiting.push({ now: Date.now(), ...event });
		if (this.#waiting.length > MOST) {
			this.#waiting.shift();
			this.#missed++;
		}
		if (this.#paused)
			setText(this.#pause, `Go on (${count(this.#waiting.length + this.#missed, "event")})`);
		else if (!this.#due)
			requestAnimationFrame(() => this.#flush());
		this.#due = true;
	}

	/* All that has come since the last frame, at once. */
	#flush() {
		const rows = this.#waiting.map((event) => ({ event, line: this.#makeLine(event) })).reverse();

		this.#due = false;
		if (this.#paused)
			return;
		this.#waiting = [];
		this.#missed = 0;
		this.#rows = [...rows, ...this.#rows];
		this.#body.prepend(...rows.map(({ event, line }) => {
			line.hidden = !this.#fits(event);
			return line;
		}));
		for (const { line } of this.#rows.splice(MOST))
			line.remove();
	}

	#makeLine(event) {
		const { NAME } = this.words;
		const server = event.server ?? NAME;
		const known = event.id && server ? make("a", { class: "mono", href: to(["server", server, "trace"], { id: event.id }) }, visible(event.id)) :
			visible(event.id ?? "");

		return make("tr", { class: event.level === "fact" || event.level === undefined ? null : event.level },
			make("th", { scope: "row", "data-label": "Time" }, when(event.time ?? event.now)),
			make("td", { "data-label": "Event" }, visible(event.event ?? "")),
			make("td", { "data-label": "Virtual server" }, visible(event.server ?? "")), make("td", { "data-label": "Message" }, known),
			make("td", { class: "wide", "data-label": "What" }, visible(factsOf(event))));
	}

	#fits(event) {
		const text = this.#text.value.trim().toLowerCase();

		return event.event === "lost" || ((this.#topic.value === "" || event.topics?.includes(this.#topic.value)) &&
			(text === "" || JSON.stringify(Object.values(event)).toLowerCase().includes(text)));
	}

	#filter() {
		for (const { event, line } of this.#rows)
			line.hidden = !this.#fits(event);
	}

	#turn() {
		this.#paused = !this.#paused;
		this.#pause.ariaPressed = String(this.#paused);
		setText(this.#pause, this.#paused ? "Go on" : "Pause");
		if (!this.#paused)
			this.#flush();
	}

	#clear() {
		this.#rows = [];
		this.#waiting = [];
		this.#missed = 0;
		this.#body.replaceChildren();
	}
}

customElements.define("view-log", Log);
