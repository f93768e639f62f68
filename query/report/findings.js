// Findings, each with the events that it rests on; and the form that says which are shown.

const FINDINGS_AT_ONCE = 50;
const OPEN_AT_FIRST = 3;

// What an event was done to, in words.
function objectOf(e) {
	const o = e.event_of;
	if (!o || typeof o !== "object")
		return "";
	if (Array.isArray(o.argv))
		return o.argv.join(" ");
	const what = o.path ?? o.unix_path ?? (o.family !== undefined && o.addr !== undefined ? `${o.addr} port ${o.port}` : undefined) ??
		(o.addr !== undefined && o.port !== undefined ? `${o.addr} port ${o.port}` : undefined) ?? o.name ?? o.text ?? o.question ?? o.hook;
	return [what, o.errno && `(${o.errno})`].filter((x) => x !== undefined && x !== null && x !== "").join(" ");
}

function chain(f) {
	const rows = f.events;
	let previous = null;
	return make("ol", { class: "chain" }, rows.map((e) => {
		const rel = previous === null || e.at === null ? "" : (e.at >= previous ? "+" : "\u2212") + duration(e.at - previous);
		const item = make("li", null, make("span", null, time(e.at)), make("span", { class: "rel" }, rel),
			make("span", null, e.type), make("span", { class: "what" }, mono(objectOf(e)),
				e.pid !== f.pid && make("span", { class: "quiet" }, "  by ", processName(e.process, e.pid)),
				e.match === "last" && make("span", { class: "quiet" }, "  (the last time)")));
		const all = make("details", null, make("summary", null, "event ", e.event));
		all.addEventListener("toggle", () => {
			if (all.open && all.childElementCount === 1)
				all.append(make("pre", null, e.event_of ? "" : e.event_json, e.event_of && linesOf(e.event_of)));
		});
		item.append(all);
		previous = e.at ?? previous;
		return item;
	}));
}

const linesOf = (o) => Object.entries(o).map(([k, v]) => [k, ": ", typeof v === "string" ? v : JSON.stringify(v), make("br")]);

function tagsOf(f) {
	return list(f.of.tags_json).map((t) => make("span", { class: "tag" }, String(t).replace(/^attack\./i, "").replace(/^t(\d)/i, "T$1")));
}

function body(f) {
	const notes = data.notes.filter((n) => n.finding === f.key);
	const lists = [["False positives", f.of.false_positives_json], ["More", f.of.reference_links_json]].map(([title, json]) =>
		list(json).length ? make("div", null, title + ": ", list(json).join("; ")) : null);
	const description = f.of.description && make("p");
	if (description)
		description.textContent = prose(f.of.description);
	return make("div", { class: "body" }, description,
		f.output && make("p", { class: "quiet" }, mono(f.output)), chain(f),
		make("div", { class: "facts" }, make("span", null, "rule ", f.of.name), f.count > 1 && make("span", null, some(f.count, "match", "matches"), ", the last at ", time(f.last)),
			f.user !== null && make("span", null, "user ", f.user), make("span", null, "key ", mono(f.key)),
			f.despite ? make("span", { class: "flag" }, "something was missing that could have prevented it") : null),
		make("div", null, tagsOf(f)), make("div", { class: "facts" }, lists),
		notes.map((n) => make("p", { class: "note" }, make("b", null, n.author || "Note"), ": ", n.text)),
		make("button", { type: "button", class: "plain", on: { click: () => timeline.showFinding(f) } }, "Show in the timeline"));
}

function card(f) {
	const d = make("details", { class: "finding" + (f.suppressed ? " suppressed" : ""), id: "finding-" + f.id },
		make("summary", null, severityMark(f.of.severity), make("span", { class: "name" }, f.title, f.suppressed ? " (suppressed)" : ""),
			make("span", { class: "when" }, time(f.at), f.count > 1 ? ` \u00d7 ${figure(f.count)}` : ""),
			make("span", { class: "who" }, manyHosts && (captures.get(f.capture)?.host + ", "), mono(f.line || f.exe || ""), ` pid ${f.pid}`)));
	d.fill = () => { if (d.childElementCount === 1) d.append(body(f)); };
	d.addEventListener("toggle", () => d.open && d.fill());
	return d;
}

const findingList = {
	shown: null, made: 0,
	draw() {
		const box = byId("finding-list"), shown = data.findings.filter(passesFinding);
		if (this.shown && shown.length === this.shown.length && shown.every((f, i) => f === this.shown[i]))
			return;
		this.shown = shown;
		this.made = 0;
		box.replaceChildren();
		this.grow(FINDINGS_AT_ONCE);
		for (const d of [...box.querySelectorAll("details.finding")].slice(0, OPEN_AT_FIRST)) {
			d.fill();
			d.open = true;
		}
		if (!data.findings.length)
			box.append(make("p", { class: "panel" }, data.rules.length ? "No rule matched. What that is worth is said above, rule by rule." : "No rules were run on this case."));
	},
	grow(n) {
		const box = byId("finding-list");
		const to = Math.min(this.made + n, this.shown.length);
		box.querySelector(":scope > .more")?.remove();
		for (; this.made < to; this.made++)
			box.append(card(this.shown[this.made]));
		if (this.made < this.shown.length)
			box.append(make("div", { class: "more" }, `${figure(this.made)} of ${figure(this.shown.length)} are shown`,
				make("button", { type: "button", on: { click: () => this.grow(FINDINGS_AT_ONCE) } }, "Show more")));
	},
	// Goes there, whatever is shown at present.
	show(f) {
		const i = this.shown.indexOf(f);
		if (i < 0)
			return;
		if (i >= this.made)
			this.grow(i + 1 - this.made);
		const d = byId("finding-" + f.id);
		d.fill();
		d.open = true;
		d.scrollIntoView({ block: "start" });
		d.firstChild.focus({ preventScroll: true });
	},
};

// The form -----------------------------------------------------------------------------------

const classesOf = () => {
	const e = data.events, counts = new Array(e.types.length).fill(0), classes = new Map();
	for (const t of e.type)
		counts[t]++;
	e.types.forEach((both, i) => {
		const at = both.lastIndexOf(":"), kind = both.slice(at + 1);
		if (!counts[i])
			return;
		if (!classes.has(kind))
			classes.set(kind, []);
		classes.get(kind).push({ i, name: both.slice(0, at), n: counts[i] });
	});
	return classes;
};

function typeMenu() {
	const box = byId("f-types-list");
	for (const [kind, types] of [...classesOf()].sort((a, b) => CLASS_ORDER(a[0]) - CLASS_ORDER(b[0]))) {
		const boxes = types.sort((a, b) => b.n - a.n).map((t) => make("input", { type: "checkbox", checked: true, value: t.i, "data-class": kind }));
		const all = make("input", { type: "checkbox", checked: true });
		all.addEventListener("change", () => {
			boxes.forEach((b) => { b.checked = all.checked; });
			readForm();
		});
		boxes.forEach((b) => b.addEventListener("change", () => { all.checked = boxes.some((x) => x.checked); readForm(); }));
		box.append(make("fieldset", null, make("legend", null, make("label", { class: "check" }, all, " ", kind)),
			types.map((t, i) => make("label", { class: "check" }, boxes[i], " ", t.name, make("span", { class: "n" }, " " + figure(t.n))))));
	}
}

function readForm() {
	filter.text = byId("f-process").value;
	filter.children = byId("f-children").checked;
	filter.rank = Number(byId("f-severity").value);
	filter.off = new Set([...byId("f-types-list").querySelectorAll("input[value]:not(:checked)")].map((b) => Number(b.value)));
	refilter();
	const off = filter.off.size;
	byId("f-types-n").textContent = off ? `(${off} off)` : "";
	const hides = filter.text.trim() || filter.rank || off;
	byId("f-said").textContent = hides ? `${figure(findingList.shown.length)} of ${some(data.findings.length, "finding")}, ` +
		`${figure(timeline.passing)} of ${some(data.events.at.length, "event")}` : "";
	byId("f-reset").hidden = !hides;
}

function form() {
	const select = byId("f-severity");
	SEVERITIES.forEach((s, i) => select.append(make("option", { value: i }, i === 0 ? "all" : i === 4 ? s : s + " and above")));
	typeMenu();
	let later;
	byId("f-process").addEventListener("input", () => { clearTimeout(later); later = setTimeout(readForm, 120); });
	for (const id of ["f-children", "f-severity"])
		byId(id).addEventListener("change", readForm);
	byId("filter").addEventListener("submit", (e) => e.preventDefault());
	byId("f-reset").addEventListener("click", () => {
		byId("filter").reset();
		byId("f-types-list").querySelectorAll("input").forEach((b) => { b.checked = true; });
		readForm();
	});
	document.addEventListener("click", (e) => { if (!byId("f-types").contains(e.target)) byId("f-types").open = false; });
	byId("f-types").addEventListener("keydown", (e) => { if (e.key === "Escape") { byId("f-types").open = false; byId("f-types").firstElementChild.focus(); } });
}
