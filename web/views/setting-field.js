/*
 * setting-field - one key as a field: value, default, origin, what it means; a refusal stands beside it
 */
import { make } from "../base/dom.js";

const LISTS = ["texts", "networks", "addresses", "choices", "times"];
const WHOSE = { service: "For operators of the service.", account: "For operators of the service while there is an account at other hosts.",
	range: "Within operator-listen of [service]; other addresses are for operators of the service." };
/* A guard that is a key of [service]: how far operators of the virtual server may go. */
const whoseText = (guard) => (guard?.startsWith("operator-") ? `Up to ${guard} of [service]; more is for operators of the service.` :
	WHOSE[guard] ?? "");

function rangeText({ kind, range }) {
	const [least, most, ...more] = (range ?? "").split(" ");

	if (range === null)
		return "";
	if (kind === "choice" || kind === "choices")
		return `${kind === "choices" ? "Some of" : "One of"}: ${range.replaceAll(" ", ", ")}.`;
	return `${most === "-" ? `At least ${least}` : `${least} to ${most}`}${more.length > 0 ? `, or ${more.join(" ")}` : ""}.`;
}

function choicesOf({ kind, range }) {
	return kind === "bool" ? ["yes", "no"] : kind === "choice" ? (range ?? "").split(" ") : null;
}

/* The control, with get() and set() of the value as the service writes it. */
function makeControl(row, attributes) {
	const choices = choicesOf(row);

	if (choices !== null) {
		const options = ["", ...choices].filter((option) => option !== "" || row.value === null);
		const select = make("select", attributes, [...new Set([...options, row.value ?? ""])].map((option) =>
			make("option", { value: option, selected: option === (row.value ?? "") }, option)));
		return { control: select, get: () => select.value };
	}
	if (LISTS.includes(row.kind)) {
		const items = (row.value ?? "").split(", ");
		const area = make("textarea", { ...attributes, rows: Math.min(8, Math.max(1, items.length)), spellcheck: "false" });
		area.value = items.join("\n");
		return { control: area, get: () => area.value.split(/[\n,]/).map((item) => item.trim()).filter((item) => item !== "").join(", ") };
	}
	const input = make("input", { ...attributes, value: row.value ?? "", spellcheck: "false", autocomplete: "off" });
	return { control: input, get: () => input.value.trim() };
}

/*
 * row: { place, key, value, default, origin, kind, range, guard, meaning }; `place` is "access.tls".
 * changed() is called when the value is another one, or the first one again; reset(place) to use the default.
 */
export class SettingField {
	constructor(row, { changed, reset, readOnly }) {
		const id = `key-${row.place}`;
		const own = row.origin !== "default";

		this.row = row;
		this.refusal = make("p", { class: "refused", role: "alert", id: `${id}-refusal`, hidden: true });
		const { control, get } = makeControl(row, { id, disabled: readOnly, "aria-describedby": `${id}-help ${id}-refusal` });
		this.control = control;
		this.get = get;
		this.first = get();
		control.addEventListener("input", () => {
			this.line.classList.toggle("changed", this.isChanged);
			changed();
		});
		this.line = make("div", { class: `setting${own ? " own" : ""}` },
			make("div", { class: "name" }, make("label", { for: id }, make("code", {}, row.key)),
				make("span", { class: "origin", title: row.origin }, own ? row.origin.replace(/^.*\//, "") : "default")),
			make("div", { class: "value" }, control, this.refusal, make("p", { class: "help", id: `${id}-help` }, row.meaning, " ",
				make("span", {}, [LISTS.includes(row.kind) && row.kind !== "times" ? "One a line." : "", rangeText(row),
					`Default: ${row.default ?? "none"}.`, whoseText(row.guard)].filter((text) => text !== "").join(" ")),
				own && !readOnly ? make("button", { type: "button", class: "quiet", "aria-label": `Use the default of ${row.key}`,
					onclick: () => reset(row.place) }, "Use the default") : null)));
	}

	get isChanged() {
		return this.get() !== this.first;
	}

	get word() {
		return `${this.row.place}=${this.get()}`;
	}

	refuse(text) {
		this.refusal.textContent = text ?? "";
		this.refusal.hidden = text === null;
		this.control.ariaInvalid = text === null ? null : "true";
	}
}
