-- title: Who touched a path
-- param path text: a path, or a pattern of GLOB: '/etc/cron*' (a * goes over slashes, too)
-- needs: case
--
-- Also under names that it had before or afterwards, as far as a rename or link says so. Opened
-- means that nothing more is known than that: no data was recorded.
WITH RECURSIVE named(id) AS (
	SELECT id FROM file WHERE path = :path
	UNION
	SELECT id FROM file WHERE path GLOB :path
	UNION
	-- What is not UTF-8 is a blob, which GLOB does not look at.
	SELECT id FROM file WHERE path >= x'' AND CAST(path AS TEXT) GLOB :path
),
same(id) AS (
	SELECT id FROM named
	UNION
	SELECT e.old_file FROM same CROSS JOIN edge AS e ON e.file = same.id
	WHERE e.kind IN ('rename', 'link') AND e.old_file IS NOT NULL
	UNION
	SELECT e.file FROM same CROSS JOIN edge AS e ON e.old_file = same.id
	WHERE e.kind IN ('rename', 'link')
),
touch AS (
	SELECT e.process, e.kind AS action, e.file, e.old_file, e.from_ts AS ts, e.from_ns, e.to_ns,
		e.count AS times, e.bytes, e.event
	FROM same CROSS JOIN edge AS e ON e.file = same.id
	UNION ALL
	SELECT k.process, k.kind || coalesce(' ' || k.detail, ''), k.file, NULL, k.ts, k.ns, k.ns, 1, NULL,
		k.event
	FROM same CROSS JOIN file_change AS k ON k.file = same.id
	UNION ALL
	SELECT d.process, 'open', d.file, NULL, d.from_ts, d.from_ns, d.from_ns, 1, NULL, d.event
	FROM same CROSS JOIN fd AS d ON d.file = same.id
	WHERE d.how NOT IN ('fork', 'keyframe', 'dup')
		AND NOT EXISTS (SELECT 1 FROM edge AS e WHERE e.file = d.file AND e.process = d.process)
	UNION ALL
	SELECT d.process, 'had open', d.file, NULL, d.from_ts, d.from_ns, d.from_ns, 1, NULL, d.event
	FROM same CROSS JOIN fd AS d ON d.file = same.id
	WHERE d.how = 'keyframe'
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', t.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', t.from_ns % 1000000000) AS first,
	p.pid,
	coalesce((SELECT i.exe FROM image AS i WHERE i.process = t.process AND i.from_ts <= t.ts
			ORDER BY i.from_ts DESC LIMIT 1),
		(SELECT i.exe FROM image AS i WHERE i.process = t.process AND i.from_ts IS NULL LIMIT 1),
		p.exe) AS exe,
	coalesce((SELECT c.euid FROM credential AS c WHERE c.process = t.process AND c.from_ts <= t.ts
			ORDER BY c.from_ts DESC LIMIT 1),
		(SELECT c.euid FROM credential AS c
			WHERE c.process = t.process AND c.from_ts IS NULL LIMIT 1),
		p.uid) AS euid,
	t.action,
	CASE WHEN t.old_file IS NOT NULL THEN
		(SELECT path FROM file WHERE id = t.old_file) || ' -> ' || f.path ELSE f.path END AS path,
	t.times,
	t.bytes,
	strftime('%Y-%m-%dT%H:%M:%S', t.to_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', t.to_ns % 1000000000) AS last,
	h.host,
	t.event
FROM touch AS t
CROSS JOIN file AS f ON f.id = t.file
JOIN process AS p ON p.id = t.process
JOIN capture AS h ON h.id = f.capture
ORDER BY t.from_ns, t.ts, t.event, t.action
