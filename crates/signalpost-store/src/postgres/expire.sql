-- Ends waiting tasks whose time is over. $1 now, $2 how many at most, $3 reason.
WITH over AS MATERIALIZED (
    SELECT id FROM signalpost_task
    WHERE worker IS NULL AND expires_at IS NOT NULL AND expires_at <= $1
    ORDER BY expires_at LIMIT $2
    FOR UPDATE SKIP LOCKED
),
ended AS (
    DELETE FROM signalpost_task AS task USING over WHERE task.id = over.id
    RETURNING
        task.id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
        headers, parent, depth, attempt, deaths, fence, worker, created_at
)
INSERT INTO signalpost_history (
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, worker, created_at, state, reason, result, finished_at
)
SELECT
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, worker, created_at, 'expired', $3, NULL, $1
FROM ended
