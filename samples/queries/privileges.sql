-- title: Changes of privileges
-- param gains integer = 0: 1: only where more is allowed than before
-- param pid integer = null: of this process only
-- shape: table
--
-- gains says what a process may do that it could not do before: root's user id, capabilities, or
-- the host's namespaces. before and after hold only what is different.
WITH step AS (
	SELECT c.*,
		lag(c.id) OVER of AS old_id,
		lag(c.uid) OVER of AS old_uid, lag(c.euid) OVER of AS old_euid,
		lag(c.suid) OVER of AS old_suid, lag(c.fsuid) OVER of AS old_fsuid,
		lag(c.gid) OVER of AS old_gid, lag(c.egid) OVER of AS old_egid,
		lag(c.cap_effective) OVER of AS old_effective,
		lag(c.cap_effective_names) OVER of AS old_names,
		lag(c.cap_permitted) OVER of AS old_permitted,
		lag(c.seccomp) OVER of AS old_seccomp,
		lag(c.no_new_privs) OVER of AS old_no_new_privs,
		lag(c.user_ns) OVER of AS old_user_ns, lag(c.pid_ns) OVER of AS old_pid_ns,
		lag(c.mnt_ns) OVER of AS old_mnt_ns, lag(c.net_ns) OVER of AS old_net_ns,
		lag(c.uts_ns) OVER of AS old_uts_ns, lag(c.ipc_ns) OVER of AS old_ipc_ns,
		lag(c.cgroup_ns) OVER of AS old_cgroup_ns
	FROM credential AS c
	WHERE :pid IS NULL OR c.process IN (SELECT p.id FROM boot AS b
		CROSS JOIN process AS p ON p.boot = b.id AND p.pid = :pid)
	WINDOW of AS (PARTITION BY c.process ORDER BY c.from_ts, c.id)
),
part(id, n, what, old, new) AS (
	SELECT id, 1, 'uid', old_uid, uid FROM step WHERE old_uid <> uid
	UNION ALL SELECT id, 2, 'euid', old_euid, euid FROM step WHERE old_euid <> euid
	UNION ALL SELECT id, 3, 'suid', old_suid, suid FROM step WHERE old_suid <> suid
	UNION ALL SELECT id, 4, 'fsuid', old_fsuid, fsuid FROM step
		WHERE old_fsuid <> fsuid AND fsuid <> euid
	UNION ALL SELECT id, 5, 'gid', old_gid, gid FROM step WHERE old_gid <> gid
	UNION ALL SELECT id, 6, 'egid', old_egid, egid FROM step WHERE old_egid <> egid
	UNION ALL SELECT id, 7, 'capabilities', coalesce(nullif(old_names, ''), '-'),
		coalesce(nullif(cap_effective_names, ''), '-') FROM step WHERE old_effective <> cap_effective
	UNION ALL SELECT id, 8, 'permitted', printf('0x%x', old_permitted), printf('0x%x', cap_permitted)
		FROM step WHERE old_permitted <> cap_permitted
	UNION ALL SELECT id, 9, 'seccomp', old_seccomp, seccomp FROM step WHERE old_seccomp <> seccomp
	UNION ALL SELECT id, 10, 'no_new_privs', old_no_new_privs, no_new_privs FROM step
		WHERE old_no_new_privs <> no_new_privs
	UNION ALL SELECT id, 11, 'user_ns', old_user_ns, user_ns FROM step WHERE old_user_ns <> user_ns
	UNION ALL SELECT id, 12, 'pid_ns', old_pid_ns, pid_ns FROM step WHERE old_pid_ns <> pid_ns
	UNION ALL SELECT id, 13, 'mnt_ns', old_mnt_ns, mnt_ns FROM step WHERE old_mnt_ns <> mnt_ns
	UNION ALL SELECT id, 14, 'net_ns', old_net_ns, net_ns FROM step WHERE old_net_ns <> net_ns
	UNION ALL SELECT id, 15, 'uts_ns', old_uts_ns, uts_ns FROM step WHERE old_uts_ns <> uts_ns
	UNION ALL SELECT id, 16, 'ipc_ns', old_ipc_ns, ipc_ns FROM step WHERE old_ipc_ns <> ipc_ns
	UNION ALL SELECT id, 17, 'cgroup_ns', old_cgroup_ns, cgroup_ns FROM step
		WHERE old_cgroup_ns <> cgroup_ns
),
-- The namespaces of whoever the machine began with.
host_ns AS MATERIALIZED (
	SELECT p.boot, c.user_ns, c.pid_ns, c.mnt_ns, c.net_ns
	FROM process AS p JOIN credential AS c ON c.process = p.id
	WHERE p.pid = 1
	GROUP BY p.boot
	HAVING c.from_ts IS min(c.from_ts) OR count(c.from_ts) = 0
),
change AS (
	SELECT s.*,
		nullif(trim(
			iif(s.old_euid <> 0 AND s.euid = 0, 'root ', '') ||
			iif(s.cap_effective & ~s.old_effective, 'capabilities ', '') ||
			coalesce(iif((s.old_mnt_ns <> s.mnt_ns AND s.mnt_ns = h.mnt_ns) OR
				(s.old_pid_ns <> s.pid_ns AND s.pid_ns = h.pid_ns) OR
				(s.old_user_ns <> s.user_ns AND s.user_ns = h.user_ns),
				'host namespaces', ''), '')), '') AS gains,
		(SELECT group_concat(what || '=' || old, ' ') FROM
			(SELECT * FROM part WHERE part.id = s.id ORDER BY n)) AS before,
		(SELECT group_concat(what || '=' || new, ' ') FROM
			(SELECT * FROM part WHERE part.id = s.id ORDER BY n)) AS after
	FROM step AS s
	JOIN process AS p ON p.id = s.process
	LEFT JOIN host_ns AS h ON h.boot = p.boot
	WHERE s.old_id IS NOT NULL
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', s.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', s.from_ns % 1000000000) AS time,
	p.pid,
	coalesce((SELECT i.exe FROM image AS i
		WHERE i.process = s.process AND coalesce(i.from_ts, 0) <= coalesce(s.from_ts, 0)
		ORDER BY i.from_ts DESC LIMIT 1), p.exe) AS exe,
	s.how,
	s.gains,
	s.before,
	s.after,
	c.host,
	s.event
FROM change AS s
JOIN process AS p ON p.id = s.process
JOIN boot AS b ON b.id = p.boot
JOIN capture AS c ON c.id = b.capture
WHERE s.before IS NOT NULL AND (NOT :gains OR s.gains IS NOT NULL)
ORDER BY s.from_ns, s.from_ts, s.id
