-- title: When each type of event was seen first and last
-- param like text = '%': only types whose name is LIKE this
--
-- A type that begins late, or ends early, says when something was started or switched off.
SELECT type, count(*) AS events, min(time) AS first, max(time) AS last
FROM event
WHERE type LIKE :like
GROUP BY type
ORDER BY min(ts), type
