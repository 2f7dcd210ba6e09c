//! Every session there is: with a client, or kept for one that is away. Take-over, expiry, delayed
//! wills. A session belongs to a client id and the identity behind it: another identity with the
//! same client id has another session.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, watch};

use super::{
    codec::Will,
    mailbox::{Mailbox, MailboxLimits},
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

#[derive(Debug)]
pub struct Sessions {
    most_away: usize,
    mailbox: MailboxLimits,
    next: AtomicU64,
    entries: Mutex<HashMap<SessionKey, Entry>>,
    changed: Notify,
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

/// Take-overs of one session within `PACE_WINDOW`; more are refused until it has passed.
const MOST_TAKE_OVERS: u32 = 10;
const PACE_WINDOW: Duration = Duration::from_secs(10);

/// What ended while nobody was there: its subscriptions must go, its will be given out.
#[derive(Debug)]
pub struct Over {
    pub id: Option<SessionId>,
    pub will: Option<DelayedWill>,
}

impl Sessions {
    /// Keeps at most `most_away` sessions of absent clients; the one that would expire first makes
    /// room for another.
    pub fn new(most_away: usize, mailbox: MailboxLimits) -> Sessions {
        Sessions {
            most_away,
            mailbox,
            next: AtomicU64::new(1),
            entries: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// A mailbox for somebody who has no session, under a name of its own.
    pub fn stranger(&self) -> (SessionId, Arc<Mailbox>) {
        let id = SessionId(self.next.fetch_add(1, Ordering::Relaxed));
        (id, Arc::new(Mailbox::new(self.mailbox)))
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
                *pace = taken_over.next();
                let allowed = pace.count <= MOST_TAKE_OVERS;
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
                (id, Arc::new(Mailbox::new(self.mailbox)), None)
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
        let mut over = self.make_room(&mut entries);
        over.extend(due.map(|will| Over { id: None, will: Some(will) }));
        drop(entries);
        self.changed.notify_one();
        over
    }

    fn make_room(&self, entries: &mut HashMap<SessionKey, Entry>) -> Vec<Over> {
        let away = |entry: &Entry| matches!(entry, Entry::Away(_));
        if entries.values().filter(|entry| away(entry)).count() <= self.most_away {
            return Vec::new();
        }
        let first = entries
            .iter()
            .filter_map(|(key, entry)| match entry {
                Entry::Away(away) => Some((away.until, key.clone())),
                Entry::Here { .. } => None,
            })
            .min_by_key(|(until, _)| *until);
        let removed = first.and_then(|(_, key)| entries.remove(&key));
        removed.into_iter().filter_map(Entry::into_over).collect()
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
        let mut next: Option<Instant> = None;
        let mut expired = Vec::new();
        for (key, entry) in entries.iter_mut() {
            let Entry::Away(away) = entry else { continue };
            let Away { until, will, .. } = away.as_mut();
            if *until <= now {
                expired.push(key.clone());
                continue;
            }
            if let Some(due) = will.take_if(|will| will.due <= now) {
                over.push(Over { id: None, will: Some(due) });
            }
            let due = will.as_ref().map_or(*until, |will| will.due.min(*until));
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        for key in expired {
            over.extend(entries.remove(&key).and_then(Entry::into_over));
        }
        (over, next)
    }

    pub fn away(&self) -> usize {
        let entries = self.entries();
        entries.values().filter(|entry| matches!(entry, Entry::Away(_))).count()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<SessionKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn next(self) -> Pace {
        let now = Instant::now();
        if now.duration_since(self.since) > PACE_WINDOW {
            Pace { since: now, count: 1 }
        } else {
            Pace { count: self.count + 1, ..self }
        }
    }
}
