//! The logs of off-the-record rooms and their images: in memory, the newest events only, gone with the
//! process. Nothing here is ever written down.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use crate::{
    chat::{Event, ImageName, RoomId, Stamped},
    store::{
        Appended, Page,
        quota::{Exceeded, Ledger, Quota},
    },
};

/// See the module.
pub(super) struct OffRecord {
    /// Events kept per room.
    keep: usize,
    logs: Mutex<HashMap<RoomId, Log>>,
    images: Mutex<HashMap<RoomId, HashMap<ImageName, Bytes>>>,
    /// What the images take.
    ledger: Ledger,
}

#[derive(Default)]
struct Log {
    last_seq: u64,
    events: VecDeque<Event>,
}

impl OffRecord {
    pub fn new(keep: usize, images: Quota) -> Self {
        let ledger = Ledger::new(images);
        Self { keep, logs: Mutex::default(), images: Mutex::default(), ledger }
    }

    fn images(&self) -> std::sync::MutexGuard<'_, HashMap<RoomId, HashMap<ImageName, Bytes>>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn keep_image(&self, name: ImageName, bytes: Bytes) -> Result<(), Exceeded> {
        self.ledger.reserve(name, bytes.len() as u64)?;
        self.images().entry(name.room).or_default().insert(name, bytes);
        Ok(())
    }

    pub fn image(&self, name: ImageName) -> Option<Bytes> {
        self.images().get(&name.room)?.get(&name).cloned()
    }

    /// Whether there was one of that name.
    pub fn drop_image(&self, name: ImageName) -> bool {
        let mut images = self.images();
        let Some(room) = images.get_mut(&name.room) else { return false };
        let Some(bytes) = room.remove(&name) else { return false };
        if room.is_empty() {
            images.remove(&name.room);
        }
        self.ledger.release(name, bytes.len() as u64);
        true
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
        if log.events.len() == self.keep
            && let Some(forgotten) = log.events.pop_front()
            && let Some(Ok(image)) = forgotten.gif.as_deref().map(str::parse)
        {
            self.drop_image(image);
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
        self.images().remove(&room);
        self.ledger.release_room(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bridge::stamp,
        chat::{Content, Identity, ImageKind, MessageId, Posted, Uid},
    };

    const QUOTA: Quota = Quota { total: 100, identity: 0 };

    fn said(chat: &str, key: Option<&str>) -> Stamped {
        let content = Content { chat: Some(chat.to_owned()), image: None };
        stamped(content, key)
    }

    fn stamped(content: Content, key: Option<&str>) -> Stamped {
        let who = Identity::browser(Uid::from_entropy([1; 16]));
        let key = key.map(|key| key.parse().unwrap());
        stamp::chat(&who, RoomId::from_entropy([1; 12]), content, key)
    }

    fn seqs(events: &[Event]) -> Vec<u64> {
        events.iter().filter_map(|event| event.seq).collect()
    }

    #[test]
    fn the_newest_events_are_kept_and_numbered_without_a_hole() {
        let (logs, room) = (OffRecord::new(3, QUOTA), RoomId::from_entropy([1; 12]));
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
        let logs = OffRecord::new(3, QUOTA);
        let Appended::New(first) = logs.append(said("a", Some("k"))) else { panic!() };
        assert_eq!(logs.append(said("b", Some("k"))), Appended::Known(first));
    }

    #[test]
    fn an_image_goes_with_its_event_and_with_its_room() {
        let (logs, room) = (OffRecord::new(2, QUOTA), RoomId::from_entropy([1; 12]));
        let images = [1, 2].map(|n| ImageName {
            room,
            by: None,
            id: MessageId::from_entropy([n; 20]),
            kind: ImageKind::Gif,
        });
        for name in images {
            logs.keep_image(name, Bytes::from_static(&[0; 40])).unwrap();
            let posted = Posted { name, width: 1, height: 1, animated: false };
            logs.append(stamped(Content { chat: None, image: Some(posted) }, None));
        }
        let more = ImageName { id: MessageId::from_entropy([3; 20]), ..images[0] };
        assert_eq!(logs.keep_image(more, Bytes::from_static(&[0; 40])), Err(Exceeded::Total(100)));
        logs.append(said("and on", None));
        assert_eq!((logs.image(images[0]), logs.image(images[1]).is_some()), (None, true));
        logs.keep_image(more, Bytes::from_static(&[0; 40])).unwrap();
        assert!(logs.drop_image(more) && !logs.drop_image(more));
        logs.remove(room);
        assert_eq!((logs.image(images[1]), logs.ledger.total()), (None, 0));
    }
}
