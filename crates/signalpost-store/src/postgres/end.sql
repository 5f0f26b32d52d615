-- Moves running tasks to the history, each guarded by worker and fence, and says which by their places. $1 worker, $2 ids, $3 fences, $4 states,
-- $5 reasons, $6 results, $7 now (NULL: the server's).
-- `IS NOT DISTINCT FROM` keeps the planner from going through all that the worker holds, once for each report.
-- A success needs its payload no longer; a dead task keeps it, to be retried. A success after failures keeps the
-- reason of the last one.
WITH ended AS (
    DELETE FROM signalpost_task AS task
    USING unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY
        AS report (id, fence, state, reason, result, place)
    WHERE task.id = report.id AND task.worker IS NOT DISTINCT FROM $1 AND task.fence = report.fence
    RETURNING
        task.id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
        headers, parent, depth, attempt, deaths, task.fence, worker, created_at, task.reason,
        report.state AS end_state, report.reason AS end_reason, report.result AS end_result, report.place
),
moved AS (
    INSERT INTO signalpost_history (
        id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
        headers, parent, depth, attempt, deaths, fence, worker, created_at, state, reason, result, finished_at
    )
    SELECT
        id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key,
        CASE end_state WHEN 'succeeded' THEN NULL ELSE payload END,
        payload_version, headers, parent, depth, attempt, deaths, fence, worker, created_at,
        end_state, coalesce(end_reason, reason), end_result,
        coalesce($7, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
    FROM ended
)
SELECT coalesce(array_agg(place), '{}') FROM ended
