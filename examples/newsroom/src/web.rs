//! The pages.

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Deserialize;
use signalpost::{BoxError, TaskFilter, TaskRecord};
use tower_http::services::ServeDir;

use crate::form::{self, Form};
use crate::page::{self, Card, Delivery, Snippet, TaskRow};
use crate::publish::{MAX_PICTURE, publish, withdraw};
use crate::receivers::thumbnail;
use crate::{Newsroom, article, search, webhook};

/// How many articles the front page shows.
const FRONT_PAGE: u64 = 50;
const TASKS_SHOWN: usize = 100;

pub fn routes(newsroom: Newsroom) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/articles/{slug}", get(show))
        .route("/articles/{slug}/withdraw", post(take_back))
        .route("/publish", get(form).post(take))
        .route("/status", get(status))
        .route("/webhook", post(webhook::take))
        .route("/style.css", get(style))
        .nest_service("/pictures", ServeDir::new(&newsroom.folders.pictures))
        .nest_service("/thumbnails", ServeDir::new(&newsroom.folders.thumbnails))
        .layer(DefaultBodyLimit::max(MAX_PICTURE + (1 << 20)))
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is no such page.") })
        .with_state(newsroom)
}

/// An error that the visitor cannot do anything about.
pub struct Failed(BoxError);

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
struct Asked {
    #[serde(default)]
    q: String,
    /// The article that has just been published.
    #[serde(default)]
    published: Option<String>,
    /// The one that has just been withdrawn.
    #[serde(default)]
    withdrawn: Option<String>,
}

async fn index(State(newsroom): State<Newsroom>, Query(asked): Query<Asked>) -> Page {
    let query = asked.q.trim().to_owned();
    let articles = if query.is_empty() {
        newest(&newsroom).await?
    } else {
        let found = search::find(&newsroom.database, &query).await?;
        found.into_iter().map(|(article, snippet)| card(&newsroom, article, Some(snippet))).collect()
    };
    let published = asked.published.map(|title| format!("“{title}” is published. Mail, index and thumbnail follow."));
    let withdrawn = asked.withdrawn.map(|title| format!("“{title}” is withdrawn. Its files follow."));
    let notice = published.or(withdrawn);
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
        slug: article.slug,
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

async fn take(State(newsroom): State<Newsroom>, mut multipart: Multipart) -> Result<Response, Failed> {
    let mut form = Form::default();
    let error = match form::read(&mut multipart, &mut form).await {
        Ok(()) => match form::draft(&mut form) {
            Ok(draft) => {
                let title = draft.title.clone();
                let now = jiff::Timestamp::now().as_millisecond();
                if publish(&newsroom, draft, now).await?.is_some() {
                    return Ok(front_page("published", &title));
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

async fn take_back(State(newsroom): State<Newsroom>, Path(slug): Path<String>) -> Result<Response, Failed> {
    Ok(match withdraw(&newsroom, &slug).await? {
        Some(article) => front_page("withdrawn", &article.title),
        None => (StatusCode::NOT_FOUND, "There is no such article.").into_response(),
    })
}

/// To the front page, where it is said what has become of an article.
fn front_page(what: &str, title: &str) -> Response {
    Redirect::to(&format!("/?{what}={}", encode(title))).into_response()
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
        mails: newsroom.folders.mails()? as u64,
        webhooks_received: webhook::calls(&newsroom.database).await?,
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
