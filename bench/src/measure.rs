//! One measurement: what ours does, what the reference does, and the ratio of the two.

use serde::Serialize;

/// A figure of ours beside the reference's, from one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measure {
    /// What was measured.
    pub(crate) name: String,
    /// Our figure.
    pub(crate) ours: f64,
    /// The reference's; absent where the bar is a plain number.
    pub(crate) reference: Option<f64>,
    /// Ours divided by the reference's; absent where that is nothing.
    pub(crate) ratio: Option<f64>,
    /// Of both figures.
    pub(crate) unit: &'static str,
    /// What is wanted: shown in the table, judged by nobody but the reader.
    #[serde(skip)]
    pub(crate) wanted: &'static str,
}

impl Measure {
    /// Ours beside a reference.
    pub(crate) fn beside(
        name: impl Into<String>,
        ours: f64,
        reference: f64,
        unit: &'static str,
        wanted: &'static str,
    ) -> Self {
        let ratio = (reference != 0.0).then(|| ours / reference);
        Self { name: name.into(), ours, reference: Some(reference), ratio, unit, wanted }
    }

    /// A figure that stands for itself.
    pub(crate) fn alone(name: impl Into<String>, ours: f64, unit: &'static str, wanted: &'static str) -> Self {
        Self { name: name.into(), ours, reference: None, ratio: None, unit, wanted }
    }
}

/// The median; the list is sorted by it.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50.0)
}

/// The value that `percent` of the list do not exceed; the list is sorted by it.
pub(crate) fn percentile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values[((last as f64) * percent / 100.0).round() as usize]
}
