//! The reference: what tokio-postgres does with the same rows, and nothing in between.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use signalpost::{BoxError, SendId};
use tokio::task::JoinSet;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::database::Database;
use crate::ping::RECEIVER;

pub(super) const INSERT: &str = "INSERT INTO signalpost_task (send_id, signal, sender, receiver, queue, priority, run_at, \
    expires_at, key, payload, payload_version, headers, parent, depth, reason, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
/// What differs from row to row stands in arrays.
const INSERT_MANY: &str = "INSERT INTO signalpost_task (send_id, signal, sender, receiver, queue, priority, run_at, \
    expires_at, key, payload, payload_version, headers, parent, depth, reason, created_at) \
    SELECT send_id, 'bench.ping', 'bench', $3, 'default', 0, $4::bigint, NULL, NULL, payload, 1, '{}', NULL, 0, NULL, \
    $4::bigint FROM unnest($1::text[], $2::text[]) AS task (send_id, payload)";

/// The batches of a worker under full load: of the thousand that it holds it claims a third anew, and of the 512 that may be
/// finished and not reported it reports a third, while another third is on its way and the last one gathers.
const CLAIMED_AT_ONCE: usize = 333;
const FINISHED_AT_ONCE: usize = 170;
/// As the store's own sessions: nobody's plan is to depend on what the statistics say of tables that grow and shrink.
const SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
    SET plan_cache_mode = force_generic_plan";
/// $1 worker, $2 now.
const CLAIM: &str = "UPDATE signalpost_task SET worker = $1, fence = fence + 1, attempt = attempt + 1 WHERE id IN (\
    SELECT id FROM signalpost_task WHERE worker IS NULL AND deaths < 2 AND queue = 'default' AND priority = 0 \
    AND run_at <= $2 AND (expires_at IS NULL OR expires_at > $2) ORDER BY run_at, id LIMIT 333 FOR UPDATE SKIP LOCKED) \
    RETURNING id, send_id, signal, sender, receiver, queue, payload, headers, fence";
/// $1 ids, $2 now.
const MOVE: &str = "WITH ended AS (DELETE FROM signalpost_task WHERE id = ANY ($1) RETURNING *) \
    INSERT INTO signalpost_history (id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, \
    payload, payload_version, headers, parent, depth, attempt, deaths, fence, worker, created_at, state, reason, result, \
    finished_at) \
    SELECT id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, NULL, payload_version, \
    headers, parent, depth, attempt, deaths, fence, worker, created_at, 'succeeded', reason, NULL, $2 FROM ended";
/// $1 ids.
const DELETE: &str = "DELETE FROM signalpost_task WHERE id = ANY ($1)";

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn payload(number: usize) -> String {
    format!(r#"{{"number":{number}}}"#)
}

/// Writes the row of a send, with [`INSERT`] prepared.
pub(super) async fn insert(client: &Client, insert: &Statement, number: usize) -> Result<(), BoxError> {
    let (send_id, payload, now) = (SendId::new().to_string(), payload(number), now());
    let (no_number, no_text) = (None::<i64>, None::<&str>);
    let row: [&(dyn ToSql + Sync); 16] = [
        &send_id,
        &"bench.ping",
        &"bench",
        &RECEIVER,
        &"default",
        &0_i16,
        &now,
        &no_number,
        &no_text,
        &payload,
        &1_i64,
        &"{}",
        &no_number,
        &0_i64,
        &no_text,
        &now,
    ];
    client.execute(insert, &row).await?;
    Ok(())
}

/// Writes `groups` times as many rows as `rows`, a statement for each group.
pub(super) async fn insert_in_groups(client: &Client, groups: usize, rows: usize) -> Result<(), BoxError> {
    let insert = client.prepare(INSERT_MANY).await?;
    for group in 0..groups {
        let send_ids: Vec<String> = (0..rows).map(|_| SendId::new().to_string()).collect();
        let payloads: Vec<String> = (1..=rows).map(|row| payload(group * rows + row)).collect();
        client.execute(&insert, &[&send_ids, &payloads, &RECEIVER, &now()]).await?;
    }
    Ok(())
}

/// Tasks worked off.
pub(super) struct Drained {
    pub(super) took: Duration,
    /// When each claim was answered, from the beginning, and how many tasks it got.
    pub(super) claims: Vec<(Duration, usize)>,
}

/// Works off everything that waits, by so many connections: each claims, and finishes what it has claimed.
pub(super) async fn drain(
    database: &Database<'_>,
    connections: usize,
    keeps_history: bool,
) -> Result<Drained, BoxError> {
    let mut drainers = Vec::new();
    for _ in 0..connections {
        drainers.push(Drainer::new(database.connect().await?, keeps_history).await?);
    }
    let began = Instant::now();
    let mut draining = JoinSet::new();
    for drainer in drainers {
        draining.spawn(drainer.drain(began));
    }
    let mut claims = Vec::new();
    while let Some(drained) = draining.join_next().await {
        claims.extend(drained??);
    }
    let took = began.elapsed();
    claims.sort_unstable();
    Ok(Drained { took, claims })
}

/// Takes what waits.
pub(super) struct Claimer {
    client: Client,
    worker: String,
    claim: Statement,
}

impl Claimer {
    pub(super) async fn new(client: Client) -> Result<Self, BoxError> {
        client.batch_execute(SETTINGS).await?;
        let worker = SendId::new().to_string();
        must_use(&client, CLAIM, &[&worker, &now()], &["signalpost_task_waiting", "signalpost_task_pkey"]).await?;
        let claim = client.prepare(CLAIM).await?;
        Ok(Self { client, worker, claim })
    }

    /// The next tasks: their numbers and payloads. The rest of them is read, too.
    pub(super) async fn claim(&self) -> Result<Vec<(i64, String)>, BoxError> {
        let claimed = self.client.query(&self.claim, &[&self.worker, &now()]).await?;
        let read = |row: &Row| {
            for text in [1, 2, 3, 4, 5, 7] {
                black_box(row.get::<_, Option<String>>(text));
            }
            black_box(row.get::<_, i64>(8));
            (row.get(0), row.get(6))
        };
        Ok(claimed.iter().map(read).collect())
    }
}

/// Claims, and finishes what it has claimed.
struct Drainer {
    claimer: Claimer,
    finish: Statement,
    keeps_history: bool,
}

impl Drainer {
    async fn new(client: Client, keeps_history: bool) -> Result<Self, BoxError> {
        let claimer = Claimer::new(client).await?;
        let (client, ids) = (&claimer.client, vec![1_i64, 2]);
        let (finish, with): (_, &[&(dyn ToSql + Sync)]) =
            if keeps_history { (MOVE, &[&ids, &0_i64]) } else { (DELETE, &[&ids]) };
        must_use(client, finish, with, &["signalpost_task_pkey"]).await?;
        let finish = client.prepare(finish).await?;
        Ok(Self { claimer, finish, keeps_history })
    }

    async fn drain(self, began: Instant) -> Result<Vec<(Duration, usize)>, BoxError> {
        let mut claims = Vec::new();
        loop {
            let ids: Vec<i64> = self.claimer.claim().await?.into_iter().map(|(id, _)| id).collect();
            if ids.is_empty() {
                return Ok(claims);
            }
            claims.push((began.elapsed(), ids.len()));
            for ids in ids.chunks(FINISHED_AT_ONCE) {
                let client = &self.claimer.client;
                if self.keeps_history {
                    client.execute(&self.finish, &[&ids, &now()]).await?;
                } else {
                    client.execute(&self.finish, &[&ids]).await?;
                }
            }
        }
    }
}

/// Without an index the reference would be slow, and ours look good.
async fn must_use(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
    indexes: &[&str],
) -> Result<(), BoxError> {
    let plan = client.query(&format!("EXPLAIN {sql}"), parameters).await?;
    let plan = plan.iter().map(|step| step.get(0)).collect::<Vec<String>>().join("\n");
    if uses(&plan, indexes) {
        return Ok(());
    }
    Err(format!("the reference does not go by {} alone: {sql}\n{plan}", indexes.join(" and ")).into())
}

/// Whether a plan goes by these indexes, reads no table as a whole, and takes rows in the order of an index.
fn uses(plan: &str, indexes: &[&str]) -> bool {
    let is_used = |index: &&str| plan.contains(&format!("using {index} on ")) || plan.contains(&format!("on {index} "));
    !plan.contains("Seq Scan") && !plan.contains("Sort Key: signalpost_task") && indexes.iter().all(is_used)
}

/// How the reference is called in names of measurements.
pub(super) fn name(keeps_history: bool) -> String {
    let finish = if keeps_history { "finish" } else { "delete" };
    format!("{finish} {FINISHED_AT_ONCE} + claim {CLAIMED_AT_ONCE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMED: &str = "Index Scan using signalpost_task_waiting on signalpost_task signalpost_task_1";

    #[test]
    fn a_plan_without_the_index_or_in_another_order_is_found_out() {
        let index = ["signalpost_task_waiting"];
        assert!(uses(CLAIMED, &index));
        assert!(uses("Sort Key: \"ANY_subquery\".id\n  Bitmap Index Scan on signalpost_task_waiting ", &index));
        assert!(!uses("Index Scan using signalpost_task_pkey on signalpost_task", &index));
        assert!(!uses(&format!("Seq Scan on signalpost_task\n{CLAIMED}"), &index));
        assert!(!uses(&format!("Sort Key: signalpost_task_1.run_at\n{CLAIMED}"), &index));
    }
}
