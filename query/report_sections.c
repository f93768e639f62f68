/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SQL, laid out by hand. Times are ns from :t0 on, which a double holds exactly for 104 days; columns
 * called *_json hold JSON.
 *
 * page_core are the processes that findings rest on, page_near these with their ancestors. They come
 * first wherever not all rows can be shown.
 */
#include "query/report_sections.h"

#include <stddef.h>

/* The process that had a pid at a moment. */
#define PROCESS_OF(boot, pid_, ts_)                                                                  \
	"(SELECT q.id FROM process AS q WHERE q.boot = " boot " AND q.pid = " pid_                   \
	" AND (q.from_ts IS NULL OR q.from_ts <= " ts_ ") ORDER BY q.from_ts DESC LIMIT 1)"

/* As latest_replay has them: a case has the findings of earlier rules, too. */
#define OF_LATEST " JOIN latest_replay AS l ON l.id = f.replay "

const char *const page_preparations[] = {
	"CREATE TEMP TABLE page_core (id INTEGER PRIMARY KEY)",
	"INSERT OR IGNORE INTO page_core SELECT f.process FROM finding AS f" OF_LATEST
	"WHERE f.process IS NOT NULL",
	"INSERT OR IGNORE INTO page_core SELECT p FROM (SELECT "
	PROCESS_OF("f.boot", "e.pid", "e.ts")
	" AS p FROM finding AS f" OF_LATEST "JOIN evidence AS e ON e.finding = f.id)"
	" WHERE p IS NOT NULL",
	"CREATE TEMP TABLE page_near (id INTEGER PRIMARY KEY)",
	"WITH RECURSIVE up(id) AS (SELECT id FROM page_core UNION"
	" SELECT p.parent FROM up JOIN process AS p USING (id) WHERE p.parent IS NOT NULL)"
	" INSERT OR IGNORE INTO page_near SELECT id FROM up",
	"CREATE TEMP TABLE page_pid (pid INTEGER PRIMARY KEY)",
	"INSERT OR IGNORE INTO page_pid SELECT p.pid FROM page_core JOIN process AS p USING (id)",
	"CREATE TEMP TABLE page_file (id INTEGER PRIMARY KEY)",
	"INSERT OR IGNORE INTO page_file SELECT e.file FROM page_core AS c"
	" JOIN edge AS e ON e.process = c.id WHERE e.file IS NOT NULL",
	"CREATE TEMP TABLE page_path (path TEXT PRIMARY KEY)",
	"INSERT OR IGNORE INTO page_path SELECT json_extract(e.json, '$.path') FROM finding AS f"
	OF_LATEST "JOIN evidence AS e ON e.finding = f.id WHERE json_valid(e.json)"
	" AND json_type(e.json, '$.path') = 'text'",
	NULL,
};

#define USER_OF(capture_, uid_)                                                                     \
	"(SELECT u.name FROM user AS u WHERE u.capture = " capture_ " AND u.kind = 'user'"          \
	" AND u.number = " uid_ ")"

const struct page_section page_sections[] = {
	{ .name = "captures",
	  .sql = "SELECT id, capture_id, hash, path, host, machine_id, kernel, arch, recorder, note,"
		 " from_ns - :t0 AS \"from\", to_ns - :t0 AS \"to\", segments, head, bytes, events,"
		 " events_loaded, lost, damages, ending, is_cut FROM capture ORDER BY id LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM capture",
	  .limit = 1000 },
	{ .name = "boots",
	  .sql = "SELECT id, capture, boot_id, from_ns - :t0 AS \"from\", to_ns - :t0 AS \"to\""
		 " FROM boot ORDER BY id LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM boot",
	  .limit = 1000 },
	{ .name = "gaps",
	  .sql = "SELECT kind, cause, cpu, class, count, from_ns - :t0 AS \"from\","
		 " to_ns - :t0 AS \"to\", capture FROM gap"
		 " ORDER BY kind = 'lost', count DESC, id LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM gap",
	  .limit = 2000 },
	{ .name = "clocks",
	  .sql = "SELECT b.capture, k.realtime_ns - :t0 AS at, k.stepped / 1e9 AS seconds"
		 " FROM clock AS k JOIN boot AS b ON b.id = k.boot WHERE k.stepped <> 0"
		 " ORDER BY k.id LIMIT :limit",
	  .limit = 200 },
	{ .name = "coverage",
	  .sql = "SELECT b.capture, g.hook, g.types, g.status, g.reason FROM coverage AS g"
		 " JOIN boot AS b ON b.id = g.boot WHERE g.status <> 'loaded'"
		 " GROUP BY 1, 2, 4, 5 ORDER BY g.id LIMIT :limit",
	  .limit = 500 },
	{ .name = "replays",
	  .sql = "SELECT id, at_ns - :t0 AS at, program, program_hash, rules_hash, compiled_hash,"
		 " captures_hash, options, rules_paths AS rules_paths_json, scope, rules, matches,"
		 " findings, events FROM latest_replay ORDER BY id LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM latest_replay",
	  .limit = 200 },
	{ .name = "replayed",
	  .sql = "SELECT d.replay, d.capture, d.hash FROM replayed AS d"
		 " JOIN latest_replay AS l ON l.id = d.replay ORDER BY 1, 2 LIMIT :limit",
	  .limit = 2000 },
	{ .name = "rule_files",
	  .sql = "SELECT w.replay, w.path, w.bytes, w.hash FROM rule_file AS w"
		 " JOIN latest_replay AS l ON l.id = w.replay ORDER BY w.replay, w.n LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM rule_file AS w"
		       " JOIN latest_replay AS l ON l.id = w.replay",
	  .limit = 2000 },
	{ .name = "rules",
	  .sql = "SELECT r.id, r.replay, r.name, nullif(r.title, r.name) AS title, r.language,"
		 " r.severity, r.severity_rank AS rank, r.description, r.tags AS tags_json,"
		 " r.false_positives AS false_positives_json,"
		 " r.reference_links AS reference_links_json, r.file, r.line, v.verdict, v.despite,"
		 " v.why, v.matches, v.findings, v.suppressed, v.clear, v.id AS verdict_id"
		 " FROM latest_replay AS l JOIN rule AS r ON r.replay = l.id"
		 " JOIN verdict AS v ON v.rule = r.id"
		 " ORDER BY CASE v.verdict WHEN 'hit' THEN 0 WHEN 'clean except' THEN 1"
		 " WHEN 'not evaluable' THEN 2 ELSE 3 END, r.severity_rank DESC, r.name, r.id"
		 " LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM latest_replay AS l JOIN verdict AS v ON v.replay = l.id",
	  .limit = 10000 },
	{ .name = "blind",
	  .sql = "SELECT b.verdict, b.reason, count(*) AS times, sum(b.count) AS events,"
		 " min(b.from_ns) - :t0 AS \"from\", max(b.to_ns) - :t0 AS \"to\""
		 " FROM latest_replay AS l JOIN verdict AS v ON v.replay = l.id"
		 " JOIN blind AS b ON b.verdict = v.id GROUP BY b.verdict, b.reason"
		 " ORDER BY b.verdict, times DESC LIMIT :limit",
	  .limit = 20000 },
	{ .name = "findings",
	  .sql = "SELECT f.id, f.key, f.rule, b.capture, f.ns - :t0 AS at, f.first_ns - :t0 AS first,"
		 " f.last_ns - :t0 AS last, f.count, f.process, f.pid, f.uid, "
		 USER_OF("b.capture", "f.uid")
		 " AS user, f.exe, f.line, f.output, f.key_kind, f.despite, f.suppressed"
		 " FROM finding AS f" OF_LATEST "JOIN rule AS r ON r.id = f.rule"
		 " JOIN boot AS b ON b.id = f.boot"
		 " ORDER BY f.suppressed, r.severity_rank DESC, f.ns, f.ts, f.id LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM finding AS f" OF_LATEST,
	  .limit = 5000 },
	{ .name = "evidence",
	  .sql = "WITH shown AS MATERIALIZED (SELECT f.id, f.boot FROM finding AS f" OF_LATEST
		 "JOIN rule AS r ON r.id = f.rule"
		 " ORDER BY f.suppressed, r.severity_rank DESC, f.ns, f.ts, f.id LIMIT 5000)"
		 " SELECT e.finding, e.match, e.n, e.event, e.ns - :t0 AS at, e.type, e.pid, "
		 PROCESS_OF("f.boot", "e.pid", "e.ts")
		 " AS process, e.json AS event_json FROM shown AS f"
		 " JOIN evidence AS e ON e.finding = f.id"
		 " ORDER BY f.id, e.match, e.n LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM finding AS f" OF_LATEST
		       "JOIN evidence AS e ON e.finding = f.id",
	  .limit = 20000 },
	{ .name = "notes",
	  .sql = "SELECT finding, event, at_ns - :t0 AS at, author, text FROM note"
		 " ORDER BY at_ns, id LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM note",
	  .limit = 1000 },
	{ .name = "processes",
	  .sql = "SELECT p.id, b.capture, p.boot, p.pid, p.from_ns - :t0 AS \"from\","
		 " p.to_ns - :t0 AS \"to\", p.parent, p.known_by, k.name AS container, p.comm, p.exe,"
		 " p.argv AS argv_json, p.uid, " USER_OF("b.capture", "p.uid")
		 " AS user, p.exit_code, coalesce(p.exit_signal_name, p.exit_signal) AS exit_signal,"
		 " p.kernel_thread FROM process AS p JOIN boot AS b ON b.id = p.boot"
		 " LEFT JOIN container AS k ON k.id = p.container"
		 " ORDER BY p.id NOT IN (SELECT id FROM page_near), p.id LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM process",
	  .limit = 20000 },
	{ .name = "peers",
	  .sql = "WITH met AS (SELECT n.*, iif(n.kind = 'accept', 'from', 'to') AS way,"
		 " iif(n.kind = 'accept', n.lport, n.port) AS service FROM connection AS n"
		 " WHERE n.family IN ('inet', 'inet6') AND n.kind NOT IN ('listen', 'bind')"
		 " AND n.addr IS NOT NULL)"
		 " SELECT m.way, m.addr, m.service AS port, m.proto, max(m.name) AS name,"
		 " (SELECT group_concat(question, ' ') FROM (SELECT DISTINCT d.question FROM dns AS d"
		 " WHERE d.data = m.addr ORDER BY 1 LIMIT 8)) AS names,"
		 " count(*) AS connections, count(m.error) AS failed, sum(m.sent_bytes) AS sent,"
		 " sum(m.received_bytes) AS received, min(m.from_ns) - :t0 AS first,"
		 " max(m.from_ns) - :t0 AS last, count(DISTINCT m.process) AS processes,"
		 " min(m.process) AS process, max(m.process IN (SELECT id FROM page_core)) AS near"
		 " FROM met AS m GROUP BY m.way, m.addr, m.service, m.proto"
		 " ORDER BY near DESC, coalesce(sum(m.sent_bytes), 0) +"
		 " coalesce(sum(m.received_bytes), 0) DESC, min(m.from_ns), m.addr, m.service"
		 " LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM (SELECT 1 FROM connection AS n"
		       " WHERE n.family IN ('inet', 'inet6') AND n.kind NOT IN ('listen', 'bind')"
		       " AND n.addr IS NOT NULL GROUP BY iif(n.kind = 'accept', 'from', 'to'), n.addr,"
		       " iif(n.kind = 'accept', n.lport, n.port), n.proto)",
	  .limit = 1000 },
	{ .name = "files",
	  .sql = "SELECT f.id, f.path, f.kind, f.created_ns - :t0 AS created,"
		 " f.removed_ns - :t0 AS removed, f.first_ns - :t0 AS first,"
		 " f.last_ns - :t0 AS last, f.writers, f.readers, f.executions, f.sha256,"
		 " f.path IN (SELECT path FROM page_path) AS in_evidence,"
		 " f.id IN (SELECT id FROM page_file) AS near,"
		 " (SELECT json_group_array(process) FROM (SELECT DISTINCT e.process FROM edge AS e"
		 " WHERE e.file = f.id AND e.is_out LIMIT 5)) AS changed_by_json FROM file AS f"
		 " WHERE f.kind IN ('file', 'memfd') AND (f.writers OR f.executions"
		 " OR f.created_ns NOT NULL OR f.removed_ns NOT NULL"
		 " OR f.path IN (SELECT path FROM page_path))"
		 " ORDER BY in_evidence DESC, near AND f.writers DESC, f.writers AND f.executions DESC,"
		 " near DESC, f.created_ns IS NULL, f.first_ns, f.id LIMIT :limit",
	  .total_sql = "SELECT count(*) FROM file AS f WHERE f.kind IN ('file', 'memfd')"
		       " AND (f.writers OR f.executions OR f.created_ns NOT NULL"
		       " OR f.removed_ns NOT NULL OR f.path IN (SELECT path FROM page_path))",
	  .limit = 2000 },
	{ 0 },
};

/*
 * Both give id, ns, pid, process, class, type, text, and near. ids rise with time, or are spread
 * evenly over it; the same number in two tables does no harm.
 */
const char page_of_events[] =
	"CREATE TEMP VIEW page_event AS SELECT e.rowid AS id, e.time_ns AS ns, e.pid AS pid,"
	" (SELECT q.id FROM boot AS b JOIN process AS q ON q.boot = b.id AND q.pid = e.pid"
	" AND (q.from_ts IS NULL OR q.from_ts <= e.ts) WHERE b.capture = e.capture"
	" AND substr(b.boot_id, 1, 8) = substr(e.id, 1, 8) ORDER BY q.from_ts DESC LIMIT 1) AS process,"
	" e.class AS class, e.type AS type, trim(CASE WHEN e.type = 'exec' THEN coalesce("
	" (SELECT group_concat(value, ' ') FROM json_each(e.fields, '$.argv')), e.path, '')"
	" ELSE coalesce(e.path, json_extract(e.fields, '$.unix_path'),"
	" iif(e.class = 'net' AND json_extract(e.fields, '$.addr') IS NOT NULL,"
	" json_extract(e.fields, '$.addr') || ' port ' || json_extract(e.fields, '$.port'), NULL),"
	" json_extract(e.fields, '$.hook'), json_extract(e.fields, '$.name'),"
	" json_extract(e.fields, '$.text'), '') END || coalesce(' (' || e.errno || ')', '')) AS text,"
	" e.pid IN (SELECT pid FROM page_pid) AS near FROM event AS e";

#define NEAR_OF(process) process " IN (SELECT id FROM page_core)"
#define PART(id, ns, process, class, type, text, from)                                            \
	"SELECT " id ", " ns ", (SELECT pid FROM process WHERE id = " process "), " process       \
	", " class ", " type ", " text ", " NEAR_OF(process) " FROM " from

const char page_of_tables[] =
	"CREATE TEMP VIEW page_event(id, ns, pid, process, class, type, text, near) AS "
	PART("i.id", "i.from_ns", "i.process", "'process'", "'exec'",
	     "coalesce((SELECT group_concat(value, ' ') FROM json_each(i.argv)), i.exe, i.path)",
	     "image AS i WHERE i.how = 'exec'")
	" UNION ALL "
	PART("p.id", "p.from_ns", "p.id", "'process'", "'fork'", "p.exe",
	     "process AS p WHERE p.known_by = 'fork'")
	" UNION ALL "
	PART("p.id", "p.to_ns", "p.id", "'process'", "'exit'",
	     "coalesce(p.exit_signal_name, 'status ' || p.exit_code)",
	     "process AS p WHERE p.to_ns IS NOT NULL")
	" UNION ALL "
	PART("e.id", "e.from_ns", "e.process", "'file'", "e.kind",
	     "(SELECT path FROM file WHERE id = e.file)",
	     "edge AS e WHERE e.file IS NOT NULL AND e.kind <> 'exec'")
	" UNION ALL "
	PART("k.id", "k.ns", "k.process", "'file'", "k.kind",
	     "(SELECT path FROM file WHERE id = k.file) || coalesce(' ' || k.detail, '')",
	     "file_change AS k")
	" UNION ALL "
	PART("n.id", "n.from_ns", "n.process", "'net'", "n.kind",
	     "coalesce(n.unix_path, n.addr || ' port ' || n.port, n.laddr || ' port ' || n.lport,"
	     " n.family) || coalesce(' (' || n.error || ')', '')",
	     "connection AS n WHERE n.kind <> 'keyframe'")
	" UNION ALL "
	PART("d.id", "d.ns", "d.process", "'net'", "'dns'", "coalesce(d.question, d.name)",
	     "dns AS d WHERE d.direction = 'sent'")
	" UNION ALL "
	PART("c.id", "c.from_ns", "c.process", "'priv'", "c.how", "'euid ' || c.euid",
	     "credential AS c WHERE c.how NOT IN ('fork', 'keyframe', 'guess', 'exec')")
	" UNION ALL "
	PART("m.id", "m.from_ns", "m.process", "'file'", "'mount'", "m.path",
	     "mount AS m WHERE m.process IS NOT NULL")
	" UNION ALL "
	PART("y.id", "y.ns", "y.process", "'user'", "y.kind",
	     "coalesce(y.server_name, y.path, y.library)", "crypto_call AS y");
