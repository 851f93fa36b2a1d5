/*
 * server-actions - the buttons of a virtual server: those that its state allows, and its name and end
 */
import { go } from "../base/address.js";
import { make } from "../base/dom.js";
import { count } from "../base/format.js";
import { manager } from "../base/manager.js";
import { confirm } from "../parts/confirm.js";
import { say } from "../parts/notice.js";
import { act } from "./act.js";
import { change } from "./change.js";

/* State x commands that have an effect there. */
const ALLOWED = {
	started: ["pause", "stop"], paused: ["continue", "stop"], stopped: ["start"],
	starting: ["stop"], pausing: ["stop"], continuing: ["stop"], stopping: [],
};
const TITLES = { start: "Start", stop: "Stop", pause: "Pause", continue: "Continue" };

function endingOf(row) {
	return `${count(row?.sessions ?? 0, "session")} will be ended when the grace time is over.`;
}

function questionOf(command, name) {
	const row = manager.live.server(name);

	if (command !== "stop")
		return null;
	return { title: `Stop ${name}?`, danger: true, button: `Stop ${name}`, lines: [
		endingOf(row),
		"No mail is taken or delivered until it is started again.",
		`${count(row?.queue ?? 0, "message")} in the queue ${row?.queue === 1 ? "stays" : "stay"} there.`] };
}

/* Buttons for a row of `status`; none for who may only look. */
export function makeActions(row) {
	if (!manager.may("operate", row.name))
		return [];
	return (ALLOWED[row.state] ?? []).map((command) => make("button", { type: "button",
		"aria-label": `${TITLES[command]} ${row.name}`,
		onclick: () => act([command, row.name], { question: questionOf(command, row.name) }) }, TITLES[command]));
}

/* Shows what moves, asks, moves; then the page `path` is shown. */
async function move(words, path, question) {
	const outcome = await change(words, question);

	if (outcome.refused !== undefined)
		say(outcome.refused, { bad: true });
	else if (outcome.done)
		go(path);
}

async function rename(name) {
	const asked = await confirm({ title: `Rename ${name}`, lines: [], button: "Show what would change", field: { label: "New name" },
		command: (value) => `posternctl rename ${name} ${value}` });
	const wanted = asked?.trim() ?? "";

	if (wanted !== "")
		await move(["rename", name, wanted], ["server", wanted], { title: `Rename ${name} to ${wanted}?`, button: `Rename ${name}`,
			lines: [endingOf(manager.live.server(name)), "It runs again afterwards."] });
}

function remove(name) {
	const row = manager.live.server(name);

	return move(["delete", name], [], { title: `Delete ${name}?`, danger: true, button: `Delete ${name}`, lines: [
		endingOf(row), `${count(row?.queue ?? 0, "message")} in the queue: not delivered any more, but kept in its folder.`,
		"Undo in the history brings it back."] });
}

/* The name of a virtual server, and its end: for operators of the service. */
export function makeMoves({ name }) {
	const button = (title, run) => make("button", { type: "button", "aria-label": `${title} ${name}`, onclick: () => run(name) }, title);

	return manager.may("configure") ? [button("Rename", rename), ...(name === "default" ? [] : [button("Delete", remove)])] : [];
}
