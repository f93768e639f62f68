#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
"""The page of reel report in a browser: it says what the case says, filters, zooms by wheel, drag and keys,
shows hostile names as text, has a name for everything, and asks nobody for anything.

What is measured is CPU time of the page: others may be at work."""

import json
import os
import sqlite3
import subprocess

import devtools
import suite

RULES = [os.path.join(suite.SRC, "samples", d) for d in ("policies", "sigma", "falco")]
SAMPLE = os.path.join(suite.SRC, "samples", "web-shell.rls")
MANY = 100000
LOAD_S, FILTER_S = 6, 2
GESTURES, GESTURE_S = 4, 15

# What would show itself, if it were taken for anything but text.
MARKUP = ["</script><script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>", "<!--<script>",
          "\"><svg onload=window.pwned=1>", "'+(window.pwned=1)+'", "]]>&lt;b&gt;&amp;", "<style>*{display:none}</style>"]
HIDDEN = {"\u2028": r"\xe2\x80\xa8", "\u2029": r"\xe2\x80\xa9", "\u202e": r"\xe2\x80\xae", "\x1b[31m": r"\x1b[31m",
          "\u200b": r"\xe2\x80\x8b", "\u2066": r"\xe2\x81\xa6", "\x07": r"\x07"}
HOSTILE = " ".join(MARKUP) + " " + "".join(HIDDEN) + " end"


def make(t, name, captures, *options):
    case, page = os.path.join(t.tmp, name + ".db"), os.path.join(t.tmp, name + ".html")
    suite.run([suite.REEL, "replay", "-q", *(x for r in RULES for x in ("-r", r)), *options, "-o", case, *captures])
    return case, page


def report(case, page, *options):
    return suite.run([suite.REEL, "report", "-o", page, *options, case])


def asked(case, sql):
    with sqlite3.connect(case) as db:
        return db.execute(sql).fetchall()


def view(b):
    return b.js("timeline.view")


def numbers(t, b, case):
    """What is shown is what the case has."""
    findings = asked(case, "SELECT title FROM findings")
    shown = b.js("[...document.querySelectorAll('.finding .name')].map(e => e.textContent)")
    t.same("every finding is shown", sorted(shown), sorted(x for x, in findings))
    t.same("the worst first", b.js("document.querySelector('.finding .sev').textContent"), "critical")
    verdicts = dict(asked(case, "SELECT verdict, count(*) FROM verdicts GROUP BY 1"))
    shown = b.js("[...document.querySelectorAll('#verdicts .group')].map(g => g.querySelector('.v').textContent)")
    t.same("verdicts are told", sorted(shown), sorted(verdicts))
    for word, n in verdicts.items():
        t.say(b.js(f"[...document.querySelectorAll('#verdicts summary')].some(s => s.textContent.startsWith({word + ' '!r}"
                   f" + '{n} rule'))"), f"{n} of them {word}")
    t.same("what is complete is called so", b.js("document.querySelector('#tile-complete .big').textContent"), "Nothing was lost")
    evidence = {x for x, in asked(case, "SELECT event FROM evidence")}
    b.js("document.querySelectorAll('.finding').forEach(d => { d.fill(); })")
    shown = set(b.js("[...document.querySelectorAll('.chain summary')].map(e => e.textContent.slice(6))"))
    t.same("all evidence is there", shown, evidence)
    t.same("processes", b.js("processes.size"), asked(case, "SELECT count(*) FROM process")[0][0])
    t.say(b.js("[...document.querySelectorAll('#tree .row')].some(r => r.textContent.includes('.kworkerd') && "
               "r.querySelector('.critical'))"), "the tree is open where findings are")
    t.say(b.js("document.querySelector('#peer-table').textContent.includes('203.0.113.66')"), "a peer is told")
    t.say(b.js("document.querySelector('#file-table').textContent.includes('/tmp/.kworkerd')"), "a file is told")
    t.say(b.js("[...document.querySelectorAll('#matrix li.hit')].some(l => l.textContent.includes('T1053.003'))"), "a technique is hit")
    proof = b.js("document.querySelector('#proof').textContent")
    hashes = asked(case, "SELECT hash, head FROM capture UNION SELECT rules_hash, program_hash FROM replay "
                         "UNION SELECT compiled_hash, captures_hash FROM replay")
    t.none("hashes of capture, rules and program are told", (h for row in hashes for h in row if h not in proof))


def filters(t, b):
    everything = b.js("timeline.passing")
    b.js("document.getElementById('f-process').focus()")
    b.call("Input.insertText", text="kworkerd")
    t.say(b.wait(f"timeline.passing < {everything} && filter.text"), "typing a process leaves less in the timeline")
    t.say(0 < b.js("findingList.shown.length") < b.js("data.findings.length"), "and fewer findings")
    with_children = b.js("timeline.passing")
    b.js("document.getElementById('f-children').click()")
    t.say(b.js("timeline.passing") < with_children, "without what it started still less")
    t.say(b.js("document.querySelectorAll('#tree .dim').length") > 0, "others are dim in the tree")
    t.say("finding" in b.js("document.getElementById('f-said').textContent"), "what is left is said")
    b.js("document.getElementById('f-reset').click()")
    t.same("all is back", b.js("timeline.passing"), everything)
    b.js("{ const s = document.getElementById('f-severity'); s.value = 4; s.dispatchEvent(new Event('change')); }")
    t.same("by severity", b.js("[...new Set([...document.querySelectorAll('.finding .sev')].map(e => e.textContent))]"), ["critical"])
    b.js("document.getElementById('f-reset').click()")
    b.js("document.querySelector('#f-types-list input[data-class=file]').click()")
    t.say(b.js("timeline.passing") < everything, "by type")
    b.js("document.getElementById('f-reset').click()")


def place(b):
    """Where the timeline is in the window, once the browser has drawn it there: until then a wheel scrolls the page."""
    b.js("document.documentElement.style.scrollBehavior = 'auto'; document.getElementById('timeline').scrollIntoView(); "
         "new Promise((r) => { requestAnimationFrame(() => requestAnimationFrame(r)); setTimeout(r, 2000); })")
    box = b.js("(r => [r.left, r.top, r.width, r.height])(timeline.catch.node().getBoundingClientRect())")
    return box[0] + box[2] * 0.6, box[1] + box[3] / 2


def by_hand(b, gesture, true):
    """A hand that sees nothing happen does it again."""
    for _ in range(GESTURES):
        gesture(*place(b))
        if b.wait(true, GESTURE_S):
            return True
    return False


def zooms(t, b):
    whole = view(b)
    t.say(by_hand(b, lambda x, y: b.mouse("mouseWheel", x, y, deltaX=0, deltaY=-600),
                  f"timeline.view[1] - timeline.view[0] < {whole[1] - whole[0]}"), "the wheel zooms")
    close = view(b)
    at = whole[0] + (whole[1] - whole[0]) * 0.6
    t.say(close[0] < at < close[1], "at the pointer")

    def drag(x, y):
        b.mouse("mousePressed", x, y, button="left", clickCount=1)
        for i in range(1, 5):
            b.mouse("mouseMoved", x - 20 * i, y, button="left", buttons=1)
        b.mouse("mouseReleased", x - 80, y, button="left", clickCount=1)

    t.say(by_hand(b, drag, f"timeline.view[0] > {close[0]}"), "dragging moves it")
    b.js("document.getElementById('chart').focus({ preventScroll: true })")
    b.key("0")
    t.say(b.wait(f"Math.abs(timeline.view[1] - {whole[1]}) < 1e-6"), "0 shows all")
    b.key("+")
    t.say(b.wait(f"timeline.view[1] - timeline.view[0] < {(whole[1] - whole[0]) * 0.6}"), "+ zooms")
    before = view(b)
    b.key("ArrowLeft")
    t.say(b.wait(f"timeline.view[0] < {before[0]}"), "an arrow moves it")
    b.key("n")
    t.say(b.wait("timeline.selected && timeline.view[0] <= timeline.selected.at / 1e6 && "
                 "timeline.selected.at / 1e6 <= timeline.view[1]"), "n goes to a finding")
    t.say(b.wait("document.querySelectorAll('#event-table tbody tr').length"), "the table lists what is in view")
    for _ in range(30):
        b.js("timeline.do('in')")
    t.say(0 < b.js("timeline.view[1] - timeline.view[0]") < 0.001, "down to a microsecond")
    b.js("timeline.do('all')")
    t.say(b.js("document.querySelectorAll('#chart .mark').length") > 5, "findings are marked")
    t.say(by_hand(b, lambda x, y: b.mouse("mouseMoved", x, y), "!document.getElementById('tip').hidden"),
          "pointing says what is there")


# The lightness of a colour, as WCAG has it, and what stands out from what.
CONTRAST = """(() => {
	const light = (c) => { const v = c.match(/[0-9.]+/g).slice(0, 3).map((x) => { x /= 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
		return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
	const probe = document.body.appendChild(document.createElement("i")), of = (name) => { probe.style.color = `var(--${name})`; return light(getComputedStyle(probe).color); };
	const low = [];
	for (const ground of ["paper", "page"])
		for (const name of ["ink", "quiet", "link", "critical", "high", "medium", "low", "informational", "hit", "except", "not", "clean"]) {
			const [a, b] = [of(name), of(ground)], ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			if (ratio < 4.5) low.push(`${name} on ${ground}: ${ratio.toFixed(2)}`);
		}
	probe.remove();
	return low;
})()"""


def looks(t, b):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = b.js(ground)
    t.none("what is read stands out in light", b.js(CONTRAST))
    b.prefers("dark")
    t.say(b.wait(f"{ground} !== {light!r}"), "dark, if the browser prefers it")
    t.none("what is read stands out in dark", b.js(CONTRAST))
    b.js("document.querySelector('[data-theme-choice=light]').click()")
    t.same("light by the switch", b.js(ground), light)
    b.js("document.querySelector('[data-theme-choice=auto]').click()")
    b.prefers("dark", "print")
    t.same("paper is white, also in the dark", b.js(ground), "rgb(255, 255, 255)")
    t.same("and has no forms", b.js("getComputedStyle(document.getElementById('filter')).display"), "none")
    pdf = b.call("Page.printToPDF", printBackground=True)["data"]
    t.say(len(pdf) > 50000 and pdf.startswith("JVBERi"), "it is printed")
    b.prefers("light")
    b.js("document.getElementById('f-types').open = true")
    for width in (400, 1280):
        b.size(width)
        t.say(b.wait(f"document.documentElement.scrollWidth <= {width}"), f"nothing is wider than {width} px",
              str(b.js("document.documentElement.scrollWidth")))
    b.js("document.getElementById('f-types').open = false")


def heard(t, b):
    """By keyboard and screen reader."""
    nodes = [n for n in b.call("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    roles = {}
    for n in nodes:
        roles.setdefault(n["role"]["value"], []).append(n.get("name", {}).get("value", ""))
    t.none("everything that can be used has a name",
           (role for role in ("button", "link", "searchbox", "combobox", "checkbox", "region", "navigation", "toolbar")
            for name in roles.get(role, [""]) if not name.strip()))
    t.none("what a page needs is there", (r for r in ("main", "banner", "navigation", "search", "table", "heading", "toolbar")
                                          if r not in roles))
    t.none("each part has its heading", b.js("[...document.querySelectorAll('main > section')].filter(s => "
           "!document.getElementById(s.getAttribute('aria-labelledby'))?.textContent).map(s => s.id)"))
    t.none("ids are there once", b.js("(ids => ids.filter((x, i) => ids.indexOf(x) !== i))"
                                      "([...document.querySelectorAll('[id]')].map(e => e.id))"))
    b.js("scrollTo(0, 0); document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    seen = []
    for _ in range(14):
        b.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        b.call("Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        seen.append(b.js("document.activeElement.textContent.slice(0, 40)"))
    t.same("the keyboard goes from above to below", seen[:5], ["Skip to the summary", "Auto", "Light", "Dark", "Summary"])


def forge(case, forged):
    """The same case, in which everything that a machine or a rule can name is hostile."""
    with sqlite3.connect(case) as a, sqlite3.connect(forged) as b:
        a.backup(b)
        b.execute("UPDATE process SET exe = ?, comm = ?, argv = json_array(?, ?)", (HOSTILE, HOSTILE, HOSTILE, HOSTILE))
        b.execute("UPDATE image SET exe = ?, argv = json_array(?)", (HOSTILE, HOSTILE))
        b.execute("UPDATE finding SET exe = ?, line = ?, output = ?", (HOSTILE, HOSTILE, HOSTILE))
        b.execute("UPDATE rule SET name = name || ?, title = ?, description = ?, file = ?, tags = json_insert(tags, '$[#]', ?), "
                  "reference_links = json_array('javascript:window.pwned=1', ?)", (HOSTILE,) * 6)
        b.execute("UPDATE evidence SET json = json_set(json, '$.path', ?, '$.<b>', ?), type = ?", (HOSTILE,) * 3)
        b.execute("UPDATE evidence SET json = ? WHERE rowid = 1", ("{" + HOSTILE,))
        b.execute("UPDATE file SET path = ?", (HOSTILE,))
        b.execute("UPDATE file SET path = ? WHERE id = (SELECT min(id) FROM file WHERE writers AND kind = 'file')", (b"/tmp/\xff\xfe<script>\xe2\x80",))
        b.execute("UPDATE connection SET name = ?, addr = ?", (HOSTILE, HOSTILE))
        b.execute("UPDATE capture SET host = ?, note = ?, kernel = ?, path = ?", (HOSTILE,) * 4)
        b.execute("UPDATE coverage SET hook = ?, reason = ?", (HOSTILE, HOSTILE))
        b.execute("UPDATE user SET name = ?", (HOSTILE,))
        b.execute("UPDATE event SET path = ?, type = type || ?, class = class || '<'", (HOSTILE, "<i>"))
        b.execute("INSERT INTO gap(capture, kind, cause, from_ns, to_ns, count) SELECT 1, 'lost', ?, from_ns, to_ns, 7 FROM boot", (HOSTILE,))
        b.execute("INSERT INTO note(finding, author, text) SELECT key, ?, ? FROM finding", (HOSTILE, HOSTILE))
        b.execute("UPDATE process SET parent = id WHERE id = 3")


def hostile(t, b, case):
    forged, page = os.path.join(t.tmp, "forged.db"), os.path.join(t.tmp, "forged.html")
    forge(case, forged)
    t.same("a hostile case is reported", report(forged, page).returncode, 1)
    with open(page, "rb") as f:
        raw = f.read()
    data = raw.split(b'type="application/json">', 1)[1].split(b"</script>", 1)[0]
    t.say(b"<" not in data, "its data have no markup")
    t.say(not any(c.encode() in raw for c in ("\u2028", "\u2029", "\x1b")), "and neither ends of lines nor controls")
    t.say(isinstance(json.loads(data), dict), "and are JSON")
    t.say(b.open(page), "a browser shows it")
    b.js("document.querySelectorAll('details').forEach(d => { d.fill?.(); d.open = true; })")
    b.js("document.querySelectorAll('.more button').forEach(m => m.click())")
    b.js("new Promise((r) => setTimeout(r, 300))")
    text = b.js("document.body.innerText")
    all_text = b.js("document.title + [...document.querySelectorAll('body > :not(script)')].map(e => e.textContent).join('') + "
                    "[...document.querySelectorAll('[title]')].map(e => e.title).join('')")
    t.none("names are text", (m for m in MARKUP if m not in text))
    t.none("what cannot be seen is shown", (h for h in HIDDEN.values() if h not in text))
    t.none("and is not there itself", (repr(h) for h in HIDDEN if h in all_text))
    t.same("nothing of it ran", b.js("typeof window.pwned"), "undefined")
    t.same("nothing of it became an element", b.js(
        "[document.scripts.length, document.querySelectorAll('img, iframe, object, embed, style').length, "
        "document.querySelectorAll('svg').length, document.querySelectorAll('a[href]:not([href^=\"#\"])').length]"), [3, 1, 1, 0])
    t.say(r"\xff\xfe<script>\xe2\x80" in text, "bytes that are no text are shown as such")
    t.none("the console is silent", b.complaints())
    t.say(b.js("document.querySelectorAll('#chart .gap').length") > 0, "a gap is a band")
    t.same("what is missing is said first", b.js("document.querySelector('#tile-complete .bad')?.textContent"), "Something is missing")


def alone(t, b, page):
    t.same("nothing but the page is asked for", b.requests(), ["file://" + page])
    t.same("not by itself either", b.js("performance.getEntriesByType('resource').length"), 0)
    t.none("the console is silent", b.complaints())
    b.js("{ const s = document.createElement('script'); s.textContent = 'window.pwned = 1'; document.head.append(s); }")
    t.same("a script that came in would not run", b.js("typeof window.pwned"), "undefined")
    t.same("and reach nobody", b.js("fetch('http://127.0.0.1:9/').then(() => 'reached', (e) => e.name)"), "TypeError")
    refused = [e for e in b.events if e["method"] == "Log.entryAdded" and "Content Security Policy" in e["params"]["entry"]["text"]]
    t.say(len(refused) >= 2, "since the policy of the page forbids it", [str(e) for e in b.events[-5:]])


def large(t, b):
    gen = os.path.join(os.path.dirname(suite.REEL), "bench", "gen")
    if not os.path.exists(gen):
        t.skip("a page of many events", f"there is no {gen}")
        return
    capture = os.path.join(t.tmp, "many")
    subprocess.run([gen, "--output", capture, "--events", str(MANY), "--rate", "2000", "--loss", "--no-sync"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    case, page = make(t, "many", [capture], "--load-events")
    t.same("many events are reported", report(case, page, "--events", str(MANY * 2)).returncode, 1)
    good = b.open(page)
    load = b.cpu()
    t.say(good, f"a page of {b.js('data.events.at.length')} events is shown, of {os.path.getsize(page) >> 10} KiB")
    t.say(b.js("data.events.at.length") >= MANY, "with all of them")
    t.say(load < LOAD_S, f"in {load:.2f} s of CPU (less than {LOAD_S})")
    for what in ("bash", ""):
        before = b.cpu()
        b.js(f"document.getElementById('f-process').value = '{what}'; readForm(); document.body.offsetHeight")
        b.js("new Promise((r) => setTimeout(r, 200))")
        took = b.cpu() - before
        t.say(took < FILTER_S, f"a filter takes {took:.3f} s of CPU (less than {FILTER_S})")
    before = b.cpu()
    b.js("for (let i = 0; i < 10; i++) timeline.do('in')")
    took = (b.cpu() - before) / 10
    t.say(took < FILTER_S, f"a step of zoom {took:.3f} s")
    t.say(b.js("document.querySelectorAll('#chart path').length") < 2000, "what is drawn does not grow with them")
    t.same("fewer are shown if that is wanted", report(case, page, "--events", "5000").returncode, 1)
    b.open(page)
    t.say(b.js("data.events.at.length") <= 5000, "no more than that")
    t.say("of 10" in b.js("document.getElementById('limits').textContent"), "and the page says so",
          b.js("document.getElementById('limits').textContent"))
    t.same("while it counts all", b.js("data.events.parts.reduce((n, p) => n + p[2], 0)"), b.js("data.events.there"))


def main():
    t = suite.Suite()
    if not devtools.PROGRAM:
        if os.environ.get("CI") == "true":
            t.say(False, "there is a browser", "chromium is missing: make deps")
        else:
            t.skip("the page of a report", "there is no chromium here")
        t.done()
    case, page = make(t, "case", [SAMPLE], "--load-events")
    t.same("a case is reported", report(case, page).returncode, 1)
    b = devtools.Browser(t.tmp)
    try:
        b.size(1280)
        b.prefers("light")
        t.say(b.open(page), "a browser shows it")
        numbers(t, b, case)
        filters(t, b)
        zooms(t, b)
        looks(t, b)
        heard(t, b)
        alone(t, b, page)
        hostile(t, b, case)
    finally:
        b.close()
    # What it has had until then is not this page's.
    b = devtools.Browser(t.tmp)
    try:
        b.size(1280)
        large(t, b)
    finally:
        b.close()
    t.done()


if __name__ == "__main__":
    main()
