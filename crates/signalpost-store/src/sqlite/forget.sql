-- A success of which no history is kept, guarded by worker and fence. ?1 id, ?2 fence, ?3 worker.
DELETE FROM signalpost_task WHERE id = ?1 AND worker = ?3 AND fence = ?2
