-- Follows complete.sql in the same transaction, with the same parameter; alone, where no history of successes is kept.
WITH claim AS MATERIALIZED (
    SELECT task.id, task.send_id, task.signal, task.receiver
    FROM json_to_record($1::text::json) AS claim (id bigint, worker text, fence bigint)
    JOIN signalpost_task AS task ON task.id = claim.id AND task.worker IS NOT DISTINCT FROM claim.worker AND task.fence = claim.fence
    FOR UPDATE OF task
),
unsaid AS (
    DELETE FROM signalpost_once AS once
    USING claim
    WHERE once.send_id = claim.send_id AND once.signal = claim.signal AND once.receiver = claim.receiver
      AND NOT EXISTS (SELECT FROM signalpost_history AS history WHERE history.id = claim.id)
)
DELETE FROM signalpost_task AS task USING claim WHERE task.id = claim.id
