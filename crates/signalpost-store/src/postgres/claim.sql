-- $1 worker, $2 queue, $3 priority, $4 now, $5 how many at most.
-- The lease row is held until the claim is committed: who takes up the tasks of this worker waits for it. What is locked
-- stays where it is until then, so it is updated by its place, without a second look into an index.
WITH leased AS MATERIALIZED (
    SELECT id FROM signalpost_worker WHERE id = $1 FOR KEY SHARE
),
due AS MATERIALIZED (
    SELECT ctid FROM signalpost_task
    WHERE worker IS NULL AND deaths < 2 AND queue = $2 AND priority = $3 AND run_at <= $4
      AND (expires_at IS NULL OR expires_at > $4)
      AND EXISTS (SELECT FROM leased)
    ORDER BY run_at, id
    LIMIT $5
    FOR UPDATE SKIP LOCKED
)
UPDATE signalpost_task
SET worker = $1, fence = fence + 1, attempt = attempt + 1
WHERE ctid = ANY (ARRAY (SELECT ctid FROM due))
RETURNING
    id, send_id, signal, sender, receiver, queue, priority, run_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, created_at, unknown_since
