-- The outbox for one task that is due at once, with a parameter for each column: what insert.sql writes, without the way
-- through JSON. insert.sql says when somebody is notified. The queue is given twice, so that parameters stand in order. The
-- last one is a time: the task is not sent earlier than that. Returns when it was sent, by the server's clock.
WITH told AS MATERIALIZED (
    SELECT count(pg_notify('signalpost', 'signalpost_task'::regclass::oid::text))
    FROM (
        SELECT FROM signalpost_worker AS waiting
        WHERE waiting.idle IS NOT NULL AND $1::text = ANY (waiting.idle)
        LIMIT 1
    ) AS anybody
    WHERE pg_try_advisory_xact_lock(730719974, 'signalpost_task'::regclass::oid::int)
)
INSERT INTO signalpost_task (
    send_id, signal, sender, receiver, queue, priority, payload, payload_version, headers, parent, depth, run_at, created_at
)
SELECT $2, $3, $4, $5, $6, $7::smallint, $8, 1, $9, $10::bigint, $11::bigint, clock.now, clock.now
FROM
    told,
    (SELECT greatest(floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint, $12::bigint) AS now) AS clock
RETURNING created_at
