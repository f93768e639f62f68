-- title: Files dropped and then executed
-- param within integer = null: seconds between the two, at most; null: any
-- needs: case
--
-- A file that a process of the capture wrote, made or renamed, and that was executed, or mapped as
-- code, later. A file that got its name by a rename or link was made under its old one. "by" is who
-- made it first.
WITH RECURSIVE run AS MATERIALIZED (
	SELECT e.id, e.file, e.process, e.kind, e.from_ts, e.from_ns, e.event
	FROM file AS f
	CROSS JOIN edge AS e ON e.file = f.id
	WHERE f.writers > 0 AND e.kind IN ('exec', 'map')
),
origin(run, file, until) AS (
	SELECT id, file, from_ts FROM run
	UNION
	SELECT o.run, e.old_file, e.from_ts
	FROM origin AS o
	CROSS JOIN edge AS e ON e.file = o.file
	WHERE e.kind IN ('rename', 'link') AND e.old_file IS NOT NULL AND e.from_ts <= o.until
),
made AS (
	SELECT o.run, e.id, min(e.from_ts) AS ts
	FROM origin AS o
	CROSS JOIN edge AS e ON e.file = o.file
	WHERE e.is_out = 1 AND e.from_ts <= o.until
	GROUP BY o.run
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', r.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', r.from_ns % 1000000000) AS executed,
	f.path,
	iif(r.kind = 'map', 'loaded', 'executed') AS how,
	p.pid,
	coalesce((SELECT group_concat(value, ' ') FROM image AS i, json_each(i.argv)
		WHERE i.id = (SELECT i.id FROM image AS i
			WHERE i.process = r.process AND coalesce(i.from_ts, 0) <= r.from_ts
			ORDER BY i.from_ts DESC LIMIT 1)), p.exe) AS command,
	strftime('%Y-%m-%dT%H:%M:%S', e.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', e.from_ns % 1000000000) AS made,
	q.pid AS by_pid,
	coalesce((SELECT i.exe FROM image AS i
		WHERE i.process = e.process AND coalesce(i.from_ts, 0) <= e.from_ts
		ORDER BY i.from_ts DESC LIMIT 1), q.exe) AS by_exe,
	CASE WHEN e.file <> r.file THEN (SELECT path FROM file WHERE id = e.file) END AS made_as,
	round((r.from_ts - e.from_ts) / 1e9, 3) AS seconds,
	f.sha256,
	c.host,
	r.event
FROM made AS m
CROSS JOIN run AS r ON r.id = m.run
CROSS JOIN edge AS e ON e.id = m.id
JOIN file AS f ON f.id = r.file
JOIN capture AS c ON c.id = f.capture
JOIN process AS p ON p.id = r.process
JOIN process AS q ON q.id = e.process
WHERE :within IS NULL OR r.from_ts - e.from_ts <= :within * 1000000000
ORDER BY r.from_ns, r.from_ts, r.event
