-- A dead task waits again, under its number. $1 its id, $2 now (NULL: the server's). What is left of its past is the
-- fence, so that no report on an earlier claim is accepted, and the reason.
WITH dead AS (
    DELETE FROM signalpost_history WHERE id = $1 AND state = 'dead' AND payload IS NOT NULL
    RETURNING
        id, send_id, signal, sender, receiver, queue, priority, key, payload, payload_version, headers, parent, depth,
        fence, created_at, reason
)
INSERT INTO signalpost_task (
    id, send_id, signal, sender, receiver, queue, priority, run_at, key, payload, payload_version, headers, parent,
    depth, fence, created_at, reason
)
SELECT
    id, send_id, signal, sender, receiver, queue, priority,
    coalesce($2, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), key, payload, payload_version, headers,
    parent, depth, fence, created_at, reason
FROM dead
