-- The outbox: whoever can run this statement in a transaction can send. ?1 is a JSON array, one object per task.
-- Kept to what SQLite 3.37 understands. strftime('%f') gives 'SS.SSS': seconds from '%s', milliseconds from it.
--
-- A task that is to be written `once` is left out where one of the same send, signal and receiver is live or in the
-- history. That holds because SQLite has one writer at a time. Writers side by side (PostgreSQL) do not see what the
-- other has not committed, and no unique index spans both tables: such a store first has to take a lock that belongs to
-- the send_id and lasts for the transaction.
--
-- Both parts are made once, and not once for each column that reads them.
WITH
clock (now) AS MATERIALIZED (
    SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER)
),
sent (task, now) AS MATERIALIZED (
    SELECT value, coalesce(json_extract(value, '$.now'), clock.now) FROM clock, json_each(?1)
)
INSERT INTO signalpost_task (
    send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key,
    payload, payload_version, headers, parent, depth, reason, created_at
)
SELECT
    json_extract(task, '$.send_id'),
    json_extract(task, '$.signal'),
    json_extract(task, '$.sender'),
    json_extract(task, '$.receiver'),
    json_extract(task, '$.queue'),
    json_extract(task, '$.priority'),
    max(now + json_extract(task, '$.delay'), coalesce(json_extract(task, '$.run_at'), now)),
    now + json_extract(task, '$.expires_in'),
    json_extract(task, '$.key'),
    json_extract(task, '$.payload'),
    json_extract(task, '$.payload_version'),
    json_extract(task, '$.headers'),
    json_extract(task, '$.parent'),
    json_extract(task, '$.depth'),
    json_extract(task, '$.reason'),
    now
FROM sent
WHERE NOT coalesce(json_extract(task, '$.once'), 0)
   OR NOT EXISTS (
        SELECT 1 FROM signalpost_task AS live
        WHERE live.send_id = json_extract(task, '$.send_id')
          AND live.signal = json_extract(task, '$.signal')
          AND live.receiver = json_extract(task, '$.receiver')
        UNION ALL
        SELECT 1 FROM signalpost_history AS ended
        WHERE ended.send_id = json_extract(task, '$.send_id')
          AND ended.signal = json_extract(task, '$.signal')
          AND ended.receiver = json_extract(task, '$.receiver')
   )
