// Colours, the list of parts, keys, printing; and then each part.

const dark = matchMedia("(prefers-color-scheme: dark)");
let theme = "auto";

function applyTheme() {
	document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
	for (const b of document.querySelectorAll("[data-theme-choice]"))
		b.setAttribute("aria-pressed", String(b.dataset.themeChoice === theme));
}

function themes() {
	applyTheme();
	dark.addEventListener("change", applyTheme);
	for (const b of document.querySelectorAll("[data-theme-choice]"))
		b.addEventListener("click", () => { theme = b.dataset.themeChoice; applyTheme(); });
}

function parts() {
	const counts = { findings: findings.length, processes: data.processes.total, network: data.peers.total, files: data.files.total };
	for (const section of document.querySelectorAll("main > section")) {
		const n = counts[section.id];
		byId("parts").append(make("li", null, make("a", { href: "#" + section.id }, section.querySelector("h2").dataset.short,
			n === undefined ? "" : make("span", { class: "n" }, figure(n)))));
		section.hidden = false;
	}
	const links = new Map([...document.querySelectorAll("#parts a")].map((a) => [a.hash.slice(1), a]));
	const seen = new IntersectionObserver((entries) => {
		for (const e of entries)
			if (e.isIntersecting) {
				links.forEach((a) => a.removeAttribute("aria-current"));
				links.get(e.target.id)?.setAttribute("aria-current", "true");
			}
	}, { rootMargin: "-20% 0px -70% 0px" });
	document.querySelectorAll("main > section").forEach((s) => seen.observe(s));
}

const KEYS = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all", Home: "all", n: "next", p: "previous" };

function keys() {
	for (const b of document.querySelectorAll(".tools [data-do]"))
		b.addEventListener("click", () => timeline.do(b.dataset.do));
	byId("chart").addEventListener("keydown", (e) => {
		if (e.ctrlKey || e.altKey || e.metaKey || !KEYS[e.key])
			return;
		e.preventDefault();
		timeline.do(KEYS[e.key]);
	});
}

// On paper nothing can be opened: what matters is open, within reason.
function printing() {
	let opened = [];
	addEventListener("beforeprint", () => {
		findingList.grow(400);
		opened = [...document.querySelectorAll("details:not([open])")].filter((d) => d.matches(".finding, .group") || d.closest("#tree"));
		for (const d of opened.slice(0, 500)) {
			d.fill?.();
			d.open = true;
		}
		document.querySelectorAll(".scroll").forEach((t) => t.growForPrint?.());
	});
	addEventListener("afterprint", () => {
		for (const d of opened)
			d.open = false;
	});
}

themes();
parts();
summary();
timeline.start();
form();
listeners.push(() => findingList.draw(), () => timeline.refilter(), () => tree.refilter());
tree.start();
timeline.legend();
peers();
files();
attack();
proof();
keys();
printing();
readForm();
document.documentElement.dataset.ready = "1";
