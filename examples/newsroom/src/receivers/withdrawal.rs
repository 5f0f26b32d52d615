//! What is left of an article that was withdrawn: its files, and its place in the index.

use sea_orm::DatabaseConnection;
use signalpost::models::{Deleted, post_delete};
use signalpost::{BoxError, Data, Event, receiver};

use crate::article::{self, Files};
use crate::folders::{Folders, remove};
use crate::receivers::thumbnail;
use crate::search;

#[receiver(post_delete::<article::Entity>(), background, name = "newsroom.forget_article")]
async fn forget_article(
    event: Event<'_, Deleted<article::Entity>>,
    database: Data<DatabaseConnection>,
    folders: Data<Folders>,
) -> Result<(), BoxError> {
    search::forget(&*database, *event.payload.instance.pk()).await?;
    let Files { slug, picture } = Files::of(&event.payload.instance)?;
    // The picture first: without it no thumbnail is made.
    if let Some(picture) = picture {
        remove(&folders.pictures.join(picture))?;
    }
    Ok(remove(&folders.thumbnails.join(thumbnail::file_name(&slug)))?)
}
