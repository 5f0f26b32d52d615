-- As insert.sql, where some of the tasks are to be written `once`: each is left out where one of the same send, signal and
-- receiver has been written, by anybody and whether or not it is seen from here yet, and is not forgotten.
WITH sent AS MATERIALIZED (
    SELECT
        task.*, coalesce(task.now, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS sent_at,
        nextval(pg_get_serial_sequence('signalpost_task', 'id')) AS id
    FROM json_to_recordset($1::text::json) AS task (
        send_id text, once boolean, signal text, sender text, receiver text, queue text, priority smallint,
        delay bigint, run_at bigint, expires_in bigint, key text, payload text, payload_version bigint, headers text,
        parent bigint, depth bigint, reason text, now bigint
    )
),
told AS MATERIALIZED (
    SELECT count(pg_notify('signalpost', 'signalpost_task'::regclass::oid::text))
    FROM (
        SELECT FROM signalpost_worker AS waiting
        WHERE waiting.idle IS NOT NULL AND EXISTS (SELECT FROM sent WHERE sent.queue = ANY (waiting.idle))
        LIMIT 1
    ) AS anybody
    WHERE pg_try_advisory_xact_lock(730719974, 'signalpost_task'::regclass::oid::int)
),
first AS (
    INSERT INTO signalpost_once (send_id, signal, receiver, task)
    SELECT send_id, signal, receiver, id FROM sent WHERE once
    ORDER BY send_id, signal, receiver
    ON CONFLICT DO NOTHING
    RETURNING task
)
INSERT INTO signalpost_task (
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key,
    payload, payload_version, headers, parent, depth, reason, created_at
)
SELECT
    id, send_id, signal, sender, receiver, queue, priority, greatest(sent_at + delay, run_at), sent_at + expires_in, key,
    payload, payload_version, headers, parent, depth, reason, sent_at
FROM sent, told
WHERE once IS NOT TRUE OR id IN (SELECT task FROM first)
