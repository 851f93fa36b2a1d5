/*
 * table - <manager-table>: rows with columns; sorted, filtered, selected, and changed in place
 *
 * Owns:     the rows that are shown, which of them are selected
 * Promise:  new data moves no focus and loses no selection of a row that is still there
 */
import { make, setText } from "../base/dom.js";
import { visible } from "../base/format.js";

class ManagerTable extends HTMLElement {
	#columns = [];
	#key = null;
	#selects = false;
	#rows = [];
	#lines = new Map();	/* key to { line, cells, box } */
	#chosen = new Set();
	#sorted = null;		/* { column, down } */
	#filter = "";
	#head = make("thead");
	#body = make("tbody");
	#all = null;

	/*
	 * columns: [{ heading, text(row) or node(row), sort(row), number, wide, long }]; key(row) names a row. A
	 * number stands at the right, what is wide may wrap, what is long is cut after two lines.
	 * `selects`: rows have boxes, and "select" is sent when these change; name(row) labels the box.
	 */
	define({ caption, columns, key, selects = false, name = key }) {
		this.#columns = columns;
		this.#key = key;
		this.#selects = selects;
		this.nameOf = name;
		this.replaceChildren(make("table", {}, make("caption", { class: "unseen" }, caption), this.#head, this.#body));
		this.#makeHead();
		return this;
	}

	get rows() {
		return this.#rows;
	}

	set rows(rows) {
		const known = new Set(rows.map(this.#key));

		this.#rows = rows;
		this.#chosen = new Set([...this.#chosen].filter((key) => known.has(key)));
		this.#show();
	}

	get chosen() {
		return this.#rows.filter((row) => this.#chosen.has(this.#key(row)));
	}

	set filter(text) {
		this.#filter = text.toLowerCase();
		this.#show();
	}

	#makeHead() {
		const cells = this.#columns.map((column) => make("th", { scope: "col", class: column.number ? "number" : null },
			column.sort === undefined ? column.heading :
				make("button", { type: "button", class: "sort", onclick: () => this.#sortBy(column) }, column.heading)));

		if (this.#selects) {
			this.#all = make("input", { type: "checkbox", "aria-label": "Select all rows", onchange: () => this.#chooseAll() });
			cells.unshift(make("th", { scope: "col", class: "box" }, this.#all));
		}
		this.#head.replaceChildren(make("tr", {}, ...cells));
	}

	#sortBy(column) {
		this.#sorted = { column, down: this.#sorted?.column === column && !this.#sorted.down };
		this.#columns.forEach((each, i) => {
			const cell = this.#head.firstChild.children[i + (this.#selects ? 1 : 0)];
			cell.ariaSort = each === column ? (this.#sorted.down ? "descending" : "ascending") : null;
		});
		this.#show();
	}

	#ordered() {
		const rows = this.#rows.filter((row) => this.#filter === "" || this.#columns.some((column) =>
			String(column.text?.(row) ?? "").toLowerCase().includes(this.#filter)));

		if (this.#sorted === null)
			return rows;
		const { column, down } = this.#sorted;
		const compare = (a, b) => typeof a === "number" ? a - b : String(a).localeCompare(String(b));
		return rows.sort((a, b) => compare(column.sort(a), column.sort(b)) * (down ? -1 : 1));
	}

	#show() {
		const rows = this.#ordered();
		const shown = new Set(rows.map(this.#key));

		for (const [key, { line }] of this.#lines)
			if (!shown.has(key)) {
				line.remove();
				this.#lines.delete(key);
			}
		rows.forEach((row, i) => {
			const line = this.#fill(row);
			if (this.#body.children[i] !== line)
				this.#body.insertBefore(line, this.#body.children[i] ?? null);
		});
		this.#tell();
	}

	#fill(row) {
		const key = this.#key(row);
		const known = this.#lines.get(key) ?? this.#makeLine(key, row);

		this.#columns.forEach((column, i) => {
			if (column.text !== undefined && column.node === undefined)
				this.#putText(known.cells[i], column, visible(String(column.text(row))));
			else
				this.#putNode(known.cells[i], column, row);
		});
		if (known.box !== null)
			known.box.checked = this.#chosen.has(key);
		return known.line;
	}

	#putText(cell, column, text) {
		if (!column.long) {
			setText(cell, text);
		} else if (cell.title !== text) {
			cell.title = text;
			cell.replaceChildren(make("span", { class: "long" }, text));
		}
	}

	/* A node is made anew only when what it shows has changed: `mark` tells. */
	#putNode(cell, column, row) {
		const mark = column.mark?.(row) ?? JSON.stringify(row);

		if (cell.mark === mark)
			return;
		cell.mark = mark;
		cell.replaceChildren(column.node(row));
	}

	#makeLine(key, row) {
		const cells = this.#columns.map((column, i) => make(i === 0 ? "th" : "td", { scope: i === 0 ? "row" : null,
			class: column.number ? "number" : column.wide || column.long ? "wide" : null, "data-label": column.heading }));
		const box = this.#selects ? make("input", { type: "checkbox", "aria-label": `Select ${this.nameOf(row)}`,
			onchange: (event) => this.#choose(key, event.target.checked) }) : null;
		const known = { cells, box, line: make("tr", {}, box === null ? null : make("td", { class: "box" }, box), ...cells) };

		this.#lines.set(key, known);
		return known;
	}

	#choose(key, on) {
		this.#chosen[on ? "add" : "delete"](key);
		this.#tell();
	}

	#chooseAll() {
		this.#chosen = new Set(this.#all.checked ? this.#ordered().map(this.#key) : []);
		this.#show();
	}

	#tell() {
		if (!this.#selects)
			return;
		this.#all.checked = this.#lines.size > 0 && this.#chosen.size >= this.#lines.size;
		this.#all.indeterminate = this.#chosen.size > 0 && !this.#all.checked;
		this.dispatchEvent(new Event("select"));
	}
}

customElements.define("manager-table", ManagerTable);

export function makeTable(definition) {
	return document.createElement("manager-table").define(definition);
}
