/*
 * confirm - a question before something is done: what, to how many, whether it can be undone, by which command
 *
 * Promise:  resolves to true only for the button that says what is done; Escape and Cancel are no
 */
import { frame, make } from "../base/dom.js";
import "./command.js";

/* `lines`: texts or elements. `danger`: it cannot be undone; then Cancel has the focus. */
export function confirm({ title, lines, button, command, danger = false }) {
	const { root, parts } = frame("frame-confirm");
	const dialog = root.querySelector("dialog");

	parts.title.textContent = title;
	parts.text.append(...lines.map((line) => typeof line === "string" ? make("p", {}, line) : line));
	parts.command.text = command;
	parts.yes.textContent = button;
	parts.yes.classList.toggle("danger", danger);
	document.body.append(root);
	dialog.showModal();
	(danger ? parts.no : parts.yes).focus();
	return new Promise((resolve) => {
		dialog.addEventListener("close", () => {
			resolve(dialog.returnValue === "yes");
			dialog.remove();
		});
	});
}
