-- As claim.sql, passing over the tasks of some receivers. ?6 their names (a JSON array), ?7 how many tasks are looked at
UPDATE signalpost_task
SET worker = ?1, fence = fence + 1, attempt = attempt + 1
WHERE id IN (
    SELECT id
    FROM (
        SELECT id, receiver FROM signalpost_task INDEXED BY signalpost_task_waiting
        WHERE worker IS NULL AND deaths < 2 AND queue = ?2 AND priority = ?3 AND run_at <= ?4
          AND (expires_at IS NULL OR expires_at > ?4)
        ORDER BY run_at, id
        LIMIT ?7
    )
    WHERE receiver NOT IN (SELECT value FROM json_each(?6))
    LIMIT ?5
)
RETURNING
    id, send_id, signal, sender, receiver, queue, priority, run_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, created_at, unknown_since
