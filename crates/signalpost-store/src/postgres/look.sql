-- What a claim has to know before it takes anything. $1 worker, $2 queues, $3 now (NULL: the server's).
WITH RECURSIVE clock AS MATERIALIZED (
    SELECT coalesce($3, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now
),
-- The priorities of each queue, by one step in the index for each of them.
priorities AS (
    SELECT queue, (
        SELECT priority FROM signalpost_task AS task
        WHERE worker IS NULL AND deaths < 2 AND task.queue = asked.queue
        ORDER BY priority DESC LIMIT 1
    ) AS priority
    FROM unnest($2::text[]) AS asked (queue)
    UNION ALL
    SELECT queue, (
        SELECT priority FROM signalpost_task AS task
        WHERE worker IS NULL AND deaths < 2 AND task.queue = last.queue AND task.priority < last.priority
        ORDER BY priority DESC LIMIT 1
    )
    FROM priorities AS last
    WHERE last.priority IS NOT NULL
),
found AS (SELECT queue, priority FROM priorities WHERE priority IS NOT NULL)
SELECT
    now,
    EXISTS (SELECT FROM signalpost_worker WHERE id = $1),
    EXISTS (SELECT FROM signalpost_task WHERE worker IS NULL AND expires_at IS NOT NULL AND expires_at <= now),
    EXISTS (
        SELECT FROM signalpost_task
        WHERE worker IS NULL AND deaths >= 2 AND run_at <= now AND queue = ANY ($2)
    ),
    (SELECT array_agg(queue) FROM found),
    (SELECT array_agg(priority) FROM found)
FROM clock
