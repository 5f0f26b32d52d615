-- A running task waits again, guarded by worker and fence.
-- ?1 id, ?2 fence, ?3 worker, ?4 when it is due (NULL: as it was), ?5 1 to give the attempt back, ?6 reason (NULL: as it
-- was), ?7 now, where nobody has known the receiver, ?8 1 for a death more.
UPDATE signalpost_task
SET worker = NULL,
    run_at = coalesce(?4, run_at),
    attempt = attempt - ?5,
    deaths = deaths + ?8,
    -- Known to somebody once it has run; not by having been held.
    unknown_since = CASE
        WHEN ?7 IS NOT NULL THEN coalesce(unknown_since, ?7)
        WHEN ?5 = 1 THEN unknown_since
    END,
    reason = coalesce(?6, reason)
WHERE id = ?1 AND worker = ?3 AND fence = ?2
