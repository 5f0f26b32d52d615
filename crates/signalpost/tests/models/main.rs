//! The signals of models, on each database. `docs/models.md` has the table whose cells `table.rs` holds.

mod instances;
mod keys;
mod news;
mod refusing;
mod registration;
mod site;
mod table;

/// The tests of a list of generic functions, on each database.
#[macro_export]
macro_rules! on_each_database {
    ($($test:ident)+) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test::<$crate::site::Sqlite>().await;
                }
            )+
        }

        #[cfg(feature = "postgres")]
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
                async fn $test() {
                    super::$test::<$crate::site::Postgres>().await;
                }
            )+
        }
    };
}
