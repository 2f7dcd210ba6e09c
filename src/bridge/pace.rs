//! How often somebody may do something. Pure: time comes in.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// Entries at which those that no longer matter are swept out.
const SWEEP_AT: usize = 1024;

/// What a token bucket gives out: `burst` at once, then `per_second`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// `per_second` 0 means no limit.
    pub fn new(per_second: f64, burst: u32) -> Self {
        Self { per_second, burst: f64::from(burst.max(1)) }
    }

    fn is_unlimited(self) -> bool {
        self.per_second <= 0.0
    }
}

/// One token bucket.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    tokens: f64,
    at: Instant,
}

/// A token bucket per key.
#[derive(Debug)]
pub struct Pace<K> {
    rate: Rate,
    buckets: HashMap<K, Bucket>,
    sweep_at: usize,
}

impl<K: Hash + Eq + Copy> Pace<K> {
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: HashMap::new(), sweep_at: SWEEP_AT }
    }

    /// Takes a token, or says how long to wait for one.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        if self.rate.is_unlimited() {
            return Ok(());
        }
        self.sweep(now);
        let rate = self.rate;
        self.buckets.entry(key).or_insert_with(|| Bucket::full(rate, now)).take(rate, now)
    }

    /// A full bucket is as good as none: the map holds only those who were busy lately.
    fn sweep(&mut self, now: Instant) {
        if self.buckets.len() < self.sweep_at {
            return;
        }
        let rate = self.rate;
        self.buckets.retain(|_, bucket| bucket.tokens_at(now, rate) < rate.burst);
        self.sweep_at = (self.buckets.len() * 2).max(SWEEP_AT);
    }
}

impl Bucket {
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    /// Takes a token, or says how long to wait for one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        match self.wait(rate, now) {
            Some(wait) => Err(wait),
            None => {
                self.charge(1, rate, now);
                Ok(())
            }
        }
    }

    /// Takes tokens for what has been done already, also those that are still to come: of these no
    /// more than a burst.
    pub fn charge(&mut self, count: u32, rate: Rate, now: Instant) {
        self.tokens = (self.tokens_at(now, rate) - f64::from(count)).max(-rate.burst);
        self.at = now;
    }

    /// How long there is none.
    pub fn wait(&self, rate: Rate, now: Instant) -> Option<Duration> {
        let tokens = self.tokens_at(now, rate);
        let waits = !rate.is_unlimited() && tokens < 1.0;
        waits.then(|| Duration::from_secs_f64((1.0 - tokens) / rate.per_second))
    }

    fn tokens_at(&self, now: Instant, rate: Rate) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens + passed * rate.per_second).min(rate.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let (mut pace, start) = (Pace::new(Rate::new(2.0, 3)), Instant::now());
        for _ in 0..3 {
            assert_eq!(pace.take('a', start), Ok(()));
        }
        assert_eq!(pace.take('a', start), Err(Duration::from_millis(500)));
        assert_eq!(pace.take('b', start), Ok(()), "others have their own");
        assert_eq!(pace.take('a', start + Duration::from_millis(500)), Ok(()));
        assert!(pace.take('a', start + Duration::from_millis(500)).is_err());
    }

    #[test]
    fn what_was_charged_is_waited_for() {
        let (rate, start) = (Rate::new(10.0, 5), Instant::now());
        let mut bucket = Bucket::full(rate, start);
        bucket.charge(4, rate, start);
        assert_eq!(bucket.wait(rate, start), None);
        bucket.charge(5, rate, start);
        assert_eq!(bucket.wait(rate, start), Some(Duration::from_millis(500)));
        assert_eq!(bucket.wait(rate, start + Duration::from_millis(500)), None);
        bucket.charge(1_000_000, rate, start);
        assert_eq!(bucket.wait(rate, start), Some(Duration::from_millis(600)), "no longer");
    }

    #[test]
    fn those_who_rest_are_forgotten() {
        let (mut pace, start) = (Pace::new(Rate::new(1.0, 1)), Instant::now());
        for key in 0..100_000u32 {
            let at = start + Duration::from_millis(key.into());
            assert_eq!(pace.take(key, at), Ok(()));
        }
        assert!(pace.buckets.len() <= 2 * SWEEP_AT, "{}", pace.buckets.len());
    }

    #[test]
    fn zero_means_no_limit() {
        let mut pace = Pace::new(Rate::new(0.0, 0));
        let now = Instant::now();
        assert!((0..1000).all(|_| pace.take((), now).is_ok()));
    }
}
