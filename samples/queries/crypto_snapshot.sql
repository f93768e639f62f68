-- title: All processes that have cryptography, at one moment, as crypto-tracer's snapshot tells it
-- param at time = null: when; null: at the end of the capture
-- param extensions integer = 1: 0: only files and libraries that crypto-tracer knows
-- shape: pretty
-- needs: case
--
-- A document for each boot that the capture saw: libraries that a process had loaded, also those that
-- it got with a fork, and crypto files that it had open. summary counts what is different.
WITH RECURSIVE moment AS MATERIALIZED (
	SELECT b.id AS boot, b.capture, coalesce(:at, b.to_ns) AS ns, :at IS NULL AS is_end
	FROM boot AS b
	WHERE :at IS NULL OR :at BETWEEN b.from_ns AND b.to_ns
),
alive AS MATERIALIZED (
	SELECT p.id, m.boot, m.capture, m.ns
	FROM moment AS m CROSS JOIN process AS p ON p.boot = m.boot
	WHERE coalesce(p.from_ns, 0) <= m.ns AND (p.to_ns IS NULL OR (NOT m.is_end AND p.to_ns > m.ns))
),
-- The images whose maps a process has: what it runs, and if it was only forked, its parent's by then.
owner(id, process, since, until, how) AS MATERIALIZED (
	SELECT a.id, i.process, i.from_ts, NULL, i.how
	FROM alive AS a
	JOIN image AS i ON i.id = (SELECT j.id FROM image AS j
		WHERE j.process = a.id AND coalesce(j.from_ns, 0) <= a.ns
		ORDER BY j.from_ts DESC LIMIT 1)
	UNION ALL
	SELECT o.id, i.process, i.from_ts, o.since, i.how
	FROM owner AS o
	JOIN process AS p ON p.id = o.process
	JOIN image AS i ON i.id = (SELECT j.id FROM image AS j
		WHERE j.process = p.parent AND coalesce(j.from_ts, 0) <= o.since
		ORDER BY j.from_ts DESC LIMIT 1)
	WHERE o.how = 'fork'
),
library AS MATERIALIZED (
	SELECT e.process, e.from_ts, e.from_ns, f.path
	FROM (SELECT DISTINCT library FROM crypto_libraries(NULL, NULL, NULL)
		WHERE :extensions OR NOT is_extension) AS k
	CROSS JOIN file AS f ON f.path = k.library AND f.kind = 'file'
	CROSS JOIN edge AS e ON e.file = f.id
	WHERE e.kind = 'map'
),
loaded AS MATERIALIZED (
	SELECT DISTINCT o.id AS process, l.path
	FROM owner AS o
	JOIN library AS l ON l.process = o.process
	JOIN alive AS a ON a.id = o.id
	WHERE l.from_ts >= coalesce(o.since, 0) AND l.from_ts <= coalesce(o.until, l.from_ts)
		AND coalesce(l.from_ns, 0) <= a.ns
),
opened AS MATERIALIZED (
	SELECT DISTINCT a.id AS process, f.path
	FROM (SELECT DISTINCT file FROM crypto_files(NULL, NULL, '*')
		WHERE :extensions OR NOT is_extension) AS k
	CROSS JOIN file AS f ON f.path = k.file AND f.kind = 'file'
	CROSS JOIN fd AS d ON d.file = f.id
	JOIN alive AS a ON a.id = d.process
	WHERE coalesce(d.from_ns, 0) <= a.ns AND (d.to_ns IS NULL OR d.to_ns > a.ns)
),
lists AS (
	SELECT process, json_group_array(path) AS paths, what
	FROM (
		SELECT process, 'loaded' AS what,
			utf8_text(path) AS path
		FROM loaded
		UNION ALL
		SELECT process, 'opened',
			utf8_text(path)
		FROM opened
		ORDER BY 1, 2, 3)
	GROUP BY process, what
),
listed AS MATERIALIZED (
	SELECT a.id, a.boot, a.capture, a.ns,
		coalesce(max(iif(l.what = 'loaded', l.paths, NULL)), '[]') AS libraries,
		coalesce(max(iif(l.what = 'opened', l.paths, NULL)), '[]') AS files
	FROM lists AS l JOIN alive AS a ON a.id = l.process
	GROUP BY a.id
),
described AS (
	SELECT l.boot, p.pid, json_object(
		'pid', p.pid,
		'name', utf8_text(p.comm),
		'exe', (SELECT utf8_text(i.exe)
			FROM image AS i
			WHERE i.process = p.id AND coalesce(i.from_ns, 0) <= l.ns
			ORDER BY i.from_ts DESC LIMIT 1),
		'running_as', coalesce((SELECT name FROM user AS u WHERE u.capture = l.capture
			AND u.kind = 'user' AND u.number = p.uid), 'uid:' || p.uid),
		'libraries', json(l.libraries),
		'open_crypto_files', json(l.files)) AS json
	FROM listed AS l
	JOIN process AS p ON p.id = l.id
	ORDER BY l.boot, p.pid
)
SELECT json_object(
	'snapshot_version', '1.0',
	'generated_at', strftime('%Y-%m-%dT%H:%M:%S', m.ns / 1000000000, 'unixepoch') ||
		printf('.%06dZ', m.ns % 1000000000 / 1000),
	'hostname', c.host,
	'kernel', c.kernel,
	'processes', json((SELECT json_group_array(json(json)) FROM (
		SELECT json FROM described AS d WHERE d.boot = m.boot ORDER BY pid))),
	'summary', json_object(
		'total_processes', (SELECT count(*) FROM listed AS l WHERE l.boot = m.boot),
		'total_libraries', (SELECT count(DISTINCT o.path) FROM loaded AS o
			JOIN alive AS a ON a.id = o.process WHERE a.boot = m.boot),
		'total_files', (SELECT count(DISTINCT o.path) FROM opened AS o
			JOIN alive AS a ON a.id = o.process WHERE a.boot = m.boot))
	) AS json
FROM moment AS m
JOIN capture AS c ON c.id = m.capture
ORDER BY m.boot
