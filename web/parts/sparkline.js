/*
 * sparkline - <manager-sparkline>: a small curve of what was seen since the page opened
 *
 * Promise:  the label tells the same in words
 */
import { makeSvg } from "../base/dom.js";

const WIDTH = 120;
const HEIGHT = 24;

class ManagerSparkline extends HTMLElement {
	#path = makeSvg("path", { class: "curve" });
	#svg = makeSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, this.#path);

	connectedCallback() {
		if (this.firstChild === null)
			this.append(this.#svg);
	}

	/* points: [{ at, value }] */
	show(points, label) {
		const most = Math.max(1e-9, ...points.map((point) => point.value));
		const begin = points[0]?.at ?? 0;
		const span = Math.max(1, (points.at(-1)?.at ?? 0) - begin);
		const place = ({ at, value }) =>
			`${((at - begin) / span * WIDTH).toFixed(1)} ${(HEIGHT - 1 - value / most * (HEIGHT - 2)).toFixed(1)}`;

		this.#path.setAttribute("d", points.length < 2 ? "" : `M${points.map(place).join("L")}`);
		this.#svg.setAttribute("aria-label", label);
	}
}

customElements.define("manager-sparkline", ManagerSparkline);
