/*
 * new-server - <view-new-server>: makes a virtual server: name, address, domain, what it begins as
 */
import { make } from "../base/dom.js";
import { go, to } from "../base/address.js";
import { manager } from "../base/manager.js";
import { View } from "./view.js";

/* name, label, help; the original's five pages as five fields */
const FIELDS = [
	["name", "Name", "Small letters, digits, hyphens. It is the name of its file, its folder, and in all commands."],
	["description", "Description", "What people see beside the name."],
	["listen", "Addresses", "Where it takes mail, as 192.0.2.1:25 or *:25; several with commas. Two virtual servers have no address in common."],
	["home", "Home folder", "For pickup, queue, drop and badmail. Empty: its own folder in the spool folder."],
	["domain", "Default domain", "The local domain, whose mail is put into the drop folder. Empty: the host's name."],
];
const WORDS = { description: "description", domain: "domain", home: "general.home" };

class NewServer extends View {
	#refusal = this.makeRefusal();

	begin() {
		const from = make("select", { id: "new-from", name: "from" }, make("option", { value: "" }, "the defaults"));
		const form = make("form", { class: "settings" }, FIELDS.map(([name, label, help]) => make("div", { class: "setting" },
			make("div", { class: "name" }, make("label", { for: `new-${name}` }, label)),
			make("div", { class: "value" },
				make("input", { id: `new-${name}`, name, required: name === "name" || name === "listen", autocomplete: "off", spellcheck: "false",
					"aria-describedby": `new-${name}-help` }), make("p", { class: "help", id: `new-${name}-help` }, help)))),
		make("div", { class: "setting" }, make("div", { class: "name" }, make("label", { for: "new-from" }, "Begins as")),
			make("div", { class: "value" }, from)),
		make("div", { class: "bar" }, this.#refusal, make("button", {}, "Show what would be made")));

		form.addEventListener("submit", (event) => {
			event.preventDefault();
			this.#create(Object.fromEntries(Array.from(new FormData(form), ([name, value]) => [name, value.trim()])));
		});
		this.append(this.head("New virtual server", make("a", { class: "button", href: to(["import"]) }, "Import from IIS")), form);
		this.listen(manager.live, "status", () => this.#offer(from));
		this.#offer(from);
	}

	/* Those that there are by now. */
	#offer(from) {
		const known = new Set(Array.from(from.options, (option) => option.value));

		from.append(...(manager.live.status?.servers ?? []).filter((row) => !known.has(row.name))
			.map((row) => make("option", { value: row.name }, `a copy of ${row.name}`)));
	}

	async #create(values) {
		const addresses = values.listen.split(/[\s,]+/).filter((address) => address !== "");
		const words = ["create", "-", values.name, ...(values.from === "" ? [] : [`from=${values.from}`]),
			...addresses.map((address) => `listen=${address}`),
			...Object.entries(WORDS).filter(([name]) => values[name] !== "").map(([name, word]) => `${word}=${values[name]}`)];
		const done = await this.apply(this.#refusal, words, { title: `Make the virtual server ${values.name}?`, button: "Make it",
			lines: ["It is started at once."] });

		if (done)
			go(["server", values.name]);
	}
}

customElements.define("view-new-server", NewServer);
