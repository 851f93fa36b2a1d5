/*
 * format - numbers, times and bytes as people read them; pure
 */
const NUMBER = new Intl.NumberFormat("en-GB");
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function number(value) {
	return value === null || value === undefined ? "-" : NUMBER.format(value).replaceAll(",", "\u2009");
}

export function rate(value) {
	if (value === null)
		return "-";
	return value >= 10 || value === 0 ? value.toFixed(0) : value.toFixed(1);
}

export function bytes(value) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let unit = 0;

	while (value >= 1024 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return `${value < 10 && unit > 0 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/* As the console writes ages: 59s, 12m, 47h, 9d. */
export function duration(seconds) {
	const s = Math.max(0, Math.round(seconds));

	return s < 120 ? `${s}s` : s < 7200 ? `${Math.floor(s / 60)}m` :
		s < 172800 ? `${Math.floor(s / 3600)}h` : `${Math.floor(s / 86400)}d`;
}

export function age(iso) {
	return iso === null ? "-" : duration((Date.now() - Date.parse(iso)) / 1000);
}

export function when(time) {
	return time === null ? "-" : WHEN.format(typeof time === "string" ? new Date(time) : time);
}

/* "1 message", "2 messages" */
export function count(n, one, many = `${one}s`) {
	return `${number(n)} ${n === 1 ? one : many}`;
}
