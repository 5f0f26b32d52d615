-- Moves a running task to the history, guarded by worker and fence.
-- ?1 id, ?2 fence, ?3 worker, ?4 state, ?5 reason, ?6 result, ?7 now.
-- A success needs its payload no longer; a dead task keeps it, to be retried. A success after failures keeps the
-- reason of the last one.
INSERT INTO signalpost_history (
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, worker, created_at, state, reason, result, finished_at
)
SELECT
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key,
    CASE ?4 WHEN 'succeeded' THEN NULL ELSE payload END,
    payload_version, headers, parent, depth, attempt, deaths, fence, worker, created_at,
    ?4, coalesce(?5, reason), ?6, ?7
FROM signalpost_task
WHERE id = ?1 AND worker = ?3 AND fence = ?2
