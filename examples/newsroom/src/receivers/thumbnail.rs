//! Thumbnails. Blocking code: an ordinary function, which runs on a thread of its own.

use std::io::Cursor;

use image::ImageFormat;
use image::imageops::FilterType;
use signalpost::{BoxError, Data, Event, Permanent, receiver};

use crate::folders::{Folders, write_whole};
use crate::ledger::Ledger;
use crate::signals::{ARTICLE_PUBLISHED, ArticlePublished};

pub const NAME: &str = "newsroom.make_thumbnail";

const WIDTH: u32 = 480;
const HEIGHT: u32 = 320;

#[receiver(ARTICLE_PUBLISHED, background, name = NAME, max_attempts = 3)]
fn make_thumbnail(
    event: Event<'_, ArticlePublished>,
    folders: Data<Folders>,
    ledger: Data<Ledger>,
) -> Result<(), BoxError> {
    ledger.started(NAME, &event.payload.slug)?;
    if let Some(name) = &event.payload.picture {
        // A picture that cannot be decoded now never will be.
        let picture = image::open(folders.pictures.join(name)).map_err(Permanent::new)?;
        let small = picture.resize_to_fill(WIDTH, HEIGHT, FilterType::Triangle).into_rgb8();
        let mut jpeg = Cursor::new(Vec::new());
        small.write_to(&mut jpeg, ImageFormat::Jpeg)?;
        let name = file_name(&event.payload.slug);
        write_whole(&folders.thumbnails.join(&name), &folders.thumbnails.join(format!(".{name}")), jpeg.get_ref())?;
    }
    Ok(ledger.done(NAME, &event.payload.slug)?)
}

/// The file of an article's thumbnail.
pub fn file_name(slug: &str) -> String {
    format!("{slug}.jpg")
}
