-- Moves waiting tasks to the history. ?1 JSON array of ids, ?2 state, ?3 reason, ?4 now.
INSERT INTO signalpost_history (
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, worker, created_at, state, reason, result, finished_at
)
SELECT
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, worker, created_at, ?2, ?3, NULL, ?4
FROM signalpost_task
WHERE worker IS NULL AND id IN (SELECT value FROM json_each(?1))
RETURNING id
