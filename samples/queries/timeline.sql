-- title: What happened, in words and in order
-- param from time = null: not before that
-- param to time = null: before that
-- param pid integer = null: only what this process did
-- param writes integer = 0: 1: also each file that a process wrote to
-- needs: case
--
-- Programs that ran, files made, renamed, cut, changed and removed, connections, names looked up, changes of
-- privileges, mounts, containers, findings, and where the capture itself has a hole. Ordinary ends of
-- processes and reads are left out.
WITH who AS MATERIALIZED (
	SELECT p.id, p.boot, b.capture
	FROM process AS p JOIN boot AS b ON b.id = p.boot
	WHERE (:pid IS NULL OR p.pid = :pid)
		AND (:from IS NULL OR p.to_ns IS NULL OR p.to_ns >= :from)
		AND (:to IS NULL OR p.from_ns IS NULL OR p.from_ns < :to)
),
step AS (
	SELECT c.*,
		lag(c.id) OVER of AS old_id, lag(c.uid) OVER of AS old_uid, lag(c.euid) OVER of AS old_euid,
		lag(c.gid) OVER of AS old_gid, lag(c.cap_effective) OVER of AS old_effective,
		lag(c.cap_effective_names) OVER of AS old_names, lag(c.seccomp) OVER of AS old_seccomp,
		lag(c.mnt_ns) OVER of AS old_mnt_ns, lag(c.net_ns) OVER of AS old_net_ns,
		lag(c.pid_ns) OVER of AS old_pid_ns, lag(c.user_ns) OVER of AS old_user_ns
	FROM who CROSS JOIN credential AS c ON c.process = who.id
	WINDOW of AS (PARTITION BY c.process ORDER BY c.from_ts, c.id)
),
happened(ns, ts, capture, process, kind, what, event) AS (
	SELECT i.from_ns, i.from_ts, w.capture, i.process, 'exec',
		'runs ' || coalesce(iif(i.path <> i.exe, i.path || ' by ' || i.exe, i.exe), '?') ||
			iif(i.memfd, ' (in memory only)', '') || iif(i.deleted, ' (deleted)', '') ||
			coalesce(': ' || (SELECT group_concat(value, ' ') FROM json_each(i.argv)), ''),
		i.event
	FROM who AS w CROSS JOIN image AS i ON i.process = w.id
	WHERE i.how = 'exec'
	UNION ALL
	SELECT p.to_ns, p.to_ts, w.capture, p.id, 'killed',
		'is killed by ' || coalesce(p.exit_signal_name, 'signal ' || p.exit_signal), NULL
	FROM who AS w CROSS JOIN process AS p ON p.id = w.id
	WHERE p.exit_signal > 0
	UNION ALL
	SELECT e.from_ns, e.from_ts, w.capture, e.process, 'file',
		CASE e.kind WHEN 'create' THEN 'makes ' WHEN 'truncate' THEN 'cuts '
			WHEN 'write' THEN 'writes ' WHEN 'rename' THEN 'renames ' ELSE 'links ' END ||
		coalesce((SELECT path FROM file WHERE id = e.old_file) ||
			iif(e.kind = 'link', ' as ', ' to '), '') || f.path ||
		iif(e.count > 1, ' (' || e.count || ' times)', ''),
		e.event
	FROM who AS w CROSS JOIN edge AS e ON e.process = w.id
	JOIN file AS f ON f.id = e.file
	WHERE (e.kind IN ('create', 'rename', 'link', 'truncate') OR (:writes AND e.kind = 'write'))
		AND f.kind IN ('file', 'memfd') AND f.path NOT IN ('/dev/null', '/dev/tty')
	UNION ALL
	SELECT k.ns, k.ts, w.capture, k.process, 'file',
		CASE k.kind WHEN 'unlink' THEN 'removes ' WHEN 'rmdir' THEN 'removes '
			WHEN 'utimes' THEN 'sets the time of ' ELSE 'changes ' END || f.path ||
		CASE k.kind WHEN 'chmod' THEN ' to mode ' || k.detail
			WHEN 'chown' THEN ' to owner ' || k.detail
			WHEN 'utimes' THEN ' to ' || coalesce(strftime('%Y-%m-%dT%H:%M:%S',
				k.mtime_ns / 1000000000, 'unixepoch') || printf('.%09dZ', k.mtime_ns % 1000000000), k.detail, '?')
			WHEN 'setxattr' THEN ': attribute ' || k.detail
			WHEN 'setflags' THEN ': flags ' || k.detail ELSE '' END, k.event
	FROM who AS w CROSS JOIN file_change AS k ON k.process = w.id
	JOIN file AS f ON f.id = k.file
	UNION ALL
	SELECT n.from_ns, n.from_ts, w.capture, n.process, 'network',
		CASE WHEN n.error IS NOT NULL THEN 'fails to ' ELSE '' END ||
		CASE n.kind WHEN 'connect' THEN iif(n.error IS NULL, 'connects to ', 'connect to ')
			WHEN 'accept' THEN 'accepts a connection from '
			WHEN 'listen' THEN 'listens on ' WHEN 'send' THEN 'sends to '
			WHEN 'recv' THEN 'receives from ' ELSE n.kind || ' ' END ||
		CASE WHEN n.family NOT IN ('inet', 'inet6') THEN coalesce(n.unix_path, n.family)
			WHEN n.kind = 'listen' THEN
				iif(instr(n.laddr, ':'), '[' || n.laddr || ']', n.laddr) || ':' || n.lport
			ELSE iif(instr(n.addr, ':'), '[' || n.addr || ']', n.addr) || ':' || n.port END ||
		coalesce(' (' || n.name || ')', '') || coalesce(': ' || n.error, ''),
		n.event
	FROM who AS w CROSS JOIN connection AS n ON n.process = w.id
	WHERE n.kind IN ('accept', 'listen', 'connect', 'send', 'recv')
		AND (n.family IN ('inet', 'inet6') OR n.kind = 'listen')
	UNION ALL
	SELECT min(d.ns), min(d.ts), w.capture, d.process, 'dns',
		'asks ' || coalesce(d.server, '?') || ' for ' || d.question ||
			coalesce(' (' || d.question_type || ')', ''), d.event
	FROM who AS w CROSS JOIN dns AS d ON d.process = w.id
	WHERE d.direction = 'sent' AND d.question IS NOT NULL
	GROUP BY d.event, d.question, d.question_type
	UNION ALL
	SELECT s.from_ns, s.from_ts, w.capture, s.process, 'privileges', s.how || ': ' || ltrim(
		iif(s.old_uid <> s.uid, ', uid ' || s.old_uid || ' to ' || s.uid, '') ||
		iif(s.old_euid <> s.euid, ', euid ' || s.old_euid || ' to ' || s.euid, '') ||
		iif(s.old_gid <> s.gid, ', gid ' || s.old_gid || ' to ' || s.gid, '') ||
		iif(s.cap_effective & ~s.old_effective, ', gains capabilities', '') ||
		iif(s.old_effective & ~s.cap_effective, ', loses capabilities', '') ||
		iif(s.old_seccomp <> s.seccomp, ', seccomp ' || s.seccomp, '') ||
		iif(s.old_mnt_ns <> s.mnt_ns OR s.old_net_ns <> s.net_ns OR s.old_pid_ns <> s.pid_ns OR
			s.old_user_ns <> s.user_ns, ', other namespaces', ''), ', '), s.event
	FROM step AS s JOIN who AS w ON w.id = s.process
	WHERE s.old_id IS NOT NULL AND (s.old_uid <> s.uid OR s.old_euid <> s.euid OR s.old_gid <> s.gid
		OR s.old_effective <> s.cap_effective OR s.old_seccomp <> s.seccomp
		OR s.old_mnt_ns <> s.mnt_ns OR s.old_net_ns <> s.net_ns OR s.old_pid_ns <> s.pid_ns
		OR s.old_user_ns <> s.user_ns)
	UNION ALL
	SELECT m.from_ns, m.from_ts, w.capture, m.process, 'mount',
		'mounts ' || coalesce(m.source, '?') || ' on ' || m.path || coalesce(' (' || m.fstype || ')', ''),
		m.event
	FROM mount AS m JOIN who AS w ON w.id = m.process
	UNION ALL
	SELECT f.ns, f.ts, b.capture, f.process, 'finding',
		r.severity || ': ' || r.name || coalesce(': ' || nullif(r.title, r.name), ''),
		(SELECT e.event FROM evidence AS e WHERE e.finding = f.id ORDER BY e.match, e.n DESC LIMIT 1)
	FROM finding AS f JOIN rule AS r ON r.id = f.rule JOIN boot AS b ON b.id = f.boot
	WHERE f.replay IN (SELECT max(replay) FROM replayed GROUP BY capture) AND NOT f.suppressed
		AND (:pid IS NULL OR f.pid = :pid)
	UNION ALL
	SELECT k.from_ns, k.from_ts, b.capture, NULL, 'container',
		'container ' || coalesce(k.name, k.container_id, k.cgroup, '?') || ' begins' ||
			coalesce(' (' || k.image || ')', ''), NULL
	FROM container AS k JOIN boot AS b ON b.id = k.boot
	WHERE :pid IS NULL AND k.from_ns IS NOT NULL
	UNION ALL
	SELECT coalesce(g.from_ns, g.to_ns), coalesce(g.from_ts, g.to_ts), g.capture, NULL, 'gap',
		CASE WHEN g.kind = 'lost' THEN coalesce(g.count, 'some') || ' events' ||
			coalesce(' of class ' || g.class, '') || ' are lost' || coalesce(' on CPU ' || g.cpu, '')
			WHEN g.kind = 'retired' THEN 'the recorder has removed older events'
			ELSE 'the capture is ' || g.kind END || coalesce(': ' || g.cause, ''), NULL
	FROM gap AS g
	WHERE :pid IS NULL
	UNION ALL
	SELECT k.realtime_ns, k.ts, b.capture, NULL, 'clock',
		printf('the clock has been set by %+.9f s', k.stepped / 1e9), NULL
	FROM clock AS k JOIN boot AS b ON b.id = k.boot
	WHERE :pid IS NULL AND k.stepped <> 0
	UNION ALL
	SELECT b.from_ns, b.from_ts, b.capture, NULL, 'capture', 'the recording begins', NULL
	FROM boot AS b WHERE :pid IS NULL
	UNION ALL
	SELECT b.to_ns, b.to_ts, b.capture, NULL, 'capture', 'the recording ends', NULL
	FROM boot AS b WHERE :pid IS NULL
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', h.ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', h.ns % 1000000000) AS time,
	p.pid,
	coalesce((SELECT i.comm FROM image AS i WHERE i.process = h.process AND i.from_ts <= h.ts
			ORDER BY i.from_ts DESC LIMIT 1),
		(SELECT i.comm FROM image AS i WHERE i.process = h.process AND i.from_ts IS NULL LIMIT 1),
		p.comm) AS comm,
	h.kind,
	h.what,
	c.host,
	h.event
FROM happened AS h
LEFT JOIN capture AS c ON c.id = h.capture
LEFT JOIN process AS p ON p.id = h.process
WHERE h.ns IS NOT NULL AND (:from IS NULL OR h.ns >= :from) AND (:to IS NULL OR h.ns < :to)
ORDER BY h.ns, h.ts, h.kind = 'finding', h.event, h.what
