/*
 * import - <view-import>: a file of the SMTP service of IIS, what would become of each of its properties, and
 * its virtual servers made one by one
 *
 * Promise:  nothing is written before a person has seen the lines of a virtual server's file
 * Fails by: the sentence with which the file was refused
 */
import { make, setText } from "../base/dom.js";
import { number, visible } from "../base/format.js";
import { manager } from "../base/manager.js";
import { to } from "../base/address.js";
import { makeCommand } from "../parts/command.js";
import { makeTable } from "../parts/table.js";
import { say } from "../parts/notice.js";
import { refusalOf } from "../base/pages.js";
import { change } from "./change.js";
import { View } from "./view.js";

const COMMAND = "posternctl import --dry-run FILE";
const MOST = 8 << 20;	/* bytes, as postern-web has it */
const KINDS = [["carried", "carried"], ["changed", "changed"], ["none", "without an equivalent"], ["asked", "to be asked for"]];
const EXPORT = "'Service', 'Server', 'Domain', 'RoutingSource' | ForEach-Object { Get-CimInstance -Namespace root/MicrosoftIISv2 " +
	"\"IIsSmtp$($_)Setting\" } | ConvertTo-Json -Depth 5 > smtp.json";

/* Of a property: what it was, and where that came from. */
function oldOf({ old, from }) {
	const origin = { service: " (of the service)", default: " (not in the file: of IIS)" }[from] ?? "";

	return old === undefined ? "-" : `${old}${origin}`;
}

function nameOf({ domain, property, key }) {
	return [domain === undefined ? null : `[${domain}]`, property ?? key].filter((text) => text !== null).join(" ");
}

function makeReport(caption, rows) {
	const table = makeTable({
		caption,
		key: (row) => rows.indexOf(row),
		columns: [
			{ heading: "Outcome", text: (row) => KINDS.find(([kind]) => kind === row.outcome)?.[1] ?? row.outcome },
			{ heading: "Property", wide: true, text: nameOf },
			{ heading: "There", long: true, text: oldOf },
			{ heading: "Here", long: true, text: (row) => row.key === undefined ? "-" :
				row.new === undefined ? row.key : `${row.key} = ${row.new}` },
			{ heading: "Why, and what is to be done", wide: true, mark: (row) => `${row.why} ${row.command}`, node: (row) => make("span", {},
				visible(row.why ?? ""), row.command === undefined ? null : makeCommand(row.command)) },
		],
	});

	table.rows = rows;
	return table;
}

function countsOf(rows) {
	return KINDS.map(([kind, text]) => `${number(rows.filter((row) => row.outcome === kind).length)} ${text}`).join(", ");
}

function isLoud(row) {
	return row.loud || row.outcome !== "carried";
}

/* The number of IIS stays where it is free. */
async function freeNumber(words) {
	const { data } = await manager.watch("status");	/* the stream may be a moment behind */
	const taken = new Set((data?.servers ?? []).map((row) => `general.id=${row.id}`));

	return words.filter((word) => !taken.has(word));
}

class Import extends View {
	#result = make("div");
	#progress = make("p", { role: "status" });
	#refusal = this.makeRefusal();

	begin() {
		const file = make("input", { id: "import-file", type: "file", accept: ".xml,.json", required: true });
		const form = make("form", { class: "selection" }, make("label", { for: "import-file" }, "File"), file, make("button", {}, "Read it"));

		this.append(this.head("Import from IIS"));
		if (!manager.may("configure", "-")) {
			this.append(this.empty("Virtual servers are made by operators of the service."), make("footer", {}, makeCommand(COMMAND)));
			return;
		}
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			this.#read(file.files[0]);
		});
		this.append(make("p", {}, "Takes over the virtual servers of an SMTP service of IIS: MetaBase.xml of %windir%\\system32\\inetsrv, " +
			"what its console saves as a file, or JSON of PowerShell on machines where there is no such file:"),
		make("pre", { tabindex: "0", "aria-label": "PowerShell" }, EXPORT),
		make("p", {}, "The file is read by a process without rights. Nothing is written before you have seen it."), form, this.#progress,
		this.#refusal, this.#result, make("footer", {}, makeCommand(COMMAND)));
	}

	#refuse(text) {
		this.#refusal.hidden = text === null;
		this.#refusal.textContent = text ?? "";
		setText(this.#progress, "");
	}

	async #read(file) {
		this.#refuse(null);
		this.#result.replaceChildren();
		if (file.size > MOST) {
			this.#refuse("That is more than the manager takes. On the host: posternctl import FILE");
			return;
		}
		try {
			const bytes = new Uint8Array(await file.arrayBuffer());
			const answer = await manager.upload(bytes, (at) =>
				setText(this.#progress, `${Math.round(100 * at / (bytes.length || 1))} % is there.`));

			if (answer.status !== 0 || answer.data === null)
				this.#refuse(`${file.name} is refused: ${refusalOf(answer)}`);
			else
				this.#show(answer.data);
		} catch (error) {
			this.#refuse(error.message);
		}
	}

	#show({ servers, report, remarks }) {
		setText(this.#progress, `Virtual servers in the file: ${servers.length}.`);
		this.#result.replaceChildren(...remarks.map((text) => make("p", { class: "empty" }, visible(text))),
			...servers.map((server) => this.#makeServer(server)),
			...(report.length > 0 ? [make("h2", {}, "The service itself"), makeReport("Properties of the service", report)] : []));
	}

	#makeServer(server) {
		const loud = server.report.filter(isLoud);
		const quiet = server.report.filter((row) => !isLoud(row));
		const title = visible(server.keys["general.description"] ?? server.name);

		return make("section", {}, make("h2", {}, `${title} (virtual server ${server.instance} of IIS)`),
			make("p", {}, `Properties: ${countsOf(server.report)}.`, server.stopped ? " It did not run there: it is stopped here, too." : ""),
			this.#makeForm(server),
			loud.length > 0 ? makeReport(`To be looked at, of ${server.name}`, loud) : null,
			make("details", {}, make("summary", {}, `As before: ${quiet.length}`), makeReport(`Carried, of ${server.name}`, quiet)));
	}

	/* Its name is the one thing that the file does not say. */
	#makeForm(server) {
		const id = `import-name-${server.instance}`;
		const input = make("input", { id, value: server.name, required: true, autocomplete: "off", spellcheck: "false" });
		const refusal = make("p", { class: "refused", role: "alert", hidden: true });
		const form = make("form", { class: "selection" }, make("label", { for: id }, "Name"), input,
			make("button", {}, "Show what would be made"), refusal);

		if (server.create === null)
			return make("p", { class: "refused" }, "It has too much for one command. On the host: posternctl import --into FOLDER FILE");
		form.addEventListener("submit", async (event) => {
			event.preventDefault();
			const refused = await this.#create(form, server, input.value.trim()).catch((error) => error.message);

			refusal.hidden = refused === null;
			refusal.textContent = refused ?? "";
		});
		return form;
	}

	/* Null: it was made, or nobody wanted it. */
	async #create(form, server, name) {
		const words = await freeNumber(server.create.with(2, name));
		const outcome = await change(words, { title: `Make the virtual server ${name}?`, button: "Make it",
			lines: [server.stopped ? "It is stopped when it has been made." : "It is started at once."] });

		if (outcome.done && server.stopped)
			await this.#stop(name);
		if (outcome.done)
			form.replaceWith(make("p", {}, make("a", { href: to(["server", name]) }, name), " has been made. ",
				make("a", { href: to(["history"]) }, "History"), " takes it back."));
		return outcome.refused ?? null;
	}

	async #stop(name) {
		const answer = await manager.command("stop", name);

		if (answer.status !== 0)
			say(refusalOf(answer), { bad: true });
	}
}

customElements.define("view-import", Import);
