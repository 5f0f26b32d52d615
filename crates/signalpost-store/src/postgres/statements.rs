//! The statements, with the tables where the store's schema is.

use std::sync::Arc;

/// In the files a table stands by its name alone: where the schema is named, it is put before each of them; otherwise
/// the connection's `search_path` finds them.
pub(super) fn in_schema(sql: &str, schema: Option<&str>) -> String {
    let Some(schema) = schema else { return sql.to_owned() };
    let name = quoted(schema);
    let in_text = name.replace('\'', "''");
    let mut parts = sql.split("signalpost_");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str(if whole.ends_with('\'') { &in_text } else { &name });
        whole.push_str(".signalpost_");
        whole.push_str(part);
    }
    whole
}

/// A name as it stands in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

macro_rules! statements {
    ($($name:ident: $sql:expr,)*) => {
        /// All statements of a store.
        #[derive(Debug)]
        pub(super) struct Statements {
            $(pub(super) $name: Arc<str>,)*
        }

        impl Statements {
            pub(super) fn new(schema: Option<&str>) -> Self {
                Self { $($name: in_schema($sql, schema).into(),)* }
            }
        }
    };
}

/// The columns of live and ended tasks alike.
macro_rules! records {
    () => {
        "SELECT id, send_id, signal, sender, receiver, queue, priority, \
             CASE WHEN worker IS NULL THEN 'waiting' ELSE 'running' END AS state, attempt, deaths, fence, worker, parent, \
             run_at, expires_at, created_at, NULL::bigint AS finished_at, reason, NULL::text AS result \
         FROM signalpost_task \
         UNION ALL \
         SELECT id, send_id, signal, sender, receiver, queue, priority, state, attempt, deaths, fence, worker, parent, \
             run_at, expires_at, created_at, finished_at, reason, result \
         FROM signalpost_history"
    };
}

/// The server's time, unless a test says another one.
macro_rules! now {
    ($parameter:literal) => {
        concat!("coalesce(", $parameter, ", floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)")
    };
}

statements! {
    insert: include_str!("insert.sql"),
    insert_returning: concat!(include_str!("insert.sql"), "RETURNING id"),
    insert_once: include_str!("insert_once.sql"),
    insert_once_returning: concat!(include_str!("insert_once.sql"), "RETURNING id"),
    find_once: "SELECT task FROM signalpost_once WHERE send_id = $1 AND signal = $2 AND receiver = $3",
    look: include_str!("look.sql"),
    claim: include_str!("claim.sql"),
    claim_limited: include_str!("claim_limited.sql"),
    claim_suspect: include_str!("claim_suspect.sql"),
    expire: include_str!("expire.sql"),
    next_due: include_str!("next_due.sql"),
    end: include_str!("end.sql"),
    forget: include_str!("forget.sql"),
    give_back: include_str!("give_back.sql"),
    end_waiting: include_str!("end_waiting.sql"),
    complete: include_str!("complete.sql"),
    complete_delete: include_str!("complete_delete.sql"),
    retry: include_str!("retry.sql"),
    register: concat!(
        "INSERT INTO signalpost_worker (id, lock, started_at, lease_until) \
         SELECT $1, $2, now, now + $4 FROM (SELECT ", now!("$3"), " AS now) AS clock"
    ),
    // What the lease was is read before it is changed.
    renew: concat!(
        "UPDATE signalpost_worker AS worker SET lease_until = clock.now + $3 \
         FROM (SELECT id, lease_until FROM signalpost_worker WHERE id = $1 FOR NO KEY UPDATE) AS was, \
             (SELECT ", now!("$2"), " AS now) AS clock \
         WHERE worker.id = was.id RETURNING was.lease_until > clock.now"
    ),
    release_all_but: "UPDATE signalpost_task SET worker = NULL, attempt = attempt - 1 \
         WHERE worker = $1 AND NOT EXISTS (\
             SELECT FROM unnest($2::bigint[], $3::bigint[]) AS held (id, fence) \
             WHERE held.id = signalpost_task.id AND held.fence = signalpost_task.fence)",
    delete_worker: "DELETE FROM signalpost_worker WHERE id = $1",
    set_idle: "UPDATE signalpost_worker SET idle = $2 WHERE id = $1 AND idle IS DISTINCT FROM $2",
    // A lock belongs to one database. Its number is split into two for the catalogue.
    workers: concat!(
        "SELECT id, lease_until <= ", now!("$1"), ", lock IS NOT NULL AND NOT EXISTS (\
             SELECT FROM pg_locks AS held \
             WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1 \
               AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND held.classid::bigint = (lock >> 32) & 4294967295 AND held.objid::bigint = lock & 4294967295) \
         FROM signalpost_worker"
    ),
    hold: super::keeper::HOLD,
    has_lease: concat!("SELECT EXISTS (SELECT FROM signalpost_worker WHERE id = $1 AND lease_until > ", now!("$2"), ")"),
    delete_expired: concat!("DELETE FROM signalpost_worker WHERE id = $1 AND lease_until <= ", now!("$2")),
    free: "WITH held AS MATERIALIZED (SELECT ctid FROM signalpost_task WHERE worker = $1 FOR UPDATE SKIP LOCKED) \
         UPDATE signalpost_task SET worker = NULL, deaths = deaths + 1, unknown_since = NULL \
         WHERE ctid = ANY (ARRAY (SELECT ctid FROM held)) RETURNING id, deaths",
    holds_any: "SELECT EXISTS (SELECT FROM signalpost_task WHERE worker = $1)",
    // One step in the index for each worker.
    left_behind: "WITH RECURSIVE holder AS (\
             SELECT (SELECT worker FROM signalpost_task WHERE worker IS NOT NULL ORDER BY worker LIMIT 1) AS worker \
             UNION ALL \
             SELECT (\
                 SELECT task.worker FROM signalpost_task AS task \
                 WHERE task.worker > holder.worker ORDER BY task.worker LIMIT 1) \
             FROM holder WHERE holder.worker IS NOT NULL) \
         SELECT worker FROM holder \
         WHERE worker IS NOT NULL AND NOT EXISTS (SELECT FROM signalpost_worker WHERE id = holder.worker)",
    prune: concat!(
        "WITH old AS MATERIALIZED (\
             SELECT id FROM signalpost_history \
             WHERE queue = $1 AND state = $2 AND finished_at <= ", now!("$5"), " - $3 ORDER BY finished_at LIMIT $4), \
         gone AS (\
             DELETE FROM signalpost_history AS history USING old WHERE history.id = old.id \
             RETURNING history.id, send_id, signal, receiver), \
         unsaid AS (\
             DELETE FROM signalpost_once AS once USING gone \
             WHERE EXISTS (SELECT FROM signalpost_once) AND once.send_id = gone.send_id \
               AND once.signal = gone.signal AND once.receiver = gone.receiver) \
         SELECT count(*) FROM gone"
    ),
    next_queue: "SELECT queue FROM signalpost_history WHERE queue > $1 ORDER BY queue LIMIT 1",
    count_live: "SELECT count(*) FILTER (WHERE worker IS NULL), count(*) FILTER (WHERE worker IS NOT NULL) \
         FROM signalpost_task",
    count_ended: "SELECT state, count(*) FROM signalpost_history GROUP BY state",
    find: concat!("SELECT * FROM (", records!(), ") AS record WHERE id = $1"),
    list: concat!(
        "SELECT * FROM (", records!(), ") AS record \
         WHERE id < $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR send_id = $3) \
           AND ($4::text IS NULL OR signal = $4) AND ($5::text IS NULL OR receiver = $5) \
           AND ($6::text IS NULL OR queue = $6) \
         ORDER BY id DESC LIMIT $7"
    ),
    content: "SELECT payload, payload_version, headers FROM signalpost_task WHERE id = $1 \
         UNION ALL SELECT payload, payload_version, headers FROM signalpost_history WHERE id = $1",
    publish: concat!(
        "INSERT INTO signalpost_receiver (name, signal, queue, published_at) \
         SELECT name, signal, queue, ", now!("$4"), " \
         FROM unnest($1::text[], $2::text[], $3::text[]) AS receiver (name, signal, queue) ORDER BY name, signal \
         ON CONFLICT (name, signal) DO UPDATE SET queue = excluded.queue, published_at = excluded.published_at"
    ),
    published: concat!(
        "SELECT name, signal, queue FROM signalpost_receiver \
         WHERE published_at >= ", now!("$2"), " - $1 ORDER BY name, signal"
    ),
    table: "SELECT 'signalpost_task'::regclass::oid::text",
    version: crate::schema_version::READ,
}
