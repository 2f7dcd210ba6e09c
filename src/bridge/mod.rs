//! The one place where a chat message becomes a fact: stamped, stored, announced, acknowledged. It
//! also keeps presence and the retained directory. The only writer of store and bus.
//!
//! Permission is a type: [`Bridge::member`] and [`Bridge::owner`] check an identity and give a
//! handle; only the handle can speak, read, join or change. Start at `members.rs` for what people
//! do, `state.rs` for the rules, `writer.rs` for how it is written.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, Semaphore, broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    bus::SharedBus,
    chat::{
        Card, Event, Identity, Room, RoomId, Uid, people::Unlocked, phrases::Locale,
        room::RoomDraft,
    },
    config::{Config, Limits, Rooms, Uploads},
    store::{Page, SharedStore, files::Files},
};

pub mod address;
mod changes;
pub mod devices;
mod images;
mod members;
#[cfg(test)]
mod model;
mod off_record;
mod owner;
pub mod pace;
mod password;
pub mod presence;
pub mod refusal;
pub mod stamp;
mod state;
#[cfg(test)]
mod tests;
mod tries;
mod upkeep;
mod writer;

pub use images::{Image, file_quota};
pub use members::{Member, Occupant, Pending, Seat};
pub use owner::{Banned, Owner, Wish};
pub use refusal::{Limit, Refusal};
pub use writer::Fault;

use address::host;
use off_record::OffRecord;
use pace::{Pace, Rate};
use password::Passwords;
use state::{Each, State, Times};
use tries::{Tries, TryLimits};
use writer::{Writer, until_known};

/// Rights that changed while nobody looked; who lags further behind checks everything.
const RIGHTS_CHANGES: usize = 256;

/// A cheap handle to the bridge.
#[derive(Clone)]
pub struct Bridge(Arc<Shared>);

/// A task of the bridge. When one ends before it is stopped, the process must end.
pub type Task = (&'static str, BoxFuture<'static, Result<(), Fault>>);

struct Shared {
    rooms: Rooms,
    limits: Limits,
    uploads: Uploads,
    /// Messages of one commit at most.
    batch: usize,
    /// How long a sender waits for a commit.
    wait: Duration,
    store: SharedStore,
    files: Files,
    bus: SharedBus,
    state: Mutex<State>,
    off_record: OffRecord,
    /// Places in the writers' queues.
    places: Each<Arc<Semaphore>>,
    pace: Mutex<Pace<Uid>>,
    new_rooms: Mutex<Pace<IpAddr>>,
    tries: Mutex<Tries<IpAddr>>,
    passwords: Arc<Passwords>,
    next_seat: AtomicU64,
    cards_changed: Notify,
    due_changed: Notify,
    /// One card or farewell at a time.
    announcing: tokio::sync::Mutex<()>,
    /// One change of a room's settings or rights at a time.
    administering: Arc<tokio::sync::Mutex<()>>,
    rights: broadcast::Sender<RoomId>,
    stop: CancellationToken,
}

impl Bridge {
    /// Reads the rooms and starts nothing: the caller runs the tasks.
    pub async fn open(
        config: &Config,
        store: SharedStore,
        files: Files,
        bus: SharedBus,
    ) -> Result<(Self, Vec<Task>), Fault> {
        let (stored, stored_jobs) = mpsc::unbounded_channel();
        let (off_record, off_record_jobs) = mpsc::unbounded_channel();
        let millis = Duration::from_millis;
        let times = Times {
            grace: millis(config.presence.grace_ms),
            unentered: millis(config.presence.unentered_ms),
            restart: millis(config.presence.restart_ms),
        };
        let locale = if config.server.locale == "ko" { Locale::Ko } else { Locale::En };
        let mut state = State::new(Each { stored, off_record }, times, locale);
        let mut last_seq = HashMap::new();
        for saved in store.rooms().await? {
            last_seq.insert(saved.room.id, saved.last_seq);
            state.restore(saved, Instant::now());
        }
        let places = || Arc::new(Semaphore::new(config.store.batch * 2));
        let limits = config.limits.clone();
        let publishes = Rate::new(limits.publish_per_s.into(), limits.publish_burst);
        let new_rooms = Rate::new(f64::from(limits.rooms_per_minute) / 60.0, limits.rooms_burst);
        let shared = Arc::new(Shared {
            rooms: config.rooms.clone(),
            uploads: config.uploads.clone(),
            batch: config.store.batch,
            wait: millis(config.store.wait_ms),
            state: Mutex::new(state),
            off_record: OffRecord::new(
                config.rooms.off_record_events,
                images::memory_quota(&config.uploads),
            ),
            places: Each { stored: places(), off_record: places() },
            pace: Mutex::new(Pace::new(publishes)),
            new_rooms: Mutex::new(Pace::new(new_rooms)),
            tries: Mutex::new(Tries::new(try_limits(&limits))),
            passwords: Passwords::new(limits.password_hashes, limits.password_line),
            next_seat: AtomicU64::new(1),
            cards_changed: Notify::new(),
            due_changed: Notify::new(),
            announcing: tokio::sync::Mutex::new(()),
            administering: Arc::default(),
            rights: broadcast::channel(RIGHTS_CHANGES).0,
            stop: CancellationToken::new(),
            limits,
            store,
            files,
            bus,
        });
        shared.remove_orphans().await?;
        shared.cards_changed.notify_one();
        let (sweeping, listing) = (Arc::clone(&shared), Arc::clone(&shared));
        let stored = Writer::new(Arc::clone(&shared), false, stored_jobs, last_seq);
        let off_record = Writer::new(Arc::clone(&shared), true, off_record_jobs, HashMap::new());
        let stop = &shared.stop;
        let tasks: Vec<Task> = vec![
            ("writer", Box::pin(stored.run())),
            ("off-record writer", Box::pin(off_record.run())),
            ("sweeper", Box::pin(upkeep::sweep(sweeping, stop.clone()))),
            ("directory", Box::pin(upkeep::directory(listing, stop.clone()))),
        ];
        Ok((Self(shared), tasks))
    }

    /// Lets the tasks end: the writer after all that is waiting. Later posts are refused.
    pub fn stop(&self) {
        self.0.stop.cancel();
        self.0.places.stored.close();
        self.0.places.off_record.close();
        self.0.state().stop();
    }

    /// Every room's card, in no order.
    pub fn cards(&self) -> Vec<Card> {
        self.0.state().cards()
    }

    pub fn card(&self, room: RoomId) -> Option<Card> {
        self.0.state().live(room).ok().map(state::Live::card)
    }

    /// Whether `who` may read the room: the same check that [`member`](Self::member) makes.
    pub fn may_read(&self, who: &Identity, room: RoomId) -> bool {
        self.0.state().open_to(who, room).is_ok()
    }

    /// Whether that identity is an occupant of the room now.
    pub fn is_in(&self, uid: Uid, room: RoomId) -> bool {
        self.0.state().live(room).is_ok_and(|live| live.presence.has(uid))
    }

    /// The right to be in a room.
    pub fn member(&self, who: &Arc<Identity>, room: RoomId) -> Result<Member, Refusal> {
        self.0.state().open_to(who, room)?;
        Ok(Member::new(Arc::clone(&self.0), Arc::clone(who), room))
    }

    /// The right to change a room.
    pub fn owner(&self, who: &Arc<Identity>, room: RoomId) -> Result<Owner, Refusal> {
        let is_owner = self.0.state().live(room)?.room.owner == who.uid;
        if !is_owner {
            return Err(Refusal::NotOwner);
        }
        Ok(Owner::new(Arc::clone(&self.0), room))
    }

    /// Makes a room. It goes when nobody enters it in time, unless it is kept. It counts against
    /// the address `from`.
    pub async fn create(
        &self,
        who: &Identity,
        draft: RoomDraft,
        from: IpAddr,
    ) -> Result<Card, Refusal> {
        let draft = draft.checked().map_err(Refusal::Room)?;
        self.0.may_create(who)?;
        self.0.take_new_room(from)?;
        let password = match &draft.password {
            Some(password) => Some(self.0.passwords.turn(host(from)).await?.hash(password).await?),
            None => None,
        };
        let room = Room {
            id: RoomId::from_entropy(stamp::entropy()),
            title: draft.title,
            max: draft.max,
            owner: who.uid,
            owner_colour: who.colour,
            password,
            off_record: draft.off_record,
            keep: draft.keep,
            created_at: stamp::now(),
        };
        let (shared, who) = (Arc::clone(&self.0), who.clone());
        let deadline = self.0.deadline();
        let create = async move {
            shared.may_create(&who)?;
            if !room.off_record {
                until_known(|| shared.store.create(&room)).await?;
                // Nobody waits for it any more, or knows its id.
                if tokio::time::Instant::now() > deadline {
                    until_known(|| shared.store.remove(room.id)).await?;
                    return Err(Refusal::Unavailable);
                }
            }
            let card = room.card(0);
            shared.state().create(room, Instant::now());
            shared.state_changed();
            tracing::info!(room = %card.id, locked = card.locked, "room created");
            Ok(card)
        };
        self.0.administer(deadline, create).await
    }

    /// Gives `who` a lasting grant to a locked room, for its password. Wrong ones count against
    /// the address `from`.
    pub async fn unlock(
        &self,
        who: &Identity,
        room: RoomId,
        password: &str,
        from: IpAddr,
    ) -> Result<(), Refusal> {
        if self.0.state().live(room)?.banned.contains(&who.uid) {
            return Err(Refusal::Banned);
        }
        let proof = self.check_password(room, password, from).await?;
        let (shared, who) = (Arc::clone(&self.0), who.uid);
        let deadline = self.0.deadline();
        let grant = async move {
            if shared.state().live(room)?.epoch != proof.epoch {
                return Err(Refusal::WrongPassword);
            }
            shared.let_in(room, who).await
        };
        self.0.administer(deadline, grant).await
    }

    /// Proof that the password is right, for one connection. An address that has to wait is refused
    /// before any hashing.
    pub async fn check_password(
        &self,
        room: RoomId,
        password: &str,
        from: IpAddr,
    ) -> Result<Unlocked, Refusal> {
        let (hash, epoch) = {
            let state = self.0.state();
            let live = state.live(room)?;
            (live.room.password.clone(), live.epoch)
        };
        let proof = Unlocked { room, epoch };
        let Some(hash) = hash else { return Ok(proof) };
        self.may_try(from)?;
        let turn = self.0.passwords.turn(host(from)).await?;
        // Again: those of the address who were before may have been wrong.
        self.may_try(from)?;
        let (own, password) = (self.clone(), password.to_owned());
        // To its end, also when nobody waits for the answer: it counts all the same.
        let checked = tokio::spawn(async move {
            let is_right = turn.verify(&password, &hash).await?;
            if !is_right {
                tracing::info!(%room, address = %from, "wrong password");
                own.wrong_try(from);
            }
            Ok(is_right)
        });
        match checked.await.unwrap_or(Err(Refusal::Unavailable)) {
            Ok(true) => Ok(proof),
            Ok(false) => Err(Refusal::WrongPassword),
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether the address may give a password or token now.
    pub fn may_try(&self, from: IpAddr) -> Result<(), Refusal> {
        let tries = self.0.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = tries.ask(host(from), Instant::now());
        waits.map_err(|wait| Refusal::TooOften(Limit::Passwords, wait))
    }

    /// A password or token from the address was wrong.
    pub fn wrong_try(&self, from: IpAddr) {
        let mut tries = self.0.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.wrong(host(from), Instant::now());
    }

    /// Takes a token of the identity's publish rate, or says how long to wait for one.
    pub fn pace(&self, who: Uid) -> Result<(), Duration> {
        let mut pace = self.0.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.take(who, Instant::now())
    }

    /// Rooms in which somebody's rights have changed: whoever serves them must ask again. After a
    /// `Lagged` ask for all.
    pub fn rights_changes(&self) -> broadcast::Receiver<RoomId> {
        self.0.rights.subscribe()
    }

    /// What is missing after `after`, oldest first: for an edge that saw a hole, whose readers are
    /// members already.
    pub async fn replay(
        &self,
        room: RoomId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Event>, Refusal> {
        self.0.log(room, Page::After(after), limit).await
    }

    /// Whether store and writer work now.
    pub async fn ready(&self) -> Result<(), Refusal> {
        if self.0.stop.is_cancelled() {
            return Err(Refusal::Unavailable);
        }
        let ping = tokio::time::timeout(self.0.wait, self.0.store.ping()).await;
        ping.map_err(|_| Refusal::Unavailable)?.map_err(Refusal::from)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called after a transition: wakes the tasks that look after what follows.
    fn state_changed(&self) {
        self.cards_changed.notify_one();
        self.due_changed.notify_one();
    }

    fn rights_changed(&self, room: RoomId) {
        // No receiver: nobody serves rooms yet.
        if self.rights.send(room).is_err() {
            tracing::debug!(%room, "rights changed and nobody listens");
        }
    }

    fn may_create(&self, who: &Identity) -> Result<(), Refusal> {
        let state = self.state();
        let own = self.rooms.per_identity;
        let many = state.count() >= self.rooms.max || (own > 0 && state.owned_by(who.uid) >= own);
        if many { Err(Refusal::TooManyRooms) } else { Ok(()) }
    }

    fn take_new_room(&self, from: IpAddr) -> Result<(), Refusal> {
        let mut new_rooms = self.new_rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = new_rooms.take(host(from), Instant::now());
        taken.map_err(|wait| Refusal::TooOften(Limit::NewRooms, wait))
    }

    async fn log(&self, room: RoomId, page: Page, limit: u32) -> Result<Vec<Event>, Refusal> {
        if self.state().live(room)?.room.off_record {
            return Ok(self.off_record.page(room, page, limit));
        }
        let read = tokio::time::timeout(self.wait, self.store.page(room, page, limit)).await;
        Ok(read.map_err(|_| Refusal::Unavailable)??)
    }

    /// Images whose room is gone: a crash came between the two.
    async fn remove_orphans(&self) -> Result<(), Fault> {
        for room in self.files.rooms().await? {
            if self.state().live(room).is_err() {
                self.files.remove_room(room).await?;
                tracing::info!(%room, "images of a removed room swept away");
            }
        }
        Ok(())
    }

    fn new_seat(&self) -> presence::SeatId {
        self.next_seat.fetch_add(1, Ordering::Relaxed)
    }
}

fn try_limits(limits: &Limits) -> TryLimits {
    TryLimits {
        free: limits.password_tries,
        first_wait: Duration::from_millis(limits.password_wait_ms),
        longest_wait: Duration::from_millis(limits.password_wait_max_ms),
        memory: Duration::from_millis(limits.password_window_ms),
        addresses: limits.password_addresses,
    }
}
