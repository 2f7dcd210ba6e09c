//! SUBSCRIBE, filter by filter: what it means, whether it is allowed, and its beginning. A place in
//! a room is taken through the bridge; everything else begins at once.

use std::{collections::HashSet, sync::Arc};

use futures_util::FutureExt;

use super::{Connection, Done, reading::Start};
use crate::{
    bridge::Seat,
    chat::{Identity, RoomId},
    mqtt::{
        Edge,
        codec::{Properties, RetainHandling, SubscribeOptions},
        filter::Filter,
        hub::Reader,
        mailbox::Mailbox,
        plain::Subscriber,
        policy::Reading,
        reason::{ReasonCode, Refusal},
        session::{Requested, Token},
        sessions::SessionId,
    },
};

/// For whom.
#[derive(Clone)]
pub(super) struct Subscribing {
    pub(super) edge: Edge,
    pub(super) who: Arc<Identity>,
    pub(super) session: SessionId,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) is_local: bool,
    /// Rooms that it is in already.
    pub(super) rooms: HashSet<RoomId>,
    /// The session goes on after a pause: open topics have kept their messages.
    pub(super) resuming: bool,
}

/// A subscription that has begun.
pub(super) struct Opened {
    pub(super) requested: Requested,
    pub(super) what: What,
}

impl Opened {
    /// The room in which it has taken a place.
    pub(super) fn seated(&self) -> Option<RoomId> {
        match &self.what {
            What::Room { room, seat: Some(_), .. } => Some(*room),
            _ => None,
        }
    }
}

pub(super) enum What {
    Room {
        room: RoomId,
        /// None when it had one.
        seat: Option<Seat>,
        start: Start,
        /// The last event that was handed out before this subscription.
        newest: Option<u64>,
    },
    Rooms,
    /// The names of retained messages to be sent.
    Plain(Plain, Vec<String>),
}

/// Which plain topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Directory,
    Sys,
    Open,
}

impl Plain {
    pub(super) fn topics(self, edge: &Edge) -> &crate::mqtt::plain::PlainTopics {
        match self {
            Plain::Directory => &edge.0.directory,
            Plain::Sys => &edge.0.sys,
            Plain::Open => &edge.0.open,
        }
    }
}

impl Connection {
    pub(super) fn subscribe(
        &mut self,
        token: Token,
        subscriptions: Vec<Requested>,
        properties: &Properties,
    ) {
        let Some(guest) = &self.guest else { return };
        let subscribing = Subscribing {
            edge: self.edge.clone(),
            who: Arc::clone(&guest.who),
            session: guest.place.id,
            mailbox: Arc::clone(&guest.place.mailbox),
            is_local: self.peer.is_local(),
            rooms: self.reading.rooms(),
            resuming: false,
        };
        let start = Start::asked(properties);
        let subscribe = async move {
            let mut results = Vec::with_capacity(subscriptions.len());
            for requested in subscriptions {
                results.push(subscribing.open(requested, start).await);
            }
            Done::Subscribed(token, results)
        };
        self.jobs.push(subscribe.boxed());
    }
}

impl Subscribing {
    pub(super) async fn open(&self, requested: Requested, start: Start) -> Result<Opened, Refusal> {
        let reading = self.edge.0.policy.reading(&requested.filter, &self.who, self.is_local)?;
        let what = match reading {
            Reading::Room(room) => {
                let (seat, newest) = self.join(room, &requested).await?;
                What::Room { room, seat, start, newest }
            }
            Reading::Rooms => {
                self.edge.0.hub.watch(&requested.filter, &self.reader(&requested));
                What::Rooms
            }
            Reading::Directory => self.open_plain(Plain::Directory, &requested),
            Reading::Sys => self.open_plain(Plain::Sys, &requested),
            Reading::Open => self.open_plain(Plain::Open, &requested),
        };
        Ok(Opened { requested, what })
    }

    /// The mail begins before the place is taken: one's own join is part of it.
    async fn join(
        &self,
        room: RoomId,
        requested: &Requested,
    ) -> Result<(Option<Seat>, Option<u64>), Refusal> {
        let member = self.edge.0.bridge.member(&self.who, room).map_err(refused)?;
        let newest = self.edge.0.hub.join(room, self.reader(requested));
        if self.rooms.contains(&room) {
            return Ok((None, newest));
        }
        match member.join().await {
            Ok(seat) => Ok((Some(seat), newest)),
            Err(refusal) => {
                self.edge.0.hub.leave(room, self.session);
                Err(refused(refusal))
            }
        }
    }

    fn open_plain(&self, plain: Plain, requested: &Requested) -> What {
        let topics = plain.topics(&self.edge);
        let Requested { filter, options, identifier, is_new } = requested;
        let mailbox = Arc::clone(&self.mailbox);
        let (options, identifier) = (*options, *identifier);
        let subscriber = Subscriber { session: self.session, mailbox, options, identifier };
        topics.subscribe(filter, subscriber);
        let wanted = match options.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => *is_new,
            RetainHandling::DoNotSend => false,
        } && !(self.resuming && plain == Plain::Open);
        // A shared subscription is sent none (section 4.8.2).
        let send = wanted && filter.share().is_none();
        What::Plain(plain, if send { topics.retained_names(filter) } else { Vec::new() })
    }

    fn reader(&self, requested: &Requested) -> Reader {
        let options: SubscribeOptions = requested.options;
        Reader {
            session: self.session,
            who: Arc::clone(&self.who),
            mailbox: Arc::clone(&self.mailbox),
            options,
            identifier: requested.identifier,
        }
    }
}

/// A subscription to a room that is not there is a filter that means nothing.
fn refused(refusal: crate::bridge::Refusal) -> Refusal {
    let mut refusal = Refusal::from(refusal);
    if refusal.code == ReasonCode::TopicNameInvalid {
        refusal.code = ReasonCode::TopicFilterInvalid;
    }
    refusal
}

/// Ends a subscription, whatever it means; the seat in a room is not its business.
pub(super) fn end(edge: &Edge, session: SessionId, filter: &Filter) {
    end_here(edge, session, filter);
    edge.0.hub.unwatch(filter, session);
    edge.0.open.unsubscribe(session, filter);
}

/// Ends it except on open topics and of a monitor: there messages are kept for a client that is
/// away, until its session is over.
pub(super) fn end_here(edge: &Edge, session: SessionId, filter: &Filter) {
    if let crate::chat::topic::Topic::Chat(room) = crate::chat::topic::Topic::parse(filter.as_str())
    {
        edge.0.hub.leave(room, session);
    }
    edge.0.directory.unsubscribe(session, filter);
    edge.0.sys.unsubscribe(session, filter);
}
