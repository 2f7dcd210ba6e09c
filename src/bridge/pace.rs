//! How often somebody may do something. Pure: time comes in.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// Entries at which those that no longer matter are swept out.
const SWEEP_AT: usize = 1024;

/// A token bucket per key: `burst` at once, then `per_second`.
#[derive(Debug)]
pub struct Pace<K> {
    per_second: f64,
    burst: f64,
    buckets: HashMap<K, Bucket>,
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Hash + Eq + Copy> Pace<K> {
    /// `per_second` 0 means no limit.
    pub fn new(per_second: f64, burst: f64) -> Self {
        let burst = burst.max(1.0);
        Self { per_second, burst, buckets: HashMap::new(), sweep_at: SWEEP_AT }
    }

    /// Takes a token, or says how long to wait for one.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        self.ask(key, now)?;
        if let Some(bucket) = self.buckets.get_mut(&key) {
            bucket.tokens -= 1.0;
        }
        Ok(())
    }

    /// Whether a token is there; takes none.
    pub fn ask(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        if self.per_second <= 0.0 {
            return Ok(());
        }
        self.sweep(now);
        let (rate, burst) = (self.per_second, self.burst);
        let bucket = self.buckets.entry(key).or_insert(Bucket { tokens: burst, at: now });
        bucket.tokens = bucket.tokens_at(now, rate, burst);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.tokens) / rate))
    }

    /// A full bucket is as good as none: the map holds only those who were busy lately.
    fn sweep(&mut self, now: Instant) {
        if self.buckets.len() < self.sweep_at {
            return;
        }
        let (rate, burst) = (self.per_second, self.burst);
        self.buckets.retain(|_, bucket| bucket.tokens_at(now, rate, burst) < burst);
        self.sweep_at = (self.buckets.len() * 2).max(SWEEP_AT);
    }
}

impl Bucket {
    fn tokens_at(&self, now: Instant, rate: f64, burst: f64) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens + passed * rate).min(burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let (mut pace, start) = (Pace::new(2.0, 3.0), Instant::now());
        for _ in 0..3 {
            assert_eq!(pace.take('a', start), Ok(()));
        }
        assert_eq!(pace.take('a', start), Err(Duration::from_millis(500)));
        assert_eq!(pace.take('b', start), Ok(()), "others have their own");
        assert_eq!(pace.take('a', start + Duration::from_millis(500)), Ok(()));
        assert!(pace.take('a', start + Duration::from_millis(500)).is_err());
    }

    #[test]
    fn those_who_rest_are_forgotten() {
        let (mut pace, start) = (Pace::new(1.0, 1.0), Instant::now());
        for key in 0..100_000u32 {
            let at = start + Duration::from_millis(key.into());
            assert_eq!(pace.take(key, at), Ok(()));
        }
        assert!(pace.buckets.len() <= 2 * SWEEP_AT, "{}", pace.buckets.len());
    }

    #[test]
    fn zero_means_no_limit() {
        let mut pace = Pace::new(0.0, 0.0);
        let now = Instant::now();
        assert!((0..1000).all(|_| pace.take((), now).is_ok()));
    }
}
