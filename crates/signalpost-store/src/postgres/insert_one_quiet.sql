-- As insert_one.sql, without the look for somebody to notify and without a look at the clock, which together cost half as much
-- as the INSERT. For who has done both a moment ago on the same connection: a worker that was notified stays awake for a while.
INSERT INTO signalpost_task (
    send_id, signal, sender, receiver, queue, priority, payload, payload_version, headers, parent, depth, run_at, created_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $12)
