-- title: All events of a process, in order
-- param pid integer: the process
-- param type text = '%': only types whose name is LIKE this
-- param limit integer = 1000: how many at most
--
-- A pid may be used again after its process has ended: look at fork, exec and exit.
SELECT time, type, comm, errno, path, fields
FROM event
WHERE pid = :pid AND type LIKE :type
ORDER BY ts, cpu, seq
LIMIT :limit
