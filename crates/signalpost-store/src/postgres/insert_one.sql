-- The outbox for one task that is due at once, with a parameter for each column: what insert.sql writes, without the way
-- through JSON. insert.sql says when somebody is notified. The last two parameters are one time: the task is not sent earlier
-- than that. Returns when it was sent, by the server's clock.
INSERT INTO signalpost_task (
    send_id, signal, sender, receiver, queue, priority, payload, payload_version, headers, parent, depth, run_at, created_at
)
VALUES (
    $1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10,
    greatest(floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint, $11::bigint),
    greatest(floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint, $12::bigint)
)
RETURNING
    created_at,
    -- One within the other, because a lock that nobody needs must not be taken.
    CASE WHEN EXISTS (SELECT FROM signalpost_worker AS waiting WHERE queue = ANY (waiting.idle)) THEN
        CASE WHEN pg_try_advisory_xact_lock(730719974, tableoid::int) THEN pg_notify('signalpost', tableoid::text) END
    END
