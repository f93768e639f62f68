-- title: Changes of privileges
-- param gains integer = 0: 1: only where more is allowed than before
-- param pid integer = null: of this process only
-- needs: case
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
		nullif(ltrim(
			iif(s.old_uid <> s.uid, ' uid=' || s.old_uid, '') ||
			iif(s.old_euid <> s.euid, ' euid=' || s.old_euid, '') ||
			iif(s.old_suid <> s.suid, ' suid=' || s.old_suid, '') ||
			iif(s.old_fsuid <> s.fsuid AND s.fsuid <> s.euid, ' fsuid=' || s.old_fsuid, '') ||
			iif(s.old_gid <> s.gid, ' gid=' || s.old_gid, '') ||
			iif(s.old_egid <> s.egid, ' egid=' || s.old_egid, '') ||
			iif(s.old_effective <> s.cap_effective,
				' capabilities=' || iif(s.old_effective, s.old_names, 'none'), '') ||
			iif(s.old_permitted <> s.cap_permitted, printf(' permitted=0x%x', s.old_permitted), '') ||
			iif(s.old_seccomp <> s.seccomp, ' seccomp=' || s.old_seccomp, '') ||
			iif(s.old_no_new_privs <> s.no_new_privs,
				' no_new_privs=' || s.old_no_new_privs, '') ||
			iif(s.old_user_ns <> s.user_ns, ' user_ns=' || s.old_user_ns, '') ||
			iif(s.old_pid_ns <> s.pid_ns, ' pid_ns=' || s.old_pid_ns, '') ||
			iif(s.old_mnt_ns <> s.mnt_ns, ' mnt_ns=' || s.old_mnt_ns, '') ||
			iif(s.old_net_ns <> s.net_ns, ' net_ns=' || s.old_net_ns, '') ||
			iif(s.old_uts_ns <> s.uts_ns, ' uts_ns=' || s.old_uts_ns, '') ||
			iif(s.old_ipc_ns <> s.ipc_ns, ' ipc_ns=' || s.old_ipc_ns, '') ||
			iif(s.old_cgroup_ns <> s.cgroup_ns, ' cgroup_ns=' || s.old_cgroup_ns, '')), '') AS before,
		nullif(ltrim(
			iif(s.old_uid <> s.uid, ' uid=' || s.uid, '') ||
			iif(s.old_euid <> s.euid, ' euid=' || s.euid, '') ||
			iif(s.old_suid <> s.suid, ' suid=' || s.suid, '') ||
			iif(s.old_fsuid <> s.fsuid AND s.fsuid <> s.euid, ' fsuid=' || s.fsuid, '') ||
			iif(s.old_gid <> s.gid, ' gid=' || s.gid, '') ||
			iif(s.old_egid <> s.egid, ' egid=' || s.egid, '') ||
			iif(s.old_effective <> s.cap_effective,
				' capabilities=' || iif(s.cap_effective, s.cap_effective_names, 'none'), '') ||
			iif(s.old_permitted <> s.cap_permitted, printf(' permitted=0x%x', s.cap_permitted), '') ||
			iif(s.old_seccomp <> s.seccomp, ' seccomp=' || s.seccomp, '') ||
			iif(s.old_no_new_privs <> s.no_new_privs,
				' no_new_privs=' || s.no_new_privs, '') ||
			iif(s.old_user_ns <> s.user_ns, ' user_ns=' || s.user_ns, '') ||
			iif(s.old_pid_ns <> s.pid_ns, ' pid_ns=' || s.pid_ns, '') ||
			iif(s.old_mnt_ns <> s.mnt_ns, ' mnt_ns=' || s.mnt_ns, '') ||
			iif(s.old_net_ns <> s.net_ns, ' net_ns=' || s.net_ns, '') ||
			iif(s.old_uts_ns <> s.uts_ns, ' uts_ns=' || s.uts_ns, '') ||
			iif(s.old_ipc_ns <> s.ipc_ns, ' ipc_ns=' || s.ipc_ns, '') ||
			iif(s.old_cgroup_ns <> s.cgroup_ns, ' cgroup_ns=' || s.cgroup_ns, '')), '') AS after
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
