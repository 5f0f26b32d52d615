//! The form for a new article, as a browser sends it.

use axum::extract::Multipart;
use axum::extract::multipart::MultipartError;

use crate::publish::{Draft, Picture};

/// What was typed so far.
#[derive(Default)]
pub struct Form {
    pub title: String,
    pub author: String,
    pub body: String,
    pub picture: Vec<u8>,
}

/// Takes the fields as they come.
///
/// # Errors
///
/// When the request is too large or cut off.
pub async fn read(multipart: &mut Multipart, form: &mut Form) -> Result<(), MultipartError> {
    while let Some(field) = multipart.next_field().await? {
        match field.name().unwrap_or_default() {
            "title" => form.title = field.text().await?,
            "author" => form.author = field.text().await?,
            "body" => form.body = field.text().await?,
            "picture" => form.picture = field.bytes().await?.to_vec(),
            _ => {}
        }
    }
    Ok(())
}

/// The article that the form describes.
///
/// # Errors
///
/// A sentence for the person who filled it in.
pub fn draft(form: &mut Form) -> Result<Draft, String> {
    for (text, name, most) in
        [(&mut form.title, "title", 200), (&mut form.author, "author", 100), (&mut form.body, "text", 100_000)]
    {
        // Browsers send CRLF.
        *text = text.replace("\r\n", "\n").trim().to_owned();
        if text.is_empty() {
            return Err(format!("The {name} is missing."));
        }
        if text.chars().count() > most {
            return Err(format!("The {name} is longer than {most} characters."));
        }
        if text.contains(|character: char| character.is_control() && character != '\n') {
            return Err(format!("The {name} holds control characters."));
        }
    }
    let slug = slug(&form.title);
    if slug.is_empty() {
        return Err("The title needs a letter or a digit.".to_owned());
    }
    let picture = if form.picture.is_empty() { None } else { Some(Picture::check(std::mem::take(&mut form.picture))?) };
    let first = form.body.split("\n\n").next().unwrap_or_default();
    Ok(Draft {
        slug,
        title: form.title.clone(),
        author: form.author.clone(),
        summary: first.chars().take(240).collect(),
        body: form.body.clone(),
        picture,
    })
}

fn slug(title: &str) -> String {
    let letters =
        title.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect::<String>();
    letters.split_whitespace().collect::<Vec<_>>().join("-").chars().take(80).collect()
}
