//! How many may be connected: in all, and from one address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::bridge::address::host;

/// Counts those who are in. Limits of 0 are none.
#[derive(Debug)]
pub struct Door {
    most: usize,
    most_per_address: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    #[error("the server is busy: too many connections")]
    Everywhere,
    #[error("too many connections from this address")]
    FromThere,
}

/// A place inside, given back when it is dropped.
#[derive(Debug)]
pub struct Pass {
    door: Arc<Door>,
    address: IpAddr,
}

impl Door {
    pub fn new(most: usize, most_per_address: usize) -> Arc<Door> {
        Arc::new(Door { most, most_per_address, inside: Mutex::default() })
    }

    pub fn enter(self: &Arc<Door>, address: IpAddr) -> Result<Pass, Crowded> {
        let address = host(address);
        let mut inside = self.inside();
        if self.most > 0 && inside.all >= self.most {
            return Err(Crowded::Everywhere);
        }
        let from_there = inside.by_address.get(&address).copied().unwrap_or(0);
        if self.most_per_address > 0 && from_there >= self.most_per_address {
            return Err(Crowded::FromThere);
        }
        inside.all += 1;
        inside.by_address.insert(address, from_there + 1);
        Ok(Pass { door: Arc::clone(self), address })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inside = self.door.inside();
        inside.all -= 1;
        match inside.by_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                inside.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn a_place_is_free_again_when_somebody_goes() {
        let door = Door::new(3, 2);
        let first = door.enter(address(1)).expect("free");
        let _second = door.enter(address(1)).expect("free");
        assert_eq!(door.enter(address(1)).err(), Some(Crowded::FromThere));
        let _third = door.enter(address(2)).expect("free");
        assert_eq!(door.enter(address(3)).err(), Some(Crowded::Everywhere));
        drop(first);
        assert!(door.enter(address(1)).is_ok());
        assert_eq!(door.inside().by_address.len(), 2);
    }

    #[test]
    fn without_limits_everybody_comes_in() {
        let door = Door::new(0, 0);
        let passes: Vec<_> = (0..100).map(|_| door.enter(address(1))).collect();
        assert!(passes.iter().all(Result::is_ok));
        drop(passes);
        assert!(door.inside().by_address.is_empty());
    }
}
