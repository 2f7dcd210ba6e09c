//! What waits for one session: bounded in number and bytes, filled by the hub and the open topics,
//! emptied by the session's driver. Outlives a connection when the session does.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use super::{codec::Qos, reason::Reason, session::Delivery};
use crate::chat::{MessageId, RoomId};

/// One thing for a session.
#[derive(Clone, Debug)]
pub enum Mail {
    /// An event of a room.
    Event(EventMail),
    /// A card, a `$SYS` value, or a message on an open topic.
    Plain(Delivery),
    /// The right to a room, or the room, has ended; nothing more of it follows.
    Evicted(RoomId),
}

#[derive(Clone, Debug)]
pub struct EventMail {
    pub delivery: Delivery,
    pub room: RoomId,
    pub id: MessageId,
    /// None for a whisper.
    pub seq: Option<u64>,
    /// From the subscription that is the place in the room, not from a monitoring one.
    pub as_occupant: bool,
    /// Not for the connection that said it [MQTT-3.8.3-3].
    pub no_local: bool,
}

impl Mail {
    fn delivery(&self) -> Option<&Delivery> {
        match self {
            Mail::Event(event) => Some(&event.delivery),
            Mail::Plain(delivery) => Some(delivery),
            Mail::Evicted(_) => None,
        }
    }

    /// Whether it is gone for good when it is dropped here, and should not be.
    fn must_arrive(&self) -> bool {
        let logged = matches!(self, Mail::Event(event) if event.as_occupant);
        !logged && self.delivery().is_some_and(|one| one.qos != Qos::AtMostOnce)
    }

    fn size(&self) -> usize {
        self.delivery().map_or(0, |delivery| delivery.message.size())
    }
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct MailboxLimits {
    pub messages: usize,
    /// Of topics and payloads.
    pub bytes: usize,
}

/// What waits in all mailboxes together, a message counted in each of them.
#[derive(Debug)]
pub struct Waiting {
    limit: usize,
    bytes: AtomicUsize,
}

/// Bytes that may wait in a mailbox even when too many wait in all of them: those who keep up do not
/// pay for the others.
const SPARED: usize = 16 * 1024;

impl Waiting {
    pub fn new(limit: usize) -> Arc<Waiting> {
        Arc::new(Waiting { limit, bytes: AtomicUsize::new(0) })
    }

    /// Counts `bytes` more. False, and nothing counted, when that is too much for a mailbox that
    /// would hold `own` then.
    fn add(&self, bytes: usize, own: usize) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = own <= SPARED || before.saturating_add(bytes) <= self.limit;
        if !fits {
            self.remove(bytes);
        }
        fits
    }

    fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// When it is full the connection ends with 0x97: nothing is ever skipped. Events of a room that
/// one is in come from the log on return. With anything else of QoS 1 or 2 gone the session is not
/// taken up again: its client is told so by "no session present".
#[derive(Debug)]
pub struct Mailbox {
    limits: MailboxLimits,
    all: Arc<Waiting>,
    inner: Mutex<Inner>,
    ready: Notify,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    mail: VecDeque<Mail>,
    bytes: usize,
    away: bool,
    overflowed: bool,
    /// Something has gone that nothing can bring back.
    lost: bool,
    end: Option<Reason>,
}

impl Mailbox {
    /// `all`: what it is one of.
    pub fn new(limits: MailboxLimits, all: Arc<Waiting>) -> Mailbox {
        let (ready, ended) = (Notify::new(), Notify::new());
        Mailbox { limits, all, inner: Mutex::default(), ready, ended }
    }

    /// Puts something in. Never waits.
    pub fn push(&self, mail: Mail) {
        let mut inner = self.inner();
        let at_most_once = mail.delivery().is_some_and(|one| one.qos == Qos::AtMostOnce);
        if inner.overflowed || inner.end.is_some() || (inner.away && at_most_once) {
            return;
        }
        let bytes = inner.bytes.saturating_add(mail.size());
        let is_full = inner.mail.len() >= self.limits.messages || bytes > self.limits.bytes;
        if is_full || !self.all.add(mail.size(), bytes) {
            inner.overflowed = true;
            inner.lost |= mail.must_arrive() || inner.mail.iter().any(Mail::must_arrive);
            inner.mail = VecDeque::new();
            self.all.remove(inner.bytes);
            inner.bytes = 0;
            inner.end = (!inner.away).then_some(Reason::SlowReader);
        } else {
            inner.bytes = bytes;
            inner.mail.push_back(mail);
        }
        let (first, ended) = (inner.mail.len() == 1, inner.end.is_some());
        drop(inner);
        if first {
            self.ready.notify_one();
        }
        if ended {
            self.ended.notify_one();
        }
    }

    /// Asks the connection to end. The first reason counts.
    pub fn close(&self, reason: Reason) {
        self.inner().end.get_or_insert(reason);
        self.ended.notify_one();
    }

    /// Resolves when there is something to take. For one caller at a time.
    pub async fn ready(&self) {
        while self.inner().mail.is_empty() {
            self.ready.notified().await;
        }
    }

    /// Resolves when the connection is to end. For one caller at a time.
    pub async fn ended(&self) {
        while self.inner().end.is_none() {
            self.ended.notified().await;
        }
    }

    /// The oldest mail.
    pub fn take(&self) -> Option<Mail> {
        let mut inner = self.inner();
        let mail = inner.mail.pop_front()?;
        inner.bytes -= mail.size();
        self.all.remove(mail.size());
        if inner.mail.is_empty() && inner.mail.capacity() > 64 {
            inner.mail = VecDeque::new();
        }
        Some(mail)
    }

    pub fn end(&self) -> Option<Reason> {
        self.inner().end.clone()
    }

    /// A message that must arrive has been taken and will not.
    pub fn lose(&self) {
        self.inner().lost = true;
    }

    /// The client has gone and the session stays: from now on only QoS 1 and 2 is kept.
    pub fn leave(&self) {
        let mut inner = self.inner();
        inner.away = true;
        inner.end = None;
        inner.overflowed = false;
        // What is said in a room that one is in comes from the log.
        self.retain(&mut inner, Mail::must_arrive);
    }

    /// Takes out what was kept of rooms that may not be read any more.
    pub fn forget_rooms(&self, may_read: impl Fn(RoomId) -> bool) {
        let mut inner = self.inner();
        self.retain(&mut inner, |mail| match mail {
            Mail::Event(event) => may_read(event.room),
            Mail::Plain(_) | Mail::Evicted(_) => true,
        });
    }

    fn retain(&self, inner: &mut Inner, stays: impl Fn(&Mail) -> bool) {
        inner.mail.retain(stays);
        let bytes = inner.mail.iter().map(Mail::size).sum();
        self.all.remove(inner.bytes - bytes);
        inner.bytes = bytes;
    }

    pub fn is_away(&self) -> bool {
        self.inner().away
    }

    /// The client is back. False when something could not be kept meanwhile.
    pub fn come_back(&self) -> bool {
        let mut inner = self.inner();
        inner.away = false;
        !inner.lost
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let bytes = self.inner().bytes;
        self.all.remove(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::scenario::delivery;

    fn mailbox(messages: usize, bytes: usize) -> Mailbox {
        Mailbox::new(MailboxLimits { messages, bytes }, Waiting::new(usize::MAX))
    }

    #[test]
    fn when_all_hold_too_much_those_with_little_are_spared() {
        let all = Waiting::new(40_000);
        let limits = MailboxLimits { messages: 100, bytes: 100_000 };
        let [slow, other] = [(), ()].map(|()| Mailbox::new(limits, Arc::clone(&all)));
        let large = || Mail::Plain(delivery(Qos::AtMostOnce, &"x".repeat(10_000)));
        (0..3).for_each(|_| slow.push(large()));
        other.push(large());
        assert!(all.bytes() > 40_000 && slow.end().is_none() && other.end().is_none());
        slow.push(large());
        assert_eq!((slow.end(), other.end()), (Some(Reason::SlowReader), None));
        (0..2).for_each(|_| other.push(large()));
        assert!(other.end().is_none(), "there is space again");
        assert!(other.take().is_some());
        other.leave();
        assert_eq!(all.bytes(), 0, "QoS 0 is not kept for somebody away");
        drop((slow, other));
        assert_eq!(all.bytes(), 0);
    }

    fn mail(qos: Qos) -> Mail {
        Mail::Plain(delivery(qos, "hello"))
    }

    #[test]
    fn a_full_mailbox_ends_the_session_and_keeps_nothing() {
        for mailbox in [mailbox(2, 1000), mailbox(10, 30)] {
            for _ in 0..2 {
                mailbox.push(mail(Qos::AtMostOnce));
            }
            assert_eq!(mailbox.end(), None);
            mailbox.push(mail(Qos::AtMostOnce));
            assert_eq!(mailbox.end(), Some(Reason::SlowReader));
            assert!(mailbox.take().is_none());
        }
    }

    #[test]
    fn what_was_taken_makes_room() {
        let mailbox = mailbox(1, 12);
        for _ in 0..5 {
            mailbox.push(mail(Qos::AtLeastOnce));
            assert!(mailbox.take().is_some());
        }
        assert_eq!(mailbox.end(), None);
    }

    #[test]
    fn for_somebody_away_only_acknowledged_messages_wait() {
        let mailbox = mailbox(2, 1000);
        mailbox.push(mail(Qos::AtMostOnce));
        mailbox.leave();
        mailbox.push(mail(Qos::AtMostOnce));
        mailbox.push(mail(Qos::AtLeastOnce));
        assert!(mailbox.come_back());
        assert!(mailbox.take().is_some() && mailbox.take().is_none());
        mailbox.leave();
        for _ in 0..3 {
            mailbox.push(mail(Qos::ExactlyOnce));
        }
        assert!(!mailbox.come_back(), "a gap is not hidden");
    }

    #[tokio::test]
    async fn waiting_ends_with_mail_and_with_a_reason() {
        let mailbox = mailbox(2, 1000);
        mailbox.push(mail(Qos::AtMostOnce));
        mailbox.ready().await;
        assert!(mailbox.take().is_some());
        mailbox.close(Reason::TakenOver);
        mailbox.close(Reason::ShuttingDown);
        mailbox.ended().await;
        assert_eq!(mailbox.end(), Some(Reason::TakenOver));
    }
}
