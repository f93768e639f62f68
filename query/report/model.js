// What belongs together: findings and their rules, processes and their parents; and what is filtered.

const processes = new Map(data.processes.map((p) => [p.id, p]));
const rules = new Map(data.rules.map((r) => [r.id, r]));
const captures = new Map(data.captures.map((c) => [c.id, c]));

for (const p of processes.values()) {
	p.argv = list(p.argv_json).map(String);
	p.line = p.argv.length ? p.argv.join(" ") : p.exe || p.comm || "";
	p.name = String(p.exe || p.comm || "?").split("/").pop() || String(p.exe || p.comm);
	p.children = [];
	p.findings = [];
}
// Parents that go round in a circle, as only a forged case has them, would hide each other.
for (const p of processes.values()) {
	p.up = processes.get(p.parent);
	for (let q = p.up; q; q = q.up)
		if (q === p) {
			p.up = undefined;
			break;
		}
	p.up?.children.push(p);
}

// Those that findings rest on: what they did stands out.
const core = new Set();
const evidence = new Map();
for (const e of data.evidence) {
	if (!evidence.has(e.finding))
		evidence.set(e.finding, []);
	evidence.get(e.finding).push(e);
	e.event_of = parsed(e.event_json, null);
	if (e.process)
		core.add(e.process);
}
for (const f of data.findings) {
	f.of = rules.get(f.rule) || { name: "?", severity: "informational", rank: 0, tags_json: "[]" };
	f.title = f.of.title || f.of.name;
	f.events = (evidence.get(f.id) || []).sort((a, b) => a.match.localeCompare(b.match) || a.n - b.n);
	processes.get(f.process)?.findings.push(f);
	if (f.process)
		core.add(f.process);
}
for (const r of rules.values())
	r.blind = [];
{
	const byVerdict = new Map(data.rules.map((r) => [r.verdict_id, r]));
	for (const b of data.blind)
		byVerdict.get(b.verdict)?.blind.push(b);
}

const findings = data.findings.filter((f) => !f.suppressed);
const hosts = [...new Set(data.captures.map((c) => c.host || "?"))];
const manyHosts = hosts.length > 1;

function processName(id, pid) {
	const p = processes.get(id);
	if (!p)
		return make("span", null, pid ? "pid " + pid : "");
	return make("span", { title: p.line }, p.name, make("span", { class: "quiet" }, " " + p.pid));
}

// The filter ---------------------------------------------------------------------------------

const filter = { text: "", children: true, rank: 0, off: new Set(), matches: null };
const listeners = [];

function ownMatch(p, text) {
	return String(p.pid) === text || p.line.toLowerCase().includes(text) ||
		String(p.exe || "").toLowerCase().includes(text) || String(p.comm || "").toLowerCase().includes(text);
}

// The ids of the processes that are chosen; null: all of them.
function chooseProcesses() {
	const text = filter.text.trim().toLowerCase();
	if (!text) {
		filter.matches = null;
		return;
	}
	const chosen = filter.matches = new Set();
	for (const p of processes.values())
		if (ownMatch(p, text))
			chosen.add(p.id);
	if (!filter.children)
		return;
	const todo = [...chosen];
	while (todo.length)
		for (const c of processes.get(todo.pop()).children)
			if (!chosen.has(c.id)) {
				chosen.add(c.id);
				todo.push(c.id);
			}
}

const passesProcess = (id, pid) => !filter.matches || filter.matches.has(id) || (!id && String(pid) === filter.text.trim());
const passesFinding = (f) => f.of.rank >= filter.rank && (passesProcess(f.process, f.pid) ||
	f.events.some((e) => passesProcess(e.process, e.pid)));

function refilter() {
	chooseProcesses();
	for (const f of listeners)
		f();
}
