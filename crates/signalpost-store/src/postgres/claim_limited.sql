-- As claim.sql, with no more tasks of some receivers than are wanted of them. $6 the receivers, $7 how many of each,
-- $8 how many tasks are looked at. Those that are passed over are let go at the commit.
WITH leased AS MATERIALIZED (
    SELECT id FROM signalpost_worker WHERE id = $1 FOR KEY SHARE
),
looked_at AS MATERIALIZED (
    SELECT ctid, id, receiver, run_at FROM signalpost_task
    WHERE worker IS NULL AND deaths < 2 AND queue = $2 AND priority = $3 AND run_at <= $4
      AND (expires_at IS NULL OR expires_at > $4)
      AND EXISTS (SELECT FROM leased)
    ORDER BY run_at, id
    LIMIT $8
    FOR UPDATE SKIP LOCKED
),
placed AS (
    SELECT ctid, id, receiver, run_at, row_number() OVER (PARTITION BY receiver ORDER BY run_at, id) AS place
    FROM looked_at
),
due AS MATERIALIZED (
    SELECT placed.ctid
    FROM placed
    LEFT JOIN unnest($6::text[], $7::bigint[]) AS limited (receiver, room) ON limited.receiver = placed.receiver
    WHERE limited.room IS NULL OR placed.place <= limited.room
    ORDER BY placed.run_at, placed.id
    LIMIT $5
)
UPDATE signalpost_task
SET worker = $1, fence = fence + 1, attempt = attempt + 1
WHERE ctid = ANY (ARRAY (SELECT ctid FROM due))
RETURNING
    id, send_id, signal, sender, receiver, queue, priority, run_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, created_at, unknown_since
