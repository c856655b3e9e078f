//! How long things took.

use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

/// Buckets for each doubling: a value is known to 12.5 %.
const STEPS: u32 = 8;
/// From 1 microsecond to 2^32 of them, 71 minutes.
const BUCKETS: usize = (32 * STEPS) as usize;

/// Lengths of time, counted in buckets whose width grows with them: 1 KiB, whatever the number.
///
/// At rest it is `{"count", "mean_ms", "p50_ms", "p90_ms", "p99_ms", "max_ms"}`.
#[derive(Clone)]
pub struct Histogram {
    buckets: Box<[u32; BUCKETS]>,
    count: u64,
    sum: Duration,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: Box::new([0; BUCKETS]),
            count: 0,
            sum: Duration::ZERO,
            max: Duration::ZERO,
        }
    }
}

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, time: Duration) {
        let bucket = bucket(time);
        self.buckets[bucket] = self.buckets[bucket].saturating_add(1);
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
        self.max = self.max.max(time);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// Their mean; nothing of none.
    pub fn mean(&self) -> Duration {
        match u32::try_from(self.count) {
            Ok(0) => Duration::ZERO,
            Ok(count) => self.sum / count,
            Err(_) => self.sum.div_f64(self.count as f64),
        }
    }

    /// The time that this share of them did not exceed, from 0 to 1, at most 12.5 % too long; nothing of none.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (share.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut passed = 0;
        for (index, &count) in self.buckets.iter().enumerate() {
            passed += u64::from(count);
            if passed >= wanted {
                return end_of(index).min(self.max);
            }
        }
        self.max
    }
}

/// A histogram with nothing lost.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Packed {
    count: u64,
    sum: Duration,
    max: Duration,
    /// The buckets that are not empty.
    buckets: Vec<(usize, u32)>,
}

impl Histogram {
    pub(super) fn pack(&self) -> Packed {
        let buckets = self.buckets.iter().copied().enumerate();
        Packed {
            count: self.count,
            sum: self.sum,
            max: self.max,
            buckets: buckets.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl Packed {
    pub(super) fn unpack(self) -> Histogram {
        let mut histogram = Histogram {
            count: self.count,
            sum: self.sum,
            max: self.max,
            ..Histogram::default()
        };
        for (bucket, count) in self.buckets {
            if let Some(slot) = histogram.buckets.get_mut(bucket) {
                *slot = count;
            }
        }
        histogram
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count)
            .field("mean", &self.mean())
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max)
            .finish()
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = |time: Duration| (time.as_secs_f64() * 100_000.0).round() / 100.0;
        let mut out = serializer.serialize_struct("Histogram", 6)?;
        out.serialize_field("count", &self.count)?;
        out.serialize_field("mean_ms", &ms(self.mean()))?;
        out.serialize_field("p50_ms", &ms(self.quantile(0.5)))?;
        out.serialize_field("p90_ms", &ms(self.quantile(0.9)))?;
        out.serialize_field("p99_ms", &ms(self.quantile(0.99)))?;
        out.serialize_field("max_ms", &ms(self.max))?;
        out.end()
    }
}

fn bucket(time: Duration) -> usize {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(1);
    let doubling = micros.ilog2();
    let within = ((u64::from(micros) - (1 << doubling)) * u64::from(STEPS)) >> doubling;
    (doubling * STEPS) as usize + within as usize
}

fn end_of(bucket: usize) -> Duration {
    let (doubling, within) = (bucket as u32 / STEPS, bucket as u64 % u64::from(STEPS));
    Duration::from_micros((1_u64 << doubling) + (((within + 1) << doubling) / u64::from(STEPS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_an_eighth() {
        let mut times = Histogram::default();
        for ms in 1..=1_000 {
            times.record(Duration::from_millis(ms));
        }
        for (share, ms) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let got = times.quantile(share).as_secs_f64() * 1_000.0;
            assert!((ms..=ms * 1.126).contains(&got), "{share}: {got}");
        }
        assert_eq!(times.mean(), Duration::from_micros(500_500));
        assert_eq!(times.max(), Duration::from_secs(1));
    }

    #[test]
    fn the_shortest_and_the_longest_have_their_places() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile(0.5), Duration::ZERO);
        times.record(Duration::ZERO);
        times.record(Duration::MAX);
        assert_eq!(times.count(), 2);
        assert_eq!(times.quantile(1.0), Duration::from_micros(1 << 32));
    }
}
