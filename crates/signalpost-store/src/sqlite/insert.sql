-- The outbox: whoever can run this statement in a transaction can send. ?1 is a JSON array, one object per task.
-- Kept to what SQLite 3.37 understands. strftime('%f') gives 'SS.SSS': seconds from '%s', milliseconds from it; whoever
-- says what time it is ("now", in milliseconds since 1970) spares it. What is materialized is made once, and not once for
-- each column that reads it.
WITH sent (task, now) AS MATERIALIZED (
    SELECT
        value,
        coalesce(
            json_extract(value, '$.now'),
            CAST(strftime('%s', 'now') AS INTEGER) * 1000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER)
        )
    FROM json_each(?1)
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
