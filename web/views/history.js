/*
 * history - <view-history>: the last changes of the configuration by command; one is taken back
 */
import { make } from "../base/dom.js";
import { when } from "../base/format.js";
import { manager } from "../base/manager.js";
import { makeTable } from "../parts/table.js";
import { say } from "../parts/notice.js";
import { change } from "./change.js";
import { View } from "./view.js";

const MOST = "100";

/* Whose right counts: which virtual servers there are is a matter of the service. */
function fileOf({ key, server }) {
	return key === "name" ? "-" : server ?? "-";
}

function whose({ server, gone }) {
	return gone === null ? server ?? "(service)" : `${server} (gone)`;
}

class History extends View {
	#place = make("div");
	#table = null;

	#makeTable() {
		const mayUndo = manager.may("configure", this.words.NAME) || manager.those("configure").length > 0;

		return makeTable({
			caption: "Changes",
			key: (row) => `${row.number} ${row.key}`,
			columns: [
				{ heading: "Change", number: true, text: (row) => row.number, sort: (row) => row.number },
				{ heading: "Time", text: (row) => when(row.time), sort: (row) => row.time },
				{ heading: "Who", text: (row) => row.author, sort: (row) => row.author },
				...(this.words.NAME === undefined ? [{ heading: "Virtual server", text: whose }] : []),
				{ heading: "Command", text: (row) => row.command, sort: (row) => row.command },
				{ heading: "Key", wide: true, text: (row) => row.key ?? "", sort: (row) => row.key ?? "" },
				{ heading: "Before", long: true, text: (row) => row.before ?? "-" },
				{ heading: "After", long: true, text: (row) => row.after ?? "-" },
				...(mayUndo ? [{ heading: "Actions",
					mark: (row) => `${row.number} ${row.leads} ${manager.rightOf(fileOf(row))}`,
					node: (row) => this.#undoButton(row) }] : []),
			],
		});
	}

	begin() {
		const { NAME = "-" } = this.words;

		this.#table = this.#makeTable();
		this.append(this.head("History"), this.#place, this.foot("history", NAME));
		this.#ask();
	}

	/* With the first row of a change. */
	#undoButton(row) {
		const { number, leads } = row;
		const mayUndo = leads && manager.may("configure", fileOf(row));

		return mayUndo ? make("button", { type: "button", "aria-label": `Undo change ${number}`, onclick: () => this.#undo(number) }, "Undo") :
			make("span");
	}

	async #undo(number) {
		const outcome = await change(["undo", "-", String(number)], { title: `Undo change ${number}?`, button: "Undo" });

		if (outcome.refused !== undefined)
			say(outcome.refused, { bad: true });
		else if (outcome.done)
			this.#ask();
	}

	async #ask() {
		const { NAME = "-" } = this.words;
		const data = await this.read(this.#place, "history", NAME, MOST);

		if (data === null)
			return;
		this.#table.rows = data.changes.map((row, i) => ({ ...row, leads: data.changes[i - 1]?.number !== row.number }));
		this.#place.replaceChildren(data.changes.length > 0 ? this.#table :
			this.empty("Nothing was changed by command. Each change of a key, here or by ", make("code", {}, "posternctl set"),
				", stands here with who, before and after, and can be taken back."));
	}
}

customElements.define("view-history", History);
