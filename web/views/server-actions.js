/*
 * server-actions - the buttons of a virtual server: those that its state allows
 */
import { make } from "../base/dom.js";
import { count } from "../base/format.js";
import { manager } from "../base/manager.js";
import { act } from "./act.js";

/* State x commands that have an effect there. */
const ALLOWED = {
	started: ["pause", "stop"], paused: ["continue", "stop"], stopped: ["start"],
	starting: ["stop"], pausing: ["stop"], continuing: ["stop"], stopping: [],
};
const TITLES = { start: "Start", stop: "Stop", pause: "Pause", continue: "Continue" };

function questionOf(command, name) {
	const row = manager.live.server(name);

	if (command !== "stop")
		return null;
	return { title: `Stop ${name}?`, danger: true, button: `Stop ${name}`, lines: [
		`${count(row?.sessions ?? 0, "session")} will be ended when the grace time is over.`,
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
