// Techniques by tactic. Rules name both, but not which goes with which: a technique that is known here
// stands under its own tactics, of these under those that the rule names, if it does.

const TACTICS = ["reconnaissance", "resource development", "initial access", "execution", "persistence", "privilege escalation", "defense evasion",
	"credential access", "discovery", "lateral movement", "collection", "command and control", "exfiltration", "impact"];

// By the place of a tactic in that list: its techniques. Some are in several.
const TECHNIQUES = [
	"1589 1590 1591 1592 1593 1594 1595 1596 1597 1598",
	"1583 1584 1585 1586 1587 1588 1608 1650",
	"1078 1091 1133 1189 1190 1195 1199 1200 1566 1659",
	"1047 1053 1059 1072 1106 1129 1203 1204 1559 1569 1609 1610 1648 1651",
	"1037 1053 1078 1098 1133 1136 1137 1176 1197 1205 1505 1525 1542 1543 1546 1547 1554 1556 1574 1653",
	"1037 1053 1055 1068 1078 1098 1134 1484 1543 1546 1547 1548 1574 1611",
	"1006 1014 1027 1036 1055 1070 1078 1112 1127 1134 1140 1197 1202 1205 1207 1211 1216 1218 1220 1221 1222 1480 1484 1497 1535 1542 1548 1550 1553 1556 1562 1564 1574 1578 1599 1600 1601 1610 1612 1620 1622 1647 1656",
	"1003 1040 1056 1110 1111 1187 1212 1528 1539 1552 1555 1556 1557 1558 1606 1621 1649",
	"1007 1010 1012 1016 1018 1033 1040 1046 1049 1057 1069 1082 1083 1087 1120 1124 1135 1201 1217 1482 1497 1518 1526 1538 1580 1613 1614 1615 1619 1622 1652 1654",
	"1021 1072 1080 1091 1210 1534 1550 1563 1570",
	"1005 1025 1039 1056 1074 1113 1114 1115 1119 1123 1125 1185 1213 1530 1557 1560 1602",
	"1001 1008 1071 1090 1092 1095 1102 1104 1105 1132 1205 1219 1568 1571 1572 1573 1659 1665",
	"1011 1020 1029 1030 1041 1048 1052 1537 1567",
	"1485 1486 1489 1490 1491 1495 1496 1498 1499 1529 1531 1561 1565 1657",
].map((t) => new Set(t.split(" ")));

const NO_TACTIC = "no tactic named";

function tacticsOf(technique, named) {
	const own = TACTICS.filter((_, i) => TECHNIQUES[i].has(technique.slice(1, 5)));
	const both = own.filter((t) => named.includes(t));
	return both.length ? both : own.length ? own : named.length ? named : [NO_TACTIC];
}

function techniques() {
	const by = new Map();
	for (const r of data.rules) {
		const tags = list(r.tags_json).map((t) => String(t).toLowerCase()).filter((t) => t.startsWith("attack.")).map((t) => t.slice(7).replace(/[-_]/g, " "));
		const named = tags.filter((t) => TACTICS.includes(t));
		for (const name of tags.filter((t) => /^t\d{4}(\.\d{3})?$/.test(t)).map((t) => t.toUpperCase()))
			for (const tactic of tacticsOf(name, named)) {
				if (!by.has(tactic))
					by.set(tactic, new Map());
				if (!by.get(tactic).has(name))
					by.get(tactic).set(name, []);
				by.get(tactic).get(name).push(r);
			}
	}
	return by;
}

function cell(name, of, verdict) {
	const titles = [...new Set(of.map((r) => r.title || r.name))];
	const quietly = verdict === "clean" || verdict === "not evaluable";
	const first = of.find((r) => r.verdict === verdict) || of[0];
	const f = findings.find((x) => x.rule === first.id);
	const says = f ? make("a", { href: "#finding-" + f.id, on: { click: (e) => { e.preventDefault(); findingList.show(f); } } }, first.title || first.name) : first.title || first.name;
	return make("li", { class: VERDICTS[verdict], title: of.map((r) => `${r.title || r.name}: ${r.verdict}`).join("; ") },
		make("b", null, name), " ", make("span", { class: "state" }, verdict),
		quietly ? make("span", { class: "hear" }, titles.join(", ")) : make("span", { class: "rule" }, says, of.length > 1 ? ` and ${some(of.length - 1, "rule")} more` : ""));
}

function attack() {
	const by = techniques(), order = Object.keys(VERDICTS);
	const best = (of) => order.find((v) => of.some((r) => r.verdict === v)) || "not evaluable";
	for (const tactic of [...TACTICS, NO_TACTIC].filter((t) => by.has(t))) {
		const cells = [...by.get(tactic)].map(([name, of]) => ({ name, of, verdict: best(of) }))
			.sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict) || a.name.localeCompare(b.name));
		const title = tactic[0].toUpperCase() + tactic.slice(1);
		byId("matrix").append(make("div", { class: "tactic", role: "group", "aria-label": title }, make("h3", null, title),
			make("ul", null, cells.map((c) => cell(c.name, c.of, c.verdict)))));
	}
	if (!by.size) {
		byId("matrix").append(make("p", { class: "panel quiet" }, "No rule names a technique."));
		return;
	}
	const missing = TACTICS.filter((t) => !by.has(t));
	add(byId("matrix-legend"), [Object.entries(VERDICTS).map(([v, kind]) => make("li", null, make("span", { class: "key " + kind, "aria-hidden": "true" }), v)),
		missing.length ? make("li", null, "No rule looks for: ", missing.join(", ")) : null]);
}
