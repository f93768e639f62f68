// What is said first: what was found, whether anything is missing, and what each rule can say.

const RANKED = [...SEVERITIES].reverse();

function countsOf(rows) {
	const most = Math.max(1, ...rows.map((r) => r.n));
	return make("div", { class: "counts" }, rows.map((r) => [
		r.label,
		make("div", { class: "meter", "aria-hidden": "true" }, make("i", { class: r.kind, width: (r.n / most * 100).toFixed(1) + "%" })),
		make("span", { class: "n" }, figure(r.n)),
	]));
}

// What is wrong with the captures, in words; nothing: they are whole.
function completeness() {
	const bad = [], so = [], ok = [];
	const lost = data.captures.reduce((n, c) => n + c.lost, 0);
	const damages = data.captures.reduce((n, c) => n + c.damages, 0);
	const gapsOf = (kind) => data.gaps.filter((g) => g.kind === kind);

	if (lost)
		bad.push(some(lost, "event") + (lost === 1 ? " was" : " were") + " lost while recording, in " + some(gapsOf("lost").length, "gap"));
	else if (gapsOf("lost").length)
		bad.push("Events were lost while recording, nobody knows how many, in " + some(gapsOf("lost").length, "gap"));
	else
		ok.push("No event was lost while recording");
	if (damages)
		bad.push(some(damages, "place") + (damages === 1 ? " is" : " are") + " damaged or missing on the tape");
	else
		ok.push("No damage, no block is missing");
	const ends = data.captures.filter((c) => c.ending !== "complete" && c.ending !== "damaged");
	for (const c of ends)
		bad.push(`The end of the capture${manyHosts ? " of " + c.host : ""} is ${c.ending}`);
	if (!ends.length && !damages && data.captures.length)
		ok.push("The recording ended in good order");
	if (gapsOf("retired").length)
		so.push("The recorder had removed its oldest events: the time before is not here");
	if (data.captures.some((c) => c.is_cut))
		so.push("A capture is a part that was cut out of a larger one");
	if (data.clocks.length)
		so.push(`The wall clock was set ${some(data.clocks.total, "time")} while recording`);
	const missing = data.coverage.filter((c) => ["refused", "partly", "not there"].includes(c.status));
	if (missing.length)
		so.push(some(missing.length, "hook") + " of the kernel did not work, below");
	return { bad, so, ok };
}

function tiles() {
	const { bad, so, ok } = completeness();
	const bySeverity = RANKED.map((s) => ({ label: severityMark(s), kind: s, n: findings.filter((f) => f.of.severity === s).length }));
	const byVerdict = Object.keys(VERDICTS).map((v) => ({ label: verdictMark(v), kind: VERDICTS[v], n: data.rules.filter((r) => r.verdict === v).length }));
	const suppressed = data.findings.length - findings.length;

	const whole = make("article", { class: "tile", id: "tile-complete" }, make("h3", null, "Is anything missing?"),
		make("p", { class: "big " + (bad.length ? "bad" : "ok") }, !data.captures.length ? "There is no capture in this case" :
			bad.length ? "Something is missing" : so.length ? "Nothing was lost" : "Complete, nothing was lost"),
		make("ul", null, bad.map((t) => make("li", { class: "bad" }, t)), so.map((t) => make("li", { class: "so" }, t)), ok.map((t) => make("li", null, t))));
	const found = make("article", { class: "tile" }, make("h3", null, "What was found"),
		make("p", { class: "big" }, findings.length ? some(findings.length, "finding") : "No finding"),
		countsOf(bySeverity), suppressed > 0 && make("p", { class: "quiet" }, some(suppressed, "finding") + " suppressed by a tune"));
	const can = make("article", { class: "tile" }, make("h3", null, "What can the rules say?"),
		make("p", { class: "big" }, data.rules.length ? some(data.rules.total, "rule") : "No rule was run"), countsOf(byVerdict));
	add(byId("tiles"), [whole, found, can]);
}

function captureTable() {
	byId("captures").append(table("Captures", [
		["Host", "h", (c) => c.host || "?"],
		["From", "t", (c) => time(c.from, 0)],
		["To", "t", (c) => time(c.to, 0)],
		["Events", "n", (c) => figure(c.events)],
		["Lost", "n", (c) => make("span", { class: c.lost ? "v hit" : null }, figure(c.lost))],
		["Damages", "n", (c) => make("span", { class: c.damages ? "v hit" : null }, figure(c.damages))],
		["End", "t", (c) => make("span", { class: c.ending === "complete" ? null : "v hit" }, c.ending + (c.is_cut ? ", a part" : ""))],
		["On tape", "n", (c) => bytes(c.bytes)],
		["Kernel", "wrap", (c) => c.kernel],
		["Note", "wrap", (c) => c.note],
	], data.captures, { total: data.captures.total, none: "No capture." }));
	const missing = data.coverage.filter((c) => c.status !== "filter");
	const filters = data.coverage.filter((c) => c.status === "filter");
	const coverageTable = (what, rows) => table(what, [
		["Hook or filter", "h", (c) => mono(c.hook)], ["State", "t", (c) => c.status],
		["Types of events", "wrap", (c) => c.types], ["Why", "wrap", (c) => c.reason],
	], rows);

	add(byId("holes"), [
		group(`Gaps: ${figure(data.gaps.total)}`, data.gaps.length, () => table("Gaps", [
			["Kind", "h", (g) => g.kind], ["From", "t", (g) => (g.from === null ? "before the capture" : time(g.from))],
			["To", "t", (g) => (g.to === null ? "the end" : time(g.to))], ["Events", "n", (g) => (g.count === null ? "not known" : figure(g.count))],
			["Class", "t", (g) => g.class], ["CPU", "n", (g) => figure(g.cpu)], ["Cause", "wrap", (g) => g.cause],
		], data.gaps, { total: data.gaps.total })),
		group(`Steps of the wall clock: ${figure(data.clocks.total)}`, data.clocks.length, () => table("Clock", [
			["At", "ht", (c) => time(c.at)], ["By", "n", (c) => c.seconds.toFixed(6) + " s"]], data.clocks)),
		group(`Hooks that were not there, or not wanted: ${figure(missing.length)}`, missing.length, () => coverageTable("Hooks", missing)),
		group(`What was recorded only in part: ${figure(filters.length)}`, filters.length, () => coverageTable("Filters", filters)),
	]);
}

// Made when it is opened; what is open from the beginning, at once.
function group(title, n, content, open = false) {
	if (!n)
		return null;
	const d = make("details", { class: "group" }, make("summary", null, title));
	d.fill = () => { if (d.childElementCount === 1) d.append(content()); };
	d.addEventListener("toggle", () => d.open && d.fill());
	if (open) {
		d.fill();
		d.open = true;
	}
	return d;
}

function standsInTheWay(r) {
	return [r.why, r.despite ? make("div", { class: "flag" }, "what could have prevented it may be missing") : null,
		r.blind.filter((b) => !r.why).map((b) => make("div", null, b.reason, b.events ? ` (${some(b.events, "event")})` : "",
			make("span", { class: "quiet" }, ` ${some(b.times, "time")}, `, time(b.from), " to ", time(b.to))))];
}

function verdictGroups() {
	const words = { hit: "matched", "clean except": "found nothing, but could not see everything",
		"not evaluable": "cannot be decided by what was recorded", clean: "found nothing, and nothing that they read was missing" };
	for (const v of Object.keys(VERDICTS)) {
		const rows = data.rules.filter((r) => r.verdict === v);
		const columns = [
			["Severity", "t", (r) => severityMark(r.severity)],
			["Rule", "h wrap", (r) => [r.title || r.name, r.title && make("div", { class: "quiet" }, r.name)]],
			v === "hit" ? ["Findings", "n", (r) => figure(r.findings)] : null,
			v === "hit" || v === "clean except" ? ["Time that is clear", "n", (r) => (r.clear * 100).toFixed(2) + " %"] : null,
			v === "clean" ? null : [v === "hit" ? "Not seen" : "Why", "wrap", standsInTheWay],
			["Language", "t", (r) => r.language], ["Where", "wrap", (r) => r.file && mono(String(r.file).split("/").pop() + (r.line ? ":" + r.line : ""))],
		].filter(Boolean);
		const title = make("span", null, verdictMark(v), ` ${some(rows.length, "rule")}: ${words[v]}`);
		add(byId("verdicts"), [group(title, rows.length, () => table(v, columns, rows, { rowId: (r) => "rule-" + r.id }), v === "clean except")]);
	}
	if (data.rules.total > data.rules.length)
		byId("verdicts").append(make("p", { class: "note" }, `${figure(data.rules.total - data.rules.length)} more rules are in the case.`));
}

// What is in the case and not in this page.
function limits() {
	const e = data.events, left = e.there - e.at.length - e.without_time;
	const lines = [];

	if (left > 0)
		lines.push(`The timeline has ${figure(e.at.length)} of ${some(e.there, "event")}: ` +
			(e.step_near === 1 ? "all of the processes that findings rest on" : `each ${e.step_near}th of the processes that findings rest on`) +
			(e.step === 0 ? ", and none of others" : e.step === 1 ? ", and all of others" : `, and each ${figure(e.step)}th of others`) +
			". The strip below it counts all of them. reel report --events N takes more.");
	if (e.without_time)
		lines.push(`${some(e.without_time, "event")} have no wall time, and are not in the timeline.`);
	if (e.without_text)
		lines.push(`${some(e.without_text, "event")} in the timeline are without their text, for want of room.`);
	for (const [name, what] of [["processes", "processes"], ["files", "files"], ["findings", "findings"], ["evidence", "events of evidence"], ["peers", "peers"], ["gaps", "gaps"]])
		if (data[name].total > data[name].length)
			lines.push(`${figure(data[name].length)} of ${figure(data[name].total)} ${what} are in this page; those that matter to findings come first.`);
	add(byId("limits"), lines.map((t) => make("p", { class: "note" }, t)));
}

function summary() {
	byId("title").textContent = safe(hosts.join(", ") || "An empty case");
	document.title = safe(hosts.join(", ") || "case") + " \u2013 reel report";
	add(byId("period"), data.captures.length ? [
		iso(0).slice(0, 19).replace("T", " "), " to ", ONE_DAY ? iso(SPAN).slice(11, 19) : iso(SPAN).slice(0, 19).replace("T", " "), " UTC, ",
		duration(SPAN), ", ", some(data.captures.total, "capture"), ", ", some(data.captures.reduce((n, c) => n + c.events, 0), "event")] : []);
	tiles();
	limits();
	captureTable();
	verdictGroups();
}
