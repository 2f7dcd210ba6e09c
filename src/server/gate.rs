//! How many connections may be open: in all, and per address. At a limit the newcomer is refused;
//! nobody who is in is put out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::config::Limits;

/// Shared by every listener.
#[derive(Clone)]
pub struct Gate(Arc<Counts>);

struct Counts {
    all: usize,
    /// 0: no limit.
    per_address: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One open connection. Counts until it is dropped.
pub struct Pass {
    gate: Gate,
    address: IpAddr,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    #[error("limits.connections is reached")]
    All,
    #[error("limits.connections_per_address is reached")]
    Address,
}

impl Gate {
    pub fn new(limits: &Limits) -> Self {
        Self(Arc::new(Counts {
            all: limits.connections,
            per_address: limits.connections_per_address,
            open: Mutex::default(),
        }))
    }

    pub fn admit(&self, address: IpAddr) -> Result<Pass, Closed> {
        let mut open = self.open();
        if open.all >= self.0.all {
            return Err(Closed::All);
        }
        let here = open.by_address.get(&address).copied().unwrap_or_default();
        if self.0.per_address > 0 && here >= self.0.per_address {
            return Err(Closed::Address);
        }
        open.all += 1;
        open.by_address.insert(address, here + 1);
        drop(open);
        Ok(Pass { gate: self.clone(), address })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut open = self.gate.open();
        open.all -= 1;
        if let Some(here) = open.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::config::Config;

    fn gate(all: usize, per_address: usize) -> Gate {
        let limits = Limits {
            connections: all,
            connections_per_address: per_address,
            ..Config::default().limits
        };
        Gate::new(&limits)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
    }

    #[test]
    fn who_leaves_makes_room() {
        let gate = gate(3, 2);
        let first = gate.admit(address(1)).ok();
        let _second = gate.admit(address(1)).ok();
        assert_eq!(gate.admit(address(1)).err(), Some(Closed::Address));
        let _third = gate.admit(address(2)).ok();
        assert_eq!(gate.admit(address(3)).err(), Some(Closed::All));
        drop(first);
        assert!(gate.admit(address(1)).is_ok());
        assert_eq!(gate.open().by_address.len(), 2);
    }

    #[test]
    fn zero_means_no_limit_per_address() {
        let gate = gate(100, 0);
        let passes: Vec<_> = (0..100).map_while(|_| gate.admit(address(1)).ok()).collect();
        assert_eq!(passes.len(), 100);
    }
}
