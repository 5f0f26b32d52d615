//! Engines and children that cannot start.

use crate::Site;
use signalpost_store::{EndState, State};
use std::io::{Seek, Write};

#[tokio::test]
async fn an_engine_whose_children_cannot_start_says_why_and_has_claimed_nothing() {
    let site = Site::new();
    let task = site.send("ok", "{}").await;
    let ends = [("cannot", "ImproperlyConfigured: no settings"), ("dies", "exited with status 1 before its hello")];
    let engines: Vec<_> = ends.iter().map(|(behaviour, _)| site.start(behaviour, &["--processes", "1"])).collect();
    for (mut engine, (_, why)) in engines.into_iter().zip(ends) {
        let (status, said) = engine.end();
        assert_eq!(status.code(), Some(1), "{said}");
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("signalpost: no child can be started: ") && last.contains(why), "{said}");
    }
    assert_eq!(site.record(task).await.fence, 0);
}

#[tokio::test]
async fn a_child_of_another_version_is_a_failed_start() {
    let site = Site::new();
    let (status, said) = site.start("newer", &["--processes", "1"]).end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("it speaks version 2 of the frames, and this engine 1"), "{said}");
}

#[tokio::test]
async fn an_engine_works_on_when_nobody_reads_what_it_says() {
    let site = Site::new();
    let task = site.send("exit", "{}").await;
    let mut engine = site.start("", &["--processes", "1", "--exit-when-idle"]);
    drop(engine.process.stderr.take());
    assert!(engine.process.wait().unwrap().success());
    assert_eq!(site.record(task).await.state, State::Ended(EndState::Dead));
}

#[tokio::test]
async fn settings_that_are_wrong_end_the_engine_with_status_2() {
    let site = Site::new();
    let mut settings = tempfile::tempfile().unwrap();
    write!(settings, r#"{{"version": 1, "stores": [{{"alias": "a", "vendor": "postgresql", "parameters": {{"requirepeer": "x"}}}}]}}"#)
        .unwrap();
    settings.rewind().unwrap();
    let (status, said) = site.start_with(&settings, "", &[]).end();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("`requirepeer`"), "{said}");
}

#[tokio::test]
async fn a_database_without_tables_ends_the_engine_with_status_1() {
    let site = Site::new();
    let path = site.directory.path().join("nobody.db");
    let mut settings = tempfile::tempfile().unwrap();
    write!(
        settings,
        r#"{{"version": 1, "stores": [{{"alias": "a", "vendor": "sqlite", "path": "{}"}}]}}"#,
        path.display()
    )
    .unwrap();
    settings.rewind().unwrap();
    let (status, said) = site.start_with(&settings, "", &[]).end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("manage.py migrate") && !path.exists(), "{said}");
}
