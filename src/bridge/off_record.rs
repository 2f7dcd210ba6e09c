//! The logs of off-the-record rooms: in memory, the newest events only, gone with the process.
//! Nothing here is ever written down.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use crate::{
    chat::{Event, RoomId, Stamped},
    store::{Appended, Page},
};

/// See the module.
pub(super) struct OffRecord {
    /// Events kept per room.
    keep: usize,
    logs: Mutex<HashMap<RoomId, Log>>,
}

#[derive(Default)]
struct Log {
    last_seq: u64,
    events: VecDeque<Event>,
}

impl OffRecord {
    pub fn new(keep: usize) -> Self {
        Self { keep, logs: Mutex::default() }
    }

    fn logs(&self) -> std::sync::MutexGuard<'_, HashMap<RoomId, Log>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same promises as the store's `append`, as far as the kept events reach.
    pub fn append(&self, message: Stamped) -> Appended {
        let mut logs = self.logs();
        let log = logs.entry(message.event.room).or_default();
        if let Some(key) = &message.event.key {
            let same =
                |event: &&Event| event.uid == message.event.uid && event.key.as_ref() == Some(key);
            if let Some(known) = log.events.iter().find(same) {
                return Appended::Known(known.clone());
            }
        }
        log.last_seq += 1;
        let event = message.numbered(log.last_seq);
        if log.events.len() == self.keep {
            log.events.pop_front();
        }
        log.events.push_back(event.clone());
        Appended::New(event)
    }

    pub fn page(&self, room: RoomId, page: Page, limit: u32) -> Vec<Event> {
        let logs = self.logs();
        let Some(log) = logs.get(&room) else { return Vec::new() };
        let limit = limit as usize;
        let seq = |event: &Event| event.seq.unwrap_or_default();
        let newest = |events: Vec<&Event>| {
            let from = events.len().saturating_sub(limit);
            events[from..].iter().copied().cloned().collect()
        };
        match page {
            Page::Newest => newest(log.events.iter().collect()),
            Page::Before(end) => newest(log.events.iter().filter(|e| seq(e) < end).collect()),
            Page::After(start) => {
                log.events.iter().filter(|e| seq(e) > start).take(limit).cloned().collect()
            }
        }
    }

    pub fn remove(&self, room: RoomId) {
        self.logs().remove(&room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bridge::stamp,
        chat::{Content, Identity, Uid},
    };

    fn said(chat: &str, key: Option<&str>) -> Stamped {
        let who = Identity::browser(Uid::from_entropy([1; 16]));
        let content = Content { chat: Some(chat.to_owned()), gif: None };
        let key = key.map(|key| key.parse().unwrap());
        stamp::chat(&who, RoomId::from_entropy([1; 12]), content, key)
    }

    fn seqs(events: &[Event]) -> Vec<u64> {
        events.iter().filter_map(|event| event.seq).collect()
    }

    #[test]
    fn the_newest_events_are_kept_and_numbered_without_a_hole() {
        let (logs, room) = (OffRecord::new(3), RoomId::from_entropy([1; 12]));
        for n in 0..5 {
            logs.append(said(&n.to_string(), None));
        }
        assert_eq!(seqs(&logs.page(room, Page::Newest, 50)), [3, 4, 5]);
        assert_eq!(seqs(&logs.page(room, Page::Newest, 2)), [4, 5]);
        assert_eq!(seqs(&logs.page(room, Page::Before(5), 1)), [4]);
        assert_eq!(seqs(&logs.page(room, Page::After(3), 1)), [4]);
        logs.remove(room);
        assert!(logs.page(room, Page::Newest, 50).is_empty());
    }

    #[test]
    fn a_key_says_it_once() {
        let logs = OffRecord::new(3);
        let Appended::New(first) = logs.append(said("a", Some("k"))) else { panic!() };
        assert_eq!(logs.append(said("b", Some("k"))), Appended::Known(first));
    }
}
