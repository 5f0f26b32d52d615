-- $1 worker, $2 queues, $3 now
WITH leased AS MATERIALIZED (
    SELECT id FROM signalpost_worker WHERE id = $1 FOR KEY SHARE
),
due AS MATERIALIZED (
    SELECT ctid FROM signalpost_task
    WHERE worker IS NULL AND deaths >= 2 AND run_at <= $3
      AND (expires_at IS NULL OR expires_at > $3)
      AND queue = ANY ($2)
      AND EXISTS (SELECT FROM leased)
    ORDER BY run_at, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE signalpost_task
SET worker = $1, fence = fence + 1, attempt = attempt + 1
WHERE ctid = ANY (ARRAY (SELECT ctid FROM due))
RETURNING
    id, send_id, signal, sender, receiver, queue, priority, run_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, created_at, unknown_since
