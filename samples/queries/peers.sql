-- title: Network peers, with the names that they were looked up by
-- param pid integer = null: of this process only
-- needs: case
--
-- to: somebody here connected or sent there; port is the peer's. from: the peer came here; port is
-- the one that it came to. names are those that a DNS answer of the capture gave that address.
WITH met AS (
	SELECT n.*,
		CASE WHEN n.kind = 'accept' THEN 'from' ELSE 'to' END AS direction,
		CASE WHEN n.kind = 'accept' THEN n.lport ELSE n.port END AS service
	FROM connection AS n
	WHERE n.family IN ('inet', 'inet6') AND n.kind NOT IN ('listen', 'bind') AND n.addr IS NOT NULL
		AND (:pid IS NULL OR n.process IN (SELECT p.id FROM boot AS b
			CROSS JOIN process AS p ON p.boot = b.id AND p.pid = :pid))
)
SELECT m.direction,
	m.addr,
	m.service AS port,
	m.proto,
	coalesce((SELECT group_concat(question, ' ') FROM (
		SELECT DISTINCT question FROM dns WHERE data = m.addr ORDER BY 1)),
		max(m.name)) AS names,
	count(*) AS connections,
	count(m.error) AS failed,
	sum(m.sent_bytes) AS sent,
	sum(m.received_bytes) AS received,
	strftime('%Y-%m-%dT%H:%M:%S', min(m.from_ns) / 1000000000, 'unixepoch') ||
		printf('.%09dZ', min(m.from_ns) % 1000000000) AS first,
	strftime('%Y-%m-%dT%H:%M:%S', max(m.from_ns) / 1000000000, 'unixepoch') ||
		printf('.%09dZ', max(m.from_ns) % 1000000000) AS last,
	count(DISTINCT m.process) AS processes,
	group_concat(DISTINCT p.exe) AS exes
FROM met AS m
LEFT JOIN process AS p ON p.id = m.process
GROUP BY m.direction, m.addr, m.service, m.proto
ORDER BY coalesce(sum(m.sent_bytes), 0) + coalesce(sum(m.received_bytes), 0) DESC,
	min(m.from_ns), m.addr, m.service
