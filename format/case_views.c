/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an examiner types first: views over the tables of a case, with names in place of numbers.
 * All that they use is in every sqlite3 since 3.38.
 */
#include "format/case.h"

/* clang-format off */
#define ISO(ns) "strftime('%Y-%m-%dT%H:%M:%S', " ns " / 1000000000, 'unixepoch') || " \
	"printf('.%09dZ', " ns " % 1000000000)"
#define LINE(argv) "(SELECT group_concat(value, ' ') FROM json_each(" argv "))"
#define USER(capture, uid) "(SELECT u.name FROM user AS u WHERE u.capture = " capture \
	" AND u.kind = 'user' AND u.number = " uid ")"

const struct case_view case_views[] = {
	{ "latest_replay",
	  "replays that no later one has taken the place of: of the same rules, or files of "
	  "rules, over at least the same captures",
	  "SELECT r.* FROM replay AS r WHERE NOT EXISTS (SELECT 1 FROM replay AS x "
	  "WHERE (x.at_ns, x.id) > (r.at_ns, r.id) AND x.options = r.options "
	  "AND (x.rules_hash = r.rules_hash OR x.rules_paths = r.rules_paths) "
	  "AND NOT EXISTS (SELECT 1 FROM replayed AS a WHERE a.replay = r.id AND a.capture NOT IN "
	  "(SELECT b.capture FROM replayed AS b WHERE b.replay = x.id)))" },
	{ "findings",
	  "what the latest replays found, those that a tune suppresses left out",
	  "SELECT r.severity, " ISO("f.ns") " AS time, r.name AS rule, r.title, c.host, f.pid, "
	  USER("b.capture", "f.uid") " AS user, f.exe, f.line, f.count, f.despite, "
	  "(SELECT count(*) FROM note AS n WHERE n.finding = f.key) AS notes, f.key, f.id, "
	  "f.process, f.image, f.replay, r.severity_rank "
	  "FROM finding AS f JOIN latest_replay AS l ON l.id = f.replay JOIN rule AS r ON r.id = "
	  "f.rule "
	  "JOIN boot AS b ON b.id = f.boot JOIN capture AS c ON c.id = b.capture "
	  "WHERE NOT f.suppressed" },
	{ "verdicts",
	  "what the captures say of each rule, by the latest replays",
	  "SELECT r.name AS rule, r.severity, v.verdict, v.despite, v.why, v.matches, v.findings, "
	  "v.suppressed, v.clear, (SELECT group_concat(DISTINCT d.reason) FROM blind AS d "
	  "WHERE d.verdict = v.id) AS blind, r.tags, v.id, v.replay, r.severity_rank "
	  "FROM verdict AS v JOIN latest_replay AS l ON l.id = v.replay JOIN rule AS r ON r.id = "
	  "v.rule" },
	{ "finding_events",
	  "the events that findings rest on, in the order of the rule",
	  "SELECT f.key, r.name AS rule, e.match, e.n, " ISO("e.ns") " AS time, e.type, e.pid, "
	  "json_extract(e.json, '$.path') AS path, e.event, e.json, f.id AS finding, f.replay "
	  "FROM evidence AS e JOIN finding AS f ON f.id = e.finding JOIN rule AS r ON r.id = "
	  "f.rule" },
	{ "processes",
	  "processes, with the names of users and containers and one command line",
	  "SELECT " ISO("p.from_ns") " AS began, " ISO("p.to_ns") " AS ended, c.host, p.pid, "
	  "p.ppid, "
	  USER("b.capture", "p.uid") " AS user, k.name AS container, p.exe, " LINE("p.argv") " "
	  "AS line, "
	  "p.cwd, coalesce(p.exit_signal_name, p.exit_code) AS exit, q.exe AS parent_exe, "
	  "p.known_by, "
	  "p.id, p.parent, p.session, p.event FROM process AS p JOIN boot AS b ON b.id = p.boot "
	  "JOIN capture AS c ON c.id = b.capture LEFT JOIN container AS k ON k.id = p.container "
	  "LEFT JOIN process AS q ON q.id = p.parent" },
	{ "commands",
	  "each program that was executed while somebody looked, with who ran it and from where",
	  "SELECT " ISO("i.from_ns") " AS time, c.host, p.pid, "
	  USER("b.capture", "coalesce((SELECT d.uid FROM credential AS d WHERE d.process = p.id "
	  "AND "
	  "(d.from_ts IS NULL OR d.from_ts <= i.from_ts) ORDER BY d.from_ts DESC LIMIT 1), p.uid)")
	  " AS user, k.name AS container, i.exe, i.path, " LINE("i.argv") " AS line, i.cwd, "
	  "q.exe AS parent_exe, i.memfd, i.deleted, i.upper_layer, i.sha256, i.id, i.process, "
	  "i.event "
	  "FROM image AS i JOIN process AS p ON p.id = i.process JOIN boot AS b ON b.id = p.boot "
	  "JOIN capture AS c ON c.id = b.capture LEFT JOIN container AS k ON k.id = p.container "
	  "LEFT JOIN process AS q ON q.id = p.parent WHERE i.how = 'exec'" },
	{ "connections",
	  "sockets, with whose they were and the name of the peer",
	  "SELECT " ISO("n.from_ns") " AS began, " ISO("n.to_ns") " AS ended, c.host, n.kind, "
	  "n.family, "
	  "n.proto, n.laddr, n.lport, n.addr, n.port, n.unix_path, n.name, n.error, n.sent_bytes, "
	  "n.received_bytes, p.pid, " USER("b.capture", "p.uid") " AS user, p.exe, "
	  LINE("p.argv") " AS line, n.id, n.process, n.peer, n.event FROM connection AS n "
	  "JOIN boot AS b ON b.id = n.boot JOIN capture AS c ON c.id = b.capture "
	  "LEFT JOIN process AS p ON p.id = n.process" },
	{ "lookups",
	  "names that were looked up, and what the answer was",
	  "SELECT " ISO("d.ns") " AS time, c.host, d.direction, d.question, d.question_type, "
	  "d.status, "
	  "d.name, d.type, d.data, d.ttl, d.server, p.pid, p.exe, d.id, d.process, d.event FROM "
	  "dns AS d "
	  "JOIN boot AS b ON b.id = d.boot JOIN capture AS c ON c.id = b.capture "
	  "LEFT JOIN process AS p ON p.id = d.process" },
	{ "file_edges",
	  "who did what with which file, from when to when",
	  "SELECT " ISO("e.from_ns") " AS began, " ISO("e.to_ns") " AS ended, e.kind, f.path, "
	  "o.path AS old_path, e.count, e.bytes, p.pid, p.exe, " LINE("p.argv") " AS line, e.id, "
	  "e.process, e.file, e.old_file, e.event FROM edge AS e JOIN file AS f ON f.id = e.file "
	  "JOIN process AS p ON p.id = e.process LEFT JOIN file AS o ON o.id = e.old_file" },
	{ "gaps",
	  "what should be there and is not",
	  "SELECT " ISO("g.from_ns") " AS began, " ISO("g.to_ns") " AS ended, c.host, g.kind, "
	  "g.cause, "
	  "g.cpu, g.class, g.count, g.id, g.boot, g.capture FROM gap AS g "
	  "JOIN capture AS c ON c.id = g.capture" },
	{ "notes",
	  "what examiners have written, with the finding it is about",
	  "SELECT " ISO("n.at_ns") " AS time, n.author, n.text, n.finding, n.event, (SELECT r.name "
	  "FROM finding AS f JOIN rule AS r ON r.id = f.rule WHERE f.key = n.finding LIMIT 1) AS "
	  "rule, "
	  "n.id FROM note AS n" },
	{ 0 },
};
