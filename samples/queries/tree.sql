-- title: The process tree
-- param pid integer = null: only this process and what came of it
-- param from time = null: only processes that lived then or later
-- param to time = null: only processes that began before
-- shape: tree
-- needs: case
--
-- A process stands below who made it, not below who it was given to when that one had ended. It is
-- shown as what it ran last; "ran" has what it was before, where it executed more than once.
WITH RECURSIVE alive(id, parent, boot, ts) AS MATERIALIZED (
	SELECT id, parent, boot, coalesce(from_ts, 0)
	FROM process
	WHERE (:from IS NULL OR to_ns IS NULL OR to_ns >= :from)
		AND (:to IS NULL OR from_ns IS NULL OR from_ns < :to)
),
walk(id, depth, boot, ts) AS (
	SELECT a.id, 0, a.boot, a.ts
	FROM alive AS a
	JOIN process AS p ON p.id = a.id
	WHERE CASE WHEN :pid IS NULL THEN a.parent IS NULL OR a.parent NOT IN (SELECT id FROM alive)
		ELSE p.pid = :pid END
	UNION ALL
	SELECT a.id, w.depth + 1, a.boot, a.ts
	FROM walk AS w
	CROSS JOIN process AS child ON child.parent = w.id
	JOIN alive AS a ON a.id = child.id
	-- The deepest first: that is preorder. Without a limit the order is taken to be of no use.
	ORDER BY 2 DESC, 3, 4, 1 LIMIT -1
),
row AS MATERIALIZED (
	SELECT *, row_number() OVER () AS n FROM walk
)
SELECT w.depth,
	coalesce((SELECT group_concat(value, ' ') FROM json_each(p.argv)), p.exe, p.comm,
		CASE WHEN p.kernel_thread THEN 'kernel thread' ELSE '?' END) AS label,
	p.pid,
	coalesce((SELECT name FROM user AS u
		WHERE u.capture = b.capture AND u.kind = 'user' AND u.number = p.uid), p.uid) AS user,
	strftime('%Y-%m-%dT%H:%M:%S', p.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', p.from_ns % 1000000000) AS began,
	strftime('%Y-%m-%dT%H:%M:%S', p.to_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', p.to_ns % 1000000000) AS ended,
	coalesce(p.exit_signal_name, p.exit_signal, p.exit_code) AS exit,
	(SELECT group_concat(exe, ' > ') FROM (
		SELECT exe FROM image WHERE process = p.id AND how = 'exec'
		ORDER BY from_ts)
	HAVING count(*) > 1) AS ran,
	CASE WHEN p.known_by NOT IN ('fork', 'keyframe') THEN p.known_by END AS known_by
FROM row AS w
CROSS JOIN process AS p ON p.id = w.id
JOIN boot AS b ON b.id = p.boot
ORDER BY w.n
