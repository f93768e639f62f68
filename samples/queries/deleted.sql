-- title: Executables and scripts that were deleted, or in memory only
-- needs: case
--
-- how: "in memory only" was a memfd; "deleted before" had no name any more when it was executed;
-- "deleted while it ran" and "deleted afterwards" lost it then, and have not got it back.
WITH ran(id, path) AS (
	SELECT id, exe FROM image WHERE how <> 'fork'
	UNION
	SELECT id, path FROM image WHERE how <> 'fork' AND path IS NOT NULL
),
gone AS (
	SELECT i.id, r.path,
		CASE WHEN i.memfd THEN 'in memory only'
			WHEN i.deleted THEN 'deleted before'
			WHEN f.removed_ns < coalesce(i.from_ns, 0) THEN NULL
			WHEN i.to_ns IS NULL OR f.removed_ns < i.to_ns THEN 'deleted while it ran'
			ELSE 'deleted afterwards' END AS how,
		f.removed_ns
	FROM ran AS r
	JOIN image AS i ON i.id = r.id
	JOIN process AS p ON p.id = i.process
	JOIN boot AS b ON b.id = p.boot
	LEFT JOIN file AS f ON f.path = r.path AND f.capture = b.capture AND f.kind = 'file'
	WHERE (r.path = i.exe AND (i.memfd OR i.deleted)) OR f.removed_ns IS NOT NULL
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', i.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', i.from_ns % 1000000000) AS executed,
	g.how,
	g.path,
	p.pid,
	coalesce((SELECT name FROM user AS u WHERE u.capture = b.capture AND u.kind = 'user'
		AND u.number = coalesce(r.euid, p.uid)), r.euid, p.uid) AS user,
	(SELECT group_concat(value, ' ') FROM json_each(i.argv)) AS command,
	parent.pid AS ppid,
	parent.exe AS parent_exe,
	strftime('%Y-%m-%dT%H:%M:%S', g.removed_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', g.removed_ns % 1000000000) AS removed,
	i.sha256,
	c.host,
	i.event
FROM gone AS g
JOIN image AS i ON i.id = g.id
JOIN process AS p ON p.id = i.process
JOIN boot AS b ON b.id = p.boot
JOIN capture AS c ON c.id = b.capture
LEFT JOIN process AS parent ON parent.id = p.parent
LEFT JOIN credential AS r ON r.id = (SELECT k.id FROM credential AS k
	WHERE k.process = p.id AND coalesce(k.from_ts, 0) <= coalesce(i.from_ts, 0)
	ORDER BY k.from_ts DESC LIMIT 1)
WHERE g.how IS NOT NULL
ORDER BY i.from_ns, i.from_ts, i.id
