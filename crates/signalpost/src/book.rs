//! The programs of the book, `docs/`: each page's are compiled and run by the doc tests.

#[doc = include_str!("../../../docs/getting-started.md")]
struct GettingStarted;

#[doc = include_str!("../../../docs/which-kind.md")]
struct WhichKind;

#[doc = include_str!("../../../docs/sending.md")]
struct Sending;

#[doc = include_str!("../../../docs/receivers.md")]
struct Receivers;

#[doc = include_str!("../../../docs/models.md")]
struct Models;

#[doc = include_str!("../../../docs/worker.md")]
struct Worker;

#[doc = include_str!("../../../docs/recipes.md")]
struct Recipes;

#[doc = include_str!("../../../docs/postgresql.md")]
struct Postgresql;

#[cfg(feature = "tower")]
#[doc = include_str!("../../../docs/requests.md")]
struct Requests;

#[doc = include_str!("../../../docs/testing.md")]
struct Testing;
