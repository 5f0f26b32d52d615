//! Mail to every subscriber, into a maildir.

use std::io;
use std::path::{Path, PathBuf};

use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{Address, Transport};
use sea_orm::{DatabaseConnection, EntityTrait};
use signalpost::models::{Saved, post_save};
use signalpost::{BoxError, Data, Event, receiver};

use crate::article::{self, Files};
use crate::folders::{Folders, write_whole};
use crate::ledger::Ledger;
use crate::subscriber;

pub const NAME: &str = "newsroom.email_subscribers";

#[receiver(post_save::<article::Entity>(), background, name = NAME, max_attempts = 5)]
async fn email_subscribers(
    event: Event<'_, Saved<article::Entity>>,
    database: Data<DatabaseConnection>,
    folders: Data<Folders>,
    ledger: Data<Ledger>,
) -> Result<(), BoxError> {
    if !event.payload.created {
        return Ok(());
    }
    let Files { slug, .. } = Files::of(&event.payload.instance)?;
    ledger.started(NAME, &slug)?;
    // Withdrawn meanwhile: nobody wants to read of it.
    if let Some(article) = event.payload.instance.load(&database).await? {
        let subscribers = subscriber::Entity::find().all(&*database).await?;
        let folder = folders.mail.clone();
        tokio::task::spawn_blocking(move || write_all(&article, &subscribers, &folder)).await??;
    }
    Ok(ledger.done(NAME, &slug)?)
}

fn write_all(article: &article::Model, subscribers: &[subscriber::Model], folder: &Path) -> Result<(), BoxError> {
    let from = Mailbox::new(Some("The Harrow Quay Courier".to_owned()), "courier@harrowquay.example".parse()?);
    for subscriber in subscribers {
        // The same mail has the same name, so that a second run replaces it instead of sending it again.
        let name = format!("{}.{}.newsroom", article.id, subscriber.id);
        let to = Mailbox::new(Some(subscriber.name.clone()), subscriber.address.parse::<Address>()?);
        let mail = Message::builder()
            .from(from.clone())
            .to(to)
            .subject(article.title.clone())
            .message_id(Some(format!("<{name}@harrowquay.example>")))
            .header(ContentType::TEXT_PLAIN)
            .body(format!("Dear {},\n\n{}\n\n{}\n", subscriber.name, article.summary, article.body))?;
        Maildir { folder, name: &name }.send(&mail)?;
    }
    Ok(())
}

/// Delivers a mail into a maildir, under a name of the caller's.
struct Maildir<'a> {
    folder: &'a Path,
    name: &'a str,
}

impl Transport for Maildir<'_> {
    type Ok = PathBuf;
    type Error = io::Error;

    fn send_raw(&self, _envelope: &Envelope, email: &[u8]) -> Result<PathBuf, io::Error> {
        let path = self.folder.join("new").join(self.name);
        write_whole(&path, &self.folder.join("tmp").join(self.name), email)?;
        Ok(path)
    }
}
