-- title: What the captures say of each rule
-- param rule text = '*': name of a rule, or a pattern of GLOB
-- param replay integer = null: of this replay only; null: the last one of each capture
-- needs: case
--
-- clear is the part of the time in which nothing was missing that the rule reads; blind says what was,
-- and how often.
WITH run(id) AS MATERIALIZED (
	SELECT :replay WHERE :replay IS NOT NULL
	UNION
	SELECT max(replay) FROM replayed WHERE :replay IS NULL GROUP BY capture
)
SELECT v.verdict,
	r.severity,
	r.name AS rule,
	nullif(r.title, r.name) AS title,
	v.findings,
	v.suppressed,
	v.matches,
	v.despite,
	printf('%.2f %%', v.clear * 100) AS clear,
	v.why,
	(SELECT group_concat(reason || ' (' || times || ')', '; ') FROM (
		SELECT reason, count(*) AS times FROM blind WHERE verdict = v.id
		GROUP BY reason ORDER BY times DESC, reason)) AS blind,
	r.file,
	r.line
FROM run
JOIN verdict AS v ON v.replay = run.id
JOIN rule AS r ON r.id = v.rule
WHERE r.name GLOB :rule
ORDER BY CASE v.verdict WHEN 'hit' THEN 0 WHEN 'clean except' THEN 1 WHEN 'not evaluable' THEN 2
		ELSE 3 END,
	r.severity_rank DESC, v.findings DESC, r.name
