-- The outbox for one task that is due at once, with a parameter for each column: what insert.sql writes, without the way
-- through JSON. julianday() counts whole milliseconds inside, so multiplying gives them back; 'now' is the same wherever a
-- statement says it.
INSERT INTO signalpost_task (
    send_id, signal, sender, receiver, queue, priority, payload, payload_version, headers, parent, depth, run_at, created_at
)
VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10,
    CAST(julianday('now') * 86400000.0 + 0.5 AS INTEGER) - 210866760000000,
    CAST(julianday('now') * 86400000.0 + 0.5 AS INTEGER) - 210866760000000
)
