//! The URL of a database.

use sqlx::postgres::PgConnectOptions;

use crate::StoreError;

/// What sqlx understands.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// As sqlx reads it, but that nothing of a password is ever shown.
pub(super) fn parse(url: &str) -> Result<PgConnectOptions, StoreError> {
    let schemes = ["postgres://", "postgresql://"];
    let Some(rest) = schemes.into_iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        return Err(StoreError::bad_url("it does not begin with `postgres://`"));
    };
    // A password with such a letter would be read as port, database and parameters, which are shown.
    let after_host = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    if after_host.contains('@') {
        let why =
            "an `@` stands behind a `/`, `?` or `#`: write `%40`, `%2F`, `%3F`, `%23` for these in user and password";
        return Err(StoreError::bad_url(why));
    }
    without_unknown_parameters(url).parse().map_err(|error| match error {
        sqlx::Error::Configuration(why) => StoreError::bad_url(&why.to_string()),
        other => StoreError::bad_url(&other.to_string()),
    })
}

/// sqlx passes them over as well, but logs their values, and some are secrets (`sslpassword`).
fn without_unknown_parameters(url: &str) -> String {
    let Some((base, query)) = url.split_once('?') else { return url.to_owned() };
    let name = |parameter: &&str| parameter.split('=').next().unwrap_or_default().to_owned();
    let is_known = |parameter: &&str| {
        let name = name(parameter);
        PARAMETERS.contains(&&*name) || ["options[", "options%5B"].iter().any(|start| name.starts_with(start))
    };
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let (known, unknown): (Vec<&str>, Vec<&str>) = parameters.partition(is_known);
    if !unknown.is_empty() {
        let names: Vec<String> = unknown.iter().map(name).collect();
        tracing::warn!(
            target: "signalpost::store", parameters = names.join(", "),
            "parameters of the database's URL are not known and passed over"
        );
    }
    format!("{base}?{}", known.join("&"))
}
