-- title: Seen for the first time
-- param from time = null: only what came then or later for the first time
-- param kind text = '*': executable, peer, listener or name; a pattern of GLOB
-- needs: case
--
-- When each executable, peer, listening port and looked up name was met first, and by whom. What was
-- there when the recording began is not new: without `from` it is shown with how it was found.
WITH met(kind, what, capture, ns, process, how, times, event) AS (
	SELECT 'executable', i.exe, b.capture, min(coalesce(i.from_ns, -1)), i.process,
		iif(i.how = 'exec', NULL, 'was running'), count(*), i.event
	FROM image AS i
	JOIN process AS p ON p.id = i.process
	JOIN boot AS b ON b.id = p.boot
	WHERE i.exe IS NOT NULL AND i.how <> 'fork'
	GROUP BY b.capture, i.exe
	UNION ALL
	SELECT 'peer', n.addr || coalesce(' ' || max(n.name), ''), b.capture,
		min(coalesce(n.from_ns, -1)), n.process, iif(n.event IS NULL, 'was connected', NULL),
		count(*), n.event
	FROM connection AS n
	JOIN process AS p ON p.id = n.process
	JOIN boot AS b ON b.id = p.boot
	WHERE n.family IN ('inet', 'inet6') AND n.kind NOT IN ('listen', 'bind') AND n.addr IS NOT NULL
	GROUP BY b.capture, n.addr
	UNION ALL
	SELECT 'listener', coalesce(n.proto, n.family) || ' ' ||
			coalesce(n.unix_path, iif(instr(n.laddr, ':'), '[' || n.laddr || ']', n.laddr) || ':' ||
			n.lport), b.capture,
		min(coalesce(n.from_ns, -1)), n.process, iif(n.event IS NULL, 'was listening', NULL),
		count(*), n.event
	FROM connection AS n
	JOIN process AS p ON p.id = n.process
	JOIN boot AS b ON b.id = p.boot
	WHERE n.kind = 'listen' AND n.error IS NULL
	GROUP BY b.capture, n.proto, n.unix_path, n.laddr, n.lport
	UNION ALL
	SELECT 'name', d.question, b.capture, min(coalesce(d.ns, -1)), d.process, NULL,
		sum(d.direction = 'sent'), d.event
	FROM dns AS d
	JOIN boot AS b ON b.id = d.boot
	WHERE d.question IS NOT NULL
	GROUP BY b.capture, d.question
)
SELECT iif(m.ns < 0, NULL, strftime('%Y-%m-%dT%H:%M:%S', m.ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', m.ns % 1000000000)) AS first,
	m.kind,
	m.what,
	m.times,
	m.how AS remark,
	p.pid,
	p.exe,
	(SELECT group_concat(value, ' ') FROM json_each(p.argv)) AS command,
	c.host,
	m.event
FROM met AS m
JOIN capture AS c ON c.id = m.capture
LEFT JOIN process AS p ON p.id = m.process
WHERE m.kind GLOB :kind AND (:from IS NULL OR (m.ns >= :from AND m.how IS NULL))
ORDER BY m.ns, m.kind, m.what
