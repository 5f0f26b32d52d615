-- When the next task is due: in these priorities of these queues ($1, $2), later than $3; and of the suspects of the
-- queues $4, later than $5.
SELECT least(
    (
        SELECT min(first.run_at)
        FROM unnest($1::text[], $2::smallint[]) AS asked (queue, priority)
        CROSS JOIN LATERAL (
            SELECT run_at FROM signalpost_task AS task
            WHERE worker IS NULL AND deaths < 2 AND task.queue = asked.queue AND task.priority = asked.priority
              AND run_at > $3
            ORDER BY run_at LIMIT 1
        ) AS first
    ),
    (
        SELECT run_at FROM signalpost_task
        WHERE worker IS NULL AND deaths >= 2 AND run_at > $5 AND queue = ANY ($4)
        ORDER BY run_at LIMIT 1
    )
)
