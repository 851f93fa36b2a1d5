/*
 * format - numbers, times and bytes as people read them; pure
 */
const NUMBER = new Intl.NumberFormat("en-GB");
const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
/* What turns the direction of the text behind it, and what cannot be seen at all. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

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

/* In the time zone of who reads it; the day is left out when it is today. */
export function when(time) {
	if (time === null || time === "")
		return "-";
	const date = new Date(time);
	const day = DAY.format(date);
	return day === DAY.format(new Date()) ? CLOCK.format(date) : `${day}, ${CLOCK.format(date)}`;
}

/* Text that others wrote: nothing in it hides, or turns what stands beside it. */
export function visible(text) {
	return text.replace(UNSEEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/* "1 message", "2 messages" */
export function count(n, one, many = `${one}s`) {
	return `${number(n)} ${n === 1 ? one : many}`;
}
