/*
 * settings - <view-settings>: the keys of a virtual server, or of the service, section by section, as the tabs
 * of its properties
 */
import { make } from "../base/dom.js";
import { to } from "../base/address.js";
import { makeSettingsForm, readRows } from "./settings-form.js";
import { View } from "./view.js";

const SERVER = { general: "General", access: "Access", messages: "Messages", delivery: "Delivery", ldap: "LDAP Routing", security: "Security" };
const SERVICE = { service: "Service", manager: "Manager" };

class Settings extends View {
	#place = make("div");
	#filter = make("input", { type: "search", placeholder: "Find a key", "aria-label": "Find a key", oninput: () => this.#find() });

	begin() {
		const { NAME = "-", SECTION } = this.words;
		const tabs = NAME === "-" ? SERVICE : SERVER;
		const section = SECTION ?? Object.keys(tabs)[0];
		const path = NAME === "-" ? ["settings"] : ["server", NAME, "settings"];

		this.append(this.head(NAME === "-" ? "Settings of the service" : `Settings of ${NAME}`, this.#filter),
			make("nav", { class: "tabs", "aria-label": "Sections" }, Object.entries(tabs).map(([word, title]) =>
				make("a", { href: to([...path, word]), "aria-current": word === section ? "page" : null }, title))),
			this.#place, this.foot("get", NAME));
		this.#show(NAME, section);
	}

	async #show(server, section, focused = null) {
		try {
			const rows = await readRows(server, section);
			this.#place.replaceChildren(rows.length > 0 ? makeSettingsForm(server, rows, (id) => this.#show(server, section, id)) :
				this.empty("There are no keys in this section."));
			this.#find();
			document.getElementById(focused)?.focus();
		} catch (error) {
			this.refuse(this.#place, error.message);
		}
	}

	#find() {
		const text = this.#filter.value.trim().toLowerCase();

		for (const line of this.#place.querySelectorAll(".setting"))
			line.hidden = text !== "" && !line.textContent.toLowerCase().includes(text);
	}
}

customElements.define("view-settings", Settings);
