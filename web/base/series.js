/*
 * series - samples of the last hour or day, as the service has them, made ready to be drawn; pure
 *
 * Promise:  what is not known stays null: it is a gap, and no zero
 */
/* Names of counters that these lines need. */
export function countersOf(plots) {
	return [...new Set(plots.flatMap((plot) => plot.lines.flatMap((line) => line.of)))];
}

/* One value for each time: the sum of these counters. Growth is told for `per` seconds. */
function valuesOf(document, names, per) {
	const rows = names.map((name) => document.series.find((row) => row.counter === name));

	return document.times.map((_, i) => {
		const length = document.lengths[i];

		return rows.reduce((sum, row) => {
			const point = row?.points[i] ?? null;
			if (sum === null || point === null || (row.kind === "growth" && length === null))
				return null;
			return sum + (row.kind === "growth" ? point * per / length : point);
		}, 0);
	});
}

/* plot: { per, lines: [{ name, of: [counter] }] }; gives { step: ms, times: [ms], lines: [{ name, values }] }. */
export function linesOf(document, plot) {
	return { step: document.step * 1000, times: document.times.map((time) => Date.parse(time)),
		lines: plot.lines.map(({ name, of }) => ({ name, values: valuesOf(document, of, plot.per ?? 1) })) };
}

/* 1, 2 or 5 with zeros: the least such number that is not below. */
export function roundUp(value) {
	const base = 10 ** Math.floor(Math.log10(Math.max(value, 1)));

	return [1, 2, 5, 10].map((step) => step * base).find((step) => step >= value);
}
