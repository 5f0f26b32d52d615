//! A call to somebody else's web service: here this application's own, which fails at the first call for each article,
//! so that a retry is seen.

use std::time::Duration;

use serde_json::json;
use signalpost::models::{Saved, post_save};
use signalpost::{Backoff, BoxError, Data, Event, receiver};

use crate::article::{self, Files};
use crate::ledger::Ledger;

pub const NAME: &str = "newsroom.call_webhook";

const SOON: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(60) };

/// Whom to call.
pub struct Webhook {
    url: String,
    client: reqwest::Client,
}

impl Webhook {
    pub fn new(url: String) -> Self {
        Self { url, client: reqwest::Client::new() }
    }
}

#[receiver(
    post_save::<article::Entity>(), background, name = NAME, timeout = Duration::from_secs(10), backoff = SOON
)]
async fn call_webhook(
    event: Event<'_, Saved<article::Entity>>,
    webhook: Data<Webhook>,
    ledger: Data<Ledger>,
) -> Result<(), BoxError> {
    if !event.payload.created {
        return Ok(());
    }
    let Files { slug, .. } = Files::of(&event.payload.instance)?;
    ledger.started(NAME, &slug)?;
    let call = webhook.client.post(&webhook.url).json(&json!({ "slug": slug }));
    call.send().await?.error_for_status()?;
    Ok(ledger.done(NAME, &slug)?)
}
