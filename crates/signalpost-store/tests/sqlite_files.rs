//! Database files that are not what the SQLite store hopes for, and what it does to those that are.

use rusqlite::Connection;
use signalpost_store::{NewTask, SqliteOptions, SqliteStore, Store, StoreError, TaskFilter};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

fn database() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.db");
    (directory, path)
}

fn refusal(path: &Path) -> StoreError {
    let error = SqliteStore::open(path).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(error.to_string().contains("\n  hint: "), "{error}");
    error
}

fn task(receiver: &str) -> NewTask {
    NewTask::new("tests.signal", receiver, "{}")
}

#[test]
fn a_file_of_a_newer_schema_is_refused_and_left_alone() {
    let (_directory, path) = database();
    drop(SqliteStore::open(&path).unwrap());
    // The store's own threads close the file a moment later; what they would move out of the WAL then is moved now.
    let newer = "UPDATE signalpost_schema SET version = 2, works_with = 2; PRAGMA wal_checkpoint(TRUNCATE)";
    Connection::open(&path).unwrap().execute_batch(newer).unwrap();
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(error.is_newer_schema());
    assert!(error.to_string().contains("schema v2; this program knows v1"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_a_newer_schema_that_works_with_this_program_is_opened() {
    let (_directory, path) = database();
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(&path).unwrap().execute_batch("UPDATE signalpost_schema SET version = 3").unwrap();
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_file_of_another_format_is_refused_and_left_alone() {
    let (_directory, path) = database();
    let text = "Dear diary, this is not a database. ".repeat(200);
    fs::write(&path, &text).unwrap();
    assert!(refusal(&path).is_not_a_database());
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_read_only_file_is_refused() {
    let (_directory, path) = database();
    drop(SqliteStore::open(&path).unwrap());
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    assert!(refusal(&path).is_read_only());
}

#[test]
fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = refusal(&directory.path().join("nowhere").join("app.db"));
    assert!(error.to_string().contains("check that its directory exists"), "{error}");
    assert!(error.is_bad_path() && !error.is_transient());
}

#[test]
fn a_directory_and_a_url_are_told_apart_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    for (path, what) in [(directory.path(), "is a directory"), (Path::new("sqlite://data/app.db"), "is a URL")] {
        let error = refusal(path);
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.is_bad_path() && !error.is_transient());
    }
}

#[test]
fn an_in_memory_database_is_refused() {
    for path in [":memory:", "file::memory:?cache=shared", ""] {
        let error = SqliteStore::open(path).unwrap_err();
        assert!(error.to_string().contains("in-memory database cannot hold a store"), "{error}");
        assert!(error.is_bad_path() && !error.is_transient());
    }
}

#[tokio::test]
async fn a_full_disk_fails_the_send_and_nothing_else() {
    let (_directory, path) = database();
    let store = SqliteOptions::new(&path).max_pages(60).open().unwrap();
    let mut sent = Vec::new();
    let error = loop {
        let mut task = task("fills");
        task.payload = format!("{:?}", "x".repeat(5_000)).into();
        match store.insert(vec![task]).await {
            Ok(ids) => sent.extend(ids),
            Err(error) => break error,
        }
        assert!(sent.len() < 1_000, "the database never filled up");
    };
    assert!(error.is_full() && error.is_transient(), "{error}");
    assert!(error.to_string().contains("nothing was written; make room"), "{error}");
    assert_eq!(store.counts().await.unwrap().waiting, sent.len() as u64);
    drop(store);

    // Room again: it goes on, and what was sent is there.
    let store = SqliteStore::open(&path).unwrap();
    sent.extend(store.insert(vec![task("fits")]).await.unwrap());
    let found = store.tasks(&TaskFilter { limit: 1_000, ..TaskFilter::default() }).await.unwrap();
    assert_eq!(found.iter().rev().map(|record| record.id).collect::<Vec<_>>(), sent);
    assert_eq!(integrity(&path), "ok");
}

fn integrity(path: &Path) -> String {
    Connection::open(path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_lock_that_is_kept_ends_in_an_error_that_names_send_in() {
    let (_directory, path) = database();
    let store = SqliteOptions::new(&path).busy_timeout(Duration::from_millis(50)).open().unwrap();
    let neighbour = Connection::open(&path).unwrap();
    neighbour.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.insert(vec![task("a")]).await.unwrap_err();
    assert!(error.is_locked() && error.is_transient());
    assert!(error.to_string().contains("send on it with send_in"), "{error}");
    neighbour.execute_batch("COMMIT").unwrap();
    store.insert(vec![task("a")]).await.unwrap();
}

#[tokio::test]
async fn a_store_waits_for_a_neighbour_and_does_not_disturb_its_tables() {
    let (_directory, path) = database();
    let neighbour = Connection::open(&path).unwrap();
    neighbour.execute_batch("CREATE TABLE article (id INTEGER PRIMARY KEY); INSERT INTO article VALUES (1)").unwrap();
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    neighbour.execute_batch("BEGIN IMMEDIATE; INSERT INTO article VALUES (2)").unwrap();
    let sending = tokio::spawn({
        let store = store.clone();
        async move { store.insert(vec![task("a")]).await }
    });
    neighbour.execute_batch("COMMIT").unwrap();
    sending.await.unwrap().unwrap();
    let articles: i64 = neighbour.query_row("SELECT count(*) FROM article", [], |row| row.get(0)).unwrap();
    assert_eq!(articles, 2);
}

#[test]
fn several_handles_may_create_the_tables_at_once() {
    let (_directory, path) = database();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| SqliteStore::open(&path).unwrap());
        }
    });
    let versions: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM signalpost_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(versions, 1);
}

#[test]
fn the_database_is_switched_to_wal() {
    let (_directory, path) = database();
    drop(SqliteStore::open(&path).unwrap());
    let mode: String = Connection::open(&path).unwrap().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn a_send_on_a_callers_connection_takes_part_in_its_transaction() {
    let (_directory, path) = database();
    let store = SqliteStore::open(&path).unwrap();
    let outbox = store.outbox();
    let mut caller = Connection::open(&path).unwrap();
    for (commits, expected) in [(false, 0), (true, 2)] {
        let transaction = caller.transaction().unwrap();
        let tasks = [task("a"), task("b")];
        let (sql, json) = outbox.of(&tasks).unwrap();
        let sent = transaction.execute(sql, [json]).unwrap();
        assert_eq!(sent, 2);
        if commits {
            transaction.commit().unwrap()
        } else {
            transaction.rollback().unwrap()
        }
        assert_eq!(store.counts().await.unwrap().waiting, expected);
    }
}

#[test]
fn a_row_that_says_that_it_is_not_once_is_written_each_time() {
    let (_directory, path) = database();
    let store = SqliteStore::open(&path).unwrap();
    let (outbox, client) = (store.outbox(), Connection::open(&path).unwrap());
    let mut task = task("a");
    task.once = true;
    let (sql, once) = outbox.of(std::slice::from_ref(&task)).unwrap();
    // As a client writes it that leaves no key out.
    let again = once.replace(r#""once":true"#, r#""once":false"#);
    assert_ne!(again, once);
    for _ in 0..2 {
        assert_eq!(client.execute(sql, [&again]).unwrap(), 1);
    }
    assert_eq!(client.execute(sql, [&once]).unwrap(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_say_what_time_it_is_gets_the_databases() {
    let (_directory, path) = database();
    let store = SqliteStore::open(&path).unwrap();
    let outbox = store.outbox();
    let (sql, json) = outbox.of(&[task("a")]).unwrap();
    let mut rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    rows[0].as_object_mut().unwrap().remove("now").unwrap();
    assert_eq!(Connection::open(&path).unwrap().execute(sql, [rows.to_string()]).unwrap(), 1);
    let written = store.tasks(&signalpost_store::TaskFilter::default()).await.unwrap()[0].created_at;
    let now = signalpost_store::Clock::now(&signalpost_store::SystemClock);
    assert!((now - written).abs() < 60_000, "written {written}, now {now}");
}
