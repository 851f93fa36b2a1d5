/*
 * story - events as a table: time, event, and what the event says, as the log has it
 */
import { makeTable } from "../parts/table.js";

const NAMED = ["schema", "topics", "now", "raw", "time", "level", "program", "pid", "id", "event", "server", "i"];

/* "key=value, key=value" of what has no column of its own. */
export function factsOf(event) {
	return Object.entries(event).filter(([name]) => !NAMED.includes(name)).map(([name, value]) => `${name}=${value}`).join(", ");
}

/* Rows have an `i` that names them. */
export function makeStory() {
	return makeTable({ caption: "Events", key: (row) => row.i, columns: [
		{ heading: "Time", text: (row) => row.time },
		{ heading: "Event", text: (row) => row.event },
		{ heading: "Message", text: (row) => row.id ?? "" },
		{ heading: "By", text: (row) => row.program },
		{ heading: "What", wide: true, text: factsOf },
	] });
}
