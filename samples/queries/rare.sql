-- title: The rarest executables
-- param limit integer = 50: how many; null: all
-- param most integer = 5: only those that ran at most so often; null: any
-- needs: case
--
-- What ran once or twice among what runs all the time. runs counts executions; a program that the
-- capture found running counts once.
WITH ran AS (
	SELECT i.exe, count(*) AS runs, count(DISTINCT b.capture) AS captures,
		count(DISTINCT p.uid) AS users, min(i.from_ns) AS from_ns, max(i.from_ns) AS to_ns,
		min(i.id) AS id, max(i.memfd) AS memfd, max(i.deleted) AS deleted,
		max(i.upper_layer) AS upper_layer, max(i.sha256) AS sha256
	FROM image AS i
	JOIN process AS p ON p.id = i.process
	JOIN boot AS b ON b.id = p.boot
	WHERE i.how IN ('exec', 'keyframe') AND i.exe IS NOT NULL
	GROUP BY i.exe
	HAVING :most IS NULL OR count(*) <= :most
	ORDER BY count(*), min(i.from_ns), i.exe
	LIMIT coalesce(:limit, -1)
)
SELECT r.runs,
	r.exe,
	r.captures,
	r.users,
	strftime('%Y-%m-%dT%H:%M:%S', r.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', r.from_ns % 1000000000) AS first,
	strftime('%Y-%m-%dT%H:%M:%S', r.to_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', r.to_ns % 1000000000) AS last,
	p.pid,
	(SELECT group_concat(value, ' ') FROM json_each(i.argv)) AS command,
	(SELECT exe FROM process AS q WHERE q.id = p.parent) AS parent_exe,
	nullif(trim(iif(r.memfd, 'in memory ', '') || iif(r.deleted, 'deleted ', '') ||
		iif(r.upper_layer, 'not of the image', '')), '') AS remarks,
	r.sha256
FROM ran AS r
JOIN image AS i ON i.id = r.id
JOIN process AS p ON p.id = i.process
ORDER BY r.runs, r.from_ns, r.exe
