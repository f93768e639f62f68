-- title: Profile of a process's cryptography, as crypto-tracer's profile tells it
-- param pid integer = null: of this process; null: of each that used cryptography
-- param name text = null: only processes whose comm or executable has this in it, in any case
-- param extensions integer = 1: 0: only files and libraries that crypto-tracer knows
-- shape: pretty
-- needs: case
--
-- A document for each process that had that number, from its first to its last moment in the capture.
-- api_calls has what was recorded with the class user. access_count is how often it opened the file.
-- Libraries that a process got with a fork, having executed nothing, are in its parent's document.
WITH library AS MATERIALIZED (
	SELECT * FROM crypto_libraries(:pid, :name, NULL) WHERE :extensions OR NOT is_extension
),
file AS MATERIALIZED (
	SELECT * FROM crypto_files(:pid, :name, '*') WHERE :extensions OR NOT is_extension
),
call AS MATERIALIZED (
	SELECT k.process, k.function, count(*) AS n
	FROM crypto_call AS k JOIN process AS p ON p.id = k.process
	WHERE (:pid IS NULL OR p.pid = :pid) AND (:name IS NULL OR
		instr(lower(p.comm), lower(:name)) OR instr(lower(p.exe), lower(:name)))
	GROUP BY k.process, k.function
),
who(id) AS (
	SELECT process FROM library UNION SELECT process FROM file UNION SELECT process FROM call
	UNION
	SELECT p.id FROM boot AS b CROSS JOIN process AS p ON p.boot = b.id AND p.pid = :pid
	WHERE :name IS NULL OR instr(lower(p.comm), lower(:name)) OR instr(lower(p.exe), lower(:name))
),
-- From when to when it could be watched.
span AS (
	SELECT w.id, max(coalesce(p.from_ns, b.from_ns), b.from_ns) AS from_ns,
		coalesce(p.to_ns, b.to_ns) AS to_ns,
		(SELECT c.gid FROM credential AS c WHERE c.process = w.id
		ORDER BY c.from_ts DESC LIMIT 1) AS gid
	FROM who AS w JOIN process AS p ON p.id = w.id JOIN boot AS b ON b.id = p.boot
)
SELECT json_object(
	'profile_version', '1.0',
	'generated_at', strftime('%Y-%m-%dT%H:%M:%S', s.to_ns / 1000000000, 'unixepoch') ||
		printf('.%06dZ', s.to_ns % 1000000000 / 1000),
	'duration_seconds', CAST(round((s.to_ns - s.from_ns) / 1e9) AS INTEGER),
	'process', json_object(
		'pid', p.pid,
		'name', utf8_text(p.comm),
		'exe', utf8_text(p.exe),
		'cmdline', (SELECT group_concat(value, ' ') FROM json_each(p.argv)),
		'uid', p.uid,
		'gid', s.gid,
		'start_time', strftime('%Y-%m-%dT%H:%M:%S', p.from_ns / 1000000000, 'unixepoch') ||
			printf('.%06dZ', p.from_ns % 1000000000 / 1000)),
	'libraries', json((SELECT json_group_array(json_object(
			'name', library_name, 'path', utf8_text(library),
			'load_time', substr(loaded, 1, 26) || 'Z'))
		FROM (SELECT * FROM library WHERE process = s.id ORDER BY loaded, library))),
	'files_accessed', json((SELECT json_group_array(json_object(
			'path', utf8_text(file),
			'type', type, 'access_count', opens,
			'first_access', substr(first, 1, 26) || 'Z',
			'last_access', substr(last, 1, 26) || 'Z',
			'mode', coalesce(mode, 'unknown')))
		FROM (SELECT * FROM file WHERE process = s.id ORDER BY first, file))),
	'api_calls', json((SELECT json_group_array(json_object('function_name', function, 'count', n))
		FROM (SELECT * FROM call WHERE process = s.id ORDER BY n DESC, function))),
	'statistics', json_object(
		'total_events', (SELECT count(*) FROM library WHERE process = s.id) +
			(SELECT coalesce(sum(opens), 0) FROM file WHERE process = s.id) +
			(SELECT coalesce(sum(n), 0) FROM call WHERE process = s.id),
		'libraries_loaded', (SELECT count(*) FROM library WHERE process = s.id),
		'files_accessed', (SELECT count(*) FROM file WHERE process = s.id),
		'api_calls_made', (SELECT coalesce(sum(n), 0) FROM call WHERE process = s.id))
	) AS json
FROM span AS s
JOIN process AS p ON p.id = s.id
ORDER BY p.boot, p.pid, p.id
