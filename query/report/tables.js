// Processes, peers, files, and by what all of it can be checked.

const ARGS_SHOWN = 110;

// The tree: branches are made when they are opened. Open at first are those that lead to findings.
const tree = {
	rows: new Map(), // of processes that are on the page

	start() {
		const roots = [...processes.values()].filter((p) => !p.up);
		// From the leaves up: how many findings there are below.
		for (const p of processes.values())
			p.below = 0;
		for (const p of processes.values())
			if (p.findings.length)
				for (let q = p; q; q = q.up)
					q.below += p.findings.length;
		byId("processes-what").textContent = `${some(data.processes.total, "process", "processes")}. ` +
			"Open at first are those that lead to findings; what a process was called is as it was at its end.";
		byId("tree").append(this.level(roots.sort((a, b) => (b.below > 0) - (a.below > 0) || a.from - b.from || a.id - b.id), 0));
	},

	level(list, depth) {
		const ul = make("ul");
		let made = 0;
		const grow = (n) => {
			ul.querySelector(":scope > .more")?.remove();
			for (const to = Math.min(made + n, list.length); made < to; made++)
				ul.append(this.item(list[made], depth));
			if (made < list.length)
				ul.append(make("li", { class: "more" }, `${figure(list.length - made)} more`, make("button", { type: "button", on: { click: () => grow(500) } }, "Show more")));
		};
		grow(50);
		return ul;
	},

	item(p, depth) {
		const row = [make("b", { title: p.line }, p.name), make("span", { class: "quiet" }, ` ${p.pid} `),
			make("span", { class: "args mono" }, p.argv.length > 1 ? cut(p.argv.slice(1).join(" ")) + " " : ""),
			make("span", { class: "quiet" }, p.user !== null ? p.user : p.uid !== null ? "uid " + p.uid : "", p.container ? ", container " + p.container : "",
				p.exit_signal ? ", killed by " + p.exit_signal : p.exit_code ? ", status " + p.exit_code : "", p.known_by === "guess" ? ", not seen to begin" : "")];
		if (p.findings.length)
			row.push(make("span", { class: "found" }, p.findings.slice(0, 6).map((f) => make("a", { href: "#finding-" + f.id, class: "sev " + severityOf(f.of.severity), title: f.title,
				on: { click: (e) => { e.preventDefault(); findingList.show(f); } } }, f.of.severity)), p.findings.length > 6 ? ` and ${p.findings.length - 6} more` : ""));
		const leaf = !p.children.length;
		const line = make(leaf ? "div" : "summary", { class: leaf ? "row leaf" : "row" }, row);
		this.rows.set(p, line);
		this.dim(p, line);
		if (leaf)
			return make("li", null, line);
		const d = make("details", null, line);
		const fill = () => {
			if (d.childElementCount === 1)
				d.append(this.level(p.children.sort((a, b) => (b.below > 0) - (a.below > 0) || a.from - b.from || a.id - b.id), depth + 1));
		};
		d.addEventListener("toggle", () => d.open && fill());
		if (depth < 60 && p.children.some((c) => c.below)) {
			fill();
			d.open = true;
		}
		return make("li", null, d);
	},

	dim(p, line) {
		line.classList.toggle("dim", !passesProcess(p.id, p.pid));
	},

	refilter() {
		this.rows.forEach((line, p) => this.dim(p, line));
	},
};

const cut = (text) => (text.length > ARGS_SHOWN ? text.slice(0, ARGS_SHOWN) + "\u2026" : text);

function whoOf(id, n) {
	return [processName(id), n > 1 ? make("span", { class: "quiet" }, ` and ${n - 1} more`) : ""];
}

function peers() {
	const most = Math.max(1, ...data.peers.map((p) => (p.sent || 0) + (p.received || 0)));
	byId("peer-table").append(table("Network peers", [
		["Way", "t", (p) => (p.way === "from" ? "from" : "to")],
		["Peer", "h", (p) => [mono(p.addr), (p.names || p.name) && make("div", { class: "quiet" }, p.names || p.name)]],
		["Port", "n", (p) => `${p.port ?? ""}${p.proto ? " " + p.proto : ""}`],
		["Process", "t", (p) => (p.process ? whoOf(p.process, p.processes) : "not known")],
		["Connections", "n", (p) => [figure(p.connections), p.failed ? make("span", { class: "v hit" }, ` ${figure(p.failed)} failed`) : ""]],
		["Sent", "n", (p) => bytes(p.sent)], ["Received", "n", (p) => bytes(p.received)],
		["Share", "t", (p) => make("span", { class: "bytes", width: Math.round(80 * ((p.sent || 0) + (p.received || 0)) / most) + "px" })],
		["First", "t", (p) => time(p.first)], ["Last", "t", (p) => time(p.last)],
	], data.peers, { total: data.peers.total, none: "Nobody was met over the network.", rowClass: (p) => (p.near ? "near" : null),
		caption: data.peers.some((p) => p.near) ? "Marked at the left: met by processes that findings rest on." : null }));
}

function files() {
	byId("file-table").append(table("Files", [
		["Path", "h wrap", (f) => [mono(f.path), f.kind !== "file" ? make("span", { class: "tag" }, f.kind) : "", f.in_evidence ? [" ", make("span", { class: "tag" }, "in evidence")] : ""]],
		["Made", "t", (f) => (f.created === null ? "" : time(f.created))], ["Removed", "t", (f) => (f.removed === null ? "" : time(f.removed))],
		["Changed by", "t", (f) => { const by = list(f.changed_by_json); return by.length ? whoOf(by[0], Math.max(by.length, f.writers)) : ""; }],
		["Writers", "n", (f) => figure(f.writers)], ["Readers", "n", (f) => figure(f.readers)], ["Executed", "n", (f) => (f.executions ? figure(f.executions) : "")],
		["SHA-256", "t", (f) => f.sha256 && make("code", { title: f.sha256 }, f.sha256.slice(0, 12) + "\u2026")],
	], data.files, { total: data.files.total, first: 40, none: "No file was made, changed or executed.", rowClass: (f) => (f.near ? "near" : null),
		caption: data.files.length ? "Files that were made, changed, removed or executed. Marked at the left: touched by processes that findings rest on." : null }));
}

// Proof --------------------------------------------------------------------------------------

// Figures that are compared by eye stand below each other.
function facts(title, rows) {
	return make("article", { class: "panel facts-of" }, make("h3", null, title),
		make("dl", null, rows.filter(Boolean).map(([name, value]) => [make("dt", null, name), make("dd", null, mono(value ?? "none"))])));
}

function proof() {
	const box = byId("proof-text");
	add(box, [
		make("p", null, "All that is said here follows from these captures and rules, by this program. Who has them can make the case again and compare every row:"),
		make("pre", { class: "panel" }, "reel verify --case " + quoted(data.case) + data.captures.map((c) => " " + quoted(c.path)).join("")),
		data.captures.map((c) => facts("Capture of " + (c.host || "?"), [["Id", c.capture_id], ["Hash", c.hash], ["Head, the tag of its last block", c.head],
			["Segments, bytes", `${figure(c.segments)}, ${figure(c.bytes)}`]])),
		data.replays.map((r) => facts("Replay of " + iso(r.at).slice(0, 19).replace("T", " ") + " UTC, by " + r.program, [["Program", r.program_hash], ["Rules, as written", r.rules_hash],
			["Rules, as compiled", r.compiled_hash], ["All captures", r.captures_hash], ["Events, rules, findings", `${figure(r.events)}, ${figure(r.rules)}, ${figure(r.findings)}`],
			r.scope && ["Recorded was only", r.scope], ["Options", r.options]])),
		group(`Files of rules: ${figure(data.rule_files.total)}`, data.rule_files.length, () => table("Files of rules",
			[["File", "h wrap", (w) => mono(w.path)], ["Size", "n", (w) => bytes(w.bytes)], ["BLAKE2b-256", "wrap", (w) => mono(w.hash)]], data.rule_files)),
		facts("This page", [["Made by", data.program], ["Program", data.program_hash], ["Of the case", data.case]]),
	]);
	byId("licences").textContent = data.licences;
}

const quoted = (s) => (/^[\w./@%+=:,-]+$/.test(s) ? s : "'" + String(s).replace(/'/g, "'\\''") + "'");
