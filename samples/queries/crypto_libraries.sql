-- title: Cryptographic libraries by process
-- param pid integer = null: of this process only
-- param name text = null: only processes whose comm or executable has this in it, in any case
-- param library text = null: only libraries with this in their path, in any case
-- needs: case
--
-- Each library that a process mapped as code, or was found with: linked libraries as well as those
-- that it opened itself. A process that was forked and executed nothing has its parent's as well;
-- they are shown with the parent. is_extension is 1 where crypto-tracer would not have known it.
WITH library(name, is_extension) AS (VALUES
	('libssl', 0), ('libcrypto', 0), ('libgnutls', 0), ('libsodium', 0), ('libnss3', 0),
	('libmbedtls', 0),
	('libmbedcrypto', 1), ('libmbedx509', 1), ('libnssutil3', 1), ('libsmime3', 1),
	('libsoftokn3', 1), ('libfreebl3', 1), ('libfreeblpriv3', 1), ('libgcrypt', 1), ('libnettle', 1),
	('libhogweed', 1), ('libwolfssl', 1), ('libbotan', 1), ('libcryptopp', 1), ('libcrypto++', 1),
	('libtomcrypt', 1), ('libk5crypto', 1), ('libp11-kit', 1), ('libpkcs11', 1), ('libgpgme', 1),
	('libtss2', 1), ('libcryptsetup', 1), ('libcrypt', 1), ('libs2n', 1), ('liboqs', 1),
	('libaws-lc', 1), ('libtasn1', 1), ('libksba', 1)
),
-- Of one process only what it had to do with is looked at; else all.
who AS MATERIALIZED (
	SELECT p.id FROM boot AS b CROSS JOIN process AS p ON p.boot = b.id AND p.pid = :pid
),
wanted(id) AS (
	SELECT id FROM file WHERE :pid IS NULL
	UNION ALL
	SELECT file FROM (SELECT e.file FROM who CROSS JOIN edge AS e ON e.process = who.id
		WHERE e.kind = 'map')
	WHERE :pid IS NOT NULL
),
part AS (
	SELECT id, path, replace(path, rtrim(path, replace(path, '/', '')), '') AS base
	FROM (SELECT f.id, f.kind, CAST(f.path AS TEXT) AS path
		FROM wanted AS w CROSS JOIN file AS f ON f.id = w.id)
	WHERE kind = 'file' AND path GLOB '*/lib*.so*' AND
		(:library IS NULL OR instr(lower(path), lower(:library)))
),
crypto AS MATERIALIZED (
	SELECT p.id, p.path, substr(p.base, 1, instr(p.base, '.') - 1) AS name,
		min(l.is_extension) AS is_extension
	FROM part AS p JOIN library AS l ON p.base GLOB l.name || '[-.0-9_]*'
	GROUP BY p.id
),
used AS (
	SELECT e.process, e.file, e.from_ts, e.from_ns, e.count
	FROM crypto AS k CROSS JOIN edge AS e ON e.file = k.id
	WHERE :pid IS NULL AND e.kind = 'map'
	UNION ALL
	SELECT e.process, e.file, e.from_ts, e.from_ns, e.count
	FROM who CROSS JOIN edge AS e ON e.process = who.id
	WHERE :pid IS NOT NULL AND e.kind = 'map' AND e.file IN (SELECT id FROM crypto)
),
by_process AS (
	SELECT process, file, min(from_ts) AS from_ts, min(from_ns) AS from_ns, sum(count) AS times
	FROM used
	GROUP BY process, file
)
SELECT p.pid,
	coalesce((SELECT i.exe FROM image AS i
		WHERE i.process = u.process AND coalesce(i.from_ts, 0) <= u.from_ts
		ORDER BY i.from_ts DESC LIMIT 1), p.exe) AS exe,
	p.uid,
	k.name AS library_name,
	f.path AS library,
	strftime('%Y-%m-%dT%H:%M:%S', u.from_ns / 1000000000, 'unixepoch') ||
		printf('.%09dZ', u.from_ns % 1000000000) AS loaded,
	u.times,
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
