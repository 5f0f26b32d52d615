//! The URLs of databases.

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
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(encoded("/tmp/a b"), "%2Ftmp%2Fa%20b");
        assert_eq!(encoded("Größe_1.x-y~"), "Gr%C3%B6%C3%9Fe_1.x-y~");
    }
}
