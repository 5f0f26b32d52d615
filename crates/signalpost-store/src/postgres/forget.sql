-- Forgets successes of which no history is kept, each guarded by worker and fence, and says which. $1 worker, $2 ids, $3 the fence of
-- all of them: one walk along the index then finds them, where a fence for each would take a look for each.
-- As in end.sql, not by the worker's index.
WITH ended AS (
    DELETE FROM signalpost_task
    WHERE id = ANY ($2) AND worker IS NOT DISTINCT FROM $1 AND fence = $3
    RETURNING id, send_id, signal, receiver
),
-- Without a look for each of them where no send is made once.
unsaid AS (
    DELETE FROM signalpost_once AS once
    USING ended
    WHERE EXISTS (SELECT FROM signalpost_once)
      AND once.send_id = ended.send_id AND once.signal = ended.signal AND once.receiver = ended.receiver
)
SELECT coalesce(array_agg(id), '{}') FROM ended
