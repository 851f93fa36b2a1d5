/*
 * dom - elements made of data; text stays text
 *
 * Promise:  nothing here takes markup, so no value can become some
 */
const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes)) {
		if (name.startsWith("on"))
			element.addEventListener(name.slice(2), value);
		else if (value === true)
			element.setAttribute(name, "");
		else if (value !== null && value !== undefined && value !== false)
			element.setAttribute(name, value);
	}
	element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
	return element;
}

/* make("a", { href: "#/", onclick: f }, "text", element, null) */
export function make(name, attributes = {}, ...children) {
	return fill(document.createElement(name), attributes, children);
}

export function makeSvg(name, attributes = {}, ...children) {
	return fill(document.createElementNS(SVG, name), attributes, children);
}

/* A copy of a <template>, and its parts by data-part. */
export function frame(id) {
	const root = document.importNode(document.getElementById(id).content, true);	/* with its custom elements */
	const parts = {};

	for (const element of root.querySelectorAll("[data-part]"))
		parts[element.dataset.part] = element;
	return { root, parts };
}

/* Changes the text only when it is another one: a reader of the screen hears what is new. */
export function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}
