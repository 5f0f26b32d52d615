//! The parameters of libpq, by which Django's driver has connected, as a URL.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What the store's client does with them is what libpq does.
const HONOURED: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "user",
];
/// Whatever they say, nothing of it is lost: they are about finding the others, about time, or about what the store does by
/// itself.
const WITHOUT_EFFECT: [&str; 19] = [
    "connect_timeout",
    "fallback_application_name",
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
    "gssdelegation",
];
/// Those that can be honoured as long as they say one of these.
const SOME: [(&str, &[&str]); 8] = [
    ("channel_binding", &["disable", "prefer"]),
    ("client_encoding", &["utf8", "utf-8", "unicode", "auto"]),
    ("gssencmode", &["disable", "prefer"]),
    ("load_balance_hosts", &["disable"]),
    ("replication", &["", "false", "off", "no", "0"]),
    ("sslcertmode", &["allow"]),
    ("sslnegotiation", &["postgres"]),
    ("target_session_attrs", &["any", "read-write", "primary"]),
];

/// The URL that leads where the parameters lead.
///
/// # Errors
///
/// By name, never by value, for what is not known or cannot be honoured.
pub(crate) fn url_of(parameters: &BTreeMap<String, String>) -> Result<String, String> {
    let get = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let refused = |name: &str, why: &str| format!("the parameter `{name}` of its database cannot be honoured: {why}");
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        if let Some((_, allowed)) = SOME.iter().find(|(known, _)| known == name) {
            if !allowed.contains(&&*value.to_lowercase()) {
                return Err(refused(name, &format!("it may be {}", allowed.join(" or "))));
            }
        } else if !HONOURED.contains(&&**name) && !WITHOUT_EFFECT.contains(&&**name) && name != "sslrootcert" {
            return Err(refused(name, "the engine does not know it"));
        }
    }
    for name in ["host", "hostaddr", "port"] {
        if get(name).is_some_and(|value| value.contains(',')) {
            return Err(refused(name, "it names several servers; give the worker an alias with one of them"));
        }
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
    let sslmode = get("sslmode");
    let root = get("sslrootcert");
    for name in HONOURED {
        let value = match name {
            // Both name one server: libpq connects to the address, and looks for the name in the certificate.
            "host" if get("hostaddr").is_some() => continue,
            "hostaddr" if get("host").is_some() && (sslmode == Some("verify-full") || root == Some("system")) => {
                return Err(refused(name, "the certificate's name could not be checked; leave out one of both"));
            }
            // What the certificates of the system are for.
            "sslmode" if root == Some("system") => Some("verify-full"),
            _ => get(name),
        };
        value.into_iter().for_each(|value| add(name, value));
    }
    root.filter(|root| *root != "system").into_iter().for_each(|root| add("sslrootcert", root));
    Ok(url)
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
        assert_eq!(url, expected);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_name_and_its_value_not_shown() {
        for (name, value) in [
            ("sslpassword", "hush"),
            ("requirepeer", "hush"),
            ("channel_binding", "require"),
            ("client_encoding", "LATIN1"),
            ("host", "hush,b"),
            ("sslcrldir", "hush"),
            ("sslcertmode", "require"),
        ] {
            let why = url(&[(name, value)]).unwrap_err();
            assert!(why.contains(&format!("`{name}`")) && !why.contains("hush"), "{why}");
        }
        let both = [("host", "db"), ("hostaddr", "10.0.0.1"), ("sslmode", "verify-full")];
        assert!(url(&both).unwrap_err().contains("`hostaddr`"));
    }

    #[test]
    fn what_is_of_no_matter_is_passed_over() {
        let given =
            [("connect_timeout", "5"), ("client_encoding", "UTF8"), ("service", "x"), ("target_session_attrs", "any")];
        assert_eq!(url(&given).unwrap(), "postgres:///");
        assert_eq!(url(&[("host", "db"), ("hostaddr", "1")]).unwrap(), "postgres:///?hostaddr=%31");
        assert_eq!(
            url(&[("sslrootcert", "system")]).unwrap(),
            "postgres:///?sslmode=%76%65%72%69%66%79%2D%66%75%6C%6C"
        );
    }
}
