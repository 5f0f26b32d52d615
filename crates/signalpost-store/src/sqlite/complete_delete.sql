-- Follows complete.sql in the same transaction, with the same parameter.
DELETE FROM signalpost_task
WHERE id = json_extract(?1, '$.id')
  AND worker = json_extract(?1, '$.worker')
  AND fence = json_extract(?1, '$.fence')
