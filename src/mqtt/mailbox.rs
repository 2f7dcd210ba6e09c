//! What waits for one session: bounded in number and bytes, filled by the hub and the open topics,
//! emptied by the session's driver. Outlives a connection when the session does.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
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

/// When it is full the connection ends with 0x97: nothing is ever skipped. Events of a room that
/// one is in come from the log on return. With anything else of QoS 1 or 2 gone the session is not
/// taken up again: its client is told so by "no session present".
#[derive(Debug)]
pub struct Mailbox {
    limits: MailboxLimits,
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
    pub fn new(limits: MailboxLimits) -> Mailbox {
        Mailbox { limits, inner: Mutex::default(), ready: Notify::new(), ended: Notify::new() }
    }

    /// Puts something in. Never waits.
    pub fn push(&self, mail: Mail) {
        let mut inner = self.inner();
        let at_most_once = mail.delivery().is_some_and(|one| one.qos == Qos::AtMostOnce);
        if inner.overflowed || inner.end.is_some() || (inner.away && at_most_once) {
            return;
        }
        let bytes = inner.bytes.saturating_add(mail.size());
        if inner.mail.len() >= self.limits.messages || bytes > self.limits.bytes {
            inner.overflowed = true;
            inner.lost |= mail.must_arrive() || inner.mail.iter().any(Mail::must_arrive);
            inner.mail = VecDeque::new();
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
        // Events of rooms come from the log; a monitor sees what is said while it is there.
        inner.mail.retain(
            |mail| matches!(mail, Mail::Plain(delivery) if delivery.qos != Qos::AtMostOnce),
        );
        inner.bytes = inner.mail.iter().map(Mail::size).sum();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::scenario::delivery;

    fn mailbox(messages: usize, bytes: usize) -> Mailbox {
        Mailbox::new(MailboxLimits { messages, bytes })
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
