//! Models that are saved over many connections at once.

use sea_orm::{ConnectOptions, ConnectionTrait};
use signalpost::BoxError;
use signalpost_postgres_server::Server;
use signalpost_store::PostgresStore;
use tokio::runtime::Runtime;

use super::database::Database;
use crate::measure::Measure;
use crate::saves::{CONNECTIONS, Site};

pub(crate) fn run(server: &Server, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (database, runtime) = (Database::new(server)?, Runtime::new()?);
    let site = runtime.block_on(async {
        let mut options = ConnectOptions::new(database.url());
        options.max_connections(CONNECTIONS).min_connections(CONNECTIONS).sqlx_logging(false);
        let orm = sea_orm::Database::connect(options).await?;
        orm.execute_unprepared(&PostgresStore::schema_sql(None).replace("signalpost_", "bare_")).await?;
        Ok::<_, BoxError>(Site { store: database.store().await?, database: orm })
    })?;
    Ok(vec![Site::measure(&runtime, site, quick)?])
}
