// What all parts of the page use: the data, text that is shown as text, times, tables.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

// Rows come as lists; each becomes an object. What is called x_json is parsed where it can be.
for (const [name, part] of Object.entries(data)) {
	if (!part || !part.columns)
		continue;
	const total = part.total;
	data[name] = part.rows.map((row) => {
		const o = {};
		part.columns.forEach((c, i) => { o[c] = row[i]; });
		return o;
	});
	data[name].total = total ?? data[name].length;
}

const SEVERITIES = ["informational", "low", "medium", "high", "critical"];
const VERDICTS = { hit: "hit", "clean except": "except", "not evaluable": "not", clean: "clean" };
const severityOf = (word) => (SEVERITIES.includes(word) ? word : "informational");

// Text ---------------------------------------------------------------------------------------

// What drives a terminal, turns the order of letters round, breaks lines or cannot be seen: its bytes
// are shown, as everywhere in reel.
const HOSTILE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff]|[\u{e0000}-\u{e0fff}]/gu;
const utf8 = new TextEncoder();

function bytesOf(character) {
	return Array.from(utf8.encode(character), (b) => "\\x" + b.toString(16).padStart(2, "0")).join("");
}

function safe(text) {
	return String(text).replace(HOSTILE, (c) => ({ "\n": "\\n", "\t": "\\t" })[c] ?? bytesOf(c));
}

// The same of what people have written in lines.
function prose(text) {
	return String(text).trim().split("\n").map(safe).join("\n");
}

// An element. Children are elements or text, and text is never markup. Nothing else makes elements.
function make(tag, attributes, ...children) {
	const e = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes || {})) {
		if (value === undefined || value === null || value === false)
			continue;
		if (name === "on")
			for (const [type, f] of Object.entries(value))
				e.addEventListener(type, f);
		else if (name === "width")
			e.style.width = value;
		else
			e.setAttribute(name, name === "title" ? safe(value) : value === true ? "" : value);
	}
	add(e, children);
	return e;
}

function add(parent, children) {
	for (const c of children.flat(Infinity)) {
		if (c === null || c === undefined || c === false || c === "")
			continue;
		parent.append(c instanceof Node ? c : document.createTextNode(safe(c)));
	}
	return parent;
}

const byId = (id) => document.getElementById(id);
const mono = (text) => (text === null || text === undefined ? null : make("code", null, text));

function parsed(json, otherwise) {
	try {
		return JSON.parse(json) ?? otherwise;
	} catch {
		return otherwise;
	}
}

const list = (json) => { const v = parsed(json, []); return Array.isArray(v) ? v : []; };

// Figures ------------------------------------------------------------------------------------

const figure = (n) => (typeof n === "number" ? n.toLocaleString("en-US") : String(n ?? ""));
const some = (n, one, many) => figure(n) + " " + (n === 1 ? one : many || one + "s");

function bytes(n) {
	if (n === null || n === undefined)
		return "";
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let i = 0, v = Number(n);
	for (; v >= 1024 && i < 4; i++)
		v /= 1024;
	return (i && v < 100 ? v.toFixed(1) : Math.round(v).toLocaleString("en-US")) + " " + units[i];
}

// Times are ns from the beginning of the case on.
const T0 = BigInt(data.t0);
const SPAN = Number(BigInt(data.t1) - T0);
const T0_MS = Number(T0 / 1000000n);

function iso(rel) {
	const ns = T0 + BigInt(Math.round(Number(rel)));
	const day = new Date(Number(ns / 1000000n));
	if (isNaN(day))
		return "?";
	return day.toISOString().slice(0, 19) + "." + String(ns % 1000000000n).padStart(9, "0") + "Z";
}

const ONE_DAY = SPAN < 86400e9 && iso(0).slice(0, 10) === iso(SPAN).slice(0, 10);

// As short as it can be said here; all of it as its title.
function time(rel, digits = 3) {
	if (rel === null || rel === undefined)
		return make("span", { class: "quiet" }, "not known");
	const all = iso(rel);
	return make("time", { datetime: all, title: all },
		(ONE_DAY ? "" : all.slice(0, 10) + " ") + all.slice(11, 19) + (digits ? all.slice(19, 20 + digits) : ""));
}

function duration(ns) {
	const s = Math.abs(ns) / 1e9;
	if (s < 1e-6)
		return Math.round(s * 1e9) + " ns";
	if (s < 1e-3)
		return (s * 1e6).toFixed(1) + " \u00b5s";
	if (s < 1)
		return (s * 1e3).toFixed(1) + " ms";
	if (s < 120)
		return s.toFixed(s < 10 ? 2 : 1) + " s";
	if (s < 7200)
		return Math.floor(s / 60) + " min " + Math.round(s % 60) + " s";
	if (s < 172800)
		return (s / 3600).toFixed(1) + " h";
	return (s / 86400).toFixed(1) + " days";
}

// Tables -------------------------------------------------------------------------------------

const ROWS_AT_ONCE = 100;

// COLUMNS: [title, class, cell of a row]. A class "h" makes the cell the head of its row. More rows are
// shown when they are asked for, and all, up to a bound, when the page is printed.
function table(what, columns, rows, options = {}) {
	if (!rows.length)
		return make("p", { class: "panel quiet" }, options.none || "None.");
	const body = make("tbody");
	const head = make("tr", null, columns.map(([title, kind]) => make("th", { scope: "col", class: kind.replace("h", "").trim() || null }, title)));
	const said = make("span");
	const more = make("button", { type: "button", on: { click: () => grow(ROWS_AT_ONCE * 5) } }, "Show more");
	const foot = make("div", { class: "more" }, said, more);
	let shown = 0;

	function grow(n) {
		const to = Math.min(shown + n, rows.length);
		for (; shown < to; shown++)
			body.append(make("tr", { class: options.rowClass?.(rows[shown]), id: options.rowId?.(rows[shown]) },
				columns.map(([, kind, cell]) => make(kind.includes("h") ? "th" : "td",
					{ class: kind.replace("h", "").trim() || null, scope: kind.includes("h") ? "row" : null }, cell(rows[shown])))));
		const total = options.total ?? rows.length;
		said.textContent = `${figure(shown)} of ${figure(total)} are shown` +
			(total > rows.length ? `; ${figure(rows.length)} are in this page, the rest is in the case` : "");
		more.hidden = shown >= rows.length;
		foot.hidden = shown >= total;
	}
	grow(options.first || ROWS_AT_ONCE);
	const box = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": what },
		make("table", null, options.caption && make("caption", null, options.caption), make("thead", null, head), body), foot);
	box.growForPrint = () => grow(500);
	return box;
}

const severityMark = (word) => make("span", { class: "sev " + severityOf(word) }, word);
const verdictMark = (word) => make("span", { class: "v " + (VERDICTS[word] || "not") }, word);
