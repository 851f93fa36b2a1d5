/*
 * state - the state of a virtual server as a shape and a word; never a colour alone
 */
import { make, makeSvg } from "../base/dom.js";

const SHAPES = {
	started: () => [makeSvg("circle", { cx: 6, cy: 6, r: 5 })],
	paused: () => [makeSvg("rect", { x: 1.5, y: 1, width: 3.5, height: 10 }), makeSvg("rect", { x: 7, y: 1, width: 3.5, height: 10 })],
	stopped: () => [makeSvg("rect", { x: 2, y: 2, width: 8, height: 8, class: "hollow" })],
};
/* starting, stopping, pausing, continuing */
const CHANGING = () => [makeSvg("path", { d: "M6 1a5 5 0 0 1 0 10z" }), makeSvg("circle", { cx: 6, cy: 6, r: 4.5, class: "hollow" })];

/* With `trouble` (a reason is given) a triangle stands before the word. */
export function makeState(state, trouble = false) {
	const shapes = trouble && state !== "started" ? [makeSvg("path", { d: "M6 .5 11.8 11.5H.2z" })] : (SHAPES[state] ?? CHANGING)();

	return make("span", { class: `state ${state}${trouble ? " trouble" : ""}` },
		makeSvg("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, ...shapes), make("span", {}, state));
}
