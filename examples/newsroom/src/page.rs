//! What the pages show. The templates escape every value.

use askama::Template;

/// Pieces of text, in order; those with `true` are what the search found.
pub type Snippet = Vec<(bool, String)>;

/// The front page, or what a search found.
#[derive(Template)]
#[template(path = "index.html")]
pub struct Index {
    /// What was searched for; empty on the front page.
    pub query: String,
    /// The articles, in the order to show them.
    pub articles: Vec<Card>,
    /// A message at the top, such as that an article has been published.
    pub notice: Option<String>,
}

/// An article on the front page or in the results of a search.
pub struct Card {
    /// The last part of the article's address.
    pub slug: String,
    /// The headline.
    pub title: String,
    /// Who wrote it.
    pub author: String,
    /// One or two sentences; not shown where there is a snippet.
    pub summary: String,
    /// When it was published, for people to read.
    pub published: String,
    /// The path of the thumbnail, once it has been made.
    pub thumbnail: Option<String>,
    /// The passage that the search found.
    pub snippet: Option<Snippet>,
}

/// One article and what its publication set off.
#[derive(Template)]
#[template(path = "article.html")]
pub struct Article {
    /// The last part of its address.
    pub slug: String,
    /// The headline.
    pub title: String,
    /// Who wrote it.
    pub author: String,
    /// When it was published, for people to read.
    pub published: String,
    /// The text.
    pub paragraphs: Vec<String>,
    /// The path of the picture.
    pub picture: Option<String>,
    /// What the picture shows, for those who cannot see it.
    pub picture_alt: String,
    /// The background tasks of this article's publication.
    pub deliveries: Vec<Delivery>,
}

/// What became of one background receiver's task.
pub struct Delivery {
    /// The receiver's name.
    pub receiver: String,
    /// The task's state in one word, such as `succeeded`: it also picks the colour.
    pub state: String,
    /// How often the task was started.
    pub attempts: u32,
    /// Why it last failed; empty if it has not.
    pub detail: String,
}

/// The form for a new article.
#[derive(Template)]
#[template(path = "publish.html")]
pub struct Publish {
    /// Why the last attempt was turned down.
    pub error: Option<String>,
    /// The headline as typed so far.
    pub title: String,
    /// The author as typed so far.
    pub author: String,
    /// The text as typed so far.
    pub body: String,
}

/// What the background tasks are doing.
#[derive(Template)]
#[template(path = "status.html")]
pub struct Status {
    /// Tasks that no worker has.
    pub waiting: u64,
    /// Tasks that a worker has.
    pub running: u64,
    /// How many tasks ended in each state.
    pub ended: Vec<(String, u64)>,
    /// The tasks to list, the newest first.
    pub tasks: Vec<TaskRow>,
    /// Mails that have been written to subscribers.
    pub mails: u64,
    /// Calls that the webhook has received.
    pub webhooks_received: u64,
    /// Whether anything is waiting or running: the page then reloads itself.
    pub unfinished: bool,
}

/// One task in the list.
pub struct TaskRow {
    /// The task's number.
    pub id: i64,
    /// The receiver's name.
    pub receiver: String,
    /// The task's state in one word, such as `waiting`: it also picks the colour.
    pub state: String,
    /// How often the task was started.
    pub attempt: u32,
    /// How many of its runners died.
    pub deaths: u32,
    /// When it is due or when it ended, for people to read.
    pub when: String,
    /// Why it last failed.
    pub reason: Option<String>,
}
