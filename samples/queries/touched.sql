-- title: What a process touched
-- param pid integer: its number
-- param family integer = 0: 1: also what all processes touched that came of it
-- param at time = null: of those that had the number the one that lived then; null: all
-- needs: case
--
-- A row for each thing and each way in which it was touched: files, peers and processes. Opened
-- means that nothing more is known than that: no data was recorded.
WITH RECURSIVE who(id) AS (
	SELECT p.id
	FROM boot AS b
	CROSS JOIN process AS p ON p.boot = b.id AND p.pid = :pid
	WHERE :at IS NULL OR
		(coalesce(p.from_ns, :at) <= :at AND (p.to_ns IS NULL OR p.to_ns >= :at))
	UNION
	SELECT p.id FROM who CROSS JOIN process AS p ON p.parent = who.id WHERE :family
),
touch AS (
	SELECT e.process, e.kind AS action, e.file, e.old_file, e.connection, e.child,
		min(e.from_ts) AS ts, min(e.from_ns) AS from_ns, max(e.to_ns) AS to_ns,
		sum(e.count) AS times, sum(e.bytes) AS bytes,
		substr(min(printf('%020d', e.from_ts) || e.event), 21) AS event
	FROM who CROSS JOIN edge AS e ON e.process = who.id
	GROUP BY e.process, e.kind, e.file, e.old_file, e.connection, e.child
	UNION ALL
	SELECT k.process, k.kind || coalesce(' ' || k.detail, ''), k.file, NULL, NULL, NULL,
		min(k.ts), min(k.ns), max(k.ns), count(*), NULL, k.event
	FROM who CROSS JOIN file_change AS k ON k.process = who.id
	GROUP BY k.process, k.kind, k.detail, k.file
	UNION ALL
	SELECT d.process, 'open', d.file, NULL, NULL, NULL,
		min(d.from_ts), min(d.from_ns), max(d.from_ns), count(*), NULL, min(d.event)
	FROM who CROSS JOIN fd AS d ON d.process = who.id JOIN file AS f ON f.id = d.file
	WHERE f.kind <> 'socket' AND d.how NOT IN ('fork', 'keyframe', 'dup', 'pipe')
		AND (d.process, d.file) NOT IN (SELECT e.process, e.file
			FROM who CROSS JOIN edge AS e ON e.process = who.id WHERE e.file IS NOT NULL)
	GROUP BY d.process, d.file
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', t.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', t.from_ns % 1000000000) AS first,
	p.pid,
	coalesce((SELECT i.exe FROM image AS i WHERE i.process = t.process AND i.from_ts <= t.ts
			ORDER BY i.from_ts DESC LIMIT 1),
		(SELECT i.exe FROM image AS i WHERE i.process = t.process AND i.from_ts IS NULL LIMIT 1),
		p.exe) AS exe,
	t.action,
	CASE WHEN t.child IS NOT NULL THEN 'process ' || (SELECT pid FROM process WHERE id = t.child)
		WHEN t.connection IS NOT NULL THEN
			(SELECT coalesce(n.name || ' ', '') ||
				coalesce(n.unix_path, iif(instr(n.addr, ':'), '[' || n.addr || ']', n.addr) ||
					':' || n.port, n.family)
			FROM connection AS n WHERE n.id = t.connection)
		WHEN t.old_file IS NOT NULL THEN
			(SELECT path FROM file WHERE id = t.old_file) || ' -> ' || f.path
		ELSE f.path END AS object,
	CASE WHEN t.child IS NOT NULL THEN 'process'
		WHEN t.connection IS NOT NULL THEN 'network' ELSE f.kind END AS kind,
	t.times,
	t.bytes,
	strftime('%Y-%m-%dT%H:%M:%S', t.to_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', t.to_ns % 1000000000) AS last,
	t.event
FROM touch AS t
CROSS JOIN process AS p ON p.id = t.process
LEFT JOIN file AS f ON f.id = t.file
ORDER BY t.from_ns, t.ts, t.event, t.action
