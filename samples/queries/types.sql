-- title: How many events there are of each type
-- param like text = '%': only types whose name is LIKE this
--
-- What a capture holds, at a glance: the types with the most events come first. Types that were
-- recorded and never happened are not shown; 'reel info' tells what was recorded.
SELECT type, class, count(*) AS events, count(DISTINCT pid) AS processes
FROM event
WHERE type LIKE :like
GROUP BY type
ORDER BY events DESC, type
