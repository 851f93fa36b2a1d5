/*
 * confirm - a question before something is done: what, to how many, whether it can be undone, by which command
 *
 * Promise:  a yes only for the button that says what is done; Escape and Cancel are no
 */
import { frame, make } from "../base/dom.js";
import "./command.js";

/* { label, options: [...] } or { label, hint }: what else has to be known. */
function makeField({ label, options, hint = "" }) {
	const input = options === undefined ? make("input", { maxlength: 300, autocomplete: "off", placeholder: hint }) :
		make("select", {}, options.map((option) => make("option", { value: option }, option)));

	return { input, line: make("p", {}, make("label", {}, label, " ", input)) };
}

/*
 * `lines`: texts or elements; `command`: a text, or a function of the field's value; `danger`: it cannot be
 * undone, so Cancel has the focus. Resolves to null for no, else to the field's value ("" without a field).
 */
export function confirm({ title, lines, button, command, danger = false, field = null }) {
	const { root, parts } = frame("frame-confirm");
	const dialog = root.querySelector("dialog");
	const asked = field === null ? null : makeField(field);
	const value = () => asked?.input.value ?? "";
	const showCommand = () => {
		parts.command.text = typeof command === "function" ? command(value()) : command;
		parts.command.hidden = parts.command.text === "";
	};

	parts.title.textContent = title;
	parts.text.append(...lines.map((line) => typeof line === "string" ? make("p", {}, line) : line));
	if (asked !== null) {
		parts.text.append(asked.line);
		asked.input.addEventListener("input", showCommand);
	}
	showCommand();
	parts.no.addEventListener("click", () => dialog.close("no"));
	parts.yes.textContent = button;
	parts.yes.classList.toggle("danger", danger);
	document.body.append(root);
	dialog.showModal();
	(asked?.input ?? (danger ? parts.no : parts.yes)).focus();
	return new Promise((resolve) => {
		dialog.addEventListener("close", () => {
			resolve(dialog.returnValue === "yes" ? value() : null);
			dialog.remove();
		});
	});
}
