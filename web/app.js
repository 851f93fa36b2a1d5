/*
 * app - begins the manager in the browser: logs in or shows the login, and shows the view of the address
 *
 * Promise:  an address that was asked for before the login is shown after it; a link of a login never stays
 *           in the address or the history, and takes the place of a session only after a question
 * Fails by: the login, with the reason
 */
import { CarrierCockpit } from "./carrier-cockpit.js";
import { CarrierHttp } from "./carrier-http.js";
import * as address from "./base/address.js";
import { make } from "./base/dom.js";
import { manager } from "./base/manager.js";
import { confirm } from "./parts/confirm.js";
import "./views/shell.js";
import "./views/login.js";

function clear() {
	document.body.querySelector(":scope > manager-shell, :scope > manager-login, :scope > manager-trouble")?.remove();
}

function put(name) {
	clear();
	const element = document.createElement(name);
	document.body.append(element);
	return element;
}

/* Where another page has the login, there is only to say why nothing is shown. */
function showTrouble(why) {
	document.title = "Postern";
	put("manager-trouble").append(make("main", { class: "login" }, make("h1", {}, "Postern"), make("p", { role: "alert" }, why),
		make("button", { type: "button", onclick: () => begin() }, "Try again")));
}

function showLogin(why) {
	if (!manager.carrier.hasLogin) {
		showTrouble(why);
		return;
	}
	document.title = "Log in - Postern";
	put("manager-login").say(why);
}

function takeLink() {
	const token = address.loginToken(location.hash);

	if (token !== null)
		history.replaceState(null, "", location.pathname + address.kept());
	return token;
}

/* Somebody else may have printed the link: whoever follows it would go on as that user, unseen. */
async function mayReplace() {
	if (manager.session === null)
		await manager.resume().catch(() => {});
	if (manager.session === null)
		return true;
	return await confirm({ title: "Log in by this link?", lines: [`You are logged in as ${manager.user}.`,
		"With the link you go on as the user who printed it."], button: "Log in", command: "", danger: true }) !== null;
}

async function begin() {
	const token = takeLink();

	if (token !== null && !await mayReplace())
		return;
	if (token !== null)
		clear();	/* its buttons would still act as the one who was logged in */
	try {
		if (token !== null)
			await manager.logIn(token);
		else
			await manager.resume();
	} catch (error) {
		showLogin(token === null && error.status === 401 ? "" : error.message);
	}
}

/* Cockpit's own script stands before this one in its page. */
manager.carrier = "cockpit" in window ? new CarrierCockpit() : new CarrierHttp();
manager.addEventListener("begin", () => put("manager-shell"));
manager.addEventListener("end", (event) => showLogin(event.detail));
addEventListener("hashchange", () => {
	if (address.loginToken(location.hash) !== null)
		begin();
});
begin();
