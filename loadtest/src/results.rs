//! What k6 wrote down, sample by sample, as seconds.

use std::io::BufRead;
use std::time::Duration;

use anyhow::Context as _;

/// One second of the load.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Second {
    /// What was counted in it.
    pub(crate) count: f64,
    /// How long each took that ended in it, in milliseconds, sorted.
    pub(crate) times: Vec<f64>,
}

/// The load from its first sample on.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// When it began, in milliseconds since 1970.
    pub(crate) began: u64,
    /// From its first sample to its last, in seconds.
    pub(crate) length: f64,
    /// Second by second, without gaps.
    pub(crate) seconds: Vec<Second>,
    /// Requests that failed and sockets that were lost.
    pub(crate) failed: f64,
}

impl Results {
    /// Reads k6's CSV output: what happened in a scenario, not what its set-up did.
    ///
    /// # Errors
    /// When it is not what k6 writes, or holds nothing of these metrics.
    pub(crate) fn read(csv: impl BufRead, (counted, timed): (&str, &str)) -> anyhow::Result<Self> {
        let mut lines = csv.lines();
        let heads = lines.next().context("k6 wrote no results")??;
        let column = |name: &str| {
            let at = heads.split(',').position(|head| head == name);
            at.with_context(|| format!("k6's results have no column {name}"))
        };
        let (name, time, value, scenario) = (
            column("metric_name")?,
            column("timestamp")?,
            column("metric_value")?,
            column("scenario")?,
        );
        let mut samples = Vec::new();
        let mut failed = 0.0;
        for line in lines {
            let line = line?;
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
            if cell(scenario).is_empty() {
                continue;
            }
            let sample = || -> anyhow::Result<(u64, f64)> {
                Ok((cell(time).parse()?, cell(value).parse()?))
            };
            let sample = sample().with_context(|| format!("k6 wrote: {line}"))?;
            match cell(name) {
                "http_req_failed" | "sockets_lost" => failed += sample.1,
                metric if metric == counted => samples.push((sample.0, Some(sample.1), None)),
                metric if metric == timed => samples.push((sample.0, None, Some(sample.1))),
                _ => {}
            }
        }
        let began = samples.iter().map(|(time, ..)| *time).min();
        let began = began.with_context(|| format!("k6 counted no {counted}"))?;
        let ended = samples.iter().map(|(time, ..)| *time).max();
        let mut seconds = Vec::new();
        for (time, count, took) in samples {
            let at = usize::try_from((time - began) / 1000)?;
            if seconds.len() <= at {
                seconds.resize(at + 1, Second::default());
            }
            seconds[at].count += count.unwrap_or(0.0);
            seconds[at].times.extend(took);
        }
        for second in &mut seconds {
            second.times.sort_unstable_by(f64::total_cmp);
        }
        Ok(Self {
            began,
            length: Duration::from_millis(ended.unwrap_or(began) - began).as_secs_f64(),
            seconds,
            failed,
        })
    }

    /// Everything that was counted.
    pub(crate) fn count(&self) -> f64 {
        self.seconds.iter().map(|second| second.count).sum()
    }

    /// Every time, sorted.
    pub(crate) fn times(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self
            .seconds
            .iter()
            .flat_map(|second| second.times.iter().copied())
            .collect();
        all.sort_unstable_by(f64::total_cmp);
        all
    }
}

/// The time that this share of all stayed below or at (the nearest rank); none of nothing.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank among some million times"
    )]
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "metric_name,timestamp,metric_value,scenario,status\n\
        http_reqs,100000,1,,200\n\
        http_req_duration,100000,99,,200\n\
        http_reqs,101500,1,reads,200\n\
        http_req_duration,101500,5.5,reads,200\n\
        http_reqs,103600,1,reads,503\n\
        http_req_duration,103600,2.5,reads,503\n\
        http_req_failed,103600,1,reads,503\n\
        http_reqs,104400,1,reads,200\n\
        http_req_duration,104400,1.5,reads,200\n\
        vus,103000,10,,\n";

    #[test]
    fn samples_become_seconds_and_the_set_up_is_left_out() {
        let results = Results::read(CSV.as_bytes(), ("http_reqs", "http_req_duration")).unwrap();

        assert_eq!(results.began, 101_500);
        assert!((results.length - 2.9).abs() < 1e-9);
        let counts: Vec<f64> = results.seconds.iter().map(|second| second.count).collect();
        assert_eq!(counts, [1.0, 0.0, 2.0]);
        assert_eq!(results.seconds[2].times, [1.5, 2.5]);
        assert_eq!(results.times(), [1.5, 2.5, 5.5]);
        assert!((results.failed - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn results_without_the_metric_are_refused() {
        let nothing = Results::read(CSV.as_bytes(), ("round_trips", "round_trip")).unwrap_err();

        assert!(nothing.to_string().contains("round_trips"), "{nothing}");
        assert!(Results::read("".as_bytes(), ("a", "b")).is_err());
        let broken = "metric_name,timestamp,metric_value,scenario\na,x,1,s\n";
        assert!(Results::read(broken.as_bytes(), ("a", "b")).is_err());
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let sorted: Vec<f64> = (1..=200).map(f64::from).collect();

        assert_eq!(percentile(&sorted, 0.5), Some(100.0));
        assert_eq!(percentile(&sorted, 0.99), Some(198.0));
        assert_eq!(percentile(&sorted, 1.0), Some(200.0));
        assert_eq!(percentile(&sorted[..1], 0.5), Some(1.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
