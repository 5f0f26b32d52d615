//! How measurements are printed.

use crate::measure::Measure;

/// Prints measurements as they come.
pub(crate) struct Table {
    json: bool,
    has_head: bool,
}

impl Table {
    /// A table, or lines of JSON.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, has_head: false }
    }

    /// Prints what one group has measured.
    pub(crate) fn print(&mut self, measures: &[Measure]) {
        for measure in measures {
            if self.json {
                // Numbers and texts: there is nothing that could fail.
                println!("{}", serde_json::to_string(measure).unwrap_or_default());
                continue;
            }
            if !self.has_head {
                self.has_head = true;
                println!(
                    "{:<66} {:>12} {:>12} {:>7}  {:<8} wanted",
                    "measurement", "ours", "reference", "ratio", "unit"
                );
            }
            let optional =
                |value: Option<f64>, digits: usize| value.map_or_else(String::new, |v| format!("{v:.digits$}"));
            println!(
                "{:<66} {:>12.2} {:>12} {:>7}  {:<8} {}",
                measure.name,
                measure.ours,
                optional(measure.reference, 2),
                optional(measure.ratio, 2),
                measure.unit,
                measure.wanted
            );
        }
    }
}
