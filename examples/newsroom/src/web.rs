//! The pages.

use askama::Template;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, Json, Multipart, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, http};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement};
use serde::Deserialize;
use signalpost::{BoxError, TaskFilter, TaskRecord};
use tower_http::services::ServeDir;

use crate::page::{self, Card, Delivery, Snippet, TaskRow};
use crate::publish::{Draft, MAX_PICTURE, Picture, publish};
use crate::receivers::thumbnail;
use crate::{Newsroom, article};

/// How many articles the front page shows.
const FRONT_PAGE: u64 = 50;
const TASKS_SHOWN: usize = 100;

pub fn routes(newsroom: Newsroom) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/articles/{slug}", get(show))
        .route("/publish", get(form).post(take))
        .route("/status", get(status))
        .route("/webhook", post(webhook))
        .route("/style.css", get(style))
        .nest_service("/pictures", ServeDir::new(&newsroom.folders.pictures))
        .nest_service("/thumbnails", ServeDir::new(&newsroom.folders.thumbnails))
        .layer(DefaultBodyLimit::max(MAX_PICTURE + (1 << 20)))
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is no such page.") })
        .with_state(newsroom)
}

/// An error that the visitor cannot do anything about.
struct Failed(BoxError);

impl<E: Into<BoxError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        tracing::error!(error = %self.0, "a page failed");
        (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here; the log says what.").into_response()
    }
}

type Page = Result<Html<String>, Failed>;

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
    /// The article that has just been published.
    #[serde(default)]
    published: Option<String>,
}

async fn index(State(newsroom): State<Newsroom>, Query(search): Query<Search>) -> Page {
    let query = search.q.trim().to_owned();
    let articles = if query.is_empty() { newest(&newsroom).await? } else { find(&newsroom, &query).await? };
    let notice = search.published.map(|title| format!("“{title}” is published. Mail, index and thumbnail follow."));
    Ok(Html(page::Index { query, articles, notice }.render()?))
}

async fn newest(newsroom: &Newsroom) -> Result<Vec<Card>, BoxError> {
    let newest = article::Entity::find().order_by_desc(article::Column::PublishedAt).limit(FRONT_PAGE);
    Ok(newest.all(&newsroom.database).await?.into_iter().map(|article| card(newsroom, article, None)).collect())
}

fn card(newsroom: &Newsroom, article: article::Model, snippet: Option<Snippet>) -> Card {
    let thumbnail = thumbnail::file_name(&article.slug);
    let is_made = newsroom.folders.thumbnails.join(&thumbnail).exists();
    Card {
        published: when(article.published_at),
        thumbnail: is_made.then(|| format!("/thumbnails/{thumbnail}")),
        slug: article.slug,
        title: article.title,
        author: article.author,
        summary: article.summary,
        snippet,
    }
}

/// What the index puts around a word that it found. Not to be found in an article.
const FOUND: (char, char) = ('\u{2}', '\u{3}');

async fn find(newsroom: &Newsroom, query: &str) -> Result<Vec<Card>, BoxError> {
    // Each word quoted, so that the index's own operators are words like any other.
    let words: Vec<String> =
        query.split_whitespace().map(|word| format!("\"{}\"*", word.replace('"', "\"\""))).collect();
    let sql = "SELECT rowid, snippet(article_search, 2, ?, ?, ' … ', 32) AS snippet \
               FROM article_search WHERE article_search MATCH ? ORDER BY rank LIMIT 50";
    let values = [FOUND.0.to_string().into(), FOUND.1.to_string().into(), words.join(" ").into()];
    let backend = newsroom.database.get_database_backend();
    let rows = newsroom.database.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    let mut cards = Vec::new();
    for row in rows {
        let (id, text): (i64, String) = (row.try_get("", "rowid")?, row.try_get("", "snippet")?);
        if let Some(article) = article::Entity::find_by_id(id).one(&newsroom.database).await? {
            cards.push(card(newsroom, article, Some(pieces(&text))));
        }
    }
    Ok(cards)
}

fn pieces(text: &str) -> Snippet {
    let mut pieces = Vec::new();
    for part in text.split(FOUND.0) {
        match part.split_once(FOUND.1) {
            Some((found, rest)) => pieces.extend([(true, found.to_owned()), (false, rest.to_owned())]),
            None => pieces.push((false, part.to_owned())),
        }
    }
    pieces.retain(|(_, piece)| !piece.is_empty());
    pieces
}

async fn show(State(newsroom): State<Newsroom>, Path(slug): Path<String>) -> Result<Response, Failed> {
    let found = article::Entity::find().filter(article::Column::Slug.eq(slug)).one(&newsroom.database).await?;
    let Some(article) = found else {
        return Ok((StatusCode::NOT_FOUND, "There is no such article.").into_response());
    };
    let deliveries = match article.send_id {
        Some(send_id) => newsroom.store.tasks(&TaskFilter { send_id: Some(send_id), ..TaskFilter::default() }).await?,
        None => Vec::new(),
    };
    let page = page::Article {
        picture: article.picture.map(|picture| format!("/pictures/{picture}")),
        picture_alt: format!("The picture of the article “{}”", article.title),
        title: article.title,
        author: article.author,
        published: when(article.published_at),
        paragraphs: article.body.split("\n\n").map(str::to_owned).collect(),
        deliveries: deliveries.into_iter().rev().map(delivery).collect(),
    };
    Ok(Html(page.render()?).into_response())
}

fn delivery(task: TaskRecord) -> Delivery {
    Delivery {
        receiver: task.receiver,
        state: task.state.to_string(),
        attempts: task.attempt,
        detail: task.reason.unwrap_or_default(),
    }
}

async fn form() -> Page {
    let empty = page::Publish { error: None, title: String::new(), author: String::new(), body: String::new() };
    Ok(Html(empty.render()?))
}

#[derive(Default)]
struct Form {
    title: String,
    author: String,
    body: String,
    picture: Vec<u8>,
}

async fn take(State(newsroom): State<Newsroom>, mut multipart: Multipart) -> Result<Response, Failed> {
    let mut form = Form::default();
    let error = match read(&mut multipart, &mut form).await {
        Ok(()) => match draft(&mut form) {
            Ok(draft) => {
                let title = draft.title.clone();
                let now = jiff::Timestamp::now().as_millisecond();
                if publish(&newsroom, draft, now).await?.is_some() {
                    let query =
                        http::Uri::builder().path_and_query(format!("/?published={}", encode(&title))).build()?;
                    return Ok(Redirect::to(&query.to_string()).into_response());
                }
                "There is an article of this title already: choose another one.".to_owned()
            }
            Err(error) => error,
        },
        Err(error) => error.body_text(),
    };
    let page = page::Publish { error: Some(error), title: form.title, author: form.author, body: form.body };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

async fn read(multipart: &mut Multipart, form: &mut Form) -> Result<(), MultipartError> {
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

fn draft(form: &mut Form) -> Result<Draft, String> {
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

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

async fn status(State(newsroom): State<Newsroom>) -> Page {
    let counts = newsroom.store.counts().await?;
    let tasks = newsroom.store.tasks(&TaskFilter { limit: TASKS_SHOWN, ..TaskFilter::default() }).await?;
    let page = page::Status {
        waiting: counts.waiting,
        running: counts.running,
        ended: counts.ended.iter().map(|(state, count)| (state.as_str().to_owned(), *count)).collect(),
        tasks: tasks.into_iter().map(row).collect(),
        mails: std::fs::read_dir(newsroom.folders.mail.join("new"))?.count() as u64,
        webhooks_received: webhook_calls(&newsroom).await?,
        unfinished: !counts.is_idle(),
    };
    Ok(Html(page.render()?))
}

fn row(task: TaskRecord) -> TaskRow {
    TaskRow {
        id: task.id.0,
        receiver: task.receiver,
        state: task.state.to_string(),
        attempt: task.attempt,
        deaths: task.deaths,
        when: when(task.finished_at.unwrap_or(task.run_at)),
        reason: task.reason,
    }
}

async fn webhook_calls(newsroom: &Newsroom) -> Result<u64, BoxError> {
    let sql = "SELECT coalesce(sum(calls), 0) AS calls FROM webhook_call";
    let row = newsroom.database.query_one_raw(Statement::from_string(newsroom.database.get_database_backend(), sql));
    let calls = row.await?.map(|row| row.try_get::<i64>("", "calls")).transpose()?;
    Ok(calls.unwrap_or(0).unsigned_abs())
}

#[derive(Deserialize)]
struct Call {
    slug: String,
}

/// Somebody else's service, as it might be: its first call for each article fails.
async fn webhook(State(newsroom): State<Newsroom>, Json(call): Json<Call>) -> Result<StatusCode, Failed> {
    let sql = "INSERT INTO webhook_call (slug, calls) VALUES (?, 1) \
               ON CONFLICT (slug) DO UPDATE SET calls = calls + 1 RETURNING calls";
    let backend = newsroom.database.get_database_backend();
    let row = newsroom.database.query_one_raw(Statement::from_sql_and_values(backend, sql, [call.slug.into()])).await?;
    let calls: i64 = row.map(|row| row.try_get("", "calls")).transpose()?.unwrap_or(0);
    Ok(if calls == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT })
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../static/style.css"))
}

/// A time for people to read.
fn when(milliseconds: i64) -> String {
    match jiff::Timestamp::from_millisecond(milliseconds) {
        Ok(time) => time.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        Err(_) => "at an unknown time".to_owned(),
    }
}
