//! What was measured, against its bars.

use std::io::Write as _;
use std::time::Duration;

/// Prints as it goes, and remembers what missed its bar.
#[derive(Default)]
pub(crate) struct Report {
    missed: Vec<String>,
}

impl Report {
    /// A figure with its bar.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, bar: f64) {
        let verdict = if figure <= bar { "ok" } else { "MISSED" };
        self.say(&format!("{what}: {figure:.2} (at most {bar:.2}) {verdict}"));
        if figure > bar {
            self.missed.push(what.to_owned());
        }
    }

    /// A figure without a bar.
    pub(crate) fn say(&self, line: &str) {
        // A bench whose output is closed has nobody to tell.
        let _written = writeln!(std::io::stdout(), "{line}");
    }

    /// A figure on the way to another.
    pub(crate) fn note(&self, line: &str) {
        self.say(&format!("  {line}"));
    }

    /// Fails when a bar was missed.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.missed.is_empty(), "missed: {}", self.missed.join(", "));
        Ok(())
    }
}

/// The middle one.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A percentile of sorted latencies, in microseconds.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into some thousand latencies"
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted
        .get(index)
        .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
}
