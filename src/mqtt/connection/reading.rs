//! What a client is to be sent: live mail, history that it asked for or missed, retained messages.
//!
//! A room that catches up is read from the log in pages; its live events are left out meanwhile,
//! since the log has them, too. So nothing is missing and nothing comes twice.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use futures_util::FutureExt;

use super::{
    Connection, Done,
    subscribing::{Opened, Plain, What},
};
use crate::{
    bridge::{Refusal, Seat},
    chat::{Event, MessageId, RoomId, topic},
    mqtt::{
        codec::{Properties, Qos, SubscribeOptions},
        filter::Filter,
        mail::{EventMail, Mail, OneEvent},
        reason::Reason,
        session::{Delivery, Message},
    },
    store::Page,
};

/// One's own messages that are remembered for No Local; the oldest is forgotten.
const OWN: usize = 1024;
/// Retained messages sent in one go.
const RETAINED_AT_ONCE: usize = 64;
/// Mail handed over in one go, in number and bytes.
const MAIL_AT_ONCE: usize = 256;
const BYTES_AT_ONCE: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct Reading {
    rooms: HashMap<RoomId, Joined>,
    /// Retained messages to be sent, subscription by subscription.
    backlog: VecDeque<Backlog>,
    /// Rooms that catch up, in turn.
    behind: VecDeque<RoomId>,
    fetching: bool,
    own: VecDeque<MessageId>,
}

/// A place in a room.
pub(super) struct Joined {
    pub(super) seat: Seat,
    options: SubscribeOptions,
    identifier: Option<u32>,
    /// The last number that was handed to the session.
    cursor: Option<u64>,
    catching_up: Option<CatchingUp>,
}

struct CatchingUp {
    next: Start,
    /// The newest live event that was left out.
    newest: u64,
}

/// Where reading a room begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With what is said from now on.
    Live,
    /// With the newest so many events.
    Newest(u32),
    /// With the first after this number.
    After(u64),
}

impl Start {
    /// User property `since=<seq>` or `history=<n>` of a SUBSCRIBE.
    pub(super) fn asked(properties: &Properties) -> Start {
        for (name, value) in properties.user_properties() {
            match (name, value.parse::<u64>()) {
                ("since", Ok(seq)) => return Start::After(seq),
                ("history", Ok(count)) if count > 0 => {
                    return Start::Newest(u32::try_from(count).unwrap_or(u32::MAX));
                }
                _ => {}
            }
        }
        Start::Live
    }
}

pub(super) struct Backlog {
    plain: Plain,
    names: std::vec::IntoIter<String>,
    qos: Qos,
    identifier: Option<u32>,
}

pub(super) struct PageFetched {
    room: RoomId,
    from: Start,
    asked: u32,
    events: Result<Vec<Event>, Refusal>,
}

impl Reading {
    pub(super) fn rooms(&self) -> HashSet<RoomId> {
        self.rooms.keys().copied().collect()
    }

    /// Takes a subscription in that has begun, and tells its QoS.
    pub(super) fn opened(&mut self, opened: Opened) -> Qos {
        let Opened { requested, what } = opened;
        let (options, identifier) = (requested.options, requested.identifier);
        match what {
            What::Rooms => {}
            What::Plain(_, names) if names.is_empty() => {}
            What::Plain(plain, names) => {
                let (names, qos) = (names.into_iter(), options.qos);
                self.backlog.push_back(Backlog { plain, names, qos, identifier });
            }
            What::Room { room, seat, start, newest } => {
                let (seat, before) = match (seat, self.rooms.remove(&room)) {
                    (Some(seat), before) => (seat, before.and_then(|joined| joined.cursor)),
                    (None, Some(joined)) => (joined.seat, joined.cursor),
                    // It was in the room when it asked, and is not any more: the mail that says so
                    // is read next.
                    (None, None) => return options.qos,
                };
                let cursor = if start == Start::Live { before.or(newest) } else { None };
                let catching_up =
                    (start != Start::Live).then_some(CatchingUp { next: start, newest: 0 });
                if catching_up.is_some() {
                    self.behind.push_back(room);
                }
                self.rooms.insert(room, Joined { seat, options, identifier, cursor, catching_up });
            }
        }
        options.qos
    }

    /// Takes up what an earlier connection had open.
    pub(super) fn resume(&mut self, opened: Vec<Opened>) {
        for one in opened {
            self.opened(one);
        }
    }

    /// A subscription ends by the client's will: so does a place in a room, at once.
    pub(super) fn closed(&mut self, filter: &Filter) {
        if let topic::Topic::Chat(room) = topic::Topic::parse(filter.as_str())
            && let Some(joined) = self.rooms.remove(&room)
        {
            joined.seat.leave();
        }
    }

    /// All places, with the last number of each; they are given up.
    pub(super) fn take_rooms(&mut self) -> Vec<(RoomId, Seat, Option<u64>)> {
        self.rooms.drain().map(|(room, joined)| (room, joined.seat, joined.cursor)).collect()
    }

    /// The client has said something itself.
    pub(super) fn said(&mut self, room: RoomId, id: MessageId) {
        if self.rooms.get(&room).is_some_and(|joined| joined.options.no_local) {
            if self.own.len() == OWN {
                self.own.pop_front();
            }
            self.own.push_back(id);
        }
    }

    /// Whether all of it is for the client, as far as it is known here.
    fn wants_whole(&self, mail: &EventMail) -> bool {
        let Some(joined) = self.rooms.get(&mail.room()) else { return !mail.as_occupant };
        let first = mail.numbers().map(|(first, _)| first);
        joined.catching_up.is_none() && joined.cursor < first
    }

    /// Whether an event is for the client, as far as it is known here; a live one is left out
    /// while its room catches up.
    fn wants(&mut self, mail: &EventMail, event: &OneEvent) -> bool {
        if mail.options.no_local && self.own.contains(&event.id) {
            self.own.retain(|id| *id != event.id);
            self.advance(mail.room(), event.seq);
            return false;
        }
        let Some(joined) = self.rooms.get_mut(&mail.room()) else { return !mail.as_occupant };
        let Some(seq) = event.seq else { return true };
        if let Some(catching_up) = &mut joined.catching_up {
            catching_up.newest = catching_up.newest.max(seq);
            return false;
        }
        joined.cursor.is_none_or(|cursor| seq > cursor)
    }

    /// An event has been handed over.
    fn advance(&mut self, room: RoomId, seq: Option<u64>) {
        if let (Some(joined), Some(seq)) = (self.rooms.get_mut(&room), seq) {
            joined.cursor = joined.cursor.max(Some(seq));
        }
    }
}

impl Connection {
    /// Hands over what has arrived, as much as is good in one go.
    pub(in crate::mqtt) fn read_mail(&mut self, now: Instant) {
        if !self.takes_mail() {
            return;
        }
        let Some(guest) = &self.guest else { return };
        let mailbox = Arc::clone(&guest.place.mailbox);
        let mut mails = mailbox.take_some(MAIL_AT_ONCE, BYTES_AT_ONCE);
        while self.session.has_room()
            && let Some(mail) = mails.pop_front()
        {
            match mail {
                Mail::Plain(delivery) => {
                    let must_arrive = delivery.qos != Qos::AtMostOnce;
                    self.session.deliver(delivery, now);
                    if must_arrive && !self.session.is_live() {
                        mailbox.lose();
                    }
                }
                Mail::Events(mut mail) => {
                    self.read_events(&mut mail, now);
                    if !mail.is_empty() {
                        mails.push_front(Mail::Events(mail));
                    }
                }
                Mail::Evicted(room) => self.evicted(room),
                Mail::Kicked(room) => self.kicked(room),
            }
        }
        if !mails.is_empty() {
            mailbox.put_back(mails);
        }
    }

    /// Hands over as many of the events as there is room for.
    fn read_events(&mut self, mail: &mut EventMail, now: Instant) {
        if let Some(run) = mail.whole()
            && self.reading.wants_whole(mail)
            && self.session.deliver_run(run)
        {
            self.reading.advance(mail.room(), mail.numbers().map(|(_, last)| last));
            return mail.finish();
        }
        while self.session.has_room()
            && let Some(event) = mail.next()
        {
            if !self.reading.wants(mail, &event) {
                continue;
            }
            self.session.deliver(event.delivery, now);
            // What did not fit is still to come: from the log, on the next connection.
            if self.session.is_live() {
                self.reading.advance(mail.room(), event.seq);
            }
        }
    }

    /// Whether there is more to send than mail, and the client takes it.
    pub(in crate::mqtt) fn has_more(&self) -> bool {
        let reading = &self.reading;
        let more = !reading.backlog.is_empty() || !(reading.fetching || reading.behind.is_empty());
        more && self.session.has_room() && self.takes_mail()
    }

    /// Sends some retained messages, or asks for the next page of a room's log.
    pub(in crate::mqtt) fn send_more(&mut self, now: Instant) {
        if !self.has_more() {
            return;
        }
        if let Some(mut backlog) = self.reading.backlog.pop_front() {
            let topics = backlog.plain.topics(&self.edge);
            for name in backlog.names.by_ref().take(RETAINED_AT_ONCE) {
                let Some(mut delivery) = topics.retained(&name, backlog.qos, now) else { continue };
                delivery.subscription_identifiers.extend(backlog.identifier);
                self.session.deliver(delivery, now);
            }
            if backlog.names.len() > 0 {
                self.reading.backlog.push_front(backlog);
            }
        } else {
            self.fetch_page();
        }
    }

    fn fetch_page(&mut self) {
        let Some(guest) = &self.guest else { return };
        let Some(room) = self.reading.behind.pop_front() else { return };
        let joined = self.reading.rooms.get(&room);
        let Some(next) = joined.and_then(|joined| Some(joined.catching_up.as_ref()?.next)) else {
            return;
        };
        let limits = &self.edge.0.limits;
        let most = self.edge.0.page.min(u32::try_from(limits.max_queued).unwrap_or(u32::MAX));
        let (page, asked) = match next {
            Start::Newest(count) => (Page::Newest, count.min(most)),
            Start::After(seq) => (Page::After(seq), most),
            Start::Live => return,
        };
        self.reading.fetching = true;
        let member = self.edge.0.bridge.member(&guest.who, room);
        let fetch = async move {
            let events = match member {
                Ok(member) => member.page(page, asked).await,
                Err(refusal) => Err(refusal),
            };
            Done::Fetched(PageFetched { room, from: next, asked, events })
        };
        self.jobs.push(fetch.boxed());
    }

    pub(super) fn fetched(&mut self, fetched: PageFetched) {
        self.reading.fetching = false;
        let PageFetched { room, from, asked, events } = fetched;
        let joined = self.reading.rooms.get(&room);
        let wanted = joined.and_then(|joined| Some(joined.catching_up.as_ref()?.next));
        if wanted != Some(from) {
            // Asked for by a subscription that another has replaced: its own page follows.
            return;
        }
        let events = match events {
            Ok(events) => events,
            Err(Refusal::Unavailable) => {
                return self.session.close(Reason::Administrative("the log cannot be read now"));
            }
            // The right or the room has ended: the mail says so.
            Err(_) => return self.caught_up(room),
        };
        let count = events.len();
        for event in events {
            if !self.deliver_logged(&event) {
                return;
            }
        }
        let Some(joined) = self.reading.rooms.get_mut(&room) else { return };
        let Some(catching_up) = &mut joined.catching_up else { return };
        let cursor = joined.cursor.unwrap_or(0);
        let is_last = matches!(catching_up.next, Start::Newest(_)) || count < asked as usize;
        if is_last && (catching_up.newest <= cursor || count == 0) {
            joined.cursor = Some(cursor.max(catching_up.newest));
            joined.catching_up = None;
        } else {
            catching_up.next = Start::After(cursor);
            self.reading.behind.push_back(room);
        }
    }

    /// False when the session has ended.
    fn deliver_logged(&mut self, event: &Event) -> bool {
        let Some(joined) = self.reading.rooms.get(&event.room) else { return true };
        if joined.cursor >= event.seq {
            return true;
        }
        let topic = topic::chat(event.room);
        let message = Message::new(topic, event.to_json(), Properties::default(), None);
        let mut delivery = Delivery::new(Arc::new(message), joined.options.qos);
        delivery.subscription_identifiers.extend(joined.identifier);
        self.session.deliver(delivery, Instant::now());
        if self.session.is_live() {
            self.reading.advance(event.room, event.seq);
        }
        self.session.is_live()
    }

    fn caught_up(&mut self, room: RoomId) {
        if let Some(joined) = self.reading.rooms.get_mut(&room) {
            joined.catching_up = None;
        }
    }

    /// Whoever has come back since then stays.
    fn kicked(&mut self, room: RoomId) {
        let (Some(guest), Some(joined)) = (&self.guest, self.reading.rooms.get(&room)) else {
            return;
        };
        let (hub, session) = (&self.edge.0.hub, guest.place.id);
        if !joined.seat.counts() || !hub.is_read_by(room, session) {
            hub.leave(room, session);
            self.evicted(room);
        }
    }

    pub(super) fn evicted(&mut self, room: RoomId) {
        if let Some(joined) = self.reading.rooms.remove(&room) {
            // Usually it counts no more; where it does, nobody is to wait for its return.
            joined.seat.leave();
        }
        self.session.subscription_ended(&topic::chat(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::codec::Property;

    #[test]
    fn a_subscribe_may_ask_for_what_was_said_before() {
        for (name, value, expected) in [
            ("history", "50", Start::Newest(50)),
            ("history", "0", Start::Live),
            ("history", "-1", Start::Live),
            ("history", "99999999999", Start::Newest(u32::MAX)),
            ("since", "0", Start::After(0)),
            ("since", "17", Start::After(17)),
            ("since", "x", Start::Live),
            ("other", "5", Start::Live),
        ] {
            let property = Property::UserProperty((name.into(), value.into()));
            let properties = Properties::default().with(property);
            assert_eq!(Start::asked(&properties), expected, "{name}={value}");
        }
        assert_eq!(Start::asked(&Properties::default()), Start::Live);
    }
}
