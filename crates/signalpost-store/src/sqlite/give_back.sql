-- Running tasks that wait again, guarded by worker and fence. ?1 JSON array, ?2 worker, ?3 now.
UPDATE signalpost_task AS t
SET worker = NULL,
    run_at = CASE WHEN f.after IS NULL THEN t.run_at ELSE ?3 + f.after END,
    attempt = t.attempt - f.attempt_back,
    -- Known to somebody once it has run; not by having been held.
    unknown_since = CASE
        WHEN f.is_unknown THEN coalesce(t.unknown_since, ?3)
        WHEN f.attempt_back = 1 THEN t.unknown_since
    END,
    reason = coalesce(f.reason, t.reason)
FROM (
    SELECT
        json_extract(value, '$.id') AS id,
        json_extract(value, '$.fence') AS fence,
        json_extract(value, '$.after') AS after,
        json_extract(value, '$.attempt_back') AS attempt_back,
        json_extract(value, '$.is_unknown') AS is_unknown,
        json_extract(value, '$.reason') AS reason
    FROM json_each(?1)
) AS f
WHERE t.id = f.id AND t.worker = ?2 AND t.fence = f.fence
RETURNING id, fence
