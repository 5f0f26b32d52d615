-- One task, on the store's own connection and on those of clients that prefer parameters: what insert.sql writes, without the
-- way through JSON.
INSERT INTO signalpost_task (
    send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key,
    payload, payload_version, headers, parent, depth, reason, created_at
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
