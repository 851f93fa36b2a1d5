/*
 * plot - <manager-plot>: up to three lines over an hour or a day, read by pointer or arrow keys, and as a table
 *
 * Promise:  a line has a pattern and a name, never a colour alone; where nothing is known it has a gap. A
 *           reader of the screen hears each sample as a sentence
 */
import { make, makeSvg, setText } from "../base/dom.js";
import { when } from "../base/format.js";
import { roundUp } from "../base/series.js";
import { makeTable } from "./table.js";

const WIDTH = 600;
const HEIGHT = 120;
const MOVES = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -30, PageUp: 30, Home: -Infinity, End: Infinity };

class ManagerPlot extends HTMLElement {
	#data = { step: 0, times: [], lines: [] };
	#begin = 0;
	#end = 1;
	#text = String;
	#at = null;			/* the sample that is read; null: the newest */
	#reading = make("output");
	#most = make("span");
	#from = make("span");
	#to = make("span");
	#legend = make("ul", { class: "legend" });
	#cursor = makeSvg("path", { class: "cursor" });
	#lines = makeSvg("g");
	#area = make("div", { class: "area", tabindex: "0", role: "slider", "aria-valuemin": "0", "aria-valuenow": "0",
		onkeydown: (event) => this.#press(event), onpointermove: (event) => this.#point(event), onpointerleave: () => this.#read(null),
		onblur: () => this.#read(null) },
	makeSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
		makeSvg("path", { class: "grid", d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}` }), this.#lines, this.#cursor));
	#table = null;
	#details = make("details", { ontoggle: () => this.#fillTable() });

	/* text(value): as people read it. */
	define({ title, names, text }) {
		this.#text = text;
		this.#area.setAttribute("aria-label", title);
		this.#table = makeTable({ caption: title, key: (row) => row.at, columns: [
			{ heading: "Time", text: (row) => when(row.at), sort: (row) => row.at },
			...names.map((name, i) => ({ heading: name, number: true, text: (row) => this.#say(row.values[i]), sort: (row) => row.values[i] ?? -1 })),
		] });
		this.#details.append(make("summary", {}, "As a table"), this.#table);
		this.replaceChildren(make("figure", {}, make("figcaption", {}, make("h2", {}, title), this.#reading),
			make("div", { class: "frame" }, make("div", { class: "scale", "aria-hidden": "true" }, this.#most, make("span", {}, "0")), this.#area),
			make("div", { class: "times", "aria-hidden": "true" }, this.#from, this.#to), this.#legend, this.#details));
		return this;
	}

	/* data: that of linesOf(), drawn from `begin` to `end`. */
	show(data, begin, end) {
		const most = roundUp(Math.max(1, ...data.lines.flatMap((line) => line.values.filter((value) => value !== null))));

		this.#data = data;
		this.#begin = begin;
		this.#end = end;
		setText(this.#most, this.#say(most));
		setText(this.#from, when(begin));
		setText(this.#to, when(end));
		this.#lines.replaceChildren(...data.lines.map((line, i) =>
			makeSvg("path", { class: `line line-${i}`, d: this.#path(line.values, most) })));
		this.#area.setAttribute("aria-valuemax", String(Math.max(0, data.times.length - 1)));
		this.#read(this.#at === null ? null : Math.min(this.#at, data.times.length - 1));
		this.#fillTable();
	}

	#say(value) {
		return value === null || value === undefined ? "-" : this.#text(value);
	}

	#x(i) {
		return (this.#data.times[i] - this.#begin) / (this.#end - this.#begin) * WIDTH;
	}

	/* A sample that is missing is a gap, too. */
	#path(values, most) {
		const { step, times } = this.#data;
		let drawn = "";
		let open = false;

		values.forEach((value, i) => {
			open &&= times[i] - times[i - 1] < step * 2.5;
			if (value !== null)
				drawn += `${open ? "L" : "M"}${this.#x(i).toFixed(1)} ${(HEIGHT - value / most * HEIGHT).toFixed(1)}${open ? "" : "h.1"}`;
			open = value !== null;
		});
		return drawn;
	}

	/* Shows one sample, in the legend and as a sentence; null: the newest one, without a mark. */
	#read(at) {
		const { times, lines } = this.#data;
		const i = at ?? times.length - 1;
		const values = lines.map((line) => this.#say(line.values[i]));

		this.#at = at;
		this.#cursor.setAttribute("d", at === null || times.length === 0 ? "" : `M${this.#x(i).toFixed(1)} 0V${HEIGHT}`);
		setText(this.#reading, times.length === 0 ? "" : when(times[i]));
		this.#legend.replaceChildren(...lines.map((line, n) => make("li", {},
			makeSvg("svg", { viewBox: "0 0 24 6", "aria-hidden": "true" }, makeSvg("path", { class: `line line-${n}`, d: "M0 3H24" })),
			`${line.name} `, make("strong", {}, values[n]))));
		this.#area.setAttribute("aria-valuenow", String(Math.max(0, i)));
		this.#area.setAttribute("aria-valuetext", times.length === 0 ? "no samples" :
			`${when(times[i])}: ${lines.map((line, n) => `${line.name} ${values[n]}`).join(", ")}`);
	}

	#press(event) {
		const last = this.#data.times.length - 1;
		const move = MOVES[event.key];

		if (move === undefined || last < 0)
			return;
		event.preventDefault();
		this.#read(Math.max(0, Math.min(last, (this.#at ?? last) + move)));
	}

	#point(event) {
		const box = this.#area.getBoundingClientRect();
		const time = this.#begin + (event.clientX - box.left) / box.width * (this.#end - this.#begin);
		const { times } = this.#data;

		if (times.length > 0)
			this.#read(times.reduce((best, each, i) => Math.abs(each - time) < Math.abs(times[best] - time) ? i : best, 0));
	}

	/* Hundreds of rows: only while they are looked at. */
	#fillTable() {
		const { times, lines } = this.#data;

		this.#table.rows = !this.#details.open ? [] :
			times.map((at, i) => ({ at, values: lines.map((line) => line.values[i]) })).reverse();
	}
}

customElements.define("manager-plot", ManagerPlot);
