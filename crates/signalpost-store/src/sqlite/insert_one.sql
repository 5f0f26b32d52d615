-- The outbox for one task that is due at once, with a parameter for each column: what insert.sql writes, without the way
-- through JSON. The time is given twice, in milliseconds: the clock of the machine that the file is on.
INSERT INTO signalpost_task (
    send_id, signal, sender, receiver, queue, priority, payload, payload_version, headers, parent, depth, run_at, created_at
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?11, ?12)
