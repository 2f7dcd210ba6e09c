//! Chance that can be had again: every choice of a test comes from one seed, which is told when the
//! test fails. `PARLOR_TEST_SEED` sets it.

use std::{
    env,
    time::{SystemTime, UNIX_EPOCH},
};

/// SplitMix64: small, and good enough to pick.
pub struct Seeded {
    seed: u64,
    state: u64,
}

impl Seeded {
    /// A new seed for each run, unless one is set.
    pub fn new() -> Self {
        let given = env::var("PARLOR_TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        Self::of(given.unwrap_or(now % 1_000_000))
    }

    pub fn of(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// Another one that follows from this one, for somebody who chooses beside it.
    pub fn branch(&mut self) -> Self {
        let state = self.next();
        Self { seed: self.seed, state }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("again with PARLOR_TEST_SEED={}", self.seed);
        }
    }
}
