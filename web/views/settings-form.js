/*
 * settings-form - the keys of one section as fields; changed ones are shown as a difference, then applied
 *
 * Promise:  made of the rows that the service gives; a value that it refuses has its sentence beside its field
 */
import { make } from "../base/dom.js";
import { count } from "../base/format.js";
import { manager } from "../base/manager.js";
import { refusalOf } from "../base/pages.js";
import { change, refusalOfChange } from "./change.js";
import { SettingField } from "./setting-field.js";

/* The rows of one section: `get` has the values, `keys` the rest. prefix: "access", "domain:example.com". */
export async function readRows(server, prefix) {
	const [values, table] = await Promise.all([manager.watch("get", server), manager.watch("keys")]);
	const section = prefix.split(":")[0];

	for (const answer of [values, table])
		if (answer.status !== 0 || answer.data === null)
			throw new Error(refusalOf(answer));
	const known = new Map(table.data.keys.filter((row) => row.section === section).map((row) => [row.key, row]));
	return values.data.keys.filter((row) => row.key.startsWith(`${prefix}.`)).map((row) => {
		const key = row.key.slice(prefix.length + 1);
		return { meaning: "", kind: "text", range: null, guard: "server", ...known.get(key), ...row, key, place: row.key };
	});
}

/* Applied: nothing is left to lose, and the fields are read anew. `id`: of the control that had a part in it. */
function finish(form, applied, id) {
	form.inert = true;
	form.querySelectorAll(".changed").forEach((line) => line.classList.remove("changed"));
	applied(id);
}

/* rows of readRows; applied(id) is called after a change, with the id of the control to have the focus. */
export function makeSettingsForm(server, rows, applied) {
	const readOnly = !manager.may("configure", server);
	const status = make("span", { role: "status" });
	const apply = make("button", { disabled: true }, "Show what would change");
	const top = make("p", { class: "refused", role: "alert", hidden: true });
	const changed = () => {
		const n = fields.filter((field) => field.isChanged).length;
		apply.disabled = n === 0;
		status.textContent = n === 0 ? "" : `${count(n, "key")} changed, not applied yet.`;
	};
	const reset = async (place) => {
		const outcome = await change(["unset", server, place], { title: `Use the default of ${place}?` });
		if (outcome.refused !== undefined)
			fields.find((field) => field.row.place === place).refuse(outcome.refused);
		else if (outcome.done)
			finish(form, applied, `key-${place}`);
	};
	const fields = rows.map((row) => new SettingField(row, { changed, reset, readOnly }));
	const form = make("form", { class: "settings" }, fields.map((field) => field.line),
		readOnly ? null : make("div", { class: "bar" }, top, make("div", { class: "actions" }, apply, status)));

	form.addEventListener("submit", async (event) => {
		event.preventDefault();
		const wanted = fields.filter((field) => field.isChanged);
		top.hidden = true;
		fields.forEach((field) => field.refuse(null));
		const outcome = await change(["set", server, ...wanted.map((field) => field.word)], { title: `Change ${count(wanted.length, "key")}?` });
		if (outcome.refused !== undefined)
			await showRefusal(server, wanted, top, outcome.refused);
		else if (outcome.done)
			finish(form, applied, wanted[0].control.id);
	});
	return form;
}

/* Each change alone tells which fields are refused; what is refused only together stands above the button. */
async function showRefusal(server, wanted, top, refused) {
	let told = null;

	for (const field of wanted) {
		const alone = wanted.length === 1 ? refused : await refusalOfChange(["set", server, field.word]);
		if (alone === null)
			continue;
		field.refuse(alone);
		told ??= field;
	}
	if (told === null) {
		top.textContent = refused;
		top.hidden = false;
	}
	told?.control.focus();
}
