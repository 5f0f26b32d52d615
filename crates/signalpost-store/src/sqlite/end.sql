-- Moves running tasks to the history, guarded by worker and fence. ?1 JSON array, ?2 worker, ?3 now.
-- A success needs its payload no longer; a dead task keeps it, to be retried. A success after failures keeps the
-- reason of the last one.
INSERT INTO signalpost_history
SELECT
    t.id, t.send_id, t.signal, t.sender, t.receiver, t.queue, t.priority, t.run_at, t.expires_at, t.key,
    CASE json_extract(f.value, '$.state') WHEN 'succeeded' THEN NULL ELSE t.payload END,
    t.payload_version, t.headers, t.parent, t.depth, t.attempt, t.deaths, t.fence, t.worker, t.created_at,
    json_extract(f.value, '$.state'), coalesce(json_extract(f.value, '$.reason'), t.reason),
    json_extract(f.value, '$.result'), ?3
FROM json_each(?1) AS f
CROSS JOIN signalpost_task AS t ON t.id = json_extract(f.value, '$.id')
WHERE t.worker = ?2 AND t.fence = json_extract(f.value, '$.fence')
RETURNING id, fence
