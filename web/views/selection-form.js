/*
 * selection-form - the fields that select messages
 */
import { make } from "../base/dom.js";

const STATES = [["", "any state"], ["ready", "ready"], ["active", "active"], ["waiting", "waiting"], ["held", "held"], ["kept", "kept"]];
const AGES = [["", "any age"], ["900", "older than 15m"], ["3600", "older than 1h"], ["14400", "older than 4h"], ["86400", "older than 1d"],
	["172800", "older than 2d"]];
const HELP = "A pattern: * stands for any text, ? for any character, <> for the null sender.";

function choice(name, label, options, value) {
	const known = options.some(([option]) => option === value) ? options : [...options, [value, `older than ${value}s`]];

	return make("label", {}, make("span", { class: "unseen" }, label),
		make("select", { name }, known.map(([option, text]) => make("option", { value: option, selected: option === value }, text))));
}

/* `states`: a queue. wanted(selection) is called with what was filled in. */
export function makeSelection(states, selection, wanted) {
	const pattern = (name, label) => make("label", {}, label, " ", make("input", { name, value: selection[name] ?? "", title: HELP,
		spellcheck: "false", autocomplete: "off" }));
	const form = make("form", { class: "selection", role: "search", "aria-label": "Select messages" },
		pattern("domain", "Domain"), pattern("sender", "Sender"), pattern("recipient", "Recipient"),
		states ? choice("state", "State", STATES, selection.state ?? "") : null, choice("older", "Age", AGES, selection.older ?? ""),
		selection.newer === undefined ? null : make("label", {}, "Younger than (s) ",
			make("input", { name: "newer", value: selection.newer, inputmode: "numeric" })),
		make("button", {}, "Select"));

	form.addEventListener("submit", (event) => {
		event.preventDefault();
		wanted(Object.fromEntries(new FormData(form)));
	});
	return form;
}
