-- title: What is missing from the capture, and what that may hide
-- param limit integer = 20: how many, the largest first; null: all
-- needs: case
--
-- Each time in which events were lost, or the tape could not be read, with the rules that it makes
-- blind, in the last replay of each capture, and with what ran then: processes that lived in it, and
-- which programs they were. Ended in it are processes whose deeds may be lost as a whole.
WITH missing AS MATERIALIZED (
	SELECT g.*
	FROM gap AS g
	WHERE g.kind <> 'retired'
	ORDER BY coalesce(g.count, 9223372036854775807) DESC, g.from_ts, g.id
	LIMIT coalesce(:limit, -1)
),
run(id) AS MATERIALIZED (
	SELECT max(replay) FROM replayed GROUP BY capture
),
hidden AS MATERIALIZED (
	SELECT DISTINCT g.id AS gap, r.name, r.severity_rank
	FROM missing AS g
	JOIN blind AS x ON x.boot = g.boot AND coalesce(x.from_ts, 0) <= coalesce(g.to_ts, x.from_ts, 0)
		AND coalesce(x.to_ts, g.from_ts, 0) >= coalesce(g.from_ts, 0)
	JOIN verdict AS v ON v.id = x.verdict
	JOIN rule AS r ON r.id = v.rule
	WHERE v.replay IN (SELECT id FROM run)
		AND (x.from_ts IS NOT NULL OR x.to_ts IS NOT NULL)
),
present AS MATERIALIZED (
	SELECT g.id AS gap, p.id, p.exe,
		p.from_ts >= g.from_ts AND p.from_ts <= g.to_ts AS began,
		p.to_ts >= g.from_ts AND p.to_ts <= g.to_ts AS ended
	FROM missing AS g
	CROSS JOIN process AS p ON p.boot = g.boot
	WHERE coalesce(p.from_ts, 0) <= coalesce(g.to_ts, p.from_ts, 0)
		AND coalesce(p.to_ts, g.from_ts, 0) >= coalesce(g.from_ts, 0)
		AND coalesce(p.kernel_thread, 0) = 0
),
program AS (
	SELECT gap, exe, count(*) AS n,
		row_number() OVER (PARTITION BY gap ORDER BY sum(ended OR began) DESC, count(*), exe) AS rank
	FROM present
	WHERE exe IS NOT NULL
	GROUP BY gap, exe
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', g.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', g.from_ns % 1000000000) AS began,
	strftime('%Y-%m-%dT%H:%M:%S', g.to_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', g.to_ns % 1000000000) AS ended,
	round((g.to_ts - g.from_ts) / 1e6, 3) AS ms,
	g.kind,
	g.cause,
	g.cpu,
	g.class,
	g.count,
	(SELECT count(*) FROM hidden AS h WHERE h.gap = g.id) AS rules_blind,
	(SELECT group_concat(name, ', ') FROM (
		SELECT name FROM hidden AS h WHERE h.gap = g.id ORDER BY severity_rank DESC, name)) AS rules,
	(SELECT count(*) FROM present AS p WHERE p.gap = g.id) AS lived,
	(SELECT sum(began) FROM present AS p WHERE p.gap = g.id) AS began_in_it,
	(SELECT sum(ended) FROM present AS p WHERE p.gap = g.id) AS ended_in_it,
	(SELECT group_concat(exe || iif(n > 1, ' (' || n || ')', ''), ' ') FROM (
		SELECT exe, n FROM program AS p WHERE p.gap = g.id AND p.rank <= 10
		ORDER BY p.rank)) AS programs,
	c.host
FROM missing AS g
JOIN capture AS c ON c.id = g.capture
ORDER BY coalesce(g.count, 9223372036854775807) DESC, g.from_ts, g.id
