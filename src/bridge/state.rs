//! The rooms as they are now: who is in, who may enter, what is due. In memory, under one short
//! lock; every transition puts what must be written into the queue while it holds the lock, so that
//! the log tells the transitions in their order.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque, hash_map::Entry},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
    Refusal,
    presence::{Presence, SeatId},
    stamp,
};
use crate::{
    chat::{
        Card, Event, Identity, Kind, Origin, Room, RoomId, Stamped, Uid, people::Person,
        phrases::Locale,
    },
    store::SavedRoom,
};

/// What the writer has to do, in order.
pub(super) enum Job {
    Append {
        message: Stamped,
        place: Option<Place>,
        reply: Option<Reply>,
    },
    Remove {
        farewell: Stamped,
        done: Option<oneshot::Sender<()>>,
    },
    /// Everything before it is written; nothing comes after it.
    Stop,
}

/// One for the rooms that are stored, one for those off the record, which never wait for the store.
pub(super) struct Each<T> {
    pub stored: T,
    pub off_record: T,
}

impl<T> Each<T> {
    pub fn of(&self, off_record: bool) -> &T {
        if off_record { &self.off_record } else { &self.stored }
    }
}

/// A place in the bounded queue, free again when the job is done. Exits need none: there are never
/// more of them than there were joins.
pub(super) type Place = OwnedSemaphorePermit;

/// To a sender who waits for the commit.
pub(super) type Reply = oneshot::Sender<Result<Event, Refusal>>;

/// The times that the configuration sets.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub grace: Duration,
    pub unentered: Duration,
    pub restart: Duration,
}

pub(super) struct Live {
    pub room: Room,
    pub presence: Presence,
    /// Oldest first.
    pub granted: VecDeque<Uid>,
    pub banned: HashSet<Uid>,
    /// Counts the passwords, so that a proof of an old one ends.
    pub epoch: u64,
    /// When the room goes if nobody enters.
    expires: Option<Instant>,
    /// Its entry in `State::due`.
    due: Option<Instant>,
}

pub(super) struct State {
    rooms: HashMap<RoomId, Live>,
    /// How many rooms each identity owns.
    owned: HashMap<Uid, usize>,
    due: BTreeSet<(Instant, RoomId)>,
    /// Rooms whose card must be published.
    changed: HashSet<RoomId>,
    jobs: Each<mpsc::UnboundedSender<Job>>,
    times: Times,
    locale: Locale,
}

impl State {
    pub fn new(jobs: Each<mpsc::UnboundedSender<Job>>, times: Times, locale: Locale) -> Self {
        let (rooms, owned) = (HashMap::new(), HashMap::new());
        let (due, changed) = (BTreeSet::new(), HashSet::new());
        Self { rooms, owned, due, changed, jobs, times, locale }
    }

    /// Takes in a room of before the restart: who was in it may come back for a while.
    pub fn restore(&mut self, saved: SavedRoom, now: Instant) {
        let until = now + self.times.restart;
        let id = saved.room.id;
        let expires = (saved.roster.is_empty() && !saved.room.keep).then_some(until);
        let mut live = Live {
            room: saved.room,
            presence: Presence::default(),
            granted: saved.granted.into(),
            banned: saved.banned.into_iter().collect(),
            epoch: 0,
            expires,
            due: None,
        };
        for person in saved.roster {
            live.presence.restore(person, until);
        }
        self.insert(id, live);
    }

    pub fn create(&mut self, room: Room, now: Instant) {
        let id = room.id;
        let expires = (!room.keep).then_some(now + self.times.unentered);
        let live = Live {
            room,
            presence: Presence::default(),
            granted: VecDeque::new(),
            banned: HashSet::new(),
            epoch: 0,
            expires,
            due: None,
        };
        self.insert(id, live);
    }

    fn insert(&mut self, id: RoomId, live: Live) {
        *self.owned.entry(live.room.owner).or_default() += 1;
        self.rooms.insert(id, live);
        self.changed.insert(id);
        self.reschedule(id);
    }

    pub fn count(&self) -> usize {
        self.rooms.len()
    }

    pub fn owned_by(&self, who: Uid) -> usize {
        self.owned.get(&who).copied().unwrap_or(0)
    }

    fn disowned(&mut self, owner: Uid) {
        if let Entry::Occupied(mut count) = self.owned.entry(owner) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    pub fn live(&self, room: RoomId) -> Result<&Live, Refusal> {
        self.rooms.get(&room).ok_or(Refusal::NoSuchRoom)
    }

    /// For changes to rights and settings; presence changes go through the methods below.
    pub fn live_mut(&mut self, room: RoomId) -> Result<&mut Live, Refusal> {
        self.rooms.get_mut(&room).ok_or(Refusal::NoSuchRoom)
    }

    /// The room, if `who` may read and write in it.
    pub fn open_to(&self, who: &Identity, room: RoomId) -> Result<&Live, Refusal> {
        let live = self.live(room)?;
        live.admits(who)?;
        Ok(live)
    }

    pub fn cards(&self) -> Vec<Card> {
        self.rooms.values().map(Live::card).collect()
    }

    /// A new seat for `who`, who may be here already.
    pub fn enter(
        &mut self,
        who: &Identity,
        room: RoomId,
        seat: SeatId,
        place: Option<Place>,
    ) -> Result<(), Refusal> {
        let live = self.live_mut(room)?;
        live.admits(who)?;
        let person = Person::from(who);
        let max = live.room.max;
        let is_join = live.presence.enter(&person, seat, max).map_err(|_| Refusal::Full)?;
        live.expires = None;
        if is_join {
            self.announce(room, Kind::Join, &person, place, None);
        }
        self.reschedule(room);
        Ok(())
    }

    pub fn leave(&mut self, who: Uid, room: RoomId, seat: SeatId) {
        let gone = self.rooms.get_mut(&room).and_then(|live| live.presence.leave(who, seat));
        self.exited(room, gone);
    }

    /// The identity says that its lost connections will not come back.
    pub fn give_up(&mut self, who: Uid, room: RoomId) {
        let gone = self.rooms.get_mut(&room).and_then(|live| live.presence.give_up(who));
        self.exited(room, gone);
    }

    pub fn lose(&mut self, who: Uid, room: RoomId, seat: SeatId, now: Instant) {
        let until = now + self.times.grace;
        if let Some(live) = self.rooms.get_mut(&room) {
            live.presence.lose(who, seat, until);
            self.reschedule(room);
        }
    }

    /// Takes somebody out, by the owner's will.
    pub fn kick(&mut self, who: Uid, room: RoomId) -> Result<(), Refusal> {
        let person = self.live_mut(room)?.presence.remove(who).ok_or(Refusal::NoSuchPerson)?;
        self.tell(room, Kind::Kick, &person);
        self.settle(room);
        Ok(())
    }

    /// Whatever is due by now: people who did not come back, rooms that nobody entered.
    pub fn sweep(&mut self, now: Instant) {
        while let Some(&(due, room)) = self.due.first().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, room));
            let Some(live) = self.rooms.get_mut(&room) else { continue };
            live.due = None;
            let mut gone = Vec::new();
            if live.expires.is_some_and(|expires| expires <= now) {
                self.close(room, None);
                continue;
            }
            // All exits first: nobody takes over who is on the way out, too.
            while let Some(person) = self.expire(room, now) {
                self.tell(room, Kind::Exit, &person);
                gone.push(person.uid);
            }
            self.succeed(room, &gone);
            self.settle(room);
        }
    }

    fn expire(&mut self, room: RoomId, now: Instant) -> Option<Person> {
        self.rooms.get_mut(&room)?.presence.expire(now)
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Ends the room now; the log, the files and the card follow in the writer.
    pub fn close(&mut self, room: RoomId, done: Option<oneshot::Sender<()>>) {
        let Some(live) = self.rooms.remove(&room) else { return };
        self.disowned(live.room.owner);
        if let Some(due) = live.due {
            self.due.remove(&(due, room));
        }
        self.changed.remove(&room);
        let owner = live.owner();
        let farewell = stamp::system(self.locale, Kind::RemoveRoom, room, &owner, Some(0));
        self.send(live.room.off_record, Job::Remove { farewell, done });
    }

    /// A system event, with the occupancy that follows from it.
    fn tell(&mut self, room: RoomId, kind: Kind, whom: &Person) {
        self.announce(room, kind, whom, None, None);
    }

    fn announce(
        &mut self,
        room: RoomId,
        kind: Kind,
        whom: &Person,
        place: Option<Place>,
        reply: Option<Reply>,
    ) {
        let Some(live) = self.rooms.get(&room) else { return };
        let occupancy = Some(live.presence.count());
        let message = stamp::system(self.locale, kind, room, whom, occupancy);
        self.send(live.room.off_record, Job::Append { message, place, reply });
        self.changed.insert(room);
    }

    pub fn send(&self, off_record: bool, job: Job) {
        if self.jobs.of(off_record).send(job).is_err() {
            tracing::warn!("the bridge has stopped: something was not written");
        }
    }

    /// Everything before it is written; nothing comes after it.
    pub fn stop(&self) {
        self.send(false, Job::Stop);
        self.send(true, Job::Stop);
    }

    /// The room's settings have changed: its card, and when it is due.
    pub fn touched(&mut self, room: RoomId, now: Instant) {
        let unentered = now + self.times.unentered;
        if let Some(live) = self.rooms.get_mut(&room) {
            let idle = live.presence.count() == 0 && !live.room.keep;
            live.expires = idle.then(|| live.expires.unwrap_or(unentered));
            self.changed.insert(room);
            self.reschedule(room);
        }
    }

    /// The cards to publish, once each: `None` for a room that is gone.
    pub fn take_changed(&mut self) -> Vec<(RoomId, Option<Card>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|room| (room, self.rooms.get(&room).map(Live::card))).collect()
    }

    fn exited(&mut self, room: RoomId, gone: Option<Person>) {
        if let Some(person) = gone {
            self.tell(room, Kind::Exit, &person);
            self.succeed(room, &[person.uid]);
            self.settle(room);
        }
    }

    /// After somebody has gone: was it the owner, whoever comes next takes over.
    fn succeed(&mut self, room: RoomId, gone: &[Uid]) {
        let Some(live) = self.rooms.get(&room) else { return };
        if gone.contains(&live.room.owner)
            && let Some(heir) = live.presence.heir().cloned()
        {
            self.hand_over(room, &heir, None);
        }
    }

    /// Gives the room to `heir`, who is in it. The event itself changes the owner in the store.
    pub fn hand_over(&mut self, room: RoomId, heir: &Person, reply: Option<Reply>) {
        let Some(live) = self.rooms.get_mut(&room) else { return };
        let before = std::mem::replace(&mut live.room.owner, heir.uid);
        live.room.owner_colour = heir.user;
        self.disowned(before);
        *self.owned.entry(heir.uid).or_default() += 1;
        self.announce(room, Kind::Owner, heir, None, reply);
    }

    /// After somebody has gone: a room without people goes too, unless it is kept.
    fn settle(&mut self, room: RoomId) {
        let Some(live) = self.rooms.get(&room) else { return };
        if live.presence.count() == 0 && !live.room.keep && live.expires.is_none() {
            self.close(room, None);
        } else {
            self.reschedule(room);
        }
    }

    fn reschedule(&mut self, room: RoomId) {
        let Some(live) = self.rooms.get_mut(&room) else { return };
        let next = live.presence.next_expiry().into_iter().chain(live.expires).min();
        if live.due != next {
            if let Some(old) = live.due {
                self.due.remove(&(old, room));
            }
            if let Some(new) = next {
                self.due.insert((new, room));
            }
            live.due = next;
        }
    }
}

impl Live {
    pub fn card(&self) -> Card {
        self.room.card(self.presence.count())
    }

    /// Whether `who` may read and write here.
    pub fn admits(&self, who: &Identity) -> Result<(), Refusal> {
        if self.banned.contains(&who.uid) {
            return Err(Refusal::Banned);
        }
        let proof = who
            .unlocked
            .is_some_and(|proof| proof.room == self.room.id && proof.epoch == self.epoch);
        let open = self.room.password.is_none() || self.room.owner == who.uid || proof;
        if open || self.granted.contains(&who.uid) { Ok(()) } else { Err(Refusal::Locked) }
    }

    fn owner(&self) -> Person {
        let known = self.presence.people().find(|(person, _)| person.uid == self.room.owner);
        known.map(|(person, _)| person.clone()).unwrap_or_else(|| Person {
            uid: self.room.owner,
            user: self.room.owner_colour,
            name: None,
            kind: Origin::Browser,
        })
    }
}
