-- title: ATT&CK techniques: which rules look for them, and what came of it
-- param replay integer = null: of this replay only; null: the last one of each capture
-- needs: case
--
-- From the tags attack.tNNNN of rules. verdict is the best that the technique's rules can say: hit
-- before clean except, not evaluable and clean; a technique without a rule is not here.
WITH run(id) AS MATERIALIZED (
	SELECT :replay WHERE :replay IS NOT NULL
	UNION
	SELECT max(replay) FROM replayed WHERE :replay IS NULL GROUP BY capture
),
tagged AS (
	SELECT DISTINCT upper(substr(t.value, 8)) AS technique, r.id, r.name, r.severity_rank, r.severity,
		v.verdict, v.findings,
		CASE v.verdict WHEN 'hit' THEN 0 WHEN 'clean except' THEN 1 WHEN 'not evaluable' THEN 2
			ELSE 3 END AS rank
	FROM run
	JOIN rule AS r ON r.replay = run.id
	JOIN verdict AS v ON v.rule = r.id, json_each(r.tags) AS t
	WHERE lower(t.value) GLOB 'attack.t[0-9][0-9][0-9][0-9]*'
),
tactic AS (
	SELECT DISTINCT g.technique, replace(replace(substr(lower(t.value), 8), '-', ' '), '_', ' ') AS name
	FROM tagged AS g JOIN rule AS r ON r.id = g.id, json_each(r.tags) AS t
	WHERE lower(t.value) GLOB 'attack.[a-z]*' AND lower(t.value) NOT GLOB 'attack.[tgs][0-9]*'
)
SELECT g.technique,
	(SELECT group_concat(name, ', ') FROM (
		SELECT name FROM tactic AS a WHERE a.technique = g.technique ORDER BY name)) AS tactics,
	CASE min(g.rank) WHEN 0 THEN 'hit' WHEN 1 THEN 'clean except' WHEN 2 THEN 'not evaluable'
		ELSE 'clean' END AS verdict,
	count(*) AS rules,
	sum(g.rank = 0) AS hit,
	sum(g.rank = 1) AS clean_except,
	sum(g.rank = 2) AS not_evaluable,
	sum(g.rank = 3) AS clean,
	sum(g.findings) AS findings,
	(SELECT group_concat(name, ', ') FROM (
		SELECT name FROM tagged AS o WHERE o.technique = g.technique AND o.rank = 0
		ORDER BY o.severity_rank DESC, name)) AS rules_hit
FROM tagged AS g
GROUP BY g.technique
ORDER BY min(g.rank), sum(g.findings) DESC, g.technique
