//! The readers and monitors of some of the rooms, and what each gets of an event. No waiting here:
//! a mailbox takes at once or ends its session.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    chat::{Identity, Kind, MessageId, RoomId, Uid, topic},
    mqtt::{
        codec::{Properties, SubscribeOptions},
        filter::Filter,
        mailbox::{EventMail, Mail, Mailbox},
        session::{Delivery, Message},
        sessions::SessionId,
    },
};

/// Somebody in a room: an exact subscription to `chat/<id>`.
#[derive(Clone)]
pub struct Reader {
    pub session: SessionId,
    pub who: Arc<Identity>,
    pub mailbox: Arc<Mailbox>,
    /// With the granted QoS.
    pub options: SubscribeOptions,
    pub identifier: Option<u32>,
}

/// Somebody who watches all rooms that they may read: `chat/+`, perhaps shared.
pub type Monitor = Reader;

/// Something from the bus for the rooms.
pub(super) enum Incoming {
    Event(Incomer),
    /// The room's card is gone.
    Removed(RoomId),
}

pub(super) struct Incomer {
    pub(super) room: RoomId,
    pub(super) seq: Option<u64>,
    head: Head,
    message: Arc<Message>,
}

/// As much of an event as delivery depends on.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    seq: Option<u64>,
    id: MessageId,
    uid: Uid,
    #[serde(default)]
    to: Option<Uid>,
}

impl Incoming {
    /// None, and a line in the log, for what is no event: the bridge writes nothing else.
    pub(super) fn read(room: RoomId, payload: Bytes) -> Option<Incoming> {
        match serde_json::from_slice::<Head>(&payload) {
            Ok(head) => {
                // A whisper, too, is read on the room's own topic.
                let topic = topic::chat(room);
                let message = Arc::new(Message::new(topic, payload, Properties::default(), None));
                Some(Incoming::Event(Incomer { room, seq: head.seq, head, message }))
            }
            Err(error) => {
                tracing::warn!(%error, %room, "not an event on the bus");
                None
            }
        }
    }
}

impl Incoming {
    pub(super) fn is_farewell(&self) -> bool {
        matches!(self, Incoming::Event(event) if event.head.kind == Kind::RemoveRoom)
    }
}

#[derive(Default)]
pub(super) struct Rooms {
    rooms: HashMap<RoomId, Room>,
    /// By filter and session.
    monitors: BTreeMap<(SessionId, String), Monitor>,
    groups: BTreeMap<String, Group>,
}

#[derive(Default)]
struct Room {
    readers: BTreeMap<SessionId, Reader>,
    /// The last number that was handed out.
    newest: Option<u64>,
}

/// The monitors of one shared subscription: each event goes to one of them.
#[derive(Default)]
struct Group {
    members: Vec<Monitor>,
    turn: usize,
}

impl Rooms {
    pub(super) fn join(&mut self, room: RoomId, reader: Reader) {
        self.rooms.entry(room).or_default().readers.insert(reader.session, reader);
    }

    pub(super) fn leave(&mut self, room: RoomId, session: SessionId) {
        if let Some(known) = self.rooms.get_mut(&room) {
            known.readers.remove(&session);
            if known.readers.is_empty() && known.newest.is_none() {
                self.rooms.remove(&room);
            }
        }
    }

    pub(super) fn watch(&mut self, filter: &Filter, monitor: Monitor) {
        if filter.share().is_none() {
            self.monitors.insert((monitor.session, filter.as_str().to_owned()), monitor);
            return;
        }
        let members = &mut self.groups.entry(filter.as_str().to_owned()).or_default().members;
        members.retain(|member| member.session != monitor.session);
        members.push(monitor);
    }

    pub(super) fn unwatch(&mut self, filter: &Filter, session: SessionId) {
        self.monitors.remove(&(session, filter.as_str().to_owned()));
        if let Some(group) = self.groups.get_mut(filter.as_str()) {
            group.members.retain(|member| member.session != session);
            if group.members.is_empty() {
                self.groups.remove(filter.as_str());
            }
        }
    }

    pub(super) fn newest(&self, room: RoomId) -> Option<u64> {
        self.rooms.get(&room)?.newest
    }

    /// The first number that is missing before `seq`.
    pub(super) fn hole_before(&self, room: RoomId, seq: Option<u64>) -> Option<u64> {
        let newest = self.rooms.get(&room)?.newest?;
        (seq? > newest + 1).then_some(newest + 1)
    }

    /// Gives an event to everybody whom it is for, and ends what ends with it.
    pub(super) fn hand_out(
        &mut self,
        incoming: &Incoming,
        may_read: impl Fn(&Identity, RoomId) -> bool,
    ) {
        let event = match incoming {
            Incoming::Event(event) => event,
            Incoming::Removed(room) => return self.forget(*room),
        };
        let known = self.rooms.entry(event.room).or_default();
        if let Some(seq) = event.seq {
            if known.newest.is_some_and(|newest| seq <= newest) {
                return;
            }
            known.newest = Some(seq);
        }
        for reader in known.readers.values().filter(|reader| event.is_for(reader.who.uid)) {
            event.send(reader, true);
        }
        let readers = &known.readers;
        // The end of a room has no secret in it, and nobody can be asked about its rights any more.
        let is_for = |monitor: &Monitor| {
            !readers.contains_key(&monitor.session)
                && event.is_for(monitor.who.uid)
                && (event.head.kind == Kind::RemoveRoom || may_read(&monitor.who, event.room))
        };
        self.monitors.values().filter(|one| is_for(one)).for_each(|one| event.send(one, false));
        self.groups.values_mut().for_each(|group| group.send(event, is_for));
        match event.head.kind {
            Kind::Kick => self.evict(event.room, |reader| reader.who.uid == event.head.uid),
            Kind::RemoveRoom => self.remove(event.room),
            Kind::Chat | Kind::Join | Kind::Exit | Kind::Owner => {}
        }
    }

    /// Evicts those who may not stay in the room.
    pub(super) fn check(&mut self, room: RoomId, may_stay: impl Fn(&Identity, RoomId) -> bool) {
        self.evict(room, |reader| !may_stay(&reader.who, room));
    }

    pub(super) fn check_all(&mut self, may_stay: impl Fn(&Identity, RoomId) -> bool + Copy) {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        rooms.into_iter().for_each(|room| self.check(room, may_stay));
    }

    fn evict(&mut self, room: RoomId, whom: impl Fn(&Reader) -> bool) {
        let Some(known) = self.rooms.get_mut(&room) else { return };
        known.readers.retain(|_, reader| {
            let stays = !whom(reader);
            if !stays {
                reader.mailbox.push(Mail::Evicted(room));
            }
            stays
        });
    }

    /// The card goes before the farewell: whoever still reads waits for that.
    fn forget(&mut self, room: RoomId) {
        if self.rooms.get(&room).is_some_and(|known| known.readers.is_empty()) {
            self.rooms.remove(&room);
        }
    }

    fn remove(&mut self, room: RoomId) {
        self.evict(room, |_| true);
        self.rooms.remove(&room);
    }
}

impl Group {
    fn send(&mut self, event: &Incomer, is_for: impl Fn(&Monitor) -> bool) {
        let count = self.members.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            if is_for(&self.members[index]) {
                self.turn = index + 1;
                return event.send(&self.members[index], false);
            }
        }
    }
}

impl Incomer {
    /// A whisper is for two, everything else for all.
    fn is_for(&self, uid: Uid) -> bool {
        self.head.to.is_none_or(|to| to == uid || self.head.uid == uid)
    }

    fn send(&self, reader: &Reader, as_occupant: bool) {
        let mut delivery = Delivery::new(Arc::clone(&self.message), reader.options.qos);
        delivery.subscription_identifiers.extend(reader.identifier);
        reader.mailbox.push(Mail::Event(EventMail {
            delivery,
            room: self.room,
            id: self.head.id,
            seq: self.seq,
            as_occupant,
            no_local: reader.options.no_local,
        }));
    }
}
