-- Running tasks wait again, each guarded by worker and fence; says which by their places. $1 worker, $2 ids, $3 fences, $4 after how long each is due
-- (NULL: as it was), $5 1 to give the attempt back, $6 reasons (NULL: as it was), $7 whether nobody has known the
-- receiver, $8 now (NULL: the server's), $9 1 for a death more.
-- As in end.sql, not by the worker's index.
WITH clock AS MATERIALIZED (
    SELECT coalesce($8, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
),
given_back AS (
    UPDATE signalpost_task AS task
    SET worker = NULL,
        run_at = coalesce(clock.now + report.after, task.run_at),
        attempt = attempt - report.attempt_back,
        deaths = task.deaths + report.deaths,
        -- Known to somebody once it has run; not by having been held.
        unknown_since = CASE
            WHEN report.is_unknown THEN coalesce(task.unknown_since, clock.now)
            WHEN report.attempt_back = 1 THEN task.unknown_since
        END,
        reason = coalesce(report.reason, task.reason)
    FROM clock,
        unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::boolean[], $9::bigint[])
            WITH ORDINALITY AS report (id, fence, after, attempt_back, reason, is_unknown, deaths, place)
    WHERE task.id = report.id AND task.worker IS NOT DISTINCT FROM $1 AND task.fence = report.fence
    RETURNING report.place
)
SELECT coalesce(array_agg(place), '{}') FROM given_back
