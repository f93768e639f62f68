-- title: Use of cryptography, event by event, as crypto-tracer's monitor tells it
-- param pid integer = null: of this process only
-- param name text = null: only processes whose comm has this in it, in any case
-- param file text = null: only files like this pattern of GLOB; a * goes over slashes: '*.pem'
-- param library text = null: only libraries with this in their name, in any case
-- param type text = '*': file_open, lib_load, process_exec, process_exit, api_call, tls_handshake
-- param extensions integer = 1: 0: only files and libraries that crypto-tracer knows
-- param from time = null: not before that
-- param to time = null: before that
-- shape: json
-- nulls: omitted
--
-- With --format json, array, pretty or summary these are its json-stream, json-array, json-pretty and
-- summary. Each filter applies to all: where a file is asked for, only what has a file is left.
-- is_extension marks what crypto-tracer would not have told. Libraries are told when they are mapped
-- as code, however they came in. api_call and tls_handshake need a capture with the class user. What
-- was lost is told on standard error, and by @gaps.
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
library(name, is_extension) AS (VALUES
	('libssl', 0), ('libcrypto', 0), ('libgnutls', 0), ('libsodium', 0), ('libnss3', 0),
	('libmbedtls', 0),
	('libmbedcrypto', 1), ('libmbedx509', 1), ('libnssutil3', 1), ('libsmime3', 1),
	('libsoftokn3', 1), ('libfreebl3', 1), ('libfreeblpriv3', 1), ('libgcrypt', 1), ('libnettle', 1),
	('libhogweed', 1), ('libwolfssl', 1), ('libbotan', 1), ('libcryptopp', 1), ('libcrypto++', 1),
	('libtomcrypt', 1), ('libk5crypto', 1), ('libp11-kit', 1), ('libpkcs11', 1), ('libgpgme', 1),
	('libtss2', 1), ('libcryptsetup', 1), ('libcrypt', 1), ('libs2n', 1), ('liboqs', 1),
	('libaws-lc', 1), ('libtasn1', 1), ('libksba', 1)
),
kind(type, event_type) AS (VALUES
	('open', 'file_open'), ('create', 'file_open'), ('open_by_handle', 'file_open'),
	('mmap', 'lib_load'), ('exec', 'process_exec'), ('exit', 'process_exit'),
	('tls_setup', 'api_call'), ('tls', 'tls_handshake')
),
seen AS (
	SELECT k.event_type, e.id, e.ts, e.time, e.pid, e.uid, e.comm, e.exe, e.path AS file,
		CAST(e.path AS TEXT) AS path, e.ret, e.fields
	FROM kind AS k CROSS JOIN event AS e ON e.type = k.type
	WHERE :pid IS NULL AND k.event_type GLOB :type
		AND e.time_ns >= coalesce(:from, -9223372036854775808)
		AND e.time_ns < coalesce(:to, 9223372036854775807)
	UNION ALL
	SELECT k.event_type, e.id, e.ts, e.time, e.pid, e.uid, e.comm, e.exe, e.path AS file,
		CAST(e.path AS TEXT) AS path, e.ret, e.fields
	FROM kind AS k CROSS JOIN event AS e ON e.type = k.type AND e.pid = :pid
	WHERE k.event_type GLOB :type
		AND e.time_ns >= coalesce(:from, -9223372036854775808)
		AND e.time_ns < coalesce(:to, 9223372036854775807)
),
-- Of a path what is behind the last slash, and behind the last dot; of files in small letters.
part AS (
	SELECT *,
		CASE event_type WHEN 'file_open' THEN
			lower(replace(path, rtrim(path, replace(path, '/', '')), ''))
		WHEN 'lib_load' THEN replace(path, rtrim(path, replace(path, '/', '')), '')
		END AS base,
		CASE event_type WHEN 'file_open' THEN
			lower(replace(path, rtrim(path, replace(path, '.', '')), '')) END AS ending
	FROM seen
	-- Most files are none; that is seen without looking further.
	WHERE CASE event_type
			WHEN 'lib_load' THEN (ret >= 0 OR ret < -4095) AND
				instr((SELECT ' ' || group_concat(substr(name, 1, 5), ' ') FROM library), ' ' ||
					substr(replace(path, rtrim(path, replace(path, '/', '')), ''), 1, 5))
			WHEN 'process_exec' THEN ret = 0
			WHEN 'file_open' THEN instr((SELECT ' ' || group_concat(suffix, ' ') || ' ' FROM suffix),
				' ' || lower(replace(path, rtrim(path, replace(path, '.', '')), '')) || ' ') OR
				path GLOB '*/id_*' OR path GLOB '*/ssh_host_*' OR path GLOB '*/authorized_keys*' OR
				path GLOB '*/known_hosts*' OR path GLOB '*.db' OR path GLOB '/etc/ssl/*' OR
				path GLOB '/etc/pki/*'
			ELSE 1 END
),
told AS (
	SELECT p.*, s.suffix,
		CASE event_type WHEN 'file_open' THEN
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
			WHEN path GLOB '/etc/ssl/certs/*.[0-9]' THEN 'certificate' END END AS file_type,
		CASE p.event_type
			WHEN 'file_open' THEN coalesce(s.is_extension, 1)
			WHEN 'lib_load' THEN (SELECT min(l.is_extension)
				FROM library AS l WHERE p.base GLOB l.name || '[-.0-9_]*')
			END AS is_extension
	FROM part AS p LEFT JOIN suffix AS s ON s.suffix = p.ending
	WHERE p.event_type <> 'lib_load' OR p.base GLOB 'lib*.so*'
),
row AS (
	SELECT event_type,
		substr(time, 1, 26) || 'Z' AS timestamp,
		pid,
		iif(event_type = 'process_exec', json_extract(fields, '$.uid'), uid) AS uid,
		iif(event_type = 'process_exec', json_extract(fields, '$.comm'), comm) AS process,
		CASE event_type WHEN 'process_exec' THEN json_extract(fields, '$.exe')
			WHEN 'process_exit' THEN NULL ELSE exe END AS exe,
		iif(event_type IN ('file_open', 'api_call'), file, NULL) AS file,
		file_type,
		iif(event_type = 'file_open', json_extract(fields, '$.flags'), NULL) AS flags,
		iif(event_type IN ('file_open', 'tls_handshake'), ret, NULL) AS result,
		CASE event_type WHEN 'lib_load' THEN file
			WHEN 'api_call' THEN json_extract(fields, '$.library')
			WHEN 'tls_handshake' THEN json_extract(fields, '$.library') END AS library,
		iif(event_type = 'lib_load', substr(base, 1, instr(base, '.') - 1), NULL) AS library_name,
		CASE event_type WHEN 'process_exec' THEN
			(SELECT group_concat(value, ' ') FROM json_each(fields, '$.argv')) END AS cmdline,
		iif(event_type = 'process_exit', json_extract(fields, '$.code'), NULL) AS exit_code,
		iif(event_type = 'process_exit', nullif(json_extract(fields, '$.signal'), 0), NULL)
			AS exit_signal,
		iif(event_type IN ('api_call', 'tls_handshake'), json_extract(fields, '$.function'), NULL)
			AS function_name,
		iif(event_type IN ('api_call', 'tls_handshake'), json_extract(fields, '$.cipher'), NULL)
			AS cipher,
		iif(event_type = 'tls_handshake', json_extract(fields, '$.protocol'), NULL) AS protocol,
		iif(event_type = 'tls_handshake', json_extract(fields, '$.server_name'), NULL)
			AS server_name,
		iif(event_type = 'tls_handshake', nullif(json_extract(fields, '$.key_bits'), 0), NULL)
			AS key_bits,
		iif(event_type = 'tls_handshake', json_extract(fields, '$.side'), NULL) AS side,
		iif(event_type = 'tls_handshake', json_extract(fields, '$.fd'), NULL) AS fd,
		nullif(is_extension, 0) AS is_extension, id, ts
	FROM told
	WHERE CASE event_type WHEN 'file_open' THEN file_type WHEN 'lib_load' THEN is_extension ELSE 1 END
		IS NOT NULL
)
SELECT event_type, timestamp, pid, uid, process, exe, file, file_type,
	flags_text('open_flags', flags) AS flags,
	result, library, library_name, cmdline, exit_code, exit_signal, function_name, cipher, protocol,
	server_name, key_bits, side, fd, is_extension
FROM row
WHERE (:name IS NULL OR instr(lower(process), lower(:name)))
	AND (:file IS NULL OR CAST(file AS TEXT) GLOB :file)
	AND (:library IS NULL OR instr(lower(coalesce(library_name, library)), lower(:library)))
	AND (:extensions OR is_extension IS NULL)
ORDER BY timestamp, ts, id
