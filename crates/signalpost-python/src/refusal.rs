//! Why a value was not written, and where it is.

use pyo3::PyErr;

use crate::path::{Step, render};

/// Why nothing was written.
pub(crate) enum Failure {
    Refused(Box<Refusal>),
    /// By what Python's code raised on the way.
    Raised(PyErr),
}

/// What is wrong with a value.
pub(crate) struct Refusal {
    /// As the rest of a sentence that begins with the value.
    pub(crate) reason: String,
    /// The innermost first.
    steps: Vec<Step>,
    /// How many containers lead to what is wrong. Steps from further in are not named.
    within: usize,
    /// Whether it would do to leave the argument out.
    pub(crate) is_of_one_argument: bool,
}

impl Refusal {
    pub(crate) fn path(&self) -> String {
        render(self.steps.iter().rev())
    }

    pub(crate) fn step_out(&mut self, step: Step) {
        self.steps.push(step);
    }
}

impl Failure {
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::new(reason.into(), usize::MAX, true)
    }

    /// A value among its own containers: the one that so many lead to.
    pub(crate) fn circle(within: usize) -> Self {
        Self::new("contains itself".to_owned(), within, true)
    }

    /// Who sees an argument come and go by its size would not know why.
    pub(crate) fn too_large(limit: usize) -> Self {
        let reason = format!("makes more than {limit} bytes of JSON\n  hint: store the data, and send its key");
        Self::new(reason, usize::MAX, false)
    }

    fn new(reason: String, within: usize, is_of_one_argument: bool) -> Self {
        Self::Refused(Box::new(Refusal { reason, steps: Vec::new(), within, is_of_one_argument }))
    }

    /// Named by one more step, on its way out of as many containers as are around.
    pub(crate) fn at(self, around: usize, step: Step) -> Self {
        match self {
            Self::Refused(mut refusal) if around <= refusal.within => {
                refusal.step_out(step);
                Self::Refused(refusal)
            }
            failure => failure,
        }
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl From<pyo3::CastError<'_, '_>> for Failure {
    fn from(error: pyo3::CastError<'_, '_>) -> Self {
        Self::Raised(error.into())
    }
}

pub(crate) type Done = Result<(), Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    /// A refusal three containers deep, as it comes out of them.
    fn three_deep(failure: Failure) -> String {
        let out = (0..3).rev().fold(failure, |failure, around| failure.at(around, Step::Index(around)));
        match out {
            Failure::Refused(refusal) => refusal.path(),
            Failure::Raised(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_path_leads_from_the_outermost_container_inwards() {
        assert_eq!(three_deep(Failure::refused("is wrong")), "$[0][1][2]");
    }

    #[test]
    fn the_path_of_a_circle_ends_where_it_closes() {
        assert_eq!(three_deep(Failure::circle(1)), "$[0][1]");
    }

    #[test]
    fn what_is_too_large_is_not_left_out() {
        let is_of_one_argument = |failure| matches!(failure, Failure::Refused(it) if it.is_of_one_argument);
        assert!(is_of_one_argument(Failure::refused("is wrong")));
        assert!(!is_of_one_argument(Failure::too_large(1)));
    }
}
