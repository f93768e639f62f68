-- title: Findings, with the events that they rest on
-- param rule text = '*': name of a rule, or a pattern of GLOB
-- param severity text = 'informational': only from this severity on
-- param suppressed integer = 0: 1: also those that a tune says are expected
-- param replay integer = null: of this replay only; null: the last one of each capture
-- needs: case
--
-- A row for each event of the evidence; despite is 1 where something was missing that could have
-- prevented the finding. notes are the examiner's.
WITH run(id) AS MATERIALIZED (
	SELECT :replay WHERE :replay IS NOT NULL
	UNION
	SELECT max(replay) FROM replayed WHERE :replay IS NULL GROUP BY capture
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', e.ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', e.ns % 1000000000) AS time,
	r.severity,
	r.name AS rule,
	nullif(r.title, r.name) AS title,
	f.pid,
	f.exe,
	f.line AS command,
	f.count AS matches,
	f.despite,
	e.match,
	e.n,
	e.type,
	e.pid AS event_pid,
	coalesce(CASE e.type WHEN 'setuid' THEN 'euid ' || json_extract(e.json, '$.euid')
			WHEN 'setgid' THEN 'egid ' || json_extract(e.json, '$.egid')
			WHEN 'dup' THEN 'fd ' || json_extract(e.json, '$.fd') || ' to ' ||
				json_extract(e.json, '$.newfd') END,
		json_extract(e.json, '$.path'), json_extract(e.json, '$.unix_path'),
		CASE WHEN json_extract(e.json, '$.addr') IS NOT NULL THEN
			iif(instr(json_extract(e.json, '$.addr'), ':'), '[' || json_extract(e.json, '$.addr') || ']',
			json_extract(e.json, '$.addr')) || ':' || json_extract(e.json, '$.port') END,
		json_extract(e.json, '$.name'), json_extract(e.json, '$.text')) AS object,
	e.event,
	f.key AS finding,
	(SELECT group_concat(text, '; ') FROM note WHERE finding = f.key) AS notes
FROM run
JOIN rule AS r ON r.replay = run.id
JOIN finding AS f ON f.rule = r.id
JOIN evidence AS e ON e.finding = f.id
WHERE r.name GLOB :rule AND (:suppressed OR NOT f.suppressed)
	AND r.severity_rank >= CASE lower(:severity) WHEN 'informational' THEN 0 WHEN 'low' THEN 1
		WHEN 'medium' THEN 2 WHEN 'high' THEN 3 WHEN 'critical' THEN 4 END
ORDER BY f.ns, f.ts, f.id, e.match, e.n
