-- The outbox: whoever can run this statement in a transaction can send. $1 is a JSON array, one object per task.
-- A text, whatever the client would take a JSON parameter to be. The tasks are numbered as they stand in the array: nothing
-- here changes their order.
WITH sent AS MATERIALIZED (
    SELECT task.*, coalesce(task.now, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS sent_at
    FROM json_to_recordset($1::text::json) AS task (
        send_id text, once boolean, signal text, sender text, receiver text, queue text, priority smallint,
        delay bigint, run_at bigint, expires_in bigint, key text, payload text, payload_version bigint, headers text,
        parent bigint, depth bigint, reason text, now bigint
    )
),
-- Only while somebody waits, and one sender at a time: whoever notifies commits one after the other with everybody else who
-- does. Who finds another at it leaves it to that one; a worker that was told looks again a little later, for those.
told AS MATERIALIZED (
    SELECT count(pg_notify('signalpost', 'signalpost_task'::regclass::oid::text))
    FROM (
        SELECT FROM signalpost_worker AS waiting
        WHERE waiting.idle IS NOT NULL AND EXISTS (SELECT FROM sent WHERE sent.queue = ANY (waiting.idle))
        LIMIT 1
    ) AS anybody
    WHERE pg_try_advisory_xact_lock(730719974, 'signalpost_task'::regclass::oid::int)
)
INSERT INTO signalpost_task (
    send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key,
    payload, payload_version, headers, parent, depth, reason, created_at
)
SELECT
    send_id, signal, sender, receiver, queue, priority, greatest(sent_at + delay, run_at), sent_at + expires_in, key,
    payload, payload_version, headers, parent, depth, reason, sent_at
FROM sent, told
