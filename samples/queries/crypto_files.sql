-- title: Keys, certificates and keystores by process
-- param pid integer = null: of this process only
-- param name text = null: only processes whose comm or executable has this in it, in any case
-- param file text = '*': only files like this pattern of GLOB; a * goes over slashes
-- needs: case
--
-- A file is told by the end of its name. is_extension is 1 where crypto-tracer would not have known
-- it. A private key in a .pem is called one where the name says so.
WITH suffix(suffix, type, is_extension) AS (VALUES
	('crt', 'certificate', 0), ('cer', 'certificate', 0), ('pem', 'certificate', 0),
	('key', 'private_key', 0), ('p12', 'keystore', 0), ('pfx', 'keystore', 0),
	('jks', 'keystore', 0), ('keystore', 'keystore', 0),
	('der', 'certificate', 1), ('p7b', 'certificate', 1), ('p7c', 'certificate', 1),
	('crl', 'certificate', 1), ('csr', 'certificate_request', 1), ('p8', 'private_key', 1),
	('pk8', 'private_key', 1), ('pvk', 'private_key', 1), ('ppk', 'private_key', 1),
	('gpg', 'keyring', 1), ('pgp', 'keyring', 1), ('asc', 'keyring', 1), ('kbx', 'keyring', 1),
	('keyring', 'keyring', 1), ('jceks', 'keystore', 1), ('bks', 'keystore', 1),
	('truststore', 'keystore', 1), ('kdbx', 'password_store', 1), ('kdb', 'password_store', 1),
	('kwl', 'password_store', 1), ('keytab', 'keytab', 1)
),
-- Of one process only what it had to do with is looked at; else all.
who AS MATERIALIZED (
	SELECT p.id FROM boot AS b CROSS JOIN process AS p ON p.boot = b.id AND p.pid = :pid
),
wanted(id) AS (
	SELECT id FROM file WHERE :pid IS NULL
	UNION ALL
	SELECT file FROM (SELECT e.file FROM who CROSS JOIN edge AS e ON e.process = who.id
		UNION SELECT d.file FROM who CROSS JOIN fd AS d ON d.process = who.id)
	WHERE :pid IS NOT NULL
),
-- Of each file what is behind the last slash, and behind the last dot, in small letters.
part AS (
	SELECT id, path, lower(replace(path, rtrim(path, replace(path, '/', '')), '')) AS base,
		lower(replace(path, rtrim(path, replace(path, '.', '')), '')) AS ending
	FROM (SELECT f.id, f.kind, CAST(f.path AS TEXT) AS path
		FROM wanted AS w CROSS JOIN file AS f ON f.id = w.id)
	WHERE kind = 'file' AND path GLOB :file
),
known AS (
	SELECT p.id, p.path,
		CASE
			WHEN s.suffix = 'pem' OR s.suffix = 'der' THEN iif(base GLOB '*privkey*' OR
				base GLOB '*private[-_]key*' OR base GLOB '*privatekey*' OR base GLOB '*[-_.]key*' OR
				base GLOB 'key.*' OR path GLOB '*/private/*', 'private_key', 'certificate')
			WHEN s.type IS NOT NULL THEN s.type
			WHEN base GLOB 'id_[rd]sa*.pub' OR base GLOB 'id_e[cd]*.pub' OR
				base GLOB 'ssh_host_*_key.pub' OR base GLOB 'authorized_keys*' OR
				base GLOB 'known_hosts*' THEN 'public_key'
			WHEN base GLOB 'id_[rd]sa*' OR base GLOB 'id_e[cd]*' OR base GLOB 'ssh_host_*_key' OR
				path GLOB '/etc/ssl/private/?*' OR path GLOB '/etc/pki/tls/private/?*'
				THEN 'private_key'
			WHEN base GLOB 'cert[89].db' OR base GLOB 'key[34].db' THEN 'keystore'
			WHEN path GLOB '/etc/ssl/certs/*.[0-9]' THEN 'certificate' END AS type,
		coalesce(s.is_extension, 1) AS is_extension
	FROM part AS p LEFT JOIN suffix AS s ON s.suffix = p.ending
),
crypto AS MATERIALIZED (
	SELECT * FROM known WHERE type IS NOT NULL
),
used(process, file, action, opens, mode, bytes, from_ts, from_ns, to_ns) AS (
	SELECT e.process, e.file, e.kind, 0, iif(e.is_out, 2, 1), e.bytes, e.from_ts, e.from_ns, e.to_ns
	FROM crypto AS k CROSS JOIN edge AS e ON e.file = k.id
	WHERE :pid IS NULL
	UNION ALL
	SELECT e.process, e.file, e.kind, 0, iif(e.is_out, 2, 1), e.bytes, e.from_ts, e.from_ns, e.to_ns
	FROM who CROSS JOIN edge AS e ON e.process = who.id
	WHERE :pid IS NOT NULL AND e.file IN (SELECT id FROM crypto)
	UNION ALL
	SELECT d.process, d.file, CASE d.how WHEN 'keyframe' THEN 'had open' WHEN 'fork' THEN 'inherited'
			ELSE 'open' END, d.how NOT IN ('keyframe', 'fork'),
		CASE d.flags & 3 WHEN 0 THEN 1 WHEN 1 THEN 2 WHEN 2 THEN 3 END, NULL, d.from_ts, d.from_ns, d.from_ns
	FROM crypto AS k CROSS JOIN fd AS d ON d.file = k.id
	WHERE d.how <> 'dup' AND (:pid IS NULL OR d.process IN (SELECT id FROM who))
),
by_process AS (
	SELECT process, file, group_concat(DISTINCT action) AS actions, sum(opens) AS opens,
		max(mode & 1) + max(mode & 2) AS mode,
		sum(bytes) AS bytes, min(from_ts) AS from_ts, min(from_ns) AS from_ns, max(to_ns) AS to_ns
	FROM used
	GROUP BY process, file
)
SELECT p.pid,
	coalesce((SELECT i.exe FROM image AS i
		WHERE i.process = u.process AND coalesce(i.from_ts, 0) <= coalesce(u.from_ts, 0)
		ORDER BY i.from_ts DESC LIMIT 1), p.exe) AS exe,
	p.uid,
	k.type,
	f.path AS file,
	u.actions,
	u.opens,
	CASE u.mode WHEN 1 THEN 'read' WHEN 2 THEN 'write' WHEN 3 THEN 'read_write' END AS mode,
	u.bytes,
	strftime('%Y-%m-%dT%H:%M:%S', u.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', u.from_ns % 1000000000) AS first,
	strftime('%Y-%m-%dT%H:%M:%S', u.to_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', u.to_ns % 1000000000) AS last,
	k.is_extension,
	c.host,
	p.id AS process
FROM by_process AS u
JOIN crypto AS k ON k.id = u.file
JOIN file AS f ON f.id = k.id
JOIN process AS p ON p.id = u.process
JOIN boot AS b ON b.id = p.boot
JOIN capture AS c ON c.id = b.capture
WHERE :name IS NULL OR instr(lower(p.comm), lower(:name)) OR instr(lower(p.exe), lower(:name))
ORDER BY p.boot, p.pid, p.id, u.from_ns, k.path
