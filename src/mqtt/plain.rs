//! Plain MQTT topics: retained messages and subscriptions. One instance each for the room
//! directory, for `$SYS`, and for what the configuration opens between devices.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{
    codec::{Qos, SubscribeOptions},
    filter::Filter,
    mail::Mail,
    mailbox::Mailbox,
    reason::{ReasonCode, Refusal},
    session::{Delivery, Message},
    sessions::SessionId,
    tree::Tree,
};

/// A session's subscription.
#[derive(Clone, Debug)]
pub struct Subscriber {
    pub session: SessionId,
    pub mailbox: Arc<Mailbox>,
    /// With the granted QoS.
    pub options: SubscribeOptions,
    pub identifier: Option<u32>,
}

/// A message on its way in.
#[derive(Clone, Debug)]
pub struct Publication {
    pub message: Arc<Message>,
    pub qos: Qos,
    pub retain: bool,
    pub from: Option<SessionId>,
}

/// How much may be retained; beyond it a retained publish is refused.
#[derive(Clone, Copy, Debug)]
pub struct RetainLimits {
    pub messages: usize,
    /// Of topics and payloads.
    pub bytes: usize,
}

#[derive(Debug)]
pub struct PlainTopics {
    limits: RetainLimits,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    subscriptions: Tree<Entry>,
    filters: HashMap<SessionId, Vec<Filter>>,
    retained: BTreeMap<String, Retained>,
    retained_bytes: usize,
    /// Turns of the shared subscriptions.
    turn: usize,
}

#[derive(Debug)]
struct Entry {
    /// The whole filter of a shared subscription: what makes a group.
    group: Option<Arc<str>>,
    subscriber: Subscriber,
}

#[derive(Clone, Debug)]
struct Retained {
    message: Arc<Message>,
    qos: Qos,
}

impl PlainTopics {
    pub fn new(limits: RetainLimits) -> PlainTopics {
        PlainTopics { limits, inner: Mutex::default() }
    }

    /// Adds a subscription, or replaces the session's own to the same filter.
    pub fn subscribe(&self, filter: &Filter, subscriber: Subscriber) {
        let mut inner = self.inner();
        let session = subscriber.session;
        let group = filter.share().map(|_| Arc::from(filter.as_str()));
        let same = same_entry(session, group.clone());
        let entry = Entry { group, subscriber };
        if inner.subscriptions.insert(filter, entry, same).is_none() {
            inner.filters.entry(session).or_default().push(filter.clone());
        }
    }

    pub fn unsubscribe(&self, session: SessionId, filter: &Filter) {
        let mut inner = self.inner();
        let group = filter.share().map(|_| Arc::from(filter.as_str()));
        inner.subscriptions.remove(filter, same_entry(session, group));
        if let Some(filters) = inner.filters.get_mut(&session) {
            filters.retain(|one| one != filter);
            if filters.is_empty() {
                inner.filters.remove(&session);
            }
        }
    }

    /// Ends all subscriptions of a session.
    pub fn forget(&self, session: SessionId) {
        let filters = self.inner().filters.get(&session).cloned().unwrap_or_default();
        filters.iter().for_each(|filter| self.unsubscribe(session, filter));
    }

    /// The names of the retained messages that a new subscription should be sent. They are looked
    /// up again when their turn comes, so that an old one never follows a newer one.
    pub fn retained_names(&self, filter: &Filter) -> Vec<String> {
        let inner = self.inner();
        let pattern = filter.pattern();
        let literal = pattern.find(['+', '#']).map_or(pattern, |at| &pattern[..at]);
        // `a/#` matches `a`, too.
        let start = literal.strip_suffix('/').unwrap_or(literal);
        inner
            .retained
            .range(start.to_owned()..)
            .take_while(|(name, _)| name.starts_with(start))
            .filter(|(name, _)| filter.matches(name))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// A retained message for a subscription of at most this QoS.
    pub fn retained(&self, name: &str, qos: Qos, now: Instant) -> Option<Delivery> {
        let mut inner = self.inner();
        let retained = inner.retained.get(name)?.clone();
        if retained.message.expires().is_some_and(|expires| expires <= now) {
            inner.forget_retained(name);
            return None;
        }
        let delivery = Delivery::new(retained.message, qos.min(retained.qos));
        Some(Delivery { retain: true, ..delivery })
    }

    /// Delivers to every subscriber, and retains if asked to. A retained message without payload
    /// removes the one before [MQTT-3.3.1-6].
    pub fn publish(&self, publication: &Publication) -> Result<(), Refusal> {
        let mut inner = self.inner();
        if publication.retain {
            inner.retain(publication, self.limits)?;
        }
        inner.turn = inner.turn.wrapping_add(1);
        inner.deliver(publication);
        Ok(())
    }

    pub fn subscriptions(&self) -> usize {
        self.inner().subscriptions.entries()
    }

    pub fn retained_count(&self) -> usize {
        self.inner().retained.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn same_entry(session: SessionId, group: Option<Arc<str>>) -> impl Fn(&Entry) -> bool {
    move |entry| entry.subscriber.session == session && entry.group == group
}

impl Inner {
    fn retain(&mut self, publication: &Publication, limits: RetainLimits) -> Result<(), Refusal> {
        let message = &publication.message;
        if message.payload().is_empty() {
            self.forget_retained(message.topic());
            return Ok(());
        }
        let old = self.retained.get(message.topic()).map_or(0, |old| old.message.size());
        let bytes = self.retained_bytes - old + message.size();
        let count = self.retained.len() + usize::from(old == 0);
        if count > limits.messages || bytes > limits.bytes {
            let text = "there is no space for another retained message";
            return Err(Refusal::new(ReasonCode::QuotaExceeded, text));
        }
        let retained = Retained { message: Arc::clone(message), qos: publication.qos };
        self.retained.insert(message.topic().to_owned(), retained);
        self.retained_bytes = bytes;
        Ok(())
    }

    fn forget_retained(&mut self, name: &str) {
        if let Some(old) = self.retained.remove(name) {
            self.retained_bytes -= old.message.size();
        }
    }

    /// One copy for each session, with the highest QoS and all identifiers of its subscriptions
    /// [MQTT-3.3.4-2, MQTT-3.3.4-4]; one for one member of each group [MQTT-4.8.2-4].
    fn deliver(&self, publication: &Publication) {
        let mut own: Vec<&Subscriber> = Vec::new();
        let mut shared: Vec<&Entry> = Vec::new();
        self.subscriptions.each_match(publication.message.topic(), |entry| {
            let own_message = publication.from == Some(entry.subscriber.session);
            match &entry.group {
                Some(_) => shared.push(entry),
                None if entry.subscriber.options.no_local && own_message => {}
                None => own.push(&entry.subscriber),
            }
        });
        own.sort_by_key(|subscriber| subscriber.session);
        for same_session in own.chunk_by(|a, b| a.session == b.session) {
            send(publication, same_session);
        }
        shared.sort_by(|a, b| a.group.cmp(&b.group));
        for group in shared.chunk_by(|a, b| a.group == b.group) {
            let there: Vec<&&Entry> =
                group.iter().filter(|entry| !entry.subscriber.mailbox.is_away()).collect();
            let chosen = match there.len() {
                0 => group[self.turn % group.len()],
                count => there[self.turn % count],
            };
            send(publication, &[&chosen.subscriber]);
        }
    }
}

/// To the session that all these subscriptions are of.
fn send(publication: &Publication, subscriptions: &[&Subscriber]) {
    let granted = subscriptions.iter().map(|one| one.options.qos).max().unwrap_or_default();
    let as_published = subscriptions.iter().any(|one| one.options.retain_as_published);
    let Some(first) = subscriptions.first() else { return };
    first.mailbox.push(Mail::Plain(Delivery {
        message: Arc::clone(&publication.message),
        qos: publication.qos.min(granted),
        retain: publication.retain && as_published,
        subscription_identifiers: subscriptions.iter().filter_map(|one| one.identifier).collect(),
    }));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::mqtt::{
        codec::Properties,
        filter::TopicLimits,
        mailbox::{MailboxLimits, Waiting},
    };

    const LIMITS: RetainLimits = RetainLimits { messages: 3, bytes: 1000 };

    fn filter(text: &str) -> Filter {
        Filter::parse(text, TopicLimits::default()).expect("a valid filter")
    }

    fn subscriber(session: u64, qos: Qos) -> Subscriber {
        let limits = MailboxLimits { messages: 100, bytes: 100_000 };
        Subscriber {
            session: SessionId::new(session),
            mailbox: Arc::new(Mailbox::new(limits, Waiting::new(usize::MAX))),
            options: SubscribeOptions { qos, ..SubscribeOptions::default() },
            identifier: None,
        }
    }

    fn publication(topic: &str, text: &'static str, retain: bool) -> Publication {
        let payload = Bytes::from_static(text.as_bytes());
        let message = Arc::new(Message::new(topic, payload, Properties::default(), None));
        Publication { message, qos: Qos::AtLeastOnce, retain, from: Some(SessionId::new(1)) }
    }

    fn received(subscriber: &Subscriber) -> Vec<Delivery> {
        std::iter::from_fn(|| subscriber.mailbox.take())
            .filter_map(|mail| match mail {
                Mail::Plain(delivery) => Some(delivery),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn overlapping_subscriptions_give_one_copy_with_all_identifiers() {
        let topics = PlainTopics::new(LIMITS);
        let low = Subscriber { identifier: Some(1), ..subscriber(2, Qos::AtMostOnce) };
        let high = Subscriber {
            identifier: Some(2),
            options: SubscribeOptions { qos: Qos::ExactlyOnce, ..SubscribeOptions::default() },
            ..low.clone()
        };
        topics.subscribe(&filter("a/+"), low.clone());
        topics.subscribe(&filter("a/#"), high);
        topics.publish(&publication("a/b", "x", false)).expect("delivered");
        let copies = received(&low);
        assert_eq!(copies.len(), 1);
        assert_eq!(copies[0].qos, Qos::AtLeastOnce, "no more than the message's own");
        assert_eq!(copies[0].subscription_identifiers.len(), 2);
    }

    #[test]
    fn no_local_keeps_ones_own_away() {
        let topics = PlainTopics::new(LIMITS);
        for (session, expected) in [(1, 0), (2, 1)] {
            let mut one = subscriber(session, Qos::AtMostOnce);
            one.options.no_local = true;
            topics.subscribe(&filter("a"), one.clone());
            topics.publish(&publication("a", "x", false)).expect("delivered");
            assert_eq!(received(&one).len(), expected);
        }
    }

    #[test]
    fn a_group_takes_turns_and_prefers_those_who_are_there() {
        let topics = PlainTopics::new(LIMITS);
        let members = [subscriber(2, Qos::AtLeastOnce), subscriber(3, Qos::AtLeastOnce)];
        for member in &members {
            topics.subscribe(&filter("$share/g/a"), member.clone());
        }
        for _ in 0..4 {
            topics.publish(&publication("a", "x", false)).expect("delivered");
        }
        assert_eq!(members.each_ref().map(|member| received(member).len()), [2, 2]);
        members[0].mailbox.leave();
        for _ in 0..4 {
            topics.publish(&publication("a", "x", false)).expect("delivered");
        }
        assert_eq!(members.each_ref().map(|member| received(member).len()), [0, 4]);
    }

    #[test]
    fn the_retained_message_is_the_last_one_and_bounded() {
        let topics = PlainTopics::new(LIMITS);
        for name in ["a", "a/b", "a/c"] {
            topics.publish(&publication(name, "old", true)).expect("retained");
            topics.publish(&publication(name, "new", true)).expect("retained");
        }
        assert!(topics.publish(&publication("z", "x", true)).is_err(), "no fourth");
        assert!(topics.publish(&publication("z", "x", false)).is_ok());
        assert_eq!(topics.retained_names(&filter("a/#")), ["a", "a/b", "a/c"]);
        assert_eq!(topics.retained_names(&filter("+/b")), ["a/b"]);
        assert_eq!(topics.retained_names(&filter("a/x")), [""; 0]);
        let one = topics.retained("a/b", Qos::ExactlyOnce, Instant::now()).expect("there");
        assert!(one.retain && one.qos == Qos::AtLeastOnce);
        assert_eq!(&one.message.payload()[..], b"new");
        topics.publish(&publication("a", "", true)).expect("removed");
        assert_eq!(topics.retained_count(), 2);
    }

    #[test]
    fn the_retain_flag_is_passed_on_where_it_is_wanted() {
        let topics = PlainTopics::new(LIMITS);
        for as_published in [false, true] {
            let mut one = subscriber(9, Qos::AtMostOnce);
            one.options.retain_as_published = as_published;
            topics.subscribe(&filter("a"), one.clone());
            topics.publish(&publication("a", "x", true)).expect("delivered");
            assert_eq!(received(&one)[0].retain, as_published);
        }
    }

    #[test]
    fn a_forgotten_session_leaves_nothing() {
        let topics = PlainTopics::new(LIMITS);
        let one = subscriber(5, Qos::AtMostOnce);
        for text in ["a", "a/#", "$share/g/a"] {
            topics.subscribe(&filter(text), one.clone());
        }
        assert_eq!(topics.subscriptions(), 3);
        topics.unsubscribe(one.session, &filter("a"));
        topics.forget(one.session);
        assert_eq!(topics.subscriptions(), 0);
        assert!(topics.inner().filters.is_empty());
    }
}
