-- As claim.sql, with no more tasks of some receivers than are wanted of them. ?6 a JSON object of receivers and numbers,
-- ?7 how many tasks are looked at
UPDATE signalpost_task
SET worker = ?1, fence = fence + 1, attempt = attempt + 1
WHERE id IN (
    SELECT due.id
    FROM (
        SELECT id, receiver, run_at, row_number() OVER (PARTITION BY receiver ORDER BY run_at, id) AS place
        FROM (
            SELECT id, receiver, run_at FROM signalpost_task INDEXED BY signalpost_task_waiting
            WHERE worker IS NULL AND deaths < 2 AND queue = ?2 AND priority = ?3 AND run_at <= ?4
              AND (expires_at IS NULL OR expires_at > ?4)
            ORDER BY run_at, id
            LIMIT ?7
        )
    ) AS due
    LEFT JOIN json_each(?6) AS limited ON limited.key = due.receiver
    WHERE limited.value IS NULL OR due.place <= limited.value
    ORDER BY due.run_at, due.id
    LIMIT ?5
)
RETURNING
    id, send_id, signal, sender, receiver, queue, priority, run_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, created_at, unknown_since
