/*
 * stream - <manager-stream>: whether the page is live, and since when it is not
 */
import { manager } from "../base/manager.js";
import { when } from "../base/format.js";

const WORDS = {
	opening: () => "Connecting",
	open: () => "Live",
	lost: (since) => `Connection lost at ${when(since)}. Trying again.`,
	gone: (since) => `The service does not answer since ${when(since)}. Trying again.`,
	hidden: () => "Resting",
};

class ManagerStream extends HTMLElement {
	#show = () => {
		const { state, since } = manager.live;

		this.className = state;
		this.textContent = WORDS[state](since);
	};

	connectedCallback() {
		this.setAttribute("role", "status");
		manager.live.addEventListener("stream", this.#show);
		this.#show();
	}

	disconnectedCallback() {
		manager.live.removeEventListener("stream", this.#show);
	}
}

customElements.define("manager-stream", ManagerStream);
