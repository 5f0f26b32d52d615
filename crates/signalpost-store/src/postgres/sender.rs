//! The group commit of sends: calls that come while others are under way share the next statement.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sqlx::Row;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Database;
use super::failure::Outcome;
use super::session::Session;
use crate::{NewTask, StoreError, TaskId};

/// The most tasks that share a statement, for which everybody in the group waits.
const GROUP: usize = 512;
/// How many statements are under way at once: while one waits for the disk, the other one can be prepared.
const AT_ONCE: usize = 2;

/// One call: its tasks as the inside of a JSON array.
pub(super) struct Send {
    pub(super) json: String,
    pub(super) count: usize,
    /// When it has failed, however long it has waited for its turn.
    pub(super) deadline: Instant,
    pub(super) answer: oneshot::Sender<Result<Vec<TaskId>, StoreError>>,
}

#[derive(Default)]
pub(super) struct Sender {
    waiting: RefCell<Vec<Send>>,
    under_way: Cell<usize>,
}

impl Sender {
    pub(super) fn send(database: &Rc<Database>, send: Send) {
        let sender = &database.sender;
        sender.waiting.borrow_mut().push(send);
        if sender.under_way.get() < AT_ONCE {
            sender.under_way.set(sender.under_way.get() + 1);
            tokio::task::spawn_local(work_off(database.clone()));
        }
    }

    fn take(&self) -> Vec<Send> {
        let mut waiting = self.waiting.borrow_mut();
        let mut tasks = 0;
        let fitting = waiting.iter().take_while(|send| {
            tasks += send.count;
            tasks <= GROUP
        });
        let count = fitting.count().max(1).min(waiting.len());
        waiting.drain(..count).collect()
    }
}

async fn work_off(database: Rc<Database>) {
    loop {
        let group = database.sender.take();
        if group.is_empty() {
            break;
        }
        write(&database, group).await;
    }
    database.sender.under_way.set(database.sender.under_way.get() - 1);
}

async fn write(database: &Database, group: Vec<Send>) {
    let json = format!("[{}]", group.iter().map(|send| &*send.json).collect::<Vec<_>>().join(","));
    // The first has waited for longest.
    let Some(deadline) = group.first().map(|send| send.deadline) else { return };
    match insert(database, deadline, json).await {
        Ok(ids) => {
            database.changes.bump();
            let mut ids = ids.into_iter();
            for send in group {
                let _ = send.answer.send(Ok(ids.by_ref().take(send.count).collect()));
            }
        }
        // One of them is refused: each is written alone, and it fails alone.
        Err(error) if group.len() > 1 && !error.is_transient() => {
            for send in group {
                let written = insert(database, send.deadline, format!("[{}]", send.json)).await;
                if written.is_ok() {
                    database.changes.bump();
                }
                let _ = send.answer.send(written);
            }
        }
        Err(error) => {
            for send in group {
                let _ = send.answer.send(Err(error.clone()));
            }
        }
    }
}

async fn insert(database: &Database, deadline: Instant, json: String) -> Result<Vec<TaskId>, StoreError> {
    let insert = &database.statements.insert_returning;
    let rows =
        database.sessions.call_until(deadline, async |session| session.all(insert, |it| it.bind(json)).await).await?;
    rows.iter()
        .map(|row| Ok(TaskId(row.try_get(0)?)))
        .collect::<Outcome<_>>()
        .map_err(|failure| database.explain(failure))
}

/// Writes tasks of which some are to be written once, and finds the numbers of those that were there.
pub(super) async fn insert_once(
    database: &Database,
    session: &mut Session,
    tasks: &[NewTask],
    json: &str,
) -> Outcome<Vec<TaskId>> {
    let rows = session.all(&database.statements.insert_once_returning, |it| it.bind(json)).await?;
    let written = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    // In the order of the tasks, without those that were there.
    let mut written = written.into_iter().peekable();
    let mut ids = Vec::with_capacity(tasks.len());
    for task in tasks {
        let id = if task.once {
            let (send_id, signal, receiver) = (task.send_id.to_string(), &task.signal, &task.receiver);
            let find = &database.statements.find_once;
            let id = session.one(find, |it| it.bind(send_id).bind(signal).bind(receiver)).await?.try_get(0)?;
            written.next_if_eq(&id);
            id
        } else {
            written.next().unwrap_or_default()
        };
        ids.push(TaskId(id));
    }
    Ok(ids)
}
