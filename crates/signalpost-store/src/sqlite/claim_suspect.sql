-- ?1 worker, ?2 queues (a JSON array), ?3 now
UPDATE signalpost_task
SET worker = ?1, fence = fence + 1, attempt = attempt + 1
WHERE id IN (
    SELECT id FROM signalpost_task INDEXED BY signalpost_task_suspect
    WHERE worker IS NULL AND deaths >= 2 AND run_at <= ?3
      AND (expires_at IS NULL OR expires_at > ?3)
      AND queue IN (SELECT value FROM json_each(?2))
    ORDER BY run_at, id
    LIMIT 1
)
RETURNING
    id, send_id, signal, sender, receiver, queue, priority, run_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, created_at, unknown_since
