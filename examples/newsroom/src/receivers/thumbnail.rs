//! Thumbnails. Blocking code: an ordinary function, which runs on a thread of its own.

use std::io::Cursor;

use image::ImageFormat;
use image::imageops::FilterType;
use signalpost::models::{Saved, post_save};
use signalpost::{BoxError, Data, Event, Permanent, receiver};

use crate::article::{self, Files};
use crate::folders::{Folders, remove, write_whole};
use crate::ledger::Ledger;

pub const NAME: &str = "newsroom.make_thumbnail";

const WIDTH: u32 = 480;
const HEIGHT: u32 = 320;

#[receiver(post_save::<article::Entity>(), background, name = NAME, max_attempts = 3)]
fn make_thumbnail(
    event: Event<'_, Saved<article::Entity>>,
    folders: Data<Folders>,
    ledger: Data<Ledger>,
) -> Result<(), BoxError> {
    if !event.payload.has_changed(article::Column::Picture) {
        return Ok(());
    }
    let Files { slug, picture } = Files::of(&event.payload.instance)?;
    ledger.started(NAME, &slug)?;
    // Without its picture the article is withdrawn.
    if let Some(path) = picture.map(|name| folders.pictures.join(name)).filter(|path| path.exists()) {
        // A picture that cannot be decoded now never will be.
        let picture = image::open(&path).map_err(Permanent::new)?;
        let small = picture.resize_to_fill(WIDTH, HEIGHT, FilterType::Triangle).into_rgb8();
        let mut jpeg = Cursor::new(Vec::new());
        small.write_to(&mut jpeg, ImageFormat::Jpeg)?;
        let name = file_name(&slug);
        let thumbnail = folders.thumbnails.join(&name);
        write_whole(&thumbnail, &folders.thumbnails.join(format!(".{name}")), jpeg.get_ref())?;
        // Withdrawn in between.
        if !path.exists() {
            remove(&thumbnail)?;
        }
    }
    Ok(ledger.done(NAME, &slug)?)
}

/// The file of an article's thumbnail.
pub fn file_name(slug: &str) -> String {
    format!("{slug}.jpg")
}
