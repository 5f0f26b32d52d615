//! Where models are written: in a transaction of the caller's, or in one of their own.

use std::future::Future;

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};

use super::ModelError;
use crate::{AtomicTransaction, Data, begin_immediate};

/// What models can be written on: a [`DatabaseConnection`], where each write has a transaction of its own that begins with
/// the write lock; or a [`DatabaseTransaction`] (a savepoint is one), which is joined. Not for implementing outside this
/// crate.
pub trait WriteConnection: Sync {
    /// The transaction that is open here, or one that is begun.
    #[doc(hidden)]
    fn join(&self) -> impl Future<Output = Result<Joined<'_>, DbErr>> + Send;
}

/// The transaction of a write.
#[derive(Debug)]
pub enum Joined<'a> {
    /// It was begun for the write, and ends with it.
    Own(DatabaseTransaction),
    /// It is the caller's.
    Callers(&'a DatabaseTransaction),
}

impl Joined<'_> {
    pub(super) fn transaction(&self) -> &DatabaseTransaction {
        match self {
            Joined::Own(transaction) => transaction,
            Joined::Callers(transaction) => transaction,
        }
    }

    /// Ends the transaction as the write has ended, if it was begun for it.
    pub(super) async fn end<T>(self, written: Result<T, ModelError>) -> Result<T, ModelError> {
        if let Joined::Own(transaction) = self {
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
        begin_immediate(self).await.map(Joined::Own)
    }
}

impl WriteConnection for DatabaseTransaction {
    async fn join(&self) -> Result<Joined<'_>, DbErr> {
        Ok(Joined::Callers(self))
    }
}

impl WriteConnection for AtomicTransaction<DatabaseTransaction> {
    async fn join(&self) -> Result<Joined<'_>, DbErr> {
        Ok(Joined::Callers(self))
    }
}

impl<T: WriteConnection + Send> WriteConnection for Data<T> {
    fn join(&self) -> impl Future<Output = Result<Joined<'_>, DbErr>> + Send {
        T::join(self)
    }
}
