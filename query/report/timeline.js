// The timeline: findings by severity, then a lane for each class of events, gaps behind all of it; below
// a strip of the whole time. D3 has the scales, the axes, zoom and brush. A lane is one path of at most a
// bar each three pixels, so that what is drawn does not grow with the events.

const ORDER = ["process", "priv", "file", "io", "net", "mem", "kernel", "ipc", "user", "look", "sys", "state", "tape"];
const CLASS_NAMES = { process: "Processes", priv: "Privileges", file: "Files", io: "Reads, writes", net: "Network", mem: "Memory", kernel: "Kernel", ipc: "Pipes, signals", user: "Libraries", look: "Looks", sys: "Other calls", state: "State", tape: "Recorder" };
const CLASS_ORDER = (c) => (ORDER.includes(c) ? ORDER.indexOf(c) : ORDER.length);
const BAR = 3, LANE = 34, MARKS = 20, GUTTER = 96, STRIP = 34, AXIS = 22, EVENTS_SHOWN = 200;

const timeline = {
	passing: 0,

	start() {
		const e = data.events, n = e.at.length;
		this.at = new Float64Array(n);
		for (let i = 0, t = 0; i < n; i++)
			this.at[i] = (t += e.at[i]) / 1e6; // ms
		this.classes = [...new Set([...e.types.filter((_, i) => i).map((b) => b.slice(b.lastIndexOf(":") + 1)), ...e.parts.map((p) => p[0])])]
			.sort((a, b) => CLASS_ORDER(a) - CLASS_ORDER(b) || a.localeCompare(b));
		this.lane_of = e.types.map((b) => this.classes.indexOf(b.slice(b.lastIndexOf(":") + 1)));
		this.core = new Uint8Array(n);
		for (let i = 0; i < n; i++)
			this.core[i] = core.has(e.process[i]) ? 1 : 0;
		this.mask = new Uint8Array(n).fill(1);
		this.end = Math.max(SPAN / 1e6, 1e-3);
		this.bands = bandsOf(this.end);
		this.severities = RANKED.filter((s) => findings.some((f) => f.of.severity === s));
		this.view = [0, this.end];
		this.build();
		new ResizeObserver(() => this.resize()).observe(byId("chart"));
		byId("timeline-what").textContent = e.of === "events" ? "The events of the case by their class, and above them what was found." :
			"What the tables of the case tell: programs, processes, files, connections. With reel replay --load-events a case has every event.";
	},

	build() {
		const svg = this.svg = d3.select("#chart").append("svg").attr("aria-hidden", "true");
		const hatch = svg.append("defs").append("pattern").attr("id", "hatch").attr("width", 6).attr("height", 6)
			.attr("patternUnits", "userSpaceOnUse").attr("patternTransform", "rotate(45)");
		hatch.append("rect").attr("class", "hatch-ground").attr("width", 6).attr("height", 6);
		hatch.append("line").attr("class", "hatch").attr("y2", 6);
		svg.append("defs").append("clipPath").attr("id", "inside").append("rect");
		this.top = AXIS + 4;
		this.lanes_at = this.top + this.severities.length * MARKS + (this.severities.length ? 8 : 0);
		this.bottom = this.lanes_at + this.classes.length * LANE;
		this.strip_at = this.bottom + 18;
		this.height = this.strip_at + STRIP + AXIS;
		this.axis = svg.append("g").attr("class", "axis").attr("transform", `translate(0,${AXIS})`);
		this.names = svg.append("g");
		this.inside = svg.append("g").attr("clip-path", "url(#inside)");
		this.gaps = this.inside.append("g");
		this.bars = this.inside.append("g");
		this.catch = this.inside.append("rect").attr("class", "catch");
		this.marks = this.inside.append("g");
		this.cursor = svg.append("line").attr("class", "cursor").attr("visibility", "hidden");
		this.strip = svg.append("g").attr("transform", `translate(0,${this.strip_at})`);
		this.strip_bars = this.strip.append("path").attr("class", "over");
		this.strip_gaps = this.strip.append("g");
		this.strip_axis = this.strip.append("g").attr("class", "axis").attr("transform", `translate(0,${STRIP})`);
		this.brush_g = this.strip.append("g").attr("class", "brush");
		this.severities.forEach((s, i) => this.names.append("text").attr("class", "lane-name").attr("y", this.top + i * MARKS + MARKS / 2 + 4).text(s));
		this.classes.forEach((c, i) => {
			const y = this.lanes_at + (i + 1) * LANE;
			this.names.append("text").attr("class", "lane-name").attr("y", y - LANE / 2 + 6).text(safe(CLASS_NAMES[c] || c));
			this.names.append("line").attr("class", "lane-line").attr("x1", 0).attr("y1", y).attr("y2", y);
			for (const kind of ["bars", "bars core"])
				this.bars.append("path").attr("class", kind).attr("stroke-width", BAR - 1);
		});
		this.zoom = d3.zoom().on("zoom", () => this.zoomed());
		this.catch.call(this.zoom);
		this.brush = d3.brushX().on("brush end", () => this.brushed());
		this.catch.on("mousemove", () => this.point()).on("mouseleave", () => this.leave());
		this.resize();
	},

	resize() {
		const width = Math.max(320, byId("chart").clientWidth);
		if (width === this.width)
			return;
		this.width = width;
		this.left = width < 560 ? 90 : GUTTER;
		this.right = width - 26;
		this.svg.attr("viewBox", `0 0 ${width} ${this.height}`).attr("width", width).attr("height", this.height);
		this.svg.select("clipPath rect").attr("x", this.left - 7).attr("y", 0).attr("width", this.right - this.left + 14).attr("height", this.bottom);
		this.catch.attr("x", this.left).attr("y", this.top - 4).attr("width", this.right - this.left).attr("height", this.bottom - this.top + 4);
		this.names.selectAll("line").attr("x2", this.right);
		this.whole = d3.scaleLinear().domain([0, this.end]).range([this.left, this.right]);
		const box = [[this.left, 0], [this.right, this.bottom]];
		this.zoom.extent(box).translateExtent(box).scaleExtent([1, Math.max(1, this.end / 1e-4)]);
		this.brush.extent([[this.left, 0], [this.right, STRIP]]);
		this.brush_g.call(this.brush);
		this.drawStrip();
		this.to(this.view[0], this.view[1]);
	},

	// Where the view is ----------------------------------------------------------------

	to(a, b) {
		const least = Math.min(this.end, 1e-4);
		const span = Math.min(this.end, Math.max(b - a, least));
		a = Math.max(0, Math.min((a + b - span) / 2, this.end - span));
		const k = this.end / span;
		this.catch.call(this.zoom.transform, d3.zoomIdentity.translate(this.left, 0).scale(k).translate(-this.whole(a), 0));
	},

	zoomed() {
		const t = d3.event.transform;
		this.x = t.rescaleX(this.whole);
		this.view = this.x.domain();
		this.draw();
		if (!d3.event.sourceEvent || d3.event.sourceEvent.type !== "brush")
			this.brush_g.call(this.brush.move, this.view.map(this.whole));
	},

	brushed() {
		const e = d3.event;
		if (!e.sourceEvent || e.sourceEvent.type === "zoom")
			return;
		if (!e.selection)
			this.to(0, this.end);
		else
			this.to(this.whole.invert(e.selection[0]), this.whole.invert(e.selection[1]));
	},

	do(what) {
		const [a, b] = this.view, span = b - a, middle = (a + b) / 2;
		if (what === "in")
			this.to(middle - span / 4, middle + span / 4);
		else if (what === "out")
			this.to(middle - span, middle + span);
		else if (what === "left")
			this.to(a - span / 4, b - span / 4);
		else if (what === "right")
			this.to(a + span / 4, b + span / 4);
		else if (what === "all")
			this.to(0, this.end);
		else if (what === "next" || what === "previous")
			this.step(what === "next" ? 1 : -1);
	},

	// From the finding that was shown last, or from the middle of what is in view.
	step(by) {
		const all = findings.filter((f) => f.at !== null && passesFinding(f)).sort((a, b) => a.at - b.at || a.id - b.id);
		if (!all.length)
			return;
		let i = all.indexOf(this.selected) + by;
		if (!this.selected || !all.includes(this.selected))
			i = by > 0 ? 0 : all.length - 1;
		this.showInView(all[(i + all.length) % all.length]);
	},

	showInView(f) {
		const at = f.at / 1e6, first = (f.first ?? f.at) / 1e6;
		const span = Math.max((at - first) * 1.6, Math.min(this.view[1] - this.view[0], this.end / 8));
		this.selected = f;
		this.to((at + first) / 2 - span / 2, (at + first) / 2 + span / 2);
		byId("view").textContent = `${f.of.severity}: ${safe(f.title)}, ${iso(f.at).slice(11, 23)}`;
	},

	showFinding(f) {
		byId("timeline").scrollIntoView({ block: "start" });
		this.showInView(f);
		byId("chart").focus({ preventScroll: true });
	},

	// What is drawn --------------------------------------------------------------------

	refilter() {
		const e = data.events;
		this.passing = 0;
		for (let i = 0; i < this.mask.length; i++) {
			const yes = !filter.off.has(e.type[i]) && passesProcess(e.process[i], e.pid[i]);
			this.mask[i] = yes ? 1 : 0;
			this.passing += this.mask[i];
		}
		this.draw();
	},

	range() {
		return [d3.bisectLeft(this.at, this.view[0]), d3.bisectRight(this.at, this.view[1])];
	},

	count() {
		const bins = Math.ceil((this.right - this.left) / BAR), n = this.classes.length;
		const [from, to] = this.range(), [a, b] = this.view, scale = bins / (b - a || 1);
		const all = new Uint32Array(bins * n), some_core = new Uint32Array(bins * n);
		let most = 1, shown = 0;
		for (let i = from; i < to; i++) {
			if (!this.mask[i])
				continue;
			const at = this.lane_of[data.events.type[i]] * bins + Math.min(bins - 1, ((this.at[i] - a) * scale) | 0);
			shown++;
			if (++all[at] > most)
				most = all[at];
			if (this.core[i])
				some_core[at]++;
		}
		return { bins, all, core: some_core, most, shown };
	},

	draw() {
		if (!this.x)
			return;
		const c = this.count(), tall = LANE - 6, top = Math.log1p(c.most);
		const height = (n) => 3 + (tall - 3) * (Math.log1p(n) - Math.LN2) / Math.max(top - Math.LN2, 0.7);
		const paths = this.bars.selectAll("path").nodes();
		this.counted = c;
		this.classes.forEach((_, lane) => {
			const y = this.lanes_at + (lane + 1) * LANE - 1;
			let rest = "", near = "";
			for (let i = 0; i < c.bins; i++) {
				const n = c.all[lane * c.bins + i], k = c.core[lane * c.bins + i];
				const x = this.left + i * BAR + 1;
				if (n > k)
					rest += `M${x} ${y}v${-height(n).toFixed(1)}`;
				if (k)
					near += `M${x} ${y}v${-height(k).toFixed(1)}`;
			}
			paths[lane * 2].setAttribute("d", rest);
			paths[lane * 2 + 1].setAttribute("d", near);
		});
		this.drawAxis();
		this.drawGaps();
		this.drawMarks();
		this.say(c);
	},

	drawAxis() {
		const [a, b] = this.view, n = Math.max(2, Math.floor((this.right - this.left) / 110));
		this.axis.call(d3.axisTop(this.x).tickValues(ticksOf(a, b, n)).tickFormat(tickFormat(a, b)).tickSizeOuter(0));
	},

	drawGaps() {
		const rows = this.bands.filter((r) => r.b >= this.view[0] && r.a <= this.view[1]);
		const rects = this.gaps.selectAll("rect").data(rows);
		rects.enter().append("rect").attr("class", "gap").merge(rects)
			.attr("x", (r) => this.x(Math.max(r.a, this.view[0]))).attr("y", this.top - 4).attr("height", this.bottom - this.top + 4)
			.attr("width", (r) => Math.max(3, this.x(Math.min(r.b, this.view[1])) - this.x(Math.max(r.a, this.view[0]))));
		rects.exit().remove();
		this.gaps_in_view = rows;
	},

	// One mark for each pixel of a lane.
	drawMarks() {
		const seen = new Set(), rows = [];
		this.findings_shown = 0;
		for (const f of findings) {
			const x = this.x(f.at / 1e6);
			if (f.at === null || x < this.left - 1 || x > this.right + 1 || !passesFinding(f))
				continue;
			this.findings_shown++;
			const lane = this.severities.indexOf(f.of.severity), place = lane + ":" + Math.round(x / 3);
			if (lane < 0 || seen.has(place))
				continue;
			seen.add(place);
			rows.push({ f, x, y: this.top + lane * MARKS + MARKS / 2, first: this.x((f.first ?? f.at) / 1e6) });
		}
		const symbol = d3.symbol().type(d3.symbolDiamond).size(70);
		const spans = this.marks.selectAll("path.span").data(rows);
		spans.enter().insert("path", "path.mark").merge(spans).attr("class", (r) => "span " + severityOf(r.f.of.severity))
			.attr("d", (r) => `M${Math.max(r.first, this.left - 4).toFixed(1)} ${r.y}H${r.x.toFixed(1)}`);
		spans.exit().remove();
		const marks = this.marks.selectAll("path.mark").data(rows);
		marks.enter().append("path").on("click", (r) => findingList.show(r.f))
			.on("mousemove", (r) => this.tip([make("b", null, r.f.title), make("div", null, time(r.f.at, 6), "  ", r.f.line || r.f.exe || "")]))
			.on("mouseleave", () => this.leave())
			.merge(marks).attr("class", (r) => "mark " + severityOf(r.f.of.severity)).attr("d", symbol)
			.attr("transform", (r) => `translate(${r.x.toFixed(1)},${r.y})`);
		marks.exit().remove();
	},

	drawStrip() {
		const parts = new Float64Array(data.events.n_parts);
		for (const [, i, n] of data.events.parts)
			if (i >= 0 && i < parts.length)
				parts[i] += n;
		const most = Math.log1p(Math.max(1, ...parts)), x = d3.scaleLinear().domain([0, parts.length]).range([this.left, this.right]);
		const area = d3.area().curve(d3.curveStepAfter).x((_, i) => x(i)).y0(STRIP).y1((n) => STRIP - (n ? 2 + (STRIP - 6) * Math.log1p(n) / most : 0));
		this.strip_bars.attr("d", area([...parts, 0]));
		this.strip_axis.call(d3.axisBottom(this.whole).tickValues(ticksOf(0, this.end, Math.max(2, Math.floor((this.right - this.left) / 110))))
			.tickFormat(tickFormat(0, this.end)).tickSizeOuter(0));
		const rects = this.strip_gaps.selectAll("rect").data(this.bands);
		rects.enter().append("rect").attr("class", "gap").merge(rects).attr("height", STRIP)
			.attr("x", (r) => this.whole(r.a)).attr("width", (r) => Math.max(3, this.whole(r.b) - this.whole(r.a)));
	},

	// What is said ---------------------------------------------------------------------

	say(c) {
		const [a, b] = this.view;
		byId("view").textContent = `${clock(a * 1e6, b - a)} to ${clock(b * 1e6, b - a)}, ${duration((b - a) * 1e6)}: ` +
			`${some(c.shown, "event")}, ${some(this.findings_shown, "finding")}` + (this.gaps_in_view.length ? `, ${some(this.gaps_in_view.reduce((n, r) => n + r.gaps.length, 0), "gap")}` : "");
		clearTimeout(this.later);
		this.later = setTimeout(() => this.drawTable(), 150);
	},

	drawTable() {
		const e = data.events, [from, to] = this.range(), rows = [];
		let all = 0;
		for (let i = from; i < to; i++)
			if (this.mask[i] && ++all <= EVENTS_SHOWN)
				rows.push(i);
		byId("event-table").replaceChildren(table("Events in view", [
			["Time", "t", (i) => time(this.at[i] * 1e6, 6)],
			["Type", "t", (i) => e.types[e.type[i]].slice(0, e.types[e.type[i]].lastIndexOf(":"))],
			["Process", "h t", (i) => processName(e.process[i], e.pid[i])],
			["What", "wrap", (i) => mono(e.texts[e.text[i]])],
		], rows, {
			first: 50, none: "No event is in view.", rowClass: (i) => (this.core[i] ? "near" : null),
			caption: all > rows.length ? `The first ${figure(rows.length)} of ${some(all, "event")} in view; zoom in to see others.` : `${some(all, "event")} in view.`,
		}));
	},

	point() {
		const [px, py] = d3.mouse(this.catch.node()), lane = Math.floor((py - this.lanes_at) / LANE), c = this.counted;
		const at = this.x.invert(px), bin = Math.min(c.bins - 1, Math.floor((px - this.left) / BAR));
		const band = this.gaps_in_view.find((r) => Math.abs(this.x(r.a) - px) < 3 || (at >= r.a && at <= r.b));
		const said = [];
		this.cursor.attr("visibility", null).attr("x1", px).attr("x2", px).attr("y1", this.top - 4).attr("y2", this.bottom);
		for (const g of band ? band.gaps.slice(0, 4) : [])
			said.push(make("b", null, g.kind === "lost" ? `${g.count === null ? "Some" : figure(g.count)} events lost` : "Gap: " + g.kind),
				make("div", null, [g.class, g.cause, g.cpu === null ? null : "CPU " + g.cpu].filter((x) => x !== null && x !== undefined).join(", ")));
		if (band?.gaps.length > 4)
			said.push(make("div", null, `and ${some(band.gaps.length - 4, "gap")} more`));
		if (lane >= 0 && lane < this.classes.length && bin >= 0 && c.all[lane * c.bins + bin]) {
			const n = c.all[lane * c.bins + bin], first = this.firstIn(lane, bin, c.bins), e = data.events;
			said.push(make("b", null, `${CLASS_NAMES[this.classes[lane]] || this.classes[lane]}: ${some(n, "event")}`));
			if (first >= 0)
				said.push(make("div", null, n > 1 ? "first: " : "", e.types[e.type[first]].split(":")[0], " by ", processName(e.process[first], e.pid[first])), make("div", null, mono(e.texts[e.text[first]])));
		}
		this.tip([make("div", null, clock(at * 1e6, this.view[1] - this.view[0])), ...said]);
	},

	firstIn(lane, bin, bins) {
		const [a, b] = this.view, w = (b - a) / bins;
		for (let i = d3.bisectLeft(this.at, a + bin * w - w * 1e-6); i < this.at.length && this.at[i] <= a + (bin + 1) * w; i++)
			if (this.mask[i] && this.lane_of[data.events.type[i]] === lane)
				return i;
		return -1;
	},

	tip(children) {
		const box = byId("tip"), panel = box.parentElement.getBoundingClientRect(), e = d3.event;
		box.hidden = false;
		box.replaceChildren(...children);
		const x = e.clientX - panel.left, y = e.clientY - panel.top, w = box.offsetWidth;
		box.style.left = Math.max(4, x + 14 + w > panel.width ? x - w - 14 : x + 14) + "px";
		box.style.top = y + 16 + "px";
	},

	leave() {
		byId("tip").hidden = true;
		this.cursor.attr("visibility", "hidden");
	},

	legend() {
		const item = (kind, text) => make("li", null, make("span", { class: "key " + kind, "aria-hidden": "true" }), text);
		add(byId("legend"), [item("core", "by processes that findings rest on"), item("rest", "by others"),
			data.gaps.length ? item("gap", "a gap: something is missing") : null,
			make("li", null, "Heights are logarithmic. Wheel and drag, or + \u2212 \u2190 \u2192 0, n and p.")]);
	},
};

// Gaps that overlap are one band.
function bandsOf(end) {
	const bands = [];
	const all = data.gaps.map((g) => ({ a: g.from === null ? 0 : Math.max(0, g.from / 1e6), b: g.to === null ? end : g.to / 1e6, gaps: [g] }));
	for (const r of all.sort((x, y) => x.a - y.a)) {
		const last = bands[bands.length - 1];
		if (last && r.a <= last.b) {
			last.b = Math.max(last.b, r.b);
			last.gaps.push(...r.gaps);
		} else {
			bands.push(r);
		}
	}
	return bands;
}

// Ticks at round moments of UTC, down to fractions of a second.
function ticksOf(a, b, n) {
	if (b - a >= 3000)
		return d3.scaleUtc().domain([new Date(T0_MS + a), new Date(T0_MS + b)]).ticks(n).map((d) => +d - T0_MS - T0_REST);
	const second = (T0_MS % 1000) + T0_REST;
	return d3.ticks(a + second, b + second, n).map((t) => t - second);
}

const T0_REST = Number(T0 % 1000000n) / 1e6;

function clock(rel_ns, span_ms) {
	const all = iso(Math.max(0, rel_ns)), digits = span_ms > 120000 ? 0 : span_ms > 1000 ? 3 : span_ms > 1 ? 6 : 9;
	return (ONE_DAY ? "" : all.slice(0, 10) + " ") + all.slice(11, 19) + (digits ? all.slice(19, 20 + digits) : "");
}

function tickFormat(a, b) {
	return (t) => {
		const all = iso(Math.round(t * 1e6)), span = b - a;
		if (span > 3 * 86400e3)
			return all.slice(5, 10) + (span > 20 * 86400e3 ? "" : " " + all.slice(11, 16));
		if (span > 600e3)
			return all.slice(11, 16);
		if (span > 3e3)
			return all.slice(11, 19);
		return all.slice(14, 20 + (span > 300 ? 1 : span > 30 ? 2 : span > 3 ? 3 : span > 0.3 ? 4 : span > 0.03 ? 5 : 7));
	};
}
