-- title: Places written that start something again
-- needs: case
--
-- What a program is put into that should run again by itself: at boot, at login, by time, or in other
-- programs. Each file that was written, made, renamed to, linked or cut there, with who did it.
-- Homes are those of the accounts that the capture has, /root and /home/*. technique is ATT&CK's.
WITH place(what, technique, below, pattern) AS (VALUES
	-- below NULL: pattern is the whole path; 'home': it follows each home; 'root': only /root too
	('cron', 'T1053.003', NULL, '/etc/crontab'),
	('cron', 'T1053.003', NULL, '/etc/anacrontab'),
	('cron', 'T1053.003', NULL, '/etc/cron.*/*'),
	('cron', 'T1053.003', NULL, '/var/spool/cron/*'),
	('at', 'T1053.002', NULL, '/var/spool/at/*'),
	('at', 'T1053.002', NULL, '/var/spool/atjobs/*'),
	('systemd unit', 'T1543.002', NULL, '/etc/systemd/system/*'),
	('systemd unit', 'T1543.002', NULL, '/run/systemd/system/*'),
	('systemd unit', 'T1543.002', NULL, '/usr/lib/systemd/system/*'),
	('systemd unit', 'T1543.002', NULL, '/usr/local/lib/systemd/system/*'),
	('systemd unit', 'T1543.002', NULL, '/lib/systemd/system/*'),
	('systemd user unit', 'T1543.002', NULL, '/etc/systemd/user/*'),
	('systemd user unit', 'T1543.002', NULL, '/usr/lib/systemd/user/*'),
	('systemd user unit', 'T1543.002', 'home', '/.config/systemd/user/*'),
	('systemd user unit', 'T1543.002', 'home', '/.local/share/systemd/user/*'),
	('systemd generator', 'T1543.002', NULL, '/etc/systemd/system-generators/*'),
	('systemd generator', 'T1543.002', NULL, '/usr/lib/systemd/system-generators/*'),
	('systemd generator', 'T1543.002', NULL, '/run/systemd/system-generators/*'),
	('init script', 'T1037.004', NULL, '/etc/init.d/*'),
	('init script', 'T1037.004', NULL, '/etc/rc[0-6S].d/*'),
	('init script', 'T1037.004', NULL, '/etc/rc.d/*'),
	('init script', 'T1037.004', NULL, '/etc/rc.local'),
	('init script', 'T1037.004', NULL, '/etc/inittab'),
	('init script', 'T1037.004', NULL, '/etc/init/*'),
	('initramfs', 'T1542', NULL, '/etc/initramfs-tools/*'),
	('boot loader', 'T1542', NULL, '/boot/*'),
	('shell start', 'T1546.004', NULL, '/etc/profile'),
	('shell start', 'T1546.004', NULL, '/etc/profile.d/*'),
	('shell start', 'T1546.004', NULL, '/etc/bash.bashrc'),
	('shell start', 'T1546.004', NULL, '/etc/bashrc'),
	('shell start', 'T1546.004', NULL, '/etc/environment'),
	('shell start', 'T1546.004', NULL, '/etc/zsh/*'),
	('shell start', 'T1546.004', NULL, '/etc/skel/*'),
	('shell start', 'T1546.004', 'home', '/.bashrc'),
	('shell start', 'T1546.004', 'home', '/.bash_profile'),
	('shell start', 'T1546.004', 'home', '/.bash_login'),
	('shell start', 'T1546.004', 'home', '/.bash_logout'),
	('shell start', 'T1546.004', 'home', '/.bash_aliases'),
	('shell start', 'T1546.004', 'home', '/.profile'),
	('shell start', 'T1546.004', 'home', '/.zshrc'),
	('shell start', 'T1546.004', 'home', '/.zshenv'),
	('shell start', 'T1546.004', 'home', '/.zprofile'),
	('shell start', 'T1546.004', 'home', '/.config/fish/*'),
	('ssh keys', 'T1098.004', 'home', '/.ssh/authorized_keys*'),
	('ssh command', 'T1546', 'home', '/.ssh/rc'),
	('ssh command', 'T1546', 'home', '/.ssh/config'),
	('ssh server', 'T1098.004', NULL, '/etc/ssh/*'),
	('preload', 'T1574.006', NULL, '/etc/ld.so.preload'),
	('loader path', 'T1574.006', NULL, '/etc/ld.so.conf'),
	('loader path', 'T1574.006', NULL, '/etc/ld.so.conf.d/*'),
	('udev rule', 'T1546.017', NULL, '/etc/udev/rules.d/*'),
	('udev rule', 'T1546.017', NULL, '/run/udev/rules.d/*'),
	('udev rule', 'T1546.017', NULL, '/usr/lib/udev/rules.d/*'),
	('pam', 'T1556.003', NULL, '/etc/pam.d/*'),
	('pam', 'T1556.003', NULL, '/etc/pam.conf'),
	('pam', 'T1556.003', NULL, '/lib/*/security/pam_*.so'),
	('pam', 'T1556.003', NULL, '/usr/lib/*/security/pam_*.so'),
	('pam', 'T1556.003', NULL, '/usr/lib64/security/pam_*.so'),
	('accounts', 'T1136.001', NULL, '/etc/passwd'),
	('accounts', 'T1136.001', NULL, '/etc/shadow'),
	('accounts', 'T1098.007', NULL, '/etc/group'),
	('sudo', 'T1548.003', NULL, '/etc/sudoers'),
	('sudo', 'T1548.003', NULL, '/etc/sudoers.d/*'),
	('kernel module', 'T1547.006', NULL, '/etc/modules'),
	('kernel module', 'T1547.006', NULL, '/etc/modules-load.d/*'),
	('kernel module', 'T1547.006', NULL, '/etc/modprobe.d/*'),
	('kernel module', 'T1547.006', NULL, '/lib/modules/*'),
	('kernel module', 'T1547.006', NULL, '/usr/lib/modules/*'),
	('desktop start', 'T1547.013', NULL, '/etc/xdg/autostart/*'),
	('desktop start', 'T1547.013', NULL, '/usr/share/autostart/*'),
	('desktop start', 'T1547.013', 'home', '/.config/autostart/*'),
	('desktop start', 'T1547.013', 'home', '/.xinitrc'),
	('desktop start', 'T1547.013', 'home', '/.xsession'),
	('desktop start', 'T1547.013', 'home', '/.xprofile'),
	('message of the day', 'T1546', NULL, '/etc/update-motd.d/*'),
	('package hook', 'T1546.016', NULL, '/etc/apt/apt.conf.d/*'),
	('package hook', 'T1546.016', NULL, '/etc/yum/pluginconf.d/*'),
	('package hook', 'T1546.016', NULL, '/usr/lib/yum-plugins/*'),
	('package hook', 'T1546.016', NULL, '/etc/dnf/plugins/*'),
	('network hook', 'T1546', NULL, '/etc/network/if-*.d/*'),
	('network hook', 'T1546', NULL, '/etc/NetworkManager/dispatcher.d/*'),
	('network hook', 'T1546', NULL, '/etc/dhcp/dhclient-*-hooks.d/*'),
	('git hook', 'T1546', NULL, '/*/.git/hooks/*'),
	('python start', 'T1546.018', NULL, '/usr/*/python3*/*.pth'),
	('python start', 'T1546.018', NULL, '/usr/*/python3*/sitecustomize.py'),
	('python start', 'T1546.018', 'home', '/.local/lib/python3*/usercustomize.py'),
	('web shell', 'T1505.003', NULL, '/var/www/*.php*'),
	('web shell', 'T1505.003', NULL, '/var/www/*.jsp*'),
	('web shell', 'T1505.003', NULL, '/srv/www/*.php*')
),
home(path) AS (
	SELECT '/root' UNION SELECT '/home/*'
	UNION SELECT rtrim(home, '/') FROM user
	WHERE kind = 'user' AND typeof(home) = 'text' AND home GLOB '/?*'
		AND home NOT GLOB '/home/*' AND home NOT IN ('/root', '/nonexistent', '/dev', '/dev/null')
),
wanted AS (
	SELECT what, technique, iif(below IS NULL, pattern, home.path || pattern) AS pattern
	FROM place LEFT JOIN home ON below = 'home'
),
-- Where in the index of paths those of a pattern lie: behind what is in front of its first wildcard.
lead AS (
	SELECT *, substr(pattern, 1, length(pattern) - length(ltrim(pattern,
		'/.-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'))) AS low
	FROM wanted
),
range AS MATERIALIZED (
	SELECT what, technique, pattern, low,
		substr(low, 1, length(low) - 1) || char(unicode(substr(low, -1)) + 1) AS high
	FROM lead
),
-- Paths that are not UTF-8 are blobs, and come behind all that is text.
hit AS (
	SELECT f.id, min(r.what) AS what, r.technique
	FROM (
		SELECT what, technique, pattern, low, high FROM range
		UNION ALL
		SELECT what, technique, pattern, CAST(low AS BLOB), CAST(high AS BLOB) FROM range
	) AS r
	CROSS JOIN file AS f ON f.path >= r.low AND f.path < r.high
	WHERE f.writers > 0 AND f.kind = 'file' AND CAST(f.path AS TEXT) GLOB r.pattern
	GROUP BY f.id
)
SELECT strftime('%Y-%m-%dT%H:%M:%S', e.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', e.from_ns % 1000000000) AS time,
	h.what,
	f.path,
	e.kind AS action,
	p.pid,
	coalesce((SELECT i.exe FROM image AS i WHERE i.process = e.process AND i.from_ts <= e.from_ts
			ORDER BY i.from_ts DESC LIMIT 1),
		(SELECT i.exe FROM image AS i WHERE i.process = e.process AND i.from_ts IS NULL LIMIT 1),
		p.exe) AS exe,
	coalesce((SELECT name FROM user AS u WHERE u.capture = f.capture AND u.kind = 'user'
		AND u.number = coalesce(r.euid, p.uid)), r.euid, p.uid) AS user,
	e.bytes,
	h.technique,
	c.host,
	e.event
FROM hit AS h
JOIN file AS f ON f.id = h.id
CROSS JOIN edge AS e ON e.file = f.id AND e.is_out = 1
JOIN process AS p ON p.id = e.process
JOIN capture AS c ON c.id = f.capture
LEFT JOIN credential AS r ON r.id = coalesce((SELECT k.id FROM credential AS k
		WHERE k.process = e.process AND k.from_ts <= e.from_ts ORDER BY k.from_ts DESC LIMIT 1),
	(SELECT k.id FROM credential AS k WHERE k.process = e.process AND k.from_ts IS NULL LIMIT 1))
ORDER BY e.from_ns, e.from_ts, e.event, e.kind
