-- title: Sockets that waited for somebody
-- param at time = null: those that did so at that time; null: all that were seen
-- needs: case
--
-- accepted counts the connections that came to the same address and port. A UDP socket does not
-- listen: it is here when it was bound to a port.
WITH came AS MATERIALIZED (
	SELECT net_ns, family, laddr, lport, unix_path, count(*) AS n
	FROM connection
	WHERE kind = 'accept'
	GROUP BY net_ns, family, laddr, lport, unix_path
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', n.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', n.from_ns % 1000000000) AS began,
	strftime('%Y-%m-%dT%H:%M:%S', n.to_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', n.to_ns % 1000000000) AS ended,
	coalesce(n.proto, n.family) AS proto,
	coalesce(n.unix_path, n.laddr) AS address,
	CASE WHEN n.family IN ('inet', 'inet6') THEN n.lport END AS port,
	p.pid,
	p.exe,
	coalesce((SELECT name FROM user AS u
		WHERE u.capture = b.capture AND u.kind = 'user' AND u.number = p.uid), p.uid) AS user,
	(SELECT sum(a.n) FROM came AS a
	WHERE a.net_ns IS n.net_ns AND CASE WHEN n.family IN ('inet', 'inet6')
		THEN a.lport = n.lport AND (a.laddr = n.laddr OR n.laddr IN ('0.0.0.0', '::'))
		ELSE a.family = n.family AND a.unix_path = n.unix_path END) AS accepted,
	c.host,
	n.event
FROM connection AS n
LEFT JOIN process AS p ON p.id = n.process
JOIN boot AS b ON b.id = n.boot
JOIN capture AS c ON c.id = b.capture
WHERE (n.kind = 'listen' OR (n.kind = 'bind' AND n.proto IN ('udp', 'udplite') AND n.lport > 0))
	AND n.error IS NULL
	AND (:at IS NULL OR (coalesce(n.from_ns, :at) <= :at AND (n.to_ns IS NULL OR n.to_ns >= :at)))
ORDER BY n.family, n.lport, n.unix_path, n.from_ns
