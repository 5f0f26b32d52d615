-- Successes of which no history is kept, guarded by worker and fence. ?1 JSON array of [id, fence], ?2 worker.
DELETE FROM signalpost_task
WHERE id IN (
    SELECT t.id
    FROM json_each(?1) AS f
    CROSS JOIN signalpost_task AS t ON t.id = json_extract(f.value, '$[0]')
    WHERE t.worker = ?2 AND t.fence = json_extract(f.value, '$[1]')
)
RETURNING id, fence
