/*
 * account-password - a password that is made for an account, typed, and shown once
 *
 * Promise:  what is made is as good as the random bytes of the browser, and is kept nowhere
 */
import { make } from "../base/dom.js";

/* No letters and digits that look alike: 20 of 56 are 116 bits. */
const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const LENGTH = 20;

/* Bytes that would favour the first letters are drawn again. */
export function makePassword() {
	const most = 256 - 256 % LETTERS.length;
	let text = "";

	while (text.length < LENGTH)
		for (const byte of crypto.getRandomValues(new Uint8Array(LENGTH)))
			if (byte < most && text.length < LENGTH)
				text += LETTERS[byte % LETTERS.length];
	return text.replace(/(.{5})(?=.)/g, "$1-");
}

export function makePasswordField(attributes = {}) {
	return make("input", { type: "password", autocomplete: "new-password", maxlength: 510, placeholder: "empty: one is made", ...attributes });
}

/* In `place`, until a person says so: whoever leaves the page has seen it. */
export function showOnce(place, name, password) {
	const code = make("code", {}, password);
	const copy = make("button", { type: "button" }, "Copy");

	copy.addEventListener("click", async () => {
		try {
			await navigator.clipboard.writeText(password);
			copy.textContent = "Copied";
		} catch {
			getSelection().selectAllChildren(code);
			copy.textContent = "Selected";
		}
	});
	place.replaceChildren(make("div", { class: "once" }, make("p", {}, `The password of ${name}: `, code, " ", copy, " ",
		make("button", { type: "button", class: "quiet", onclick: () => place.replaceChildren() }, "I have it")),
	make("p", { class: "help" }, "It is shown this once: the service keeps no more than what checks it.")));
	copy.focus();
}
