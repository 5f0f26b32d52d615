-- Forgets successes of which no history is kept, each guarded by worker and fence, and says which by their places. $1 worker, $2 ids, $3 fences.
-- As in end.sql, not by the worker's index.
WITH ended AS (
    DELETE FROM signalpost_task AS task
    USING unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS report (id, fence, place)
    WHERE task.id = report.id AND task.worker IS NOT DISTINCT FROM $1 AND task.fence = report.fence
    RETURNING task.send_id, task.signal, task.receiver, report.place
),
-- Without a look for each of them where no send is made once.
unsaid AS (
    DELETE FROM signalpost_once AS once
    USING ended
    WHERE EXISTS (SELECT FROM signalpost_once)
      AND once.send_id = ended.send_id AND once.signal = ended.signal AND once.receiver = ended.receiver
)
SELECT coalesce(array_agg(place), '{}') FROM ended
