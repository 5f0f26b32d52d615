//! URLs that lead nowhere, and what is said about them.

use signalpost_store::{PostgresOptions, StoreError};

fn refusal(url: &str) -> StoreError {
    let error = PostgresOptions::new(url).unwrap_err();
    assert!(error.is_bad_path() && !error.is_transient(), "{url}: {error}");
    assert!(error.to_string().contains("\n  hint: "), "{error}");
    error
}

#[test]
fn what_is_not_a_url_of_postgresql_is_refused_with_what_one_looks_like() {
    for (url, complaint) in [
        ("", "does not begin with `postgres://`"),
        ("shop.db", "does not begin with `postgres://`"),
        ("sqlite://shop.db", "does not begin with `postgres://`"),
        ("mysql://app:sesame@db/shop", "does not begin with `postgres://`"),
        ("host=db user=app password=sesame", "does not begin with `postgres://`"),
        ("postgres://app:sesame@db:port/shop", "invalid port number"),
        ("postgres://app:sesame@db:99999/shop", "invalid port number"),
        ("postgres://app:sesame@db/shop?sslmode=perhaps", "perhaps"),
        ("postgres://app:sesame@db/shop?port=sesame", "invalid digit"),
        ("postgres://app:ses%FFame@db/shop", "utf-8"),
    ] {
        let error = refusal(url).to_string();
        assert!(error.contains(complaint), "{url}: {error}");
        assert!(error.contains("postgres://user:password@host:port/database"), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }
}

/// These letters end the host. The rest of the password would be a port, a database or a parameter, and be shown.
#[test]
fn a_password_whose_letters_are_not_encoded_is_not_taken_for_something_else() {
    for password in ["12/sesame", "12#sesame", "12?sesame", "p@12/sesame", "sesame/x", "p@1?sslmode=sesame"] {
        let error = refusal(&format!("postgres://app:{password}@db.example.com/shop"));
        assert!(error.to_string().contains("write `%40`, `%2F`"), "{password}: {error}");
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("sesame") && !shown.contains("12"), "{shown}");
        }
    }
    // What needs no encoding: the last `@` is the one that counts.
    for password in ["p@ss:word", "100%", "%2Fsesame%23%3F%40"] {
        let options = PostgresOptions::new(&format!("postgres://app:{password}@db.example.com/shop")).unwrap();
        let shown = format!("{options:?}");
        assert!(shown.contains("db.example.com:5432, database `shop`"), "{shown}");
    }
}

#[test]
fn options_are_shown_without_the_password() {
    for url in [
        "postgres://app:sesame@db.example.com:5433/shop",
        "postgres://app@db.example.com:5433/shop?password=sesame",
        "postgres://app:%73esame@db.example.com:5433/shop?sslmode=disable",
    ] {
        let shown = format!("{:?}", PostgresOptions::new(url).unwrap().schema("background"));
        assert!(shown.contains("db.example.com:5433, database `shop`") && shown.contains("background"), "{shown}");
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
