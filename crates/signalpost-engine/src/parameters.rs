//! The parameters of libpq, by which Django's driver has connected, as a URL.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::path::PathBuf;

use crate::encryption;

/// What the store's client does with them is what libpq does.
const HONOURED: [&str; 8] = ["application_name", "dbname", "host", "hostaddr", "options", "password", "port", "user"];
/// What encryption is made of: see [`encryption`].
const OF_ENCRYPTION: [&str; 5] = ["sslcert", "sslcertmode", "sslkey", "sslmode", "sslrootcert"];
/// Whatever they say, nothing of it is lost: they are about finding the others, about time, or about what the store does by
/// itself.
const WITHOUT_EFFECT: [&str; 19] = [
    "connect_timeout",
    "fallback_application_name",
    "gssdelegation",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "max_protocol_version",
    "min_protocol_version",
    "passfile",
    "service",
    "servicefile",
    "sslcompression",
    "sslkeylogfile",
    "sslsni",
    "ssl_max_protocol_version",
    "tcp_user_timeout",
];
/// Those that can be honoured as long as they say one of these.
const SOME: [(&str, &[&str]); 9] = [
    ("channel_binding", &["disable", "prefer"]),
    ("client_encoding", &["utf8", "utf-8", "unicode", "auto"]),
    ("gssencmode", &["disable", "prefer"]),
    ("load_balance_hosts", &["disable"]),
    ("replication", &["", "false", "off", "no", "0"]),
    ("sslcertmode", &["allow", "disable"]),
    ("sslnegotiation", &["postgres"]),
    // The engine's own least is 1.2.
    ("ssl_min_protocol_version", &["tlsv1", "tlsv1.1", "tlsv1.2"]),
    ("target_session_attrs", &["any", "read-write", "primary"]),
];
/// What can be done where the general way out is not the best one.
const HINTS: [(&str, &str); 1] =
    [("sslpassword", "give it a key without a passphrase, which nobody but its user can read")];
const WAY_OUT: &str =
    "leave it out, or have SIGNALPOST['DIRECT'] name another alias of the database for the engine, without it";

/// The URL that leads where the parameters lead.
///
/// # Errors
///
/// By name, never by value, for what is not known or cannot be honoured, and what to do about it.
pub(crate) fn url_of(parameters: &BTreeMap<String, String>) -> Result<String, String> {
    let get = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        if let Some((_, allowed)) = SOME.iter().find(|(known, _)| known == name) {
            if !allowed.contains(&&*value.to_lowercase()) {
                return Err(refused(name, &format!("it may be {}", allowed.join(" or "))));
            }
        } else if ![&HONOURED[..], &OF_ENCRYPTION, &WITHOUT_EFFECT].iter().any(|known| known.contains(&&**name)) {
            return Err(refused(name, "the engine cannot do that"));
        }
    }
    for name in ["host", "hostaddr", "port"] {
        if get(name).is_some_and(|value| value.contains(',')) {
            return Err(refused(name, "it names several servers"));
        }
    }
    if get("host").is_some_and(|host| host.starts_with('@')) {
        return Err(refused("host", "it names a socket that is no file"));
    }
    let home = env::var_os("HOME").map(PathBuf::from);
    let encryption = encryption::parameters_of(get, home.as_deref()).map_err(|(name, why)| refused(name, why))?;
    let checks_the_name = encryption.iter().any(|(name, value)| *name == "sslmode" && value == "verify-full");
    if checks_the_name && get("host").is_some() && get("hostaddr").is_some() {
        return Err(refused("hostaddr", "the name in the certificate could not be checked beside it"));
    }
    let mut url = "postgres:///".to_owned();
    let mut separator = '?';
    let mut add = |name: &str, value: &str| {
        url.push(separator);
        separator = '&';
        url.push_str(name);
        url.push('=');
        for byte in value.bytes() {
            let _ = write!(url, "%{byte:02X}");
        }
    };
    for name in HONOURED {
        // Both name one server: libpq connects to the address, and looks for the name in the certificate.
        if name != "host" || get("hostaddr").is_none() {
            get(name).into_iter().for_each(|value| add(name, value));
        }
    }
    encryption.iter().for_each(|(name, value)| add(name, value));
    Ok(url)
}

fn refused(name: &str, why: &str) -> String {
    let hint = HINTS.iter().find(|(known, _)| *known == name).map_or(WAY_OUT, |(_, hint)| hint);
    format!("the parameter `{name}` of its database cannot be honoured: {why} (hint: {hint})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(parameters: &[(&str, &str)]) -> Result<String, String> {
        url_of(&parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn what_is_honoured_goes_into_the_url_letter_by_letter() {
        let given = [("host", "/run/pg"), ("user", "a@b"), ("password", "x/?#&"), ("dbname", "n"), ("sslmode", "")];
        let url = url(&given).unwrap();
        let expected = "postgres:///?dbname=%6E&host=%2F%72%75%6E%2F%70%67&password=%78%2F%3F%23%26&user=%61%40%62";
        assert_eq!(url.split_once("&sslmode=").unwrap().0, expected);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_name_and_its_value_not_shown() {
        for (name, value) in [
            ("sslpassword", "hush"),
            ("requirepeer", "hush"),
            ("channel_binding", "require"),
            ("client_encoding", "LATIN1"),
            ("host", "hush,b"),
            ("host", "@hush"),
            ("sslcrldir", "hush"),
            ("sslcertmode", "require"),
            ("ssl_min_protocol_version", "TLSv1.3"),
        ] {
            let why = url(&[(name, value)]).unwrap_err();
            assert!(why.contains(&format!("`{name}`")) && !why.contains("hush"), "{why}");
            assert!(why.contains("hint: "), "{why}");
        }
        let both = [("host", "db"), ("hostaddr", "10.0.0.1"), ("sslmode", "verify-full")];
        assert!(url(&both).unwrap_err().contains("`hostaddr`"));
    }

    #[test]
    fn what_is_of_no_matter_is_passed_over() {
        let given = [
            ("connect_timeout", "5"),
            ("client_encoding", "UTF8"),
            ("service", "x"),
            ("ssl_min_protocol_version", "TLSv1.2"),
            ("target_session_attrs", "any"),
        ];
        assert!(url(&given).unwrap().starts_with("postgres:///?sslmode="));
        let both = url(&[("host", "db"), ("hostaddr", "1")]).unwrap();
        assert!(both.starts_with("postgres:///?hostaddr=%31&sslmode="), "{both}");
    }
}
