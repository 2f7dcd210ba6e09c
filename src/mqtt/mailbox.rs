//! What waits for one session: bounded in number and bytes, filled by the hub and the open topics,
//! emptied by the session's driver. Outlives a connection when the session does.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use super::{mail::Mail, reason::Reason};
use crate::chat::RoomId;

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

    /// Whether a mailbox may hold `own`, when `added` of it are not counted yet.
    fn allows(&self, own: usize, added: usize) -> bool {
        own <= SPARED || self.bytes().saturating_add(added) <= self.limit
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
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
}

#[derive(Debug, Default)]
struct Inner {
    mail: VecDeque<Mail>,
    messages: usize,
    bytes: usize,
    away: bool,
    overflowed: bool,
    /// Something has gone that nothing can bring back.
    lost: bool,
    end: Option<Reason>,
    /// The task that waits for mail, or for the end.
    waiting: Option<Waker>,
}

impl Mailbox {
    /// `all`: what it is one of.
    pub fn new(limits: MailboxLimits, all: Arc<Waiting>) -> Mailbox {
        Mailbox { limits, all, inner: Mutex::default() }
    }

    /// Puts something in, and wakes whoever waits. Never waits.
    pub fn push(&self, mail: Mail) {
        let mut inner = self.inner();
        let (was_empty, before) = (inner.mail.is_empty(), inner.bytes);
        let size = mail.size();
        let bytes = before.saturating_add(size);
        let messages = inner.messages + mail.count();
        let is_full = messages > self.limits.messages || bytes > self.limits.bytes;
        inner.put(mail, size, is_full || !self.all.allows(bytes, size));
        match inner.bytes.checked_sub(before) {
            Some(more) => self.all.add(more),
            None => self.all.remove(before - inner.bytes),
        }
        let news = (was_empty && !inner.mail.is_empty()) || inner.end.is_some();
        let waiting = if news { inner.waiting.take() } else { None };
        drop(inner);
        if let Some(task) = waiting {
            task.wake();
        }
    }

    /// Asks the connection to end. The first reason counts.
    pub fn close(&self, reason: Reason) {
        let mut inner = self.inner();
        inner.end.get_or_insert(reason);
        let waiting = inner.waiting.take();
        drop(inner);
        if let Some(task) = waiting {
            task.wake();
        }
    }

    /// Ready when the connection is to end, or when there is something to take and it is wanted.
    /// For one task at a time: the last one that asked is woken.
    pub fn poll_news(&self, wants_mail: bool, context: &Context<'_>) -> Poll<()> {
        let mut inner = self.inner();
        if inner.end.is_some() || (wants_mail && !inner.mail.is_empty()) {
            return Poll::Ready(());
        }
        match &mut inner.waiting {
            Some(waiting) => waiting.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Resolves when the connection is to end, or when there is something to take.
    pub async fn news(&self) {
        std::future::poll_fn(|context| self.poll_news(true, context)).await;
    }

    /// The oldest mail.
    pub fn take(&self) -> Option<Mail> {
        self.take_some(1, 0).pop_front()
    }

    /// The oldest mails: no more after so many messages, or bytes of topics and payloads.
    pub fn take_some(&self, count: usize, bytes: usize) -> VecDeque<Mail> {
        let mut inner = self.inner();
        if inner.messages <= count && inner.bytes <= bytes {
            inner.messages = 0;
            self.all.remove(std::mem::take(&mut inner.bytes));
            return std::mem::take(&mut inner.mail);
        }
        let mut taken = VecDeque::new();
        let (mut messages, mut size) = (0, 0);
        while messages < count
            && size <= bytes
            && let Some(mail) = inner.mail.pop_front()
        {
            messages += mail.count();
            size += mail.size();
            taken.push_back(mail);
        }
        inner.messages -= messages;
        inner.bytes -= size;
        self.all.remove(size);
        taken
    }

    /// Mail that was taken and is still to be read: nothing has come between.
    pub fn put_back(&self, mails: VecDeque<Mail>) {
        let mut inner = self.inner();
        for mail in mails.into_iter().rev() {
            inner.messages += mail.count();
            inner.bytes += mail.size();
            self.all.add(mail.size());
            inner.mail.push_front(mail);
        }
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
            Mail::Events(mail) => may_read(mail.room()),
            Mail::Plain(_) | Mail::Evicted(_) | Mail::Kicked(_) => true,
        });
    }

    fn retain(&self, inner: &mut Inner, stays: impl Fn(&Mail) -> bool) {
        inner.mail.retain(stays);
        let bytes = inner.mail.iter().map(Mail::size).sum();
        self.all.remove(inner.bytes - bytes);
        inner.messages = inner.mail.iter().map(Mail::count).sum();
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

impl Inner {
    fn put(&mut self, mail: Mail, size: usize, is_full: bool) {
        if self.overflowed || self.end.is_some() || (self.away && mail.is_at_most_once()) {
            return;
        }
        if is_full {
            self.overflowed = true;
            self.lost |= mail.must_arrive() || self.mail.iter().any(Mail::must_arrive);
            self.mail = VecDeque::new();
            self.messages = 0;
            self.bytes = 0;
            self.end = (!self.away).then_some(Reason::SlowReader);
        } else {
            self.messages += mail.count();
            self.bytes += size;
            self.mail.push_back(mail);
        }
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
    use crate::mqtt::{codec::Qos, scenario::delivery};

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
        mailbox.news().await;
        assert!(mailbox.take().is_some());
        mailbox.close(Reason::TakenOver);
        mailbox.close(Reason::ShuttingDown);
        mailbox.news().await;
        assert_eq!(mailbox.end(), Some(Reason::TakenOver));
    }
}
