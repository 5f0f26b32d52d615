-- What end.sql is to the store's own connections, for one success on a client's: the receiver's writes are in the same
-- transaction. $1 is a JSON object: id, worker, fence, now.
INSERT INTO signalpost_history (
    id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version,
    headers, parent, depth, attempt, deaths, fence, worker, created_at, state, reason, result, finished_at
)
SELECT
    task.id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, NULL, payload_version, headers,
    parent, depth, attempt, deaths, task.fence, task.worker, created_at, 'succeeded', reason, NULL,
    coalesce(claim.now, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
FROM json_to_record($1::text::json) AS claim (id bigint, worker text, fence bigint, now bigint)
JOIN signalpost_task AS task ON task.id = claim.id AND task.worker IS NOT DISTINCT FROM claim.worker AND task.fence = claim.fence
FOR UPDATE OF task
