//! Who sends.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Weak};

/// A type that sends under a name of its own.
///
/// The label is declared by hand because it is stored with tasks: a type's own name changes when the type moves.
///
/// ```
/// use signalpost_dispatch::{Sender, SenderType};
///
/// struct Article;
/// impl SenderType for Article {
///     const LABEL: &'static str = "news.Article";
/// }
/// assert_eq!(Sender::of::<Article>(), Sender::label("news.Article"));
/// ```
pub trait SenderType {
    /// The name under which the type sends.
    const LABEL: &'static str;
}

/// Who sent a signal: nobody in particular, a label (usually a type's), or one object.
///
/// Receivers can be limited to one sender. Labels are the same when they are equal; objects only when they are
/// one and the same, whatever `Eq` says of them.
///
/// ```
/// use signalpost_dispatch::{Sender, SenderType};
/// use std::sync::Arc;
///
/// struct Shop;
/// impl SenderType for Shop {
///     const LABEL: &'static str = "shop.Shop";
/// }
/// let (one, other) = (Arc::new(Shop), Arc::new(Shop));
/// assert_eq!(Sender::object(&one), Sender::object(&one.clone()));
/// assert_ne!(Sender::object(&one), Sender::object(&other));
/// assert_eq!(Sender::object(&one).as_label(), Some("shop.Shop"));
/// ```
#[derive(Clone)]
pub struct Sender(Repr);

#[derive(Clone)]
enum Repr {
    None,
    Label(Cow<'static, str>),
    // The weak reference keeps the allocation, and so its address, from being given to another object.
    Object { object: Weak<dyn Any + Send + Sync>, label: &'static str },
}

/// What two equal senders have in common.
pub(crate) enum SenderKey<'a> {
    None,
    Label(&'a Cow<'static, str>),
    /// Where it is.
    Object(usize),
}

impl Sender {
    /// Nobody in particular. As a filter: any sender.
    pub const NONE: Sender = Sender(Repr::None);

    /// The sender called `label`.
    pub fn label(label: impl Into<Cow<'static, str>>) -> Self {
        Self(Repr::Label(label.into()))
    }

    /// A type that has declared its label.
    pub fn of<T: SenderType>() -> Self {
        Self(Repr::Label(Cow::Borrowed(T::LABEL)))
    }

    /// One object, by identity. In a stored task it is named by the label of its type.
    pub fn object<T: SenderType + Send + Sync + 'static>(object: &Arc<T>) -> Self {
        let object: Weak<T> = Arc::downgrade(object);
        Self(Repr::Object { object, label: T::LABEL })
    }

    /// The name that stands in a stored task; `None` for [`Sender::NONE`].
    pub fn as_label(&self) -> Option<&str> {
        match &self.0 {
            Repr::None => None,
            Repr::Label(label) => Some(label),
            Repr::Object { label, .. } => Some(label),
        }
    }

    /// True for [`Sender::NONE`].
    pub fn is_none(&self) -> bool {
        matches!(self.0, Repr::None)
    }

    /// True for a sender made by [`Sender::object`].
    pub fn is_object(&self) -> bool {
        matches!(self.0, Repr::Object { .. })
    }

    #[inline]
    pub(crate) fn key(&self) -> SenderKey<'_> {
        match &self.0 {
            Repr::None => SenderKey::None,
            Repr::Label(label) => SenderKey::Label(label),
            Repr::Object { object, .. } => SenderKey::Object(object.as_ptr().cast::<()>() as usize),
        }
    }
}

impl PartialEq for Sender {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::None, Repr::None) => true,
            (Repr::Label(one), Repr::Label(other)) => one == other,
            (Repr::Object { object: one, .. }, Repr::Object { object: other, .. }) => {
                std::ptr::addr_eq(one.as_ptr(), other.as_ptr())
            }
            _ => false,
        }
    }
}

impl Eq for Sender {}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::None => f.write_str("Sender::NONE"),
            Repr::Label(label) => write!(f, "Sender({label})"),
            Repr::Object { object, label } => write!(f, "Sender({label} at {:p})", object.as_ptr().cast::<()>()),
        }
    }
}

impl From<&'static str> for Sender {
    fn from(label: &'static str) -> Self {
        Sender::label(label)
    }
}

impl<T: Into<Sender>> From<Option<T>> for Sender {
    fn from(sender: Option<T>) -> Self {
        sender.map_or(Sender::NONE, Into::into)
    }
}
