-- title: What came of a file, a process or an address
-- param path text = null: start at a path, or a pattern of GLOB
-- param pid integer = null: or at a process, by its pid
-- param addr text = null: or at an address, with a port or without (192.0.2.1:443), or its name
-- param process integer = null: or at a process, by its id in the case
-- param at time = null: only what came from then on; of a pid, who had it then
-- param steps integer = 6: how far
-- param nodes integer = 1000: how many processes, files and connections at most
-- param width integer = 100: how many behind each of them at most
-- needs: case
-- shape: tree
-- verbose: node node_id event
--
-- Follows what was read and executed, written, renamed and linked, sent and received, and who was
-- forked, always on in time: each node stands where it was reached first. What is left out (devices,
-- terminals, other families of a service) and what is beyond the limits is counted in the note.
SELECT s.depth, s.label, s.edge, s.count, s.bytes, s.first, s.note, s.node, s.node_id, s.event
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
JOIN slice AS s ON s.direction = 'forward' AND s.kind = start.kind AND s.value = start.value
	AND s.at = :at AND s.steps = :steps AND s.nodes = :nodes AND s.width = :width
