//! Counts of the warm path, in stripes: each thread adds to a stripe of its own, so that cores do not take each other's cache lines
//! away with every request. The stripes are summed up when the page is read.

use std::array;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::Atomic;
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Stripes of everything: as many as a busy sidecar has cores. Threads beyond them share.
const STRIPES: usize = 4;

/// Bounds in seconds of the histograms: from a warm request to a call that times out.
const BUCKETS: [f64; 13] = [
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    5.0,
    30.0,
    f64::INFINITY,
];

/// The stripe of the calling thread.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    }
    STRIPE.with(|stripe| *stripe)
}

/// Keeps a stripe on cache lines of its own; two, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// The number inside a counter.
#[derive(Debug, Default)]
pub struct Striped([Apart<AtomicU64>; STRIPES]);

impl Atomic<u64> for Striped {
    fn inc(&self) -> u64 {
        self.inc_by(1)
    }

    fn inc_by(&self, by: u64) -> u64 {
        self.0[stripe()].0.fetch_add(by, Ordering::Relaxed)
    }

    fn get(&self) -> u64 {
        self.0
            .iter()
            .map(|stripe| stripe.0.load(Ordering::Relaxed))
            .sum()
    }
}

/// A histogram of durations; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Durations(Arc<[Apart<Observed>; STRIPES]>);

#[derive(Debug, Default)]
struct Observed {
    nanoseconds: AtomicU64,
    buckets: [AtomicU64; BUCKETS.len()],
}

impl Durations {
    /// Counts one.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.iter().take_while(|bound| **bound < seconds).count();
        let observed = &self.0[stripe()].0;
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        observed
            .nanoseconds
            .fetch_add(nanoseconds, Ordering::Relaxed);
        observed.buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// All durations together.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.sum(|observed| &observed.nanoseconds))
    }

    /// How many were counted in each bucket, by its upper bound in seconds; the last is infinite.
    #[must_use]
    pub fn buckets(&self) -> [(f64, u64); BUCKETS.len()] {
        array::from_fn(|index| {
            (
                BUCKETS[index],
                self.sum(|observed| &observed.buckets[index]),
            )
        })
    }

    fn sum(&self, of: impl Fn(&Observed) -> &AtomicU64) -> u64 {
        let each = self
            .0
            .iter()
            .map(|stripe| of(&stripe.0).load(Ordering::Relaxed));
        each.fold(0, u64::wrapping_add)
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let buckets = self.buckets();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(self.total().as_secs_f64(), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use std::thread;

    use prometheus_client::encoding::text;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let (counter, durations) = (Counter::<u64, Striped>::default(), Durations::default());
        let mut registry = Registry::default();
        registry.register("counted", "Counted", counter.clone());
        registry.register("took", "Took", durations.clone());
        thread::scope(|scope| {
            for _ in 0..2 * STRIPES {
                scope.spawn(|| {
                    for millis in [1, 2, 40_000] {
                        counter.inc();
                        durations.observe(Duration::from_millis(millis));
                    }
                });
            }
        });
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        let each = 2 * STRIPES;
        for line in [
            format!("counted_total {}", 3 * each),
            format!("took_count {}", 3 * each),
            format!("took_bucket{{le=\"0.001\"}} {each}"),
            format!("took_bucket{{le=\"0.0025\"}} {}", 2 * each),
            format!("took_bucket{{le=\"30.0\"}} {}", 2 * each),
            format!("took_bucket{{le=\"+Inf\"}} {}", 3 * each),
            format!("took_sum {}", 320.024),
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
