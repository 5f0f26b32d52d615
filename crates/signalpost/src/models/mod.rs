#![doc = include_str!("guide.md")]

#[doc(hidden)]
pub mod behavior;
mod columns;
mod connection;
mod declare;
mod deleted;
mod entity;
mod error;
mod load;
mod many;
mod save;
mod saved;
mod signals;

pub use columns::Columns;
pub use connection::{WithOptions, WriteConnection};
pub use deleted::{Deleted, Deleting};
pub use entity::SignalEntity;
pub use error::ModelError;
pub use save::{DeleteAndSend, SaveAndSend};
pub use saved::{Saved, Saving};
#[doc(hidden)]
pub use signals::ModelSignals;
pub use signals::{post_delete, post_save, pre_delete, pre_save};
