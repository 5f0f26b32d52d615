-- As insert_one.sql, without the look for somebody to notify, which costs as much as the INSERT. For who has looked a moment
-- ago on the same connection: a worker that was notified stays awake for longer than that.
INSERT INTO signalpost_task (
    send_id, signal, sender, receiver, queue, priority, payload, payload_version, headers, parent, depth, run_at, created_at
)
VALUES (
    $1, $2, $3, $4, $5, $6::smallint, $7, 1, $8, $9::bigint, $10::bigint,
    floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint,
    floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint
)
