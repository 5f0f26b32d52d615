-- Behind insert.sql, where some of the tasks are to be written `once`: each is left out where one of the same send,
-- signal and receiver is live or in the history. That holds because SQLite has one writer at a time. Writers side by side
-- (PostgreSQL) do not see what the other has not committed, and no unique index spans both tables: such a store first
-- has to take a lock that belongs to the send_id and lasts for the transaction.
WHERE NOT coalesce(json_extract(task, '$.once'), 0)
   OR NOT EXISTS (
        SELECT 1 FROM signalpost_task AS live
        WHERE live.send_id = json_extract(task, '$.send_id')
          AND live.signal = json_extract(task, '$.signal')
          AND live.receiver = json_extract(task, '$.receiver')
        UNION ALL
        SELECT 1 FROM signalpost_history AS ended
        WHERE ended.send_id = json_extract(task, '$.send_id')
          AND ended.signal = json_extract(task, '$.signal')
          AND ended.receiver = json_extract(task, '$.receiver')
   )
