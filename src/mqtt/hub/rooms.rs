//! The readers and monitors of some of the rooms, and what each gets of an event. No waiting here:
//! a mailbox takes at once or ends its session.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    chat::{Identity, Kind, MessageId, RoomId, Uid, topic},
    mqtt::{
        codec::SubscribeOptions,
        filter::Filter,
        mail::{EventMail, Events, Mail},
        mailbox::Mailbox,
        session::Run,
        sessions::SessionId,
    },
};

/// Bytes of payloads that are handed out in one piece, about.
const RUN: usize = 16 * 1024;

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
    payload: Bytes,
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
            Ok(head) => Some(Incoming::Event(Incomer { room, seq: head.seq, head, payload })),
            Err(error) => {
                tracing::warn!(%error, %room, "not an event on the bus");
                None
            }
        }
    }
}

impl Incoming {
    pub(super) fn room(&self) -> RoomId {
        match self {
            Incoming::Event(event) => event.room,
            Incoming::Removed(room) => *room,
        }
    }

    /// Whether somebody's reading ends with it.
    fn ends_something(&self) -> bool {
        match self {
            Incoming::Event(event) => matches!(event.head.kind, Kind::Kick | Kind::RemoveRoom),
            Incoming::Removed(_) => true,
        }
    }

    pub(super) fn is_farewell(&self) -> bool {
        matches!(self, Incoming::Event(event) if event.head.kind == Kind::RemoveRoom)
    }
}

/// As it is now, which may be later than what is handed out.
pub(super) trait Rights {
    fn may_read(&self, who: &Identity, room: RoomId) -> bool;
    fn is_in(&self, uid: Uid, room: RoomId) -> bool;
}

#[derive(Default)]
pub(super) struct Rooms {
    rooms: HashMap<RoomId, Room>,
    /// By filter and session.
    monitors: BTreeMap<(SessionId, String), Monitor>,
    groups: BTreeMap<String, Group>,
    /// Who is in which group.
    grouped: BTreeSet<(SessionId, String)>,
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

    pub(super) fn is_read_by(&self, room: RoomId, session: SessionId) -> bool {
        self.rooms.get(&room).is_some_and(|known| known.readers.contains_key(&session))
    }

    pub(super) fn watch(&mut self, filter: &Filter, monitor: Monitor) {
        if filter.share().is_none() {
            self.monitors.insert((monitor.session, filter.as_str().to_owned()), monitor);
            return;
        }
        self.grouped.insert((monitor.session, filter.as_str().to_owned()));
        let members = &mut self.groups.entry(filter.as_str().to_owned()).or_default().members;
        members.retain(|member| member.session != monitor.session);
        members.push(monitor);
    }

    pub(super) fn unwatch(&mut self, filter: &Filter, session: SessionId) {
        let entry = (session, filter.as_str().to_owned());
        self.monitors.remove(&entry);
        if self.grouped.remove(&entry) {
            self.leave_group(&entry.1, session);
        }
    }

    pub(super) fn forget_monitor(&mut self, session: SessionId) {
        let first = (session, String::new());
        let own = |filter: &&(SessionId, String)| filter.0 == session;
        let watched = self.monitors.range(first.clone()..).map(|(entry, _)| entry);
        let watched: Vec<_> = watched.take_while(own).cloned().collect();
        for entry in watched {
            self.monitors.remove(&entry);
        }
        let grouped: Vec<_> = self.grouped.range(first..).take_while(own).cloned().collect();
        for entry in grouped {
            self.grouped.remove(&entry);
            self.leave_group(&entry.1, session);
        }
    }

    fn leave_group(&mut self, name: &str, session: SessionId) {
        let Some(group) = self.groups.get_mut(name) else { return };
        group.members.retain(|member| member.session != session);
        if group.members.is_empty() {
            self.groups.remove(name);
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

    /// Gives what is of one room to everybody whom it is for, and ends what ends with it.
    pub(super) fn hand_out(&mut self, incomings: &[Incoming], rights: &impl Rights) {
        let mut said = Vec::with_capacity(incomings.len());
        for incoming in incomings {
            match incoming {
                Incoming::Event(event) if self.is_new(event) => said.push(event),
                Incoming::Event(_) => continue,
                Incoming::Removed(_) => {}
            }
            if !incoming.ends_something() {
                continue;
            }
            // What was said before is heard before.
            self.send(&said, rights);
            said.clear();
            match incoming {
                Incoming::Removed(room) => self.forget(*room),
                Incoming::Event(event) if event.head.kind == Kind::Kick => {
                    self.kick(event, rights.is_in(event.head.uid, event.room));
                }
                Incoming::Event(event) => self.remove(event.room),
            }
        }
        self.send(&said, rights);
    }

    /// Whether it was not handed out yet; it counts as handed out from now on.
    fn is_new(&mut self, event: &Incomer) -> bool {
        let known = self.rooms.entry(event.room).or_default();
        let Some(seq) = event.seq else { return true };
        let is_new = known.newest.is_none_or(|newest| seq > newest);
        if is_new {
            known.newest = Some(seq);
        }
        is_new
    }

    fn send(&mut self, said: &[&Incomer], rights: &impl Rights) {
        let Some(room) = said.first().map(|event| event.room) else { return };
        let Some(known) = self.rooms.get(&room) else { return };
        let watches = |monitor: &Monitor, first: &Incomer| {
            !known.readers.contains_key(&monitor.session)
                && first.is_for(monitor.who.uid)
                // The end of a room has no secret in it, and nobody can be asked about its rights
                // any more.
                && (rights.may_read(&monitor.who, room) || first.head.kind == Kind::RemoveRoom)
        };
        for run in runs(said) {
            let Some(first) = run.first() else { continue };
            let events = together(room, run);
            for reader in known.readers.values().filter(|reader| first.is_for(reader.who.uid)) {
                reader.mailbox.push(reader.mail(&events, true));
            }
            for monitor in self.monitors.values().filter(|monitor| watches(monitor, first)) {
                monitor.mailbox.push(monitor.mail(&events, false));
            }
        }
        for group in self.groups.values_mut() {
            for event in said {
                group.send(event, |one| watches(one, event));
            }
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

    /// Somebody who is in the room again stays: which of the readers came before the kick, their
    /// connections know.
    fn kick(&mut self, event: &Incomer, is_back: bool) {
        let Some(known) = self.rooms.get_mut(&event.room) else { return };
        known.readers.retain(|_, reader| {
            let is_kicked = reader.who.uid == event.head.uid;
            if is_kicked {
                reader.mailbox.push(Mail::Kicked(event.room));
            }
            !is_kicked || is_back
        });
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
    /// To the next whose turn it is and who is there; if nobody is, to the next who is away.
    fn send(&mut self, event: &Incomer, is_for: impl Fn(&Monitor) -> bool) {
        let count = self.members.len();
        let in_turn = || (0..count).map(|step| (self.turn + step) % count);
        let takes = |index: &usize| is_for(&self.members[*index]);
        let is_there = |index: &usize| !self.members[*index].mailbox.is_away();
        let chosen = in_turn().filter(is_there).find(takes).or_else(|| in_turn().find(takes));
        if let Some(index) = chosen {
            self.turn = index + 1;
            let member = &self.members[index];
            member.mailbox.push(member.mail(&together(event.room, &[event]), false));
        }
    }
}

impl Incomer {
    /// A whisper is for two, everything else for all.
    fn is_for(&self, uid: Uid) -> bool {
        self.head.to.is_none_or(|to| to == uid || self.head.uid == uid)
    }

    /// Whether others than those who get what was said before may get it.
    fn stands_alone(&self) -> bool {
        self.head.to.is_some() || self.head.kind == Kind::RemoveRoom
    }
}

impl Reader {
    fn mail(&self, events: &Arc<Events>, as_occupant: bool) -> Mail {
        let events = Arc::clone(events);
        Mail::Events(EventMail::new(events, self.options, self.identifier, as_occupant))
    }
}

/// What goes to the same receivers, in pieces that fit into a mailbox and a buffer.
fn runs<'a>(said: &'a [&'a Incomer]) -> impl Iterator<Item = &'a [&'a Incomer]> {
    let mut size = 0;
    said.chunk_by(move |one, next| {
        size += one.payload.len();
        let goes_on = size < RUN && !one.stands_alone() && !next.stands_alone();
        if !goes_on {
            size = 0;
        }
        goes_on
    })
}

fn together(room: RoomId, run: &[&Incomer]) -> Arc<Events> {
    let payloads: Vec<&[u8]> = run.iter().map(|event| &event.payload[..]).collect();
    let ids = run.iter().map(|event| (event.head.id, event.seq)).collect();
    // A whisper, too, is read on the room's own topic.
    Arc::new(Events { room, run: Arc::new(Run::new(topic::chat(room), &payloads)), ids })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{
        filter::TopicLimits,
        mailbox::{MailboxLimits, Waiting},
    };

    fn room() -> RoomId {
        RoomId::from_entropy([1; 12])
    }

    fn reader(number: u64) -> Reader {
        let limits = MailboxLimits { messages: 100, bytes: 100_000 };
        Reader {
            session: SessionId::new(number),
            who: Arc::new(Identity::anonymous(&number.to_string())),
            mailbox: Arc::new(Mailbox::new(limits, Waiting::new(usize::MAX))),
            options: SubscribeOptions::default(),
            identifier: None,
        }
    }

    /// As the bridge writes it, as far as delivery looks at it.
    fn event(kind: &str, seq: Option<u64>, uid: Uid, to: Option<Uid>) -> Incoming {
        let id = MessageId::from_entropy([seq.unwrap_or(0) as u8; 20]);
        let json = serde_json::json!({"type": kind, "seq": seq, "id": id, "uid": uid, "to": to});
        Incoming::read(room(), json.to_string().into()).expect("an event")
    }

    fn chat(seq: u64) -> Incoming {
        event("chat", Some(seq), reader(0).who.uid, None)
    }

    /// Numbers of the events received; 0 for a whisper; none for the eviction.
    fn received(reader: &Reader) -> Vec<Option<u64>> {
        let mut received = Vec::new();
        while let Some(mail) = reader.mailbox.take() {
            match mail {
                Mail::Events(mut mail) => {
                    let numbers = std::iter::from_fn(|| mail.next());
                    received.extend(numbers.map(|event| Some(event.seq.unwrap_or(0))));
                }
                Mail::Evicted(_) | Mail::Kicked(_) => received.push(None),
                Mail::Plain(_) => panic!("rooms have events only"),
            }
        }
        received
    }

    struct Everybody {
        may_read: bool,
        is_in: bool,
    }

    const ANYBODY: Everybody = Everybody { may_read: true, is_in: false };

    impl Rights for Everybody {
        fn may_read(&self, _: &Identity, _: RoomId) -> bool {
            self.may_read
        }

        fn is_in(&self, _: Uid, _: RoomId) -> bool {
            self.is_in
        }
    }

    #[test]
    fn every_event_is_handed_out_once_and_a_hole_is_seen() {
        let (mut rooms, one) = (Rooms::default(), reader(1));
        rooms.join(room(), one.clone());
        assert_eq!(rooms.hole_before(room(), Some(7)), None, "nothing is known yet");
        for seq in [7, 8, 7, 8, 9] {
            rooms.hand_out(&[chat(seq)], &ANYBODY);
        }
        assert_eq!(received(&one), [Some(7), Some(8), Some(9)]);
        assert_eq!(rooms.hole_before(room(), Some(10)), None);
        assert_eq!(rooms.hole_before(room(), Some(12)), Some(10));
        rooms.leave(room(), one.session);
        rooms.hand_out(&[chat(10)], &ANYBODY);
        assert!(received(&one).is_empty());
    }

    #[test]
    fn a_whisper_is_for_two() {
        let (mut rooms, people) = (Rooms::default(), [1, 2, 3].map(reader));
        people.iter().for_each(|one| rooms.join(room(), one.clone()));
        let whisper = event("chat", None, people[0].who.uid, Some(people[1].who.uid));
        rooms.hand_out(&[whisper], &ANYBODY);
        assert_eq!(people.each_ref().map(|one| received(one).len()), [1, 1, 0]);
    }

    #[test]
    fn what_comes_together_is_heard_in_order_and_a_whisper_among_it_by_two() {
        let (mut rooms, people) = (Rooms::default(), [1, 2, 3].map(reader));
        people.iter().for_each(|one| rooms.join(room(), one.clone()));
        let whisper = event("chat", None, people[0].who.uid, Some(people[1].who.uid));
        rooms.hand_out(&[chat(1), chat(2), whisper, chat(3), chat(4)], &ANYBODY);
        let all = [1, 2, 3, 4].map(Some);
        let with_whisper = [1, 2, 0, 3, 4].map(Some);
        assert_eq!(received(&people[0]), with_whisper);
        assert_eq!(received(&people[1]), with_whisper);
        assert_eq!(received(&people[2]), all);
    }

    #[test]
    fn whoever_is_kicked_hears_it_last() {
        let (mut rooms, kicked, stays) = (Rooms::default(), reader(1), reader(2));
        rooms.join(room(), kicked.clone());
        rooms.join(room(), stays.clone());
        rooms.hand_out(&[event("kick", Some(1), kicked.who.uid, None)], &ANYBODY);
        rooms.hand_out(&[chat(2)], &ANYBODY);
        assert_eq!(received(&kicked), [Some(1), None]);
        assert_eq!(received(&stays), [Some(1), Some(2)]);
    }

    #[test]
    fn whoever_is_back_before_the_kick_is_told_stays() {
        let (mut rooms, back) = (Rooms::default(), reader(1));
        rooms.join(room(), back.clone());
        let kick = event("kick", Some(1), back.who.uid, None);
        rooms.hand_out(&[kick], &Everybody { may_read: true, is_in: true });
        rooms.hand_out(&[chat(2)], &ANYBODY);
        assert_eq!(received(&back), [Some(1), None, Some(2)]);
        assert!(rooms.is_read_by(room(), back.session));
    }

    #[test]
    fn a_removed_room_says_farewell_and_is_forgotten() {
        let (mut rooms, one) = (Rooms::default(), reader(1));
        rooms.join(room(), one.clone());
        rooms.hand_out(&[Incoming::Removed(room())], &ANYBODY);
        rooms.hand_out(&[event("removeRoom", Some(1), one.who.uid, None)], &ANYBODY);
        assert_eq!(received(&one), [Some(1), None]);
        assert!(rooms.rooms.is_empty());
        rooms.hand_out(&[chat(1)], &ANYBODY);
        rooms.hand_out(&[Incoming::Removed(room())], &ANYBODY);
        assert!(rooms.rooms.is_empty(), "also without a farewell");
    }

    #[test]
    fn a_monitor_gets_what_it_may_read_and_nothing_twice() {
        let (mut rooms, one) = (Rooms::default(), reader(1));
        let filter = |text| Filter::parse(text, TopicLimits::default()).expect("valid");
        rooms.watch(&filter("chat/+"), one.clone());
        rooms.hand_out(&[chat(1)], &Everybody { may_read: false, is_in: false });
        rooms.hand_out(&[chat(2)], &ANYBODY);
        rooms.join(room(), one.clone());
        rooms.hand_out(&[chat(3)], &ANYBODY);
        assert_eq!(received(&one), [Some(2), Some(3)]);
        rooms.watch(&filter("chat/#"), reader(2));
        rooms.unwatch(&filter("chat/+"), one.session);
        rooms.forget_monitor(reader(2).session);
        assert!(rooms.monitors.is_empty());
    }

    #[test]
    fn a_group_of_monitors_takes_turns() {
        let (mut rooms, members) = (Rooms::default(), [1, 2].map(reader));
        let filter = Filter::parse("$share/g/chat/+", TopicLimits::default()).expect("valid");
        members.iter().for_each(|one| rooms.watch(&filter, one.clone()));
        (1..=4).for_each(|seq| rooms.hand_out(&[chat(seq)], &ANYBODY));
        assert_eq!(members.each_ref().map(|one| received(one).len()), [2, 2]);
        members[0].mailbox.leave();
        (5..=8).for_each(|seq| rooms.hand_out(&[chat(seq)], &ANYBODY));
        assert_eq!(members.each_ref().map(|one| received(one).len()), [0, 4], "who is there");
        rooms.unwatch(&filter, members[0].session);
        rooms.forget_monitor(members[1].session);
        assert!(rooms.groups.is_empty() && rooms.grouped.is_empty());
    }

    #[test]
    fn those_who_may_not_stay_are_evicted() {
        let (mut rooms, one, other) = (Rooms::default(), reader(1), reader(2));
        rooms.join(room(), one.clone());
        rooms.join(room(), other.clone());
        rooms.check(room(), |who, _| who.uid == one.who.uid);
        rooms.hand_out(&[chat(1)], &ANYBODY);
        assert_eq!(received(&one), [Some(1)]);
        assert_eq!(received(&other), [None]);
    }
}
