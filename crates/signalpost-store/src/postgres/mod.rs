//! The store on PostgreSQL.

mod claim;
mod contact;
mod credentials;
mod end;
mod failure;
mod history;
mod idleness;
mod keeper;
mod left_behind;
mod options;
mod rescue;
mod rows;
mod schema;
mod sender;
mod session;
mod statements;
mod thread;
mod url;

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Row;
use tokio::sync::oneshot;

use crate::clock::{Clock, millis};
use crate::task_json::render;
use crate::{
    Claim, ClaimRequest, CompletionStatement, Counts, Finish, NewTask, OutboxStatement, PruneRequest,
    PublishedReceiver, Registered, Renewal, RescueRequest, Rescued, Store, StoreError, TaskContent, TaskFilter, TaskId,
    TaskRecord, WorkerId,
};
use contact::Contact;
pub use credentials::PostgresCredentials;
use end::Reports;
use failure::Failure;
use idleness::{Changes, Idleness};
use keeper::Keeper;
use left_behind::LeftBehind;
pub use options::PostgresOptions;
use rescue::Suspicions;
use sender::{Send as Sending, Sender};
use session::{Access, Sessions};
use statements::Statements;
use thread::DatabaseThread;

/// Tasks in a PostgreSQL database, 15 or newer: see [`PostgresOptions`] for the settings.
///
/// One thread with a runtime of its own holds a few connections; sends that come while others are being written share the
/// next statement. A worker's lock is held by a session of its own, whose end shows its death; another connection listens
/// for new tasks while the worker is idle.
///
/// ```no_run
/// use signalpost_store::{PostgresStore, Store};
///
/// # async fn open() -> Result<(), signalpost_store::StoreError> {
/// let store = PostgresStore::connect("postgres://app@db.example.com/news").await?;
/// assert!(store.counts().await?.is_idle());
/// # Ok(())
/// # }
/// ```
pub struct PostgresStore {
    place: String,
    thread: DatabaseThread,
    changes: Changes,
    clock: Option<Arc<dyn Clock>>,
    outbox: Outbox,
}

/// What clients run on connections of their own.
struct Outbox {
    insert: Arc<str>,
    insert_once: Arc<str>,
    complete: Arc<str>,
    complete_delete: Arc<str>,
}

/// What lives on the store's thread.
struct Database {
    access: Rc<Access>,
    statements: Rc<Statements>,
    sessions: Sessions,
    /// For leases and rescues: no load of sends and claims holds them up.
    reserved: Sessions,
    keeper: Rc<Keeper>,
    suspicions: Suspicions,
    left_behind: LeftBehind,
    sender: Sender,
    idleness: Idleness,
    changes: Changes,
    /// The table of tasks by its number, which is what senders name when they notify.
    table: String,
    notifies: bool,
    poll_interval: Duration,
    clock: Option<Arc<dyn Clock>>,
}

impl Database {
    async fn open(options: PostgresOptions, changes: Changes) -> Result<Rc<Self>, StoreError> {
        let (place, call_timeout) = (options.place(), options.call_timeout);
        let opened = tokio::time::timeout(call_timeout, Self::prepare(options, changes)).await;
        opened.unwrap_or_else(|_| Err(StoreError::timed_out(&place, call_timeout)))
    }

    async fn prepare(options: PostgresOptions, changes: Changes) -> Result<Rc<Self>, StoreError> {
        if let Some(schema) = &options.schema {
            schema::check_name(schema)?;
        }
        let place = options.place();
        let PostgresOptions { schema, creates_tables, call_timeout, .. } = options;
        let access = Rc::new(Access {
            credentials: options.credentials.unwrap_or_else(|| PostgresCredentials::of(options.connect)),
            place: place.clone(),
            timeout: call_timeout,
            // Until it is known, nothing is left behind in a session.
            is_pooled: Cell::new(options.behind_pooler != Some(false)),
            contact: Contact::new(),
        });
        let explain = |failure: Failure| failure.explained(&place);
        let statements = Rc::new(Statements::new(schema.as_deref()));
        let sessions = Sessions::new(access.clone(), options.connections);
        if options.behind_pooler.is_none() {
            let is_behind = keeper::is_behind_pooler(&access).await.map_err(explain)?;
            if is_behind {
                tracing::info!(
                    target: "signalpost::store", %place,
                    "a pooler gives each transaction another session: dead workers are seen by their leases only"
                );
            }
            access.is_pooled.set(is_behind);
        }
        let schema = schema.as_deref();
        schema::prepare(&sessions, &statements, schema, creates_tables, &place).await?;
        let table = sessions.call(async |session| session.one(&statements.table, |it| it).await).await?;
        Ok(Rc::new(Self {
            table: table.try_get(0).map_err(|error| explain(Failure::Postgres(error)))?,
            sessions,
            reserved: Sessions::new(access.clone(), 1),
            keeper: Rc::new(Keeper::new(access.clone(), statements.clone())),
            access,
            statements,
            suspicions: Suspicions::default(),
            left_behind: LeftBehind::default(),
            sender: Sender::default(),
            idleness: Idleness::default(),
            changes,
            notifies: options.notifies,
            poll_interval: options.poll_interval,
            clock: options.clock,
        }))
    }

    /// The time, where it is not the server's.
    fn now(&self) -> Option<i64> {
        self.clock.as_ref().map(|clock| clock.now())
    }

    fn explain(&self, failure: Failure) -> StoreError {
        failure.explained(&self.access.place)
    }
}

impl PostgresStore {
    /// Opens the store at `url` with the default options.
    ///
    /// # Errors
    ///
    /// As [`PostgresOptions::new`] and [`PostgresOptions::open`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        PostgresOptions::new(url)?.open().await
    }

    /// The SQL that makes the tables, in `schema` or where the `search_path` of whoever runs it leads. For people's own
    /// tools of migration, and for a role that may create tables where the application's may not.
    ///
    /// ```
    /// let sql = signalpost_store::PostgresStore::schema_sql(Some("background"));
    /// assert!(sql.contains(r#"CREATE TABLE "background".signalpost_task"#));
    /// ```
    pub fn schema_sql(schema: Option<&str>) -> String {
        schema::sql(schema)
    }

    /// The SQL that lets `role` work on the tables that [`PostgresStore::schema_sql`] makes in `schema`: send, claim, finish,
    /// retry, prune, publish and be notified, and neither create nor change nor drop a table. For an application whose
    /// role does not own the tables: the owner runs it once, and again after each upgrade of the tables. The role needs
    /// CONNECT on the database as well, which everybody has unless it was taken away.
    ///
    /// ```
    /// let sql = signalpost_store::PostgresStore::grants_sql(Some("background"), "app");
    /// assert!(sql.contains(r#"GRANT USAGE ON SCHEMA "background" TO "app";"#));
    /// ```
    pub fn grants_sql(schema: Option<&str>, role: &str) -> String {
        schema::grants(schema, role)
    }

    async fn open_with(options: PostgresOptions) -> Result<Self, StoreError> {
        let (place, changes, clock) = (options.place(), Changes::new(), options.clock.clone());
        let Statements { insert, insert_once, complete, complete_delete, .. } =
            Statements::new(options.schema.as_deref());
        let outbox = Outbox { insert, insert_once, complete, complete_delete };
        let seen = changes.clone();
        let thread = DatabaseThread::start(move || Database::open(options, seen)).await?;
        Ok(Self { place, thread, changes, clock, outbox })
    }

    fn now(&self) -> Option<i64> {
        self.clock.as_ref().map(|clock| clock.now())
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn outbox(&self) -> OutboxStatement {
        let Outbox { insert, insert_once, .. } = &self.outbox;
        OutboxStatement { insert: insert.clone(), insert_once: insert_once.clone(), insert_row: None, now: self.now() }
    }

    fn completion(&self) -> CompletionStatement {
        let Outbox { complete, complete_delete, .. } = &self.outbox;
        CompletionStatement { insert: complete.clone(), delete: complete_delete.clone(), now: self.now() }
    }

    async fn insert(&self, tasks: Vec<NewTask>) -> Result<Vec<TaskId>, StoreError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let json = render(&tasks, self.now())?;
        if tasks.iter().any(|task| task.once) {
            let insert = move |database: Rc<Database>| async move {
                let insert = async |session: &mut _| sender::insert_once(&database, session, &tasks, &json).await;
                let ids = database.sessions.transact(insert).await;
                database.changes.bump();
                ids
            };
            return self.thread.run(insert).await;
        }
        let (answer, written) = oneshot::channel();
        let (inside, count) = (json[1..json.len() - 1].to_owned(), tasks.len());
        self.thread.start_call(move |database, _| {
            let deadline = database.access.deadline();
            Sender::send(&database, Sending { json: inside, count, deadline, answer });
        })?;
        written.await.map_err(|_| StoreError::closed())?
    }

    async fn register(&self, lease: Duration) -> Result<Registered, StoreError> {
        let register = move |database: Rc<Database>| async move {
            let (id, deadline) = (WorkerId::random(), database.access.deadline());
            let lock = database.keeper.take(&id, deadline).await?;
            let (statements, now) = (&database.statements, database.now());
            let register = async |session: &mut session::Session| {
                let register = &statements.register;
                session.change(register, |it| it.bind(id.as_str()).bind(lock).bind(now).bind(millis(lease))).await
            };
            if let Err(error) = database.reserved.call_until(deadline, register).await {
                database.keeper.let_go(&id).await;
                return Err(error);
            }
            Ok(Registered { id, death_is_visible: lock.is_some() })
        };
        self.thread.run(register).await
    }

    async fn renew_if_leased(&self, worker: &WorkerId, lease: Duration) -> Result<Renewal, StoreError> {
        let worker = worker.clone();
        let renew = move |database: Rc<Database>| async move {
            let (statements, now) = (&database.statements, database.now());
            let renew = async |session: &mut session::Session| {
                let renew = &statements.renew;
                session.optional(renew, |it| it.bind(worker.as_str()).bind(now).bind(millis(lease))).await
            };
            match database.reserved.call(renew).await? {
                Some(row) => {
                    let kept = row.try_get(0).map_err(|error| database.explain(error.into()))?;
                    Ok(if kept { Renewal::Kept } else { Renewal::Revived })
                }
                None => {
                    database.idleness.forget(&worker);
                    database.keeper.let_go(&worker).await;
                    Ok(Renewal::Gone)
                }
            }
        };
        self.thread.run(renew).await
    }

    async fn release_all_but(&self, worker: &WorkerId, held: &[(TaskId, i64)]) -> Result<usize, StoreError> {
        let (worker, held) = (worker.clone(), held.to_vec());
        let release = move |database: Rc<Database>| async move {
            let released = release_all_but(&database, &worker, &held).await?;
            database.changes.bump();
            Ok(released)
        };
        self.thread.run(release).await
    }

    async fn retire(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let worker = worker.clone();
        let retire = move |database: Rc<Database>| async move {
            let statements = &database.statements;
            let retire = async |session: &mut session::Session| {
                let (ids, fences) = (Vec::<i64>::new(), Vec::<i64>::new());
                // The lease first: a claim of the worker's waits for it, and then finds that it is gone.
                session.change(&statements.delete_worker, |it| it.bind(worker.as_str())).await?;
                let release = &statements.release_all_but;
                session.change(release, |it| it.bind(worker.as_str()).bind(ids).bind(fences)).await
            };
            database.reserved.transact(retire).await?;
            database.idleness.forget(&worker);
            database.keeper.let_go(&worker).await;
            database.changes.bump();
            Ok(())
        };
        self.thread.run(retire).await
    }

    fn abandon(&self, worker: &WorkerId) {
        let worker = worker.clone();
        // The thread has ended: then the lock is free already.
        let _ = self.thread.start_call(move |database, calls| {
            calls.spawn_local(async move {
                database.idleness.forget(&worker);
                database.keeper.let_go(&worker).await;
            });
        });
    }

    async fn claim(&self, worker: &WorkerId, request: &ClaimRequest) -> Result<Claim, StoreError> {
        let (worker, request) = (worker.clone(), request.clone());
        let claim = move |database: Rc<Database>| async move {
            let (statements, now) = (&database.statements, database.now());
            let claim = async |session: &mut _| claim::claim(session, statements, &worker, &request, now).await;
            let claim = database.sessions.call(claim).await?;
            Idleness::notice(&database, &worker, &request, &claim);
            Ok(claim)
        };
        self.thread.run(claim).await
    }

    async fn finish_if_leased(&self, worker: &WorkerId, finishes: Vec<Finish>) -> Result<Vec<bool>, StoreError> {
        if finishes.is_empty() {
            return Ok(Vec::new());
        }
        let (worker, reports, now) = (worker.clone(), Reports::of(&finishes), self.now());
        let is_plain = reports.are_of_one_kind() && finishes.iter().all(|finish| finish.then.is_empty());
        for finish in &finishes {
            render(&finish.then, now)?;
        }
        let wakes = finishes.iter().any(|finish| !finish.outcome.is_end() || !finish.then.is_empty());
        let finish = move |database: Rc<Database>| async move {
            let statements = &database.statements;
            let record = async |session: &mut session::Session| {
                let answers = reports.record(session, statements, &worker, now).await?;
                let accepted = finishes.iter().zip(&answers).filter(|(_, is_accepted)| **is_accepted);
                let then: Vec<NewTask> = accepted.flat_map(|(finish, _)| finish.then.iter().cloned()).collect();
                if !then.is_empty() {
                    let insert =
                        if then.iter().any(|task| task.once) { &statements.insert_once } else { &statements.insert };
                    let json = render(&then, now)?;
                    session.change(insert, |it| it.bind(json)).await?;
                }
                Ok(answers)
            };
            let sessions = &database.sessions;
            let answers = if is_plain { sessions.call(record).await? } else { sessions.transact(record).await? };
            if wakes {
                database.changes.bump();
            }
            Ok(answers)
        };
        self.thread.run(finish).await
    }

    async fn rescue(&self, request: &RescueRequest) -> Result<Vec<Rescued>, StoreError> {
        let request = request.clone();
        let rescue = move |database: Rc<Database>| async move { rescue::rescue(&database, &request).await };
        self.thread.run(rescue).await
    }

    async fn cancel_if_waiting(&self, task: TaskId, reason: &str) -> Result<bool, StoreError> {
        let reason = crate::readable_reason(reason);
        self.thread.run(move |database| async move { history::cancel(&database, task, &reason).await }).await
    }

    async fn retry_if_dead(&self, task: TaskId) -> Result<bool, StoreError> {
        self.thread.run(move |database| async move { history::retry(&database, task).await }).await
    }

    async fn prune(&self, request: &PruneRequest) -> Result<usize, StoreError> {
        let request = request.clone();
        self.thread.run(move |database| async move { history::prune(&database, &request).await }).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.thread.run(move |database| async move { history::counts(&database).await }).await
    }

    async fn task(&self, task: TaskId) -> Result<Option<TaskRecord>, StoreError> {
        self.thread.run(move |database| async move { history::find(&database, task).await }).await
    }

    async fn content(&self, task: TaskId) -> Result<Option<TaskContent>, StoreError> {
        self.thread.run(move |database| async move { history::content(&database, task).await }).await
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskRecord>, StoreError> {
        let filter = filter.clone();
        self.thread.run(move |database| async move { history::list(&database, filter).await }).await
    }

    async fn publish_receivers(&self, receivers: &[PublishedReceiver]) -> Result<(), StoreError> {
        let receivers = receivers.to_vec();
        self.thread.run(move |database| async move { history::publish(&database, receivers).await }).await
    }

    async fn published_receivers(&self, within: Duration) -> Result<Vec<PublishedReceiver>, StoreError> {
        self.thread.run(move |database| async move { history::published(&database, within).await }).await
    }

    /// More would put the worker's own work behind that of the server.
    fn works_at_once(&self) -> usize {
        2
    }

    fn change_count(&self) -> u64 {
        self.changes.count()
    }

    async fn change_after(&self, seen: u64) {
        if self.changes.count() != seen {
            return;
        }
        match self.thread.run(Idleness::wait).await {
            Ok(at_most) => self.changes.after(seen, at_most).await,
            // Whoever asks next hears of it as well, and says so.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn release_all_but(database: &Database, worker: &WorkerId, held: &[(TaskId, i64)]) -> Result<usize, StoreError> {
    let (ids, fences): (Vec<i64>, Vec<i64>) = held.iter().map(|(task, fence)| (task.0, *fence)).unzip();
    let release = async |session: &mut session::Session| {
        let release = &database.statements.release_all_but;
        session.change(release, |it| it.bind(worker.as_str()).bind(ids).bind(fences)).await
    };
    Ok(usize::try_from(database.sessions.call(release).await?).unwrap_or(usize::MAX))
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("place", &self.place).finish_non_exhaustive()
    }
}
