//! What images take, in bytes: of all together, and of each identity. Exact: counted before a byte is
//! written, given back when the image or its room goes. No I/O.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::chat::{ImageName, RoomId, Uid};

/// Bytes at most.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    pub total: u64,
    /// Of one identity; 0: no limit of its own.
    pub identity: u64,
}

/// There is no room for the image: the limit that it would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    Total(u64),
    Identity(u64),
}

/// See the module.
#[derive(Debug)]
pub struct Ledger {
    quota: Quota,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    total: u64,
    identities: HashMap<Uid, u64>,
    /// By room, and in it by whoever posted: a room goes as a whole.
    rooms: HashMap<RoomId, HashMap<Option<Uid>, u64>>,
}

impl Ledger {
    pub fn new(quota: Quota) -> Self {
        Self { quota, used: Mutex::default() }
    }

    /// Bytes of all images together.
    pub fn total(&self) -> u64 {
        self.used().total
    }

    /// Counts an image that is about to be kept, if there is room for it.
    pub fn reserve(&self, name: ImageName, bytes: u64) -> Result<(), Exceeded> {
        let Quota { total, identity } = self.quota;
        let mut used = self.used();
        if used.total.saturating_add(bytes) > total {
            return Err(Exceeded::Total(total));
        }
        let own = name.by.and_then(|by| used.identities.get(&by)).copied().unwrap_or_default();
        if identity > 0 && name.by.is_some() && own.saturating_add(bytes) > identity {
            return Err(Exceeded::Identity(identity));
        }
        used.add(name.room, name.by, bytes);
        Ok(())
    }

    /// Counts what is there already, also beyond a limit.
    pub fn count(&self, room: RoomId, by: Option<Uid>, bytes: u64) {
        self.used().add(room, by, bytes);
    }

    /// Gives back what one image took. After its room has gone that has been done.
    pub fn release(&self, name: ImageName, bytes: u64) {
        let mut used = self.used();
        let Some(room) = used.rooms.get_mut(&name.room) else { return };
        let Some(own) = room.get_mut(&name.by) else { return };
        let bytes = bytes.min(*own);
        *own -= bytes;
        if *own == 0 {
            room.remove(&name.by);
        }
        if room.is_empty() {
            used.rooms.remove(&name.room);
        }
        used.subtract(name.by, bytes);
    }

    /// Gives back what a room's images took.
    pub fn release_room(&self, room: RoomId) {
        let mut used = self.used();
        for (by, bytes) in used.rooms.remove(&room).unwrap_or_default() {
            used.subtract(by, bytes);
        }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn add(&mut self, room: RoomId, by: Option<Uid>, bytes: u64) {
        self.total += bytes;
        *self.rooms.entry(room).or_default().entry(by).or_default() += bytes;
        if let Some(by) = by {
            *self.identities.entry(by).or_default() += bytes;
        }
    }

    fn subtract(&mut self, by: Option<Uid>, bytes: u64) {
        self.total -= bytes;
        if let Some(by) = by
            && let Some(own) = self.identities.get_mut(&by)
        {
            *own -= bytes;
            if *own == 0 {
                self.identities.remove(&by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ImageKind, MessageId};

    fn image(room: u8, by: u8) -> ImageName {
        ImageName {
            room: RoomId::from_entropy([room; 12]),
            by: Some(Uid::from_entropy([by; 16])),
            id: MessageId::from_entropy([1; 20]),
            kind: ImageKind::Gif,
        }
    }

    #[test]
    fn both_limits_hold_and_what_goes_is_free_again() {
        let ledger = Ledger::new(Quota { total: 100, identity: 60 });
        ledger.reserve(image(1, 1), 60).unwrap();
        assert_eq!(ledger.reserve(image(2, 1), 1), Err(Exceeded::Identity(60)));
        ledger.reserve(image(2, 2), 40).unwrap();
        assert_eq!(ledger.reserve(image(2, 3), 1), Err(Exceeded::Total(100)));
        ledger.release(image(2, 2), 10);
        ledger.reserve(image(2, 3), 10).unwrap();
        ledger.release_room(image(1, 1).room);
        ledger.release(image(1, 1), 60);
        assert_eq!(ledger.total(), 40, "what went with its room is given back once");
        ledger.reserve(image(2, 1), 60).unwrap();
        ledger.release_room(image(2, 1).room);
        assert_eq!(ledger.total(), 0);
        let used = ledger.used();
        assert!(
            used.rooms.is_empty() && used.identities.is_empty(),
            "nothing is kept of what went"
        );
    }

    #[test]
    fn what_is_there_counts_beyond_any_limit() {
        let ledger = Ledger::new(Quota { total: 10, identity: 0 });
        ledger.count(image(1, 1).room, None, 50);
        assert_eq!(ledger.reserve(image(1, 1), 1), Err(Exceeded::Total(10)));
        ledger.release_room(image(1, 1).room);
        ledger.reserve(image(1, 1), 10).unwrap();
    }
}
