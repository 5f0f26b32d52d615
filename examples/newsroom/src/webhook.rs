//! Somebody else's service, as it might be: its first call for each article fails.

use axum::extract::{Json, State};
use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde::Deserialize;
use signalpost::BoxError;

use crate::Newsroom;
use crate::web::Failed;

#[derive(Deserialize)]
pub struct Call {
    slug: String,
}

/// Takes a call.
pub async fn take(State(newsroom): State<Newsroom>, Json(call): Json<Call>) -> Result<StatusCode, Failed> {
    let sql = "INSERT INTO webhook_call (slug, calls) VALUES ($1, 1) \
               ON CONFLICT (slug) DO UPDATE SET calls = webhook_call.calls + 1 RETURNING calls";
    let backend = newsroom.database.get_database_backend();
    let row = newsroom.database.query_one_raw(Statement::from_sql_and_values(backend, sql, [call.slug.into()])).await?;
    let calls: i64 = row.map(|row| row.try_get("", "calls")).transpose()?.unwrap_or(0);
    Ok(if calls == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT })
}

/// How many calls it has received.
pub async fn calls(database: &DatabaseConnection) -> Result<u64, BoxError> {
    let sql = "SELECT CAST(coalesce(sum(calls), 0) AS bigint) AS calls FROM webhook_call";
    let row = database.query_one_raw(Statement::from_string(database.get_database_backend(), sql));
    let calls = row.await?.map(|row| row.try_get::<i64>("", "calls")).transpose()?;
    Ok(calls.unwrap_or(0).unsigned_abs())
}
