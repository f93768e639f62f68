-- title: Where a file, a process or what was sent to an address came from
-- param path text = null: start at a path, or a pattern of GLOB
-- param pid integer = null: or at a process, by its pid
-- param addr text = null: or at an address, with a port or without (192.0.2.1:443), or its name
-- param process integer = null: or at a process, by its id in the case
-- param at time = null: only what came until then; of a pid, who had it then
-- param steps integer = 6: how far
-- param nodes integer = 1000: how many processes, files and connections at most
-- param width integer = 100: how many behind each of them at most
-- param unwritten integer = 0: 1, to see files as well that nobody in the capture had written
-- needs: case
-- shape: tree
-- verbose: node node_id event
--
-- The same as @forward, back in time: each node stands where it counted last. Files that nobody in the
-- capture had written by then (libraries, settings, but also what was stolen) are only counted.
SELECT s.depth, s.label, s.edge, s.count, s.bytes, s.last, s.note, s.node, s.node_id, s.event
FROM (
	SELECT group_concat(kind, ' and ') AS kind, max(value) AS value
	FROM (
		SELECT 'path' AS kind, :path AS value
		UNION ALL SELECT 'pid', :pid
		UNION ALL SELECT 'addr', :addr
		UNION ALL SELECT 'process', :process
	)
	WHERE value IS NOT NULL
) AS start
JOIN slice AS s ON s.direction = 'backward' AND s.kind = start.kind AND s.value = start.value
	AND s.at = :at AND s.steps = :steps AND s.nodes = :nodes AND s.width = :width
	AND s.unwritten = :unwritten
