//! Every session there is: with a client, or kept for one that is away. Take-over, expiry, delayed
//! wills. A session belongs to a client id and the identity behind it: another identity with the
//! same client id has another session.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, watch};

use super::{
    codec::Will,
    mailbox::{Mailbox, MailboxLimits, Waiting},
    reason::{Reason, ReasonCode, Refusal},
    session::Stored,
};
use crate::chat::{Identity, RoomId, Uid};

/// Names a session for as long as it lasts, over all its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    #[cfg(test)]
    pub(super) fn new(number: u64) -> SessionId {
        SessionId(number)
    }
}

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    pub uid: Uid,
    pub client_id: String,
}

/// What is kept while a client is away.
#[derive(Debug)]
pub struct Kept {
    pub stored: Stored,
    /// The last number that was handed over, by room.
    pub cursors: HashMap<RoomId, u64>,
}

/// A will that waits.
#[derive(Clone, Debug)]
pub struct DelayedWill {
    pub will: Will,
    pub who: Arc<Identity>,
    pub due: Instant,
}

/// A client's place among the sessions. Until [`Sessions::leave`] nobody else has it.
#[derive(Debug)]
pub struct Place {
    pub id: SessionId,
    pub mailbox: Arc<Mailbox>,
    pub kept: Option<Kept>,
    key: SessionKey,
    /// Dropped when the place is given up, however that happens.
    _here: watch::Sender<()>,
}

/// What becomes of a session at the end of its connection.
#[derive(Debug)]
pub struct Leaving {
    pub kept: Kept,
    pub expiry: Duration,
    pub will: Option<DelayedWill>,
}

#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Sessions kept for absent clients; the one that is due first makes room for another.
    pub away: usize,
    pub mailbox: MailboxLimits,
    /// Bytes in all mailboxes together.
    pub waiting: usize,
    /// Take-overs of one session within the window; more are refused until it has passed.
    pub takeovers: u32,
    pub takeover_window: Duration,
}

#[derive(Debug)]
pub struct Sessions {
    limits: SessionLimits,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    entries: Mutex<Entries>,
    changed: Notify,
}

/// The sessions, and when each absent one is due: no step looks through all of them.
#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<SessionKey, Entry>,
    due: BTreeSet<(Instant, SessionKey)>,
}

#[derive(Debug)]
enum Entry {
    Here { id: SessionId, mailbox: Arc<Mailbox>, here: watch::Receiver<()>, taken_over: Pace },
    Away(Box<Away>),
}

#[derive(Debug)]
struct Away {
    id: SessionId,
    mailbox: Arc<Mailbox>,
    kept: Kept,
    until: Instant,
    will: Option<DelayedWill>,
}

/// How often a session changed hands lately.
#[derive(Clone, Copy, Debug)]
struct Pace {
    since: Instant,
    count: u32,
}

/// What ended while nobody was there: its subscriptions must go, its will be given out.
#[derive(Debug)]
pub struct Over {
    pub id: Option<SessionId>,
    pub will: Option<DelayedWill>,
}

impl Sessions {
    pub fn new(limits: SessionLimits) -> Sessions {
        Sessions {
            limits,
            waiting: Waiting::new(limits.waiting),
            next: AtomicU64::new(1),
            entries: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// A mailbox for somebody who has no session, under a name of its own.
    pub fn stranger(&self) -> (SessionId, Arc<Mailbox>) {
        let id = SessionId(self.next.fetch_add(1, Ordering::Relaxed));
        (id, self.mailbox())
    }

    fn mailbox(&self) -> Arc<Mailbox> {
        Arc::new(Mailbox::new(self.limits.mailbox, Arc::clone(&self.waiting)))
    }

    /// Bytes that wait for all clients together.
    pub fn waiting(&self) -> usize {
        self.waiting.bytes()
    }

    /// Takes the session of `key` over, or begins one. A connection that has it is told and waited
    /// for, at most `patience`. With `clean_start` nothing is kept; what ends by it is returned.
    pub async fn enter(
        &self,
        key: SessionKey,
        clean_start: bool,
        patience: Duration,
    ) -> Result<(Place, Option<Over>), Refusal> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut pace = Pace { since: Instant::now(), count: 0 };
        loop {
            let mut here = match self.try_enter(&key, clean_start, &mut pace)? {
                Ok(entered) => return Ok(entered),
                Err(here) => here,
            };
            // Resolves when the other connection has dropped its place.
            let left = async { while here.changed().await.is_ok() {} };
            if tokio::time::timeout_at(deadline, left).await.is_err() {
                let text = "another connection of this client has not ended yet";
                return Err(Refusal::new(ReasonCode::ServerBusy, text));
            }
        }
    }

    /// Outer error: refused. Inner error: somebody is there and has been told.
    #[allow(clippy::type_complexity)] // read once, above
    fn try_enter(
        &self,
        key: &SessionKey,
        clean_start: bool,
        pace: &mut Pace,
    ) -> Result<Result<(Place, Option<Over>), watch::Receiver<()>>, Refusal> {
        let mut entries = self.entries();
        let (entry, over) = match entries.remove(key) {
            Some(Entry::Here { id, mailbox, here, taken_over }) if here.has_changed().is_ok() => {
                *pace = taken_over.next(self.limits.takeover_window);
                let allowed = pace.count <= self.limits.takeovers;
                if allowed {
                    mailbox.close(Reason::TakenOver);
                }
                let waiting = here.clone();
                entries.insert(key.clone(), Entry::Here { id, mailbox, here, taken_over });
                let text = "this session changes hands too often";
                let refusal = Refusal::new(ReasonCode::ConnectionRateExceeded, text);
                return if allowed { Ok(Err(waiting)) } else { Err(refusal) };
            }
            Some(Entry::Away(away)) => {
                let Away { id, mailbox, kept, will, .. } = *away;
                let complete = mailbox.come_back();
                if !clean_start && complete {
                    (Some((id, mailbox, kept)), None)
                } else {
                    (None, Some(Over { id: Some(id), will }))
                }
            }
            Some(Entry::Here { id, .. }) => (None, Some(Over { id: Some(id), will: None })),
            None => (None, None),
        };
        let (id, mailbox, kept) = match entry {
            Some((id, mailbox, kept)) => (id, mailbox, Some(kept)),
            None => {
                let id = SessionId(self.next.fetch_add(1, Ordering::Relaxed));
                (id, self.mailbox(), None)
            }
        };
        let (sender, here) = watch::channel(());
        let (own, taken_over) = (Arc::clone(&mailbox), *pace);
        entries.insert(key.clone(), Entry::Here { id, mailbox: own, here, taken_over });
        let place = Place { id, mailbox, kept, key: key.clone(), _here: sender };
        Ok(Ok((place, over)))
    }

    /// Gives the place up. Returns what ends with it at once.
    pub fn leave(&self, place: Place, leaving: Leaving) -> Vec<Over> {
        let mut entries = self.entries();
        let now = Instant::now();
        let until = now.checked_add(leaving.expiry).unwrap_or(now);
        if leaving.expiry.is_zero() {
            entries.remove(&place.key);
            return vec![Over { id: Some(place.id), will: leaving.will }];
        }
        place.mailbox.leave();
        let (due, later) = match leaving.will {
            Some(will) if will.due <= now => (Some(will), None),
            will => (None, will),
        };
        let (id, mailbox) = (place.id, Arc::clone(&place.mailbox));
        let away = Away { id, mailbox, kept: leaving.kept, until, will: later };
        entries.insert(place.key.clone(), Entry::Away(Box::new(away)));
        let crowded = (entries.due.len() > self.limits.away).then(|| entries.remove_first());
        let mut over: Vec<Over> = crowded.flatten().into_iter().collect();
        over.extend(due.map(|will| Over { id: None, will: Some(will) }));
        drop(entries);
        self.changed.notify_one();
        over
    }

    /// Waits until something is over: sessions that have expired, wills that are due.
    pub async fn over(&self) -> Vec<Over> {
        loop {
            let (over, next) = self.expire(Instant::now());
            if !over.is_empty() {
                return over;
            }
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// What is over by `now`, and when the next will be.
    fn expire(&self, now: Instant) -> (Vec<Over>, Option<Instant>) {
        let mut entries = self.entries();
        let mut over = Vec::new();
        while let Some(key) = entries.due_by(now) {
            let Some(Entry::Away(mut away)) = entries.remove(&key) else { continue };
            if away.until <= now {
                over.push(Over { id: Some(away.id), will: away.will });
                continue;
            }
            over.push(Over { id: None, will: away.will.take() });
            entries.insert(key, Entry::Away(away));
        }
        (over, entries.next_due())
    }

    pub fn away(&self) -> usize {
        self.entries().due.len()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn insert(&mut self, key: SessionKey, entry: Entry) {
        if let Entry::Away(away) = &entry {
            self.due.insert((away.due(), key.clone()));
        }
        self.by_key.insert(key, entry);
    }

    fn remove(&mut self, key: &SessionKey) -> Option<Entry> {
        let (key, entry) = self.by_key.remove_entry(key)?;
        if let Entry::Away(away) = &entry {
            self.due.remove(&(away.due(), key));
        }
        Some(entry)
    }

    fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    fn due_by(&self, now: Instant) -> Option<SessionKey> {
        self.due.first().filter(|(due, _)| *due <= now).map(|(_, key)| key.clone())
    }

    /// Ends the absent session that is due first.
    fn remove_first(&mut self) -> Option<Over> {
        let (_, key) = self.due.first().cloned()?;
        self.remove(&key).and_then(Entry::into_over)
    }
}

impl Away {
    /// When something is to be done about it: its will, or its end.
    fn due(&self) -> Instant {
        self.will.as_ref().map_or(self.until, |will| will.due.min(self.until))
    }
}

impl Entry {
    fn into_over(self) -> Option<Over> {
        match self {
            Entry::Away(away) => Some(Over { id: Some(away.id), will: away.will }),
            Entry::Here { .. } => None,
        }
    }
}

impl Pace {
    fn next(self, window: Duration) -> Pace {
        let now = Instant::now();
        if now.duration_since(self.since) > window {
            Pace { since: now, count: 1 }
        } else {
            Pace { count: self.count + 1, ..self }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::mqtt::codec::{Properties, Qos};

    fn sessions(away: usize) -> Sessions {
        Sessions::new(SessionLimits {
            away,
            mailbox: MailboxLimits { messages: 10, bytes: 1000 },
            waiting: 100_000,
            takeovers: 10,
            takeover_window: Duration::from_secs(10),
        })
    }

    const PATIENCE: Duration = Duration::from_secs(5);

    fn key(client_id: &str) -> SessionKey {
        SessionKey { uid: Uid::from_entropy([1; 16]), client_id: client_id.into() }
    }

    fn leaving(expiry_s: u64, will_after_s: Option<u64>) -> Leaving {
        let kept = Kept { stored: Stored::default(), cursors: HashMap::new() };
        let will = will_after_s.map(|seconds| DelayedWill {
            will: Will {
                qos: Qos::AtMostOnce,
                retain: false,
                topic: "t".into(),
                payload: Bytes::new(),
                properties: Properties::default(),
            },
            who: Arc::new(Identity::anonymous("x")),
            due: Instant::now() + Duration::from_secs(seconds),
        });
        Leaving { kept, expiry: Duration::from_secs(expiry_s), will }
    }

    async fn enter(sessions: &Sessions, client_id: &str, clean: bool) -> (Place, Option<Over>) {
        sessions.enter(key(client_id), clean, PATIENCE).await.expect("a place")
    }

    #[tokio::test]
    async fn a_session_is_taken_up_by_its_own_client_only() {
        let sessions = sessions(10);
        let (place, _) = enter(&sessions, "a", false).await;
        let id = place.id;
        assert!(sessions.leave(place, leaving(60, None)).is_empty());
        let (other, over) = enter(&sessions, "b", false).await;
        assert!(other.kept.is_none() && over.is_none() && other.id != id);
        let (same, over) = enter(&sessions, "a", false).await;
        assert!(same.kept.is_some() && over.is_none() && same.id == id);
    }

    #[tokio::test]
    async fn a_clean_start_ends_what_was_kept_and_gives_its_will_out() {
        let sessions = sessions(10);
        let (place, _) = enter(&sessions, "a", false).await;
        let id = place.id;
        assert!(sessions.leave(place, leaving(60, Some(30))).is_empty());
        let (fresh, over) = enter(&sessions, "a", true).await;
        let over = over.expect("something is over");
        assert_eq!((over.id, over.will.is_some()), (Some(id), true));
        assert!(fresh.kept.is_none() && fresh.id != id);
    }

    #[tokio::test]
    async fn a_session_without_expiry_is_over_at_once() {
        let sessions = sessions(10);
        let (place, _) = enter(&sessions, "a", false).await;
        let id = place.id;
        let over = sessions.leave(place, leaving(0, Some(0)));
        assert_eq!((over[0].id, over[0].will.is_some()), (Some(id), true));
        assert!(sessions.entries().by_key.is_empty());
    }

    #[tokio::test]
    async fn wills_and_sessions_come_due_in_their_time() {
        let sessions = sessions(10);
        let (place, _) = enter(&sessions, "a", false).await;
        assert!(sessions.leave(place, leaving(60, Some(10))).is_empty());
        let now = Instant::now();
        let (over, next) = sessions.expire(now);
        assert!(over.is_empty() && next.is_some_and(|next| next <= now + Duration::from_secs(10)));
        let (over, next) = sessions.expire(now + Duration::from_secs(11));
        assert!(over.len() == 1 && over[0].id.is_none() && over[0].will.is_some());
        assert!(next.is_some_and(|next| next > now + Duration::from_secs(11)));
        let (over, next) = sessions.expire(now + Duration::from_secs(61));
        assert!(over.len() == 1 && over[0].id.is_some() && over[0].will.is_none());
        assert!(next.is_none() && sessions.entries().by_key.is_empty());
    }

    #[tokio::test]
    async fn the_one_that_would_expire_first_makes_room() {
        let sessions = sessions(2);
        for (client_id, expiry_s) in [("a", 60), ("b", 30), ("c", 90)] {
            let (place, _) = enter(&sessions, client_id, false).await;
            let over = sessions.leave(place, leaving(expiry_s, None));
            assert_eq!(over.len(), usize::from(client_id == "c"));
        }
        assert_eq!(sessions.away(), 2);
        assert!(enter(&sessions, "b", false).await.0.kept.is_none());
        assert!(enter(&sessions, "a", false).await.0.kept.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_let_go_is_waited_for_only_so_long() {
        let sessions = sessions(2);
        let (stays, _) = enter(&sessions, "a", false).await;
        let refused = sessions.enter(key("a"), false, PATIENCE).await;
        assert_eq!(refused.err().map(|refusal| refusal.code), Some(ReasonCode::ServerBusy));
        assert_eq!(stays.mailbox.end(), Some(Reason::TakenOver));
        drop(stays);
        let (_, over) = enter(&sessions, "a", false).await;
        assert!(over.is_some(), "it ended without a word");
    }
}
