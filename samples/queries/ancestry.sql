-- title: Where a process comes from
-- param pid integer: its number
-- param at time = null: of those that had the number the one that lived then; null: all
-- needs: case
--
-- From the process up to the first one that is known; generation 1 is who made it. Each was what it
-- was when it made the next one, which need not be what it became.
WITH RECURSIVE up(of, generation, id, until) AS (
	SELECT p.id, 0, p.id, NULL
	FROM boot AS b
	CROSS JOIN process AS p ON p.boot = b.id AND p.pid = :pid
	WHERE :at IS NULL OR
		(coalesce(p.from_ns, :at) <= :at AND (p.to_ns IS NULL OR p.to_ns >= :at))
	UNION ALL
	SELECT up.of, up.generation + 1, p.parent, p.from_ts
	FROM up
	CROSS JOIN process AS p ON p.id = up.id
	WHERE p.parent IS NOT NULL
),
step AS (
	SELECT up.*,
		(SELECT i.id FROM image AS i
		WHERE i.process = up.id AND (up.until IS NULL OR coalesce(i.from_ts, 0) <= up.until)
		ORDER BY i.from_ts DESC LIMIT 1) AS image,
		(SELECT c.uid FROM credential AS c
		WHERE c.process = up.id AND (up.until IS NULL OR coalesce(c.from_ts, 0) <= up.until)
		ORDER BY c.from_ts DESC LIMIT 1) AS uid
	FROM up
)
SELECT s.generation,
	p.pid,
	strftime('%Y-%m-%dT%H:%M:%S', p.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', p.from_ns % 1000000000) AS began,
	strftime('%Y-%m-%dT%H:%M:%S', p.to_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', p.to_ns % 1000000000) AS ended,
	coalesce((SELECT name FROM user AS u WHERE u.capture = b.capture AND u.kind = 'user'
		AND u.number = coalesce(s.uid, p.uid)), s.uid, p.uid) AS user,
	coalesce(i.exe, p.exe) AS exe,
	coalesce((SELECT group_concat(value, ' ') FROM json_each(i.argv)), i.comm, p.comm) AS command,
	p.known_by,
	c.host
FROM step AS s
CROSS JOIN process AS p ON p.id = s.id
JOIN boot AS b ON b.id = p.boot
JOIN capture AS c ON c.id = b.capture
LEFT JOIN image AS i ON i.id = s.image
ORDER BY b.id, s.of, s.generation
