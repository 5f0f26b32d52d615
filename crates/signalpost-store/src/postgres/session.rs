//! Connections: a few of them, each call with a timeout.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Postgres, Row};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::PostgresCredentials;
use super::contact::Contact;
use super::failure::{Failure, Outcome};
use crate::StoreError;

/// A connection that has been idle for longer than this is asked whether it is still there.
const FRESH: Duration = Duration::from_secs(1);

/// What every connection of a store is opened with.
pub(super) struct Access {
    pub(super) credentials: PostgresCredentials,
    pub(super) place: String,
    pub(super) timeout: Duration,
    /// Nothing lasts longer than a transaction.
    pub(super) is_pooled: Cell<bool>,
    pub(super) contact: Contact,
}

impl Access {
    /// When a call that begins now has failed.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// What a connection is opened with now.
    pub(super) fn connect_options(&self) -> PgConnectOptions {
        // Callers log what matters of a call; statements say nothing to a reader of a log.
        self.credentials.connect().disable_statement_logging()
    }

    /// The tables grow and shrink all day: what the planner believes of their size is never true, and only a walk along
    /// the indexes is right whatever it is. (What is off costs a fortune on paper, for which a statement would be
    /// compiled.)
    fn settings(&self, set: &str) -> String {
        let timeout = self.timeout.as_millis().max(1).to_string();
        let settings = [
            ("statement_timeout", &*timeout),
            ("lock_timeout", &*timeout),
            ("idle_in_transaction_session_timeout", &*timeout),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("jit", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            ("default_transaction_isolation", "'read committed'"),
        ];
        settings.map(|(name, value)| format!("{set} {name} = {value}")).join("; ")
    }

    /// So that the server lets go of a client that has vanished from the network, and of the rows that this one has locked:
    /// it would wait for a quarter of an hour with an answer that nobody fetches, and for hours with a connection on which
    /// nothing is said. And so that its warnings do not stand in the program's log; what a server says that stops at once may
    /// come through all the same.
    pub(super) fn manners(&self) -> String {
        format!(
            "SET tcp_user_timeout = {}; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
             SET tcp_keepalives_count = 3; SET client_min_messages = error",
            self.timeout.as_millis().max(1)
        )
    }
}

/// One connection, as the statements see it.
pub(super) struct Session {
    connection: PgConnection,
    is_pooled: bool,
    /// Begins a transaction. Where nothing lasts longer than that, with the settings.
    begin: String,
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

impl Session {
    pub(super) async fn open(access: &Access) -> Outcome<Self> {
        let connecting = access.connect_options().connect().await;
        let mut connection = connecting.inspect_err(|error| access.credentials.tell_of(error))?;
        let is_pooled = access.is_pooled.get();
        if !is_pooled {
            let settings = format!("{}; {}", access.settings("SET"), access.manners());
            sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut connection).await?;
        }
        let begin = if is_pooled {
            format!("BEGIN ISOLATION LEVEL READ COMMITTED; {}", access.settings("SET LOCAL"))
        } else {
            "BEGIN".to_owned()
        };
        Ok(Self { connection, is_pooled, begin })
    }

    /// The number of the server's process at the other end. Nothing is prepared for it.
    pub(super) async fn backend(&mut self) -> Outcome<i32> {
        Ok(sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(&mut self.connection).await?.try_get(0)?)
    }

    /// A statement of the store's own, from its files.
    fn query<'q>(&self, sql: &Arc<str>) -> Statement<'q> {
        sqlx::query(AssertSqlSafe(sql.clone())).persistent(!self.is_pooled)
    }

    pub(super) async fn all<'q>(
        &mut self,
        sql: &Arc<str>,
        bind: impl FnOnce(Statement<'q>) -> Statement<'q>,
    ) -> Outcome<Vec<PgRow>> {
        Ok(bind(self.query(sql)).fetch_all(&mut self.connection).await?)
    }

    pub(super) async fn one<'q>(
        &mut self,
        sql: &Arc<str>,
        bind: impl FnOnce(Statement<'q>) -> Statement<'q>,
    ) -> Outcome<PgRow> {
        Ok(bind(self.query(sql)).fetch_one(&mut self.connection).await?)
    }

    pub(super) async fn optional<'q>(
        &mut self,
        sql: &Arc<str>,
        bind: impl FnOnce(Statement<'q>) -> Statement<'q>,
    ) -> Outcome<Option<PgRow>> {
        Ok(bind(self.query(sql)).fetch_optional(&mut self.connection).await?)
    }

    /// How many rows were changed.
    pub(super) async fn change<'q>(
        &mut self,
        sql: &Arc<str>,
        bind: impl FnOnce(Statement<'q>) -> Statement<'q>,
    ) -> Outcome<u64> {
        Ok(bind(self.query(sql)).execute(&mut self.connection).await?.rows_affected())
    }

    /// Several statements at once, without parameters or answers.
    pub(super) async fn batch(&mut self, sql: &str) -> Outcome<()> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection).await?;
        Ok(())
    }

    /// One number, by a statement without parameters.
    pub(super) async fn number(&mut self, sql: &'static str) -> Outcome<i64> {
        let query = sqlx::query(sql).persistent(!self.is_pooled);
        Ok(query.fetch_one(&mut self.connection).await?.try_get(0)?)
    }

    /// Runs `work` in a transaction. On failure nothing has changed.
    pub(super) async fn transaction<T>(&mut self, work: impl AsyncFnOnce(&mut Session) -> Outcome<T>) -> Outcome<T> {
        sqlx::raw_sql(AssertSqlSafe(self.begin.clone())).execute(&mut self.connection).await?;
        let done = work(self).await;
        match done {
            Ok(value) => {
                self.batch("COMMIT").await?;
                Ok(value)
            }
            Err(failure) => {
                if !failure.is_broken() {
                    self.batch("ROLLBACK").await?;
                }
                Err(failure)
            }
        }
    }
}

/// A few connections that are taken in turns.
pub(super) struct Sessions {
    access: std::rc::Rc<Access>,
    places: Semaphore,
    idle: RefCell<Vec<(Session, Instant)>>,
}

impl Sessions {
    pub(super) fn new(access: std::rc::Rc<Access>, most: usize) -> Self {
        Self { access, places: Semaphore::new(most), idle: RefCell::default() }
    }

    /// Runs one statement or several that each are complete, within the time of a call.
    ///
    /// Behind a pooler they share a transaction, because what is prepared lasts no longer than that.
    pub(super) async fn call<T>(&self, work: impl AsyncFnOnce(&mut Session) -> Outcome<T>) -> Result<T, StoreError> {
        self.call_until(self.access.deadline(), work).await
    }

    /// As [`Sessions::call`], for what has begun before.
    pub(super) async fn call_until<T>(
        &self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Session) -> Outcome<T>,
    ) -> Result<T, StoreError> {
        let work = async |session: &mut Session| {
            if session.is_pooled { session.transaction(work).await } else { work(session).await }
        };
        self.run(deadline, work).await
    }

    /// Runs `work` in a transaction, within the time of a call.
    pub(super) async fn transact<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Outcome<T>,
    ) -> Result<T, StoreError> {
        self.run(self.access.deadline(), async |session| session.transaction(work).await).await
    }

    async fn run<T>(
        &self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Session) -> Outcome<T>,
    ) -> Result<T, StoreError> {
        let access = &self.access;
        let call = async {
            // Never closed.
            let _place = self.places.acquire().await;
            let mut session = self.take().await?;
            let done = work(&mut session).await;
            if !done.as_ref().is_err_and(Failure::is_broken) {
                self.idle.borrow_mut().push((session, Instant::now()));
            }
            done
        };
        let done = timeout_at(deadline, call).await;
        match &done {
            Ok(Err(failure)) if failure.is_broken() => access.contact.lose(),
            Ok(_) => access.contact.answer(),
            // The connection is dropped with what is under way on it.
            Err(_) => access.contact.lose(),
        }
        match done {
            Ok(done) => done.map_err(|failure| failure.explained(&access.place)),
            Err(_) => Err(StoreError::timed_out(&access.place, access.timeout)),
        }
    }

    async fn take(&self) -> Outcome<Session> {
        loop {
            let idle = self.idle.borrow_mut().pop();
            let Some((mut session, since)) = idle else { return Session::open(&self.access).await };
            // Where one was lost since then, this one may have been lost with it.
            let is_fresh = since.elapsed() < FRESH && !self.access.contact.is_lost_since(since);
            if is_fresh || session.connection.ping().await.is_ok() {
                return Ok(session);
            }
            self.access.contact.lose();
        }
    }
}
