// app - the manager's page: log in with a one-time link, see the virtual servers

const find = (id) => document.getElementById(id);
let token = "";

async function ask(method, path, body) {
	const options = { method, headers: {} };
	if (body !== undefined) {
		options.headers["Content-Type"] = "application/json";
		options.headers["X-Postern-Token"] = token;
		options.body = JSON.stringify(body);
	}
	const answer = await fetch(path, options);
	const data = await answer.json();
	if (!answer.ok)
		throw new Error(data.error);
	return data;
}

const command = (...words) => ask("POST", "api/command", { words });

function say(text) {
	find("message").textContent = text;
}

// "default started number=2 id=1 description=\"Default SMTP Virtual Server\" ... sessions=0 queue=0 ..."
function parseStatus(text) {
	return text.split("\n").filter((line) => line !== "" && !line.startsWith("(")).map((line) => {
		const [name, state] = line.split(" ", 2);
		const value = (key) => new RegExp(` ${key}=(\\S+)`).exec(line)?.[1] ?? "";
		return [name, state, value("sessions"), value("queue")];
	});
}

function showServers(rows) {
	find("servers").replaceChildren(...rows.map((row) => {
		const line = document.createElement("tr");
		line.append(...row.map((text) => {
			const cell = document.createElement("td");
			cell.textContent = text;
			return cell;
		}));
		return line;
	}));
}

function show(session) {
	token = session?.csrf ?? "";
	find("login").hidden = session !== null;
	find("overview").hidden = session === null;
	find("logout").hidden = session === null;
	find("who").textContent = session === null ? "" : `${session.name} (${session.right})`;
}

async function enter(session) {
	show(session);
	say("");
	showServers(parseStatus((await command("status")).text));
}

async function logIn(link) {
	const found = /(?:#login=|^)([0-9a-f]{64})$/.exec(link.trim());
	if (found === null)
		throw new Error("this is no link of posternctl web login");
	await enter(await ask("POST", "api/login", { token: found[1] }));
}

const told = (work) => work.catch((error) => say(error.message));

find("login").addEventListener("submit", (event) => {
	event.preventDefault();
	told(logIn(find("link").value));
});
find("logout").addEventListener("click", () => told(ask("POST", "api/logout", {}).then(() => show(null))));

const link = location.hash;
if (link.startsWith("#login=")) {
	history.replaceState(null, "", location.pathname);
	show(null);
	told(logIn(link));
} else {
	ask("GET", "api/session").then(enter).catch(() => show(null));
}
