-- title: Who sent and received most
-- param limit integer = 20: how many processes; null: all
-- needs: case
--
-- Bytes over the network by process. Only what was recorded counts: without the class io, and of a
-- socket that was open to the end of the capture, there may be nothing.
WITH total AS (
	SELECT process, count(*) AS connections, count(DISTINCT addr) AS peers,
		sum(sent_bytes) AS sent, sum(received_bytes) AS received,
		min(from_ns) AS from_ns, max(coalesce(to_ns, from_ns)) AS to_ns
	FROM connection
	WHERE family IN ('inet', 'inet6') AND process IS NOT NULL
		AND (sent_bytes > 0 OR received_bytes > 0)
	GROUP BY process
	ORDER BY coalesce(sum(sent_bytes), 0) + coalesce(sum(received_bytes), 0) DESC, process
	LIMIT coalesce(:limit, -1)
)
SELECT p.pid,
	p.exe,
	coalesce((SELECT name FROM user AS u
		WHERE u.capture = b.capture AND u.kind = 'user' AND u.number = p.uid), p.uid) AS user,
	coalesce(t.sent, 0) AS sent,
	coalesce(t.received, 0) AS received,
	t.connections,
	t.peers,
	(SELECT iif(instr(n.addr, ':'), '[' || n.addr || ']', n.addr) || ':' ||
			iif(n.kind = 'accept', n.lport, n.port)
		FROM connection AS n
		WHERE n.process = t.process AND n.family IN ('inet', 'inet6')
		ORDER BY coalesce(n.sent_bytes, 0) + coalesce(n.received_bytes, 0) DESC, n.id
		LIMIT 1) AS most_with,
	strftime('%Y-%m-%dT%H:%M:%S', t.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', t.from_ns % 1000000000) AS first,
	strftime('%Y-%m-%dT%H:%M:%S', t.to_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', t.to_ns % 1000000000) AS last,
	(SELECT group_concat(value, ' ') FROM json_each(p.argv)) AS command,
	c.host
FROM total AS t
JOIN process AS p ON p.id = t.process
JOIN boot AS b ON b.id = p.boot
JOIN capture AS c ON c.id = b.capture
ORDER BY coalesce(t.sent, 0) + coalesce(t.received, 0) DESC, t.process
