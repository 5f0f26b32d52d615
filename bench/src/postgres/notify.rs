//! Many who send at the same time, and a worker that goes idle between their bursts: it wants to be notified then, and
//! whoever notifies commits one after the other with everybody else who does.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use signalpost::{BoxError, with_store};
use signalpost_postgres_server::Server;
use signalpost_store::PostgresStore;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::database::Database;
use super::outbox::Preparing;
use super::worker;
use crate::measure::{Measure, median};
use crate::ping::{PING, Ping};
use crate::worker::PATIENCE;

const CONNECTIONS: usize = 64;
/// Between two bursts, when the worker is idle already.
const PAUSE: Duration = Duration::from_millis(100);
/// How long bursts are. In the short ones a worker that polls may not have noticed anything when they end.
const LENGTHS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

pub(crate) fn run(server: &Server, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (rounds, bursts) = if quick { (1, 3) } else { (5, 5) };
    let crowd = Crowd::new(server)?;
    let mut measures = Vec::new();
    for length in LENGTHS {
        let (mut alone, mut notified, mut polling) = (Vec::new(), Vec::new(), Vec::new());
        let mut left = 0;
        for _ in 0..rounds {
            crowd.send(None, length, bursts, &mut alone)?;
            left = left.max(crowd.send(Some(Waits::Notified), length, bursts, &mut notified)?);
            crowd.send(Some(Waits::Polling), length, bursts, &mut polling)?;
        }
        let [alone, notified, polling] = [alone, notified, polling].map(|mut rates| median(&mut rates));
        let beside = |name: &str, ours: f64, reference: f64, wanted: &'static str| {
            let name = format!("{name} in bursts of {length:?}");
            Measure::beside(name, ours, reference, "commits/s", wanted)
        };
        measures.extend([
            beside("64 who send: worker notified | it polls", notified, polling, "at least 0.8"),
            beside("  worker notified | no worker", notified, alone, ""),
            beside("  it polls | no worker", polling, alone, ""),
            Measure::alone("  most that waited for the notified worker at an end", left as f64, "tasks", ""),
        ]);
    }
    Ok(measures)
}

/// How the worker learns of tasks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    Notified,
    Polling,
}

/// Connections that each send in transactions of their own.
struct Crowd<'a> {
    runtime: Runtime,
    database: Database<'a>,
    store: Arc<PostgresStore>,
    connections: Vec<Arc<Preparing>>,
}

impl<'a> Crowd<'a> {
    fn new(server: &'a Server) -> Result<Self, BoxError> {
        let (runtime, database) = (Runtime::new()?, Database::new(server)?);
        let store = runtime.block_on(database.store())?;
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            connections.push(Arc::new(Preparing::new(runtime.block_on(database.connect())?)));
        }
        Ok(Self { runtime, database, store, connections })
    }

    /// Has its turn, and adds the commits per second of each burst. Says how many tasks were live at the end of a burst at
    /// most.
    fn send(
        &self,
        worker: Option<Waits>,
        length: Duration,
        bursts: usize,
        rates: &mut Vec<f64>,
    ) -> Result<usize, BoxError> {
        let process = worker.map(|waits| worker::start(self.database.url(), waits == Waits::Polling)).transpose()?;
        let mut most_left = 0;
        for _ in 0..bursts {
            if let Some(waits) = worker {
                self.until_idle(waits)?;
            }
            thread::sleep(PAUSE);
            rates.push(self.runtime.block_on(self.burst(length))?);
            most_left = most_left.max(self.number("SELECT count(*) FROM signalpost_task")?);
        }
        if let Some(waits) = worker {
            self.until_idle(waits)?;
        }
        process.map(|process| process.stop()).transpose()?;
        // Everybody begins with an empty table.
        self.database.run_sql("TRUNCATE signalpost_task, signalpost_history")?;
        Ok(usize::try_from(most_left)?)
    }

    /// Commits per second.
    async fn burst(&self, length: Duration) -> Result<f64, BoxError> {
        let began = Instant::now();
        let mut sending = JoinSet::new();
        for connection in self.connections.iter().cloned() {
            sending.spawn(with_store(self.store.clone(), async move {
                let mut commits = 0;
                while began.elapsed() < length {
                    commits += 1;
                    connection.client.batch_execute("BEGIN").await?;
                    PING.send_in(&*connection, "bench", &Ping { number: commits }).await?;
                    connection.client.batch_execute("COMMIT").await?;
                }
                Ok::<_, BoxError>(commits)
            }));
        }
        let mut commits = 0;
        while let Some(sent) = sending.join_next().await {
            commits += sent??;
        }
        Ok(commits as f64 / began.elapsed().as_secs_f64())
    }

    /// Waits until the worker has nothing left, and has said that it waits if it wants to be notified.
    fn until_idle(&self, waits: Waits) -> Result<(), BoxError> {
        let idle = match waits {
            Waits::Notified => "SELECT count(*) FROM signalpost_worker WHERE idle IS NOT NULL",
            Waits::Polling => "SELECT count(*) FROM signalpost_worker",
        };
        let began = Instant::now();
        while self.number("SELECT count(*) FROM signalpost_task")? > 0 || self.number(idle)? != 1 {
            if began.elapsed() > PATIENCE {
                return Err(format!("the worker is not idle after {PATIENCE:?}").into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn number(&self, sql: &str) -> Result<i64, BoxError> {
        Ok(self.runtime.block_on(self.connections[0].client.query_one(sql, &[]))?.get(0))
    }
}
