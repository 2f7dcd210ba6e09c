//! Wrong passwords and tokens by address. A few cost nothing; each further one makes its address
//! wait, twice as long each time. Right ones are not counted. Pure: time comes in.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::{Duration, Instant},
};

#[derive(Clone, Copy, Debug)]
pub struct TryLimits {
    /// Wrong ones until the first wait. 0: no limit at all.
    pub free: u32,
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// After so long without a wrong one, the wait not counted, an address starts anew.
    pub memory: Duration,
    /// Addresses that are remembered at most; the one to be forgotten first makes room.
    pub addresses: usize,
}

#[derive(Debug)]
pub struct Tries<K> {
    limits: TryLimits,
    records: HashMap<K, Record>,
    /// When each is forgotten.
    ends: BTreeSet<(Instant, K)>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    wrong: u32,
    waits_until: Instant,
    forgotten: Instant,
}

impl<K: Copy + Ord + Hash> Tries<K> {
    pub fn new(limits: TryLimits) -> Self {
        Self { limits, records: HashMap::new(), ends: BTreeSet::new() }
    }

    /// Whether `from` may try now, or how long it has to wait.
    pub fn ask(&self, from: K, now: Instant) -> Result<(), Duration> {
        match self.records.get(&from) {
            Some(record) if record.waits_until > now => Err(record.waits_until - now),
            _ => Ok(()),
        }
    }

    /// A try was wrong.
    pub fn wrong(&mut self, from: K, now: Instant) {
        if self.limits.free == 0 {
            return;
        }
        self.forget_by(now);
        let before = self.take(from).map_or(0, |record| record.wrong);
        if self.records.len() >= self.limits.addresses
            && let Some((_, first)) = self.ends.first().copied()
        {
            self.take(first);
        }
        let wrong = before.saturating_add(1);
        let waits_until = now + self.wait_after(wrong);
        let forgotten = waits_until + self.limits.memory;
        self.records.insert(from, Record { wrong, waits_until, forgotten });
        self.ends.insert((forgotten, from));
    }

    fn wait_after(&self, wrong: u32) -> Duration {
        let Some(doublings) = wrong.checked_sub(self.limits.free) else { return Duration::ZERO };
        let wait = self.limits.first_wait.saturating_mul(2u32.saturating_pow(doublings));
        wait.min(self.limits.longest_wait)
    }

    fn forget_by(&mut self, now: Instant) {
        while let Some((_, from)) = self.ends.first().copied().filter(|(end, _)| *end <= now) {
            self.take(from);
        }
    }

    fn take(&mut self, from: K) -> Option<Record> {
        let record = self.records.remove(&from)?;
        self.ends.remove(&(record.forgotten, from));
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TryLimits = TryLimits {
        free: 3,
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(5),
        memory: Duration::from_secs(60),
        addresses: 2,
    };

    #[test]
    fn each_wrong_one_after_the_free_ones_doubles_the_wait() {
        let (mut tries, mut now) = (Tries::new(LIMITS), Instant::now());
        for wait in [0, 0, 1, 2, 4, 5, 5] {
            assert_eq!(tries.ask('a', now), Ok(()));
            tries.wrong('a', now);
            let wait = Duration::from_secs(wait);
            assert_eq!(tries.ask('a', now), if wait.is_zero() { Ok(()) } else { Err(wait) });
            assert_eq!(tries.ask('b', now), Ok(()), "others do not wait");
            now += wait;
        }
    }

    #[test]
    fn who_gives_no_wrong_one_for_a_while_starts_anew() {
        let (mut tries, start) = (Tries::new(LIMITS), Instant::now());
        for _ in 0..3 {
            tries.wrong('a', start);
        }
        tries.wrong('a', start + Duration::from_secs(60));
        assert!(tries.ask('a', start + Duration::from_secs(60)).is_err(), "remembered");
        tries.wrong('a', start + Duration::from_secs(122));
        assert_eq!(tries.ask('a', start + Duration::from_secs(122)), Ok(()));
    }

    #[test]
    fn so_many_are_remembered_and_the_oldest_makes_room() {
        let (mut tries, start) = (Tries::new(LIMITS), Instant::now());
        for (second, who) in ['a', 'b', 'c', 'c', 'c'].into_iter().enumerate() {
            tries.wrong(who, start + Duration::from_secs(second as u64));
        }
        assert_eq!((tries.records.len(), tries.ends.len()), (2, 2));
        assert!(tries.ask('c', start + Duration::from_secs(4)).is_err());
        assert!(!tries.records.contains_key(&'a'));
    }

    #[test]
    fn zero_means_no_limit() {
        let (mut tries, now) = (Tries::new(TryLimits { free: 0, ..LIMITS }), Instant::now());
        (0..100).for_each(|_| tries.wrong('a', now));
        assert_eq!(tries.ask('a', now), Ok(()));
    }
}
