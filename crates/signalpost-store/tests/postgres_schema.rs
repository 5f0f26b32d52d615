//! The tables on PostgreSQL: who makes them.

use signalpost_postgres_server::TestDatabase;
use signalpost_store::{PostgresOptions, Store};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn programs_that_start_at_once_make_the_tables_once() {
    let database = TestDatabase::new();
    for schema in [None, Some("background")] {
        let programs = (0..8).map(|_| {
            let options = PostgresOptions::new(database.url()).unwrap();
            tokio::spawn(schema.into_iter().fold(options, PostgresOptions::schema).open())
        });
        for program in programs.collect::<Vec<_>>() {
            let store = program.await.unwrap().unwrap();
            assert!(store.counts().await.unwrap().is_idle());
        }
    }
}
