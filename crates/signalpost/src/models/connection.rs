//! Where models are written: in a transaction of the caller's, or in one of their own.

use std::future::Future;

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};

use super::ModelError;
use crate::{AtomicTransaction, Data, SendOptions, SendWith, Signal, begin_immediate};

/// What models can be written on: a [`DatabaseConnection`], where each write has a transaction of its own that begins with
/// the write lock; or a [`DatabaseTransaction`] (a savepoint is one), which is joined. Not for implementing outside this
/// crate.
pub trait WriteConnection: Sync {
    /// The transaction that is open here, or one that is begun.
    #[doc(hidden)]
    fn join(&self) -> impl Future<Output = Result<Joined<'_>, DbErr>> + Send;

    /// This connection, and something to say of the tasks that follow from what is written on it: a delay, an id by which
    /// they are found.
    ///
    /// ```no_run
    /// # mod article {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    /// #     #[sea_orm(table_name = "article")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub title: String }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # signalpost::model!(article, "news.Article");
    /// use sea_orm::{ActiveValue::Set, DatabaseConnection};
    /// use signalpost::SendOptions;
    /// use signalpost::models::{ModelError, SaveAndSend, WriteConnection};
    /// use std::time::Duration;
    ///
    /// # async fn publish(database: &DatabaseConnection) -> Result<(), ModelError> {
    /// let article = article::ActiveModel { title: Set("One".to_owned()), ..Default::default() };
    /// let in_an_hour = SendOptions::new().delay(Duration::from_secs(3600));
    /// article.insert_and_send(&database.with_options(in_an_hour)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The writes of many rows refuse an id: they make a send of each row.
    fn with_options(&self, options: SendOptions) -> WithOptions<'_, Self>
    where
        Self: Sized,
    {
        WithOptions { connection: self, options }
    }
}

/// A connection, and what is said of the tasks that follow from what is written on it: see
/// [`WriteConnection::with_options`].
#[derive(Debug)]
pub struct WithOptions<'a, C> {
    connection: &'a C,
    options: SendOptions,
}

impl<C: WriteConnection> WriteConnection for WithOptions<'_, C> {
    async fn join(&self) -> Result<Joined<'_>, DbErr> {
        let joined = self.connection.join().await?;
        Ok(Joined { options: Some(&self.options), ..joined })
    }
}

/// The transaction of a write.
#[derive(Debug)]
pub struct Joined<'a> {
    transaction: Transaction<'a>,
    options: Option<&'a SendOptions>,
}

#[derive(Debug)]
enum Transaction<'a> {
    /// It was begun for the write, and ends with it.
    Own(DatabaseTransaction),
    Callers(&'a DatabaseTransaction),
}

impl<'a> Joined<'a> {
    fn callers(transaction: &'a DatabaseTransaction) -> Self {
        Self { transaction: Transaction::Callers(transaction), options: None }
    }

    pub(super) fn transaction(&self) -> &DatabaseTransaction {
        match &self.transaction {
            Transaction::Own(transaction) => transaction,
            Transaction::Callers(transaction) => transaction,
        }
    }

    /// A signal whose tasks follow from the write.
    pub(super) fn after<'s, P>(&self, signal: &'s Signal<P>) -> SendWith<'s, Signal<P>> {
        self.options.map_or(SendWith::plain(signal), |options| signal.with(options.clone()))
    }

    /// Ends the transaction as the write has ended, if it was begun for it.
    pub(super) async fn end<T>(self, written: Result<T, ModelError>) -> Result<T, ModelError> {
        if let Transaction::Own(transaction) = self.transaction {
            match &written {
                Ok(_) => transaction.commit().await?,
                // A rollback that fails leaves nothing committed either: the connection is lost.
                Err(_) => drop(transaction.rollback().await),
            }
        }
        written
    }
}

impl WriteConnection for DatabaseConnection {
    async fn join(&self) -> Result<Joined<'_>, DbErr> {
        Ok(Joined { transaction: Transaction::Own(begin_immediate(self).await?), options: None })
    }
}

impl WriteConnection for DatabaseTransaction {
    async fn join(&self) -> Result<Joined<'_>, DbErr> {
        Ok(Joined::callers(self))
    }
}

impl WriteConnection for AtomicTransaction<DatabaseTransaction> {
    async fn join(&self) -> Result<Joined<'_>, DbErr> {
        Ok(Joined::callers(self))
    }
}

impl<T: WriteConnection + Send> WriteConnection for Data<T> {
    fn join(&self) -> impl Future<Output = Result<Joined<'_>, DbErr>> + Send {
        T::join(self)
    }
}
