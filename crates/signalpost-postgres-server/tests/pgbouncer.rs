//! A pooler before a server, of a test's own.

use signalpost_postgres_server::{Pgbouncer, PoolMode, TestDatabase};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Row};

async fn connect(pooler: &Pgbouncer) -> PgConnection {
    let options: PgConnectOptions = pooler.url().parse().unwrap();
    options.extra_float_digits(None).connect().await.unwrap()
}

async fn backend(connection: &mut PgConnection) -> i32 {
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await.unwrap().get(0)
}

mod pgbouncer {
    use super::*;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    async fn a_session_is_given_to_another_client_after_a_transaction_or_when_the_first_has_gone() {
        let database = TestDatabase::new();
        for (mode, is_shared) in [(PoolMode::Transaction, true), (PoolMode::Session, false)] {
            let pooler = Pgbouncer::start(database.url(), mode).unwrap();
            let (mut one, mut other) = (connect(&pooler).await, connect(&pooler).await);
            let first = backend(&mut one).await;
            assert_eq!(backend(&mut other).await == first, is_shared, "{mode:?}");
            one.close().await.unwrap();
        }
    }

    #[test]
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    fn it_ends_when_it_is_dropped() {
        let database = TestDatabase::new();
        let pooler = Pgbouncer::start(database.url(), PoolMode::Session).unwrap();
        let address = pooler.url().split(['@', '/']).nth(3).unwrap().to_owned();
        std::net::TcpStream::connect(&address).unwrap();
        drop(pooler);
        std::net::TcpStream::connect(&address).unwrap_err();
    }
}
