//! Engines and children that cannot start.

use crate::{Site, is_succeeded};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
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
        assert!(!said.contains('\x1b'), "{said:?}");
    }
    assert_eq!(site.record(task).await.fence, 0);
}

#[tokio::test]
async fn children_that_fail_together_are_started_again() {
    let site = Site::new();
    let task = site.send("ok", "{}").await;
    site.start("third-works", &["--processes", "6", "--exit-when-idle"]).end_well();
    assert!(is_succeeded(&site.record(task).await));
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
async fn an_engine_works_on_when_what_it_says_is_not_read() {
    let site = Site::new();
    let task = site.send("exit", "{}").await;
    let (unread, full) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&full).unwrap();
    fcntl_setfl(&full, flags | OFlags::NONBLOCK).unwrap();
    for size in [4_096, 1] {
        while (&full).write(&vec![b'.'; size]).is_ok() {}
    }
    fcntl_setfl(&full, flags).unwrap();
    let mut engine = site.start_saying("third-works", &["--processes", "6", "--exit-when-idle"], full.into());
    assert!(engine.process.wait().unwrap().success());
    assert_eq!(site.record(task).await.state, State::Ended(EndState::Dead));
    drop(unread);
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
