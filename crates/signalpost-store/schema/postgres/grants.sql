-- All that a role needs to send, to work and to prune. It can neither create nor change nor drop a table.
GRANT SELECT ON signalpost_schema TO @role;
GRANT SELECT, INSERT, UPDATE, DELETE ON signalpost_task TO @role;
GRANT USAGE ON SEQUENCE signalpost_task_id_seq TO @role;
GRANT SELECT, INSERT, DELETE ON signalpost_once TO @role;
GRANT SELECT, INSERT, DELETE ON signalpost_history TO @role;
GRANT SELECT, INSERT, UPDATE, DELETE ON signalpost_worker TO @role;
GRANT SELECT, INSERT, UPDATE ON signalpost_receiver TO @role;
