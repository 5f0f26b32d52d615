-- What end.sql is to the store's own connection, for one success on a client's: the receiver's writes are in the same
-- transaction. ?1 is a JSON object: id, worker, fence, now. Kept to what SQLite 3.37 understands, as insert.sql is.
INSERT INTO signalpost_history (
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, worker, created_at, state, reason, result, finished_at
)
SELECT
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, NULL, payload_version, headers,
    parent, depth, attempt, deaths, fence, worker, created_at, 'succeeded', reason, NULL,
    coalesce(
        json_extract(?1, '$.now'),
        CAST(strftime('%s', 'now') AS INTEGER) * 1000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER)
    )
FROM signalpost_task
WHERE id = json_extract(?1, '$.id')
  AND worker = json_extract(?1, '$.worker')
  AND fence = json_extract(?1, '$.fence')
