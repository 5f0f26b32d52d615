-- Moves waiting tasks to the history. $1 ids, $2 state, $3 reason, $4 now (NULL: the server's).
WITH ended AS (
    DELETE FROM signalpost_task
    WHERE worker IS NULL AND id = ANY ($1::bigint[])
    RETURNING
        id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
        headers, parent, depth, attempt, deaths, fence, worker, created_at
)
INSERT INTO signalpost_history (
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, worker, created_at, state, reason, result, finished_at
)
SELECT
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, worker, created_at, $2, $3, NULL,
    coalesce($4, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
FROM ended
