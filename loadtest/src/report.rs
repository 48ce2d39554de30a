//! What came of a trial: four panels over time, and a few lines for the terminal.

use crate::chart::{Chart, Line, Panel};
use crate::options::Script;
use crate::results::{Results, percentile};
use crate::trial::Usage;

/// The shares that are drawn and told.
const SHARES: [(&str, f64); 3] = [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)];

/// A machine that is busier than this, in percent, makes everybody wait.
const FULL: f64 = 85.0;

/// Results and usage, on one axis of time.
pub(crate) struct Report<'a> {
    script: Script,
    results: &'a Results,
    /// While the load lasted.
    usage: Vec<Usage>,
}

impl<'a> Report<'a> {
    /// Of this load.
    pub(crate) fn new(script: Script, results: &'a Results, usage: &[Usage]) -> Self {
        let during = |one: &&Usage| {
            one.at >= results.began && offset(one.at, results.began) < results.length
        };
        Self {
            script,
            results,
            usage: usage.iter().filter(during).copied().collect(),
        }
    }

    /// The picture, as SVG.
    pub(crate) fn drawing(&self) -> String {
        let (counted, timed) = self.script.words();
        let seconds = &self.results.seconds;
        let over_time = |value: &dyn Fn(usize) -> Option<f64>| {
            (0..seconds.len())
                .filter_map(|at| Some((seconds_from(at), value(at)?)))
                .collect::<Vec<_>>()
        };
        let used = |value: fn(&Usage) -> f64| {
            let points = self.usage.iter();
            points
                .map(|one| (offset(one.at, self.results.began), value(one)))
                .collect::<Vec<_>>()
        };
        // The last second is cut short by the end of the load.
        let whole = seconds.len().saturating_sub(1).max(1);
        let longest = self.results.times().last().copied().unwrap_or_default();
        let is_long = longest >= 10_000.0;
        let scale = if is_long { 1000.0 } else { 1.0 };
        let panels = [
            Panel {
                title: format!("Throughput: {counted} a second"),
                unit: "",
                lines: vec![Line {
                    name: String::new(),
                    points: over_time(&|at| (at < whole).then_some(seconds[at].count)),
                }],
            },
            Panel {
                title: timed.to_owned(),
                unit: if is_long { "s" } else { "ms" },
                lines: SHARES
                    .iter()
                    .map(|(name, share)| {
                        let at_second = |at: usize| percentile(&seconds[at].times, *share);
                        line(name, over_time(&|at| Some(at_second(at)? / scale)))
                    })
                    .collect(),
            },
            Panel {
                title: "Processor time, in percent of one core; the machine of all".to_owned(),
                unit: "%",
                lines: vec![
                    line("Gantry", used(|one| one.gantry * 100.0)),
                    line("k6", used(|one| one.k6 * 100.0)),
                    line("lookalike", used(|one| one.rocketchat * 100.0)),
                    line("machine", used(|one| one.machine * 100.0)),
                ],
            },
            Panel {
                title: "Resident memory of Gantry".to_owned(),
                unit: "MiB",
                lines: vec![Line {
                    name: String::new(),
                    points: used(|one| one.resident),
                }],
            },
        ];
        let chart = Chart {
            title: format!("Gantry under {}.js", self.script.name()),
            subtitle: self.summary(),
            length: self.results.length.max(1.0),
            panels: &panels,
        };
        chart.to_svg()
    }

    /// The figures, in three lines.
    pub(crate) fn summary(&self) -> String {
        let (counted, timed) = self.script.words();
        let times = self.results.times();
        let shares: Vec<String> = SHARES
            .iter()
            .filter_map(|(name, share)| {
                Some(format!("{name} {:.1} ms", percentile(&times, *share)?))
            })
            .collect();
        let length = self.results.length.max(1.0);
        let mean = |value: fn(&Usage) -> f64| {
            let sum: f64 = self.usage.iter().map(value).sum();
            100.0 * sum / seconds_from(self.usage.len()).max(1.0)
        };
        let machine = mean(|one| one.machine);
        let peak = self
            .usage
            .iter()
            .map(|one| one.resident)
            .fold(0.0, f64::max);
        format!(
            "{count:.0} {counted} in {length:.0} s ({rate:.0} a second), {failed:.0} failed\n\
             {timed}: {shares}, longest {longest:.1} ms\n\
             Gantry: {gantry:.0} % of one core, at most {peak:.1} MiB; k6: {k6:.0} %; lookalike: {rocketchat:.0} %; the machine is {machine:.0} % busy{belief}",
            count = self.results.count(),
            rate = self.results.count() / length,
            failed = self.results.failed,
            shares = shares.join(", "),
            longest = times.last().copied().unwrap_or_default(),
            gantry = mean(|one| one.gantry),
            k6 = mean(|one| one.k6),
            rocketchat = mean(|one| one.rocketchat),
            belief = if machine > FULL {
                ": latency is the machine's, not Gantry's"
            } else {
                ""
            },
        )
    }
}

fn line(name: &str, points: Vec<(f64, f64)>) -> Line {
    Line {
        name: name.to_owned(),
        points,
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousand seconds")]
fn seconds_from(at: usize) -> f64 {
    at as f64
}

#[expect(clippy::cast_precision_loss, reason = "some thousand seconds")]
fn offset(at: u64, began: u64) -> f64 {
    at.saturating_sub(began) as f64 / 1000.0
}
