//! Publishing and withdrawing: the article, and in the same transaction the tasks that follow.

use std::io::Cursor;

use image::{ImageFormat, ImageReader};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Set, SqlErr};
use signalpost::models::{DeleteAndSend, ModelError, SaveAndSend, WriteConnection};
use signalpost::{BoxError, SendId, SendOptions};

use crate::folders::write_whole;
use crate::sample::{SAMPLES, Sample};
use crate::{Newsroom, article, picture};

/// The most bytes of a picture.
pub const MAX_PICTURE: usize = 8 << 20;

/// An article before it is published.
pub struct Draft {
    pub slug: String,
    pub title: String,
    pub author: String,
    pub summary: String,
    pub body: String,
    pub picture: Option<Picture>,
}

/// A picture that has been looked at.
pub struct Picture {
    bytes: Vec<u8>,
    extension: &'static str,
}

impl Picture {
    /// Checks that the bytes are a PNG or a JPEG.
    ///
    /// # Errors
    ///
    /// A sentence for the person who sent it.
    pub fn check(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() > MAX_PICTURE {
            return Err(format!("The picture is larger than {} MB.", MAX_PICTURE >> 20));
        }
        let extension = match image::guess_format(&bytes) {
            Ok(ImageFormat::Png) => "png",
            Ok(ImageFormat::Jpeg) => "jpg",
            _ => return Err("The picture is neither a PNG nor a JPEG.".to_owned()),
        };
        // Only the header: the rest is decoded in the background.
        ImageReader::new(Cursor::new(&bytes))
            .with_guessed_format()
            .map_err(|error| error.to_string())
            .and_then(|reader| reader.into_dimensions().map_err(|error| error.to_string()))
            .map_err(|error| format!("The picture cannot be read: {error}."))?;
        Ok(Self { bytes, extension })
    }
}

/// Publishes the article; `None` when its address is taken.
pub async fn publish(newsroom: &Newsroom, draft: Draft, now: i64) -> Result<Option<article::Model>, BoxError> {
    // Before the transaction: a file whose article is never written harms nobody.
    let picture = match &draft.picture {
        Some(picture) => Some(save_picture(newsroom, &format!("{}-{now}", draft.slug), picture).await?),
        None => None,
    };
    let send_id = SendId::new();
    let article = article::ActiveModel {
        slug: Set(draft.slug),
        title: Set(draft.title),
        author: Set(draft.author),
        summary: Set(draft.summary),
        body: Set(draft.body),
        picture: Set(picture),
        published_at: Set(now),
        send_id: Set(Some(send_id.to_string())),
        ..Default::default()
    };
    let database = newsroom.database.with_options(SendOptions::new().send_id(send_id));
    match article.insert_and_send(&database).await {
        Ok(article) => Ok(Some(article)),
        Err(ModelError::Database(error)) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes an article back; `None` when there is none of this address.
pub async fn withdraw(newsroom: &Newsroom, slug: &str) -> Result<Option<article::Model>, BoxError> {
    let found = article::Entity::find().filter(article::Column::Slug.eq(slug)).one(&newsroom.database).await?;
    match found {
        Some(article) => Ok(article.delete_and_send(&newsroom.database).await?),
        None => Ok(None),
    }
}

async fn save_picture(newsroom: &Newsroom, stem: &str, picture: &Picture) -> Result<String, BoxError> {
    let name = format!("{stem}.{}", picture.extension);
    let (path, beside) = (newsroom.folders.pictures.join(&name), newsroom.folders.pictures.join(format!(".{name}")));
    let bytes = picture.bytes.clone();
    tokio::task::spawn_blocking(move || write_whole(&path, &beside, &bytes)).await??;
    Ok(name)
}

/// Publishes the samples that are not there yet; says how many.
pub async fn samples(newsroom: &Newsroom) -> Result<usize, BoxError> {
    let mut published = 0;
    for (number, sample) in SAMPLES.iter().enumerate() {
        let known = article::Entity::find().filter(article::Column::Slug.eq(sample.slug)).one(&newsroom.database);
        if known.await?.is_some() {
            continue;
        }
        // A minute apart, so that they have an order.
        let minutes = i64::try_from(SAMPLES.len() - number)?;
        let now = jiff::Timestamp::now().as_millisecond() - minutes * 60_000;
        published += usize::from(publish(newsroom, draft_of(sample).await?, now).await?.is_some());
    }
    Ok(published)
}

async fn draft_of(sample: &'static Sample) -> Result<Draft, BoxError> {
    let bytes = tokio::task::spawn_blocking(|| {
        let mut png = Cursor::new(Vec::new());
        picture::draw(sample.scene, 1200, 800).write_to(&mut png, ImageFormat::Png)?;
        Ok::<_, image::ImageError>(png.into_inner())
    });
    Ok(Draft {
        slug: sample.slug.to_owned(),
        title: sample.title.to_owned(),
        author: sample.author.to_owned(),
        summary: sample.summary.to_owned(),
        body: sample.body.to_owned(),
        picture: Some(Picture { bytes: bytes.await??, extension: "png" }),
    })
}
