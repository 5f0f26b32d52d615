-- Schema v1 for SQLite 3.37 and newer. Times are milliseconds since 1970 by the machine's clock.
-- docs/delivery.md explains the states; crates/signalpost-store/src/task.rs explains the columns.

CREATE TABLE signalpost_schema (
    version    INTEGER NOT NULL,
    -- The oldest schema whose programs may work on this one: what has changed since does not concern them.
    works_with INTEGER NOT NULL
) STRICT;

-- Live tasks: waiting (worker IS NULL) or running. AUTOINCREMENT, because an id must never come again: the
-- history is keyed by it.
CREATE TABLE signalpost_task (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    send_id         TEXT    NOT NULL,
    signal          TEXT    NOT NULL,
    sender          TEXT,
    receiver        TEXT    NOT NULL,
    queue           TEXT    NOT NULL,
    priority        INTEGER NOT NULL CHECK (priority BETWEEN -100 AND 100),
    run_at          INTEGER NOT NULL,
    expires_at      INTEGER,
    key             TEXT,
    payload         TEXT    NOT NULL,
    payload_version INTEGER NOT NULL,
    headers         TEXT    NOT NULL,
    parent          INTEGER,
    depth           INTEGER NOT NULL,
    attempt         INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    deaths          INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),
    fence           INTEGER NOT NULL DEFAULT 0 CHECK (fence >= 0),
    worker          TEXT,
    created_at      INTEGER NOT NULL,
    unknown_since   INTEGER,
    reason          TEXT
) STRICT;

-- What a claim reads, in the order in which it takes.
CREATE INDEX signalpost_task_waiting ON signalpost_task (queue, priority DESC, run_at, id)
    WHERE worker IS NULL AND deaths < 2;
-- Tasks that have met two deaths: few, and claimed one at a time.
CREATE INDEX signalpost_task_suspect ON signalpost_task (run_at)
    WHERE worker IS NULL AND deaths >= 2;
-- What a rescue reads.
CREATE INDEX signalpost_task_running ON signalpost_task (worker)
    WHERE worker IS NOT NULL;
CREATE INDEX signalpost_task_expiring ON signalpost_task (expires_at)
    WHERE worker IS NULL AND expires_at IS NOT NULL;
-- The tasks of a send: what a send that is made once looks for.
CREATE INDEX signalpost_task_send ON signalpost_task (send_id);

-- Ended tasks. The key says that a task ends once.
CREATE TABLE signalpost_history (
    id              INTEGER PRIMARY KEY,
    send_id         TEXT    NOT NULL,
    signal          TEXT    NOT NULL,
    sender          TEXT,
    receiver        TEXT    NOT NULL,
    queue           TEXT    NOT NULL,
    priority        INTEGER NOT NULL,
    run_at          INTEGER NOT NULL,
    expires_at      INTEGER,
    key             TEXT,
    payload         TEXT,
    payload_version INTEGER NOT NULL,
    headers         TEXT    NOT NULL,
    parent          INTEGER,
    depth           INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,
    deaths          INTEGER NOT NULL,
    fence           INTEGER NOT NULL,
    worker          TEXT,
    created_at      INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('succeeded', 'dead', 'cancelled', 'expired', 'merged')),
    reason          TEXT,
    result          TEXT,
    finished_at     INTEGER NOT NULL
) STRICT;

-- What pruning reads, and the counts by state.
CREATE INDEX signalpost_history_ended ON signalpost_history (queue, state, finished_at);
CREATE INDEX signalpost_history_send ON signalpost_history (send_id);

-- One row per worker: its lease, for all of its tasks at once.
CREATE TABLE signalpost_worker (
    id          TEXT    PRIMARY KEY,
    lock        TEXT,
    started_at  INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT;

-- What workers have registered, for senders to compare.
CREATE TABLE signalpost_receiver (
    name         TEXT    NOT NULL,
    signal       TEXT    NOT NULL,
    queue        TEXT    NOT NULL,
    published_at INTEGER NOT NULL,
    PRIMARY KEY (name, signal)
) STRICT;

INSERT INTO signalpost_schema (version, works_with) VALUES (1, 1);
