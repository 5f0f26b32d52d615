//! The URLs of databases.

use std::ops::Range;

/// As it may stand in any part of a URL.
pub(crate) fn encoded(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(letter).collect()
}

/// The URL with another database in it. What stands after a `?` stays.
pub(crate) fn with_database(url: &str, database: &str) -> String {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (url, String::new()),
    };
    let authority = base.find("://").map_or(0, |at| at + 3);
    let server = base[authority..].find('/').map_or(base, |at| &base[..authority + at]);
    format!("{server}/{}{query}", encoded(database))
}

/// Whom a URL leads to, and as whom.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    pub(crate) fn of(url: &str) -> Self {
        let authority = &url[authority(url)];
        let (user, server) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let (host, port) = server.rsplit_once(':').unwrap_or((server, "5432"));
        let port = port.parse().unwrap_or(5432);
        Self { user: decoded(user), password: decoded(password), host: decoded(host), port }
    }
}

/// The URL with another host and port in it.
pub(crate) fn with_address(url: &str, host: &str, port: u16) -> String {
    let mut replaced = authority(url);
    if let Some(at) = url[replaced.clone()].rfind('@') {
        replaced.start += at + 1;
    }
    format!("{}{host}:{port}{}", &url[..replaced.start], &url[replaced.end..])
}

/// Where user, password, host and port stand.
fn authority(url: &str) -> Range<usize> {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    start..end
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.extend(std::iter::once(byte).chain(part[2..].bytes())),
            None => bytes.extend(std::iter::once(b'%').chain(part.bytes())),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (url, expected) in [
            ("postgres://a:b@127.0.0.1:1/postgres", "postgres://a:b@127.0.0.1:1/shop"),
            ("postgres://a:b@127.0.0.1:1", "postgres://a:b@127.0.0.1:1/shop"),
            ("postgres://localhost/?host=/tmp/x", "postgres://localhost/shop?host=/tmp/x"),
            ("postgres://localhost?sslmode=disable", "postgres://localhost/shop?sslmode=disable"),
            ("postgres://a@%2Ftmp%2Fx:1/postgres", "postgres://a@%2Ftmp%2Fx:1/shop"),
        ] {
            assert_eq!(with_database(url, "shop"), expected);
        }
    }

    #[test]
    fn a_url_is_taken_apart_and_led_elsewhere() {
        let url = "postgres://a%40b:c%25%3A@db:1/shop?x=y";
        let Address { user, password, host, port } = Address::of(url);
        assert_eq!((&*user, &*password, &*host, port), ("a@b", "c%:", "db", 1));
        assert_eq!(with_address(url, "127.0.0.1", 2), "postgres://a%40b:c%25%3A@127.0.0.1:2/shop?x=y");
        assert_eq!(with_address("postgres://db", "127.0.0.1", 2), "postgres://127.0.0.1:2");
    }

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(encoded("/tmp/a b"), "%2Ftmp%2Fa%20b");
        assert_eq!(encoded("Größe_1.x-y~"), "Gr%C3%B6%C3%9Fe_1.x-y~");
    }
}
