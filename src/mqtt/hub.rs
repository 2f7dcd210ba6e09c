//! Who gets what: the bus's one stream of events and cards becomes mail for sessions.
//!
//! The stream is read without pause and split by room over a few workers, so that a busy room
//! holds up no other but those of its worker. Order in a room is the stream's. `rooms` is one
//! worker's part; cards go to the directory, which is plain MQTT.

mod rooms;

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc};

use self::rooms::{Incomer, Incoming, Rights, Rooms};
pub use self::rooms::{Monitor, Reader};
use super::{
    Fault, Task,
    codec::{Properties, Qos},
    filter::Filter,
    plain::{PlainTopics, Publication},
    session::Message,
    sessions::SessionId,
};
use crate::{
    bridge::{Bridge, Refusal},
    bus::{self, SharedBus, Stopped},
    chat::{Event, Identity, RoomId, Uid, topic::Topic},
};

/// Batches of bus messages that wait for one worker. When it is full the stream waits, and what the
/// bus then loses is fetched from the store.
const WAITING: usize = 64;
/// Cards that wait to be shown, and rooms of which one of card and farewell is still to come.
const SHOWN: usize = 8192;

/// Events fetched at once to close a hole.
const HEAL: u32 = 200;

#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    bridge: Bridge,
    shards: Vec<Mutex<Rooms>>,
    directory: Arc<PlainTopics>,
}

impl Hub {
    /// Listens to the bus with `workers` tasks and one that splits the stream.
    pub async fn start(
        bridge: Bridge,
        bus: &SharedBus,
        directory: Arc<PlainTopics>,
        workers: usize,
    ) -> Result<(Hub, Vec<Task>), Stopped> {
        let shards = (0..workers.max(1)).map(|_| Mutex::default()).collect();
        let shared = Arc::new(Shared { bridge, shards, directory });
        let messages = bus.subscribe().await?;
        let mut tasks: Vec<Task> = Vec::new();
        let mut workers = Vec::new();
        for shard in 0..shared.shards.len() {
            let (sender, receiver) = mpsc::channel(WAITING);
            workers.push(sender);
            let rights = shared.bridge.rights_changes();
            tasks.push(("egress", Box::pin(work(Arc::clone(&shared), shard, receiver, rights))));
        }
        let (cards, receiver) = mpsc::channel(SHOWN);
        let directory = Arc::clone(&shared.directory);
        tasks.push(("cards", Box::pin(show_cards(directory, receiver, workers.clone()))));
        tasks.push(("ingress", Box::pin(split(messages, workers, cards))));
        Ok((Hub(shared), tasks))
    }

    /// From now on the events of the room go to the reader's mailbox, until the right to it ends.
    /// A session has one reader in a room: a second one replaces it. Tells the number of the last
    /// event that was handed out before, if any was since the start.
    pub fn join(&self, room: RoomId, reader: Reader) -> Option<u64> {
        let mut rooms = self.0.rooms_of(room);
        rooms.join(room, reader);
        rooms.newest(room)
    }

    pub fn leave(&self, room: RoomId, session: SessionId) {
        self.0.rooms_of(room).leave(room, session);
    }

    pub fn is_read_by(&self, room: RoomId, session: SessionId) -> bool {
        self.0.rooms_of(room).is_read_by(room, session)
    }

    /// From now on the events of every room that the monitor may read go to its mailbox, also while
    /// its client is away.
    pub fn watch(&self, filter: &Filter, monitor: &Monitor) {
        for shard in 0..self.0.shards.len() {
            self.0.rooms(shard).watch(filter, monitor.clone());
        }
    }

    pub fn unwatch(&self, filter: &Filter, session: SessionId) {
        for shard in 0..self.0.shards.len() {
            self.0.rooms(shard).unwatch(filter, session);
        }
    }

    /// Ends all that a session watches.
    pub fn forget(&self, session: SessionId) {
        for shard in 0..self.0.shards.len() {
            self.0.rooms(shard).forget_monitor(session);
        }
    }
}

impl Shared {
    fn rooms(&self, shard: usize) -> MutexGuard<'_, Rooms> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rooms_of(&self, room: RoomId) -> MutexGuard<'_, Rooms> {
        self.rooms(shard_of(room, self.shards.len()))
    }

    /// Whether somebody keeps what they have. Of a room that has ended only the farewell is still
    /// to come, and that is for all who were in it.
    fn may_stay(&self, who: &Identity, room: RoomId) -> bool {
        self.may_read(who, room) || self.bridge.card(room).is_none()
    }
}

impl Rights for Shared {
    fn may_read(&self, who: &Identity, room: RoomId) -> bool {
        self.bridge.may_read(who, room)
    }

    fn is_in(&self, uid: Uid, room: RoomId) -> bool {
        self.bridge.is_in(uid, room)
    }
}

fn shard_of(room: RoomId, shards: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    room.hash(&mut hasher);
    (hasher.finish() % shards as u64) as usize
}

/// For the directory.
enum Shown {
    Card(RoomId, bus::Message),
    /// A room's last event, for its worker as soon as its card is cleared: who hears that the room
    /// is gone does not find its card any more. The bus keeps the order of each of the two, but not
    /// of one to the other.
    Farewell(RoomId, Incoming),
}

/// Ends when the bus does: then the process must.
async fn split(
    mut batches: mpsc::Receiver<Vec<bus::Message>>,
    workers: Vec<mpsc::Sender<Vec<Incoming>>>,
    cards: mpsc::Sender<Shown>,
) -> Result<(), Fault> {
    let mut shares: Vec<Vec<Incoming>> = workers.iter().map(|_| Vec::new()).collect();
    while let Some(batch) = batches.recv().await {
        for message in batch {
            let topic = Topic::parse(&message.topic);
            let (Topic::Chat(room) | Topic::Whisper(room, _) | Topic::Card(room)) = topic else {
                continue;
            };
            let shard = shard_of(room, workers.len());
            let shown = if let Topic::Card(_) = topic {
                if message.payload.is_empty() {
                    shares[shard].push(Incoming::Removed(room));
                }
                Shown::Card(room, message)
            } else {
                match Incoming::read(room, message.payload) {
                    Some(incoming) if incoming.is_farewell() => Shown::Farewell(room, incoming),
                    Some(incoming) => {
                        shares[shard].push(incoming);
                        continue;
                    }
                    None => continue,
                }
            };
            // No farewell overtakes what was said before it.
            hand_over(&workers[shard], &mut shares[shard]).await?;
            cards.send(shown).await.map_err(|_| Stopped)?;
        }
        for (worker, share) in workers.iter().zip(&mut shares) {
            hand_over(worker, share).await?;
        }
    }
    Err(Stopped.into())
}

async fn hand_over(
    worker: &mpsc::Sender<Vec<Incoming>>,
    share: &mut Vec<Incoming>,
) -> Result<(), Stopped> {
    if share.is_empty() {
        return Ok(());
    }
    worker.send(std::mem::take(share)).await.map_err(|_| Stopped)
}

async fn show_cards(
    directory: Arc<PlainTopics>,
    mut cards: mpsc::Receiver<Shown>,
    workers: Vec<mpsc::Sender<Vec<Incoming>>>,
) -> Result<(), Fault> {
    let (mut cleared, mut waiting) = (HashSet::new(), HashMap::new());
    while let Some(shown) = cards.recv().await {
        // Only what the bus has lost stays in here.
        if cleared.len() > SHOWN {
            cleared.clear();
        }
        let (card, farewell) = match shown {
            Shown::Card(room, card) if card.payload.is_empty() => {
                let farewell = waiting.remove(&room).map(|farewell| (room, farewell));
                if farewell.is_none() {
                    cleared.insert(room);
                }
                (Some(card), farewell)
            }
            Shown::Card(_, card) => (Some(card), None),
            Shown::Farewell(room, farewell) => {
                if !cleared.remove(&room) && waiting.len() < SHOWN {
                    waiting.insert(room, farewell);
                    continue;
                }
                (None, Some((room, farewell)))
            }
        };
        if let Some(card) = card {
            show(&directory, card);
        }
        if let Some((room, farewell)) = farewell {
            let worker = &workers[shard_of(room, workers.len())];
            worker.send(vec![farewell]).await.map_err(|_| Stopped)?;
        }
    }
    Err(Stopped.into())
}

fn show(directory: &PlainTopics, card: bus::Message) {
    let payload = Bytes::copy_from_slice(&card.payload);
    let message = Message::new(card.topic, payload, Properties::default(), None);
    let message = Arc::new(message);
    let publication = Publication { message, qos: Qos::ExactlyOnce, retain: true, from: None };
    if let Err(refusal) = directory.publish(&publication) {
        tracing::warn!(%refusal, "a room's card is not shown");
    }
}

async fn work(
    shared: Arc<Shared>,
    shard: usize,
    mut batches: mpsc::Receiver<Vec<Incoming>>,
    mut rights: broadcast::Receiver<RoomId>,
) -> Result<(), Fault> {
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            biased;
            changed = rights.recv() => check_rights(&shared, shard, Some(changed), &mut rights),
            count = batches.recv_many(&mut waiting, WAITING) => {
                if count == 0 {
                    return Err(Stopped.into());
                }
                // Looked at again, so that no message passes a right that has just ended.
                check_rights(&shared, shard, None, &mut rights);
                hand_out(&shared, shard, waiting.drain(..).flatten().collect()).await;
            }
        }
    }
}

/// Hands out in the order of each room. What is of one room goes to each of its readers at once.
async fn hand_out(shared: &Shared, shard: usize, mut batch: Vec<Incoming>) {
    batch.sort_by_key(Incoming::room);
    for of_one_room in batch.chunk_by(|a, b| a.room() == b.room()) {
        let mut rest = of_one_room;
        while let Some(next) = rest.first() {
            heal(shared, shard, next).await;
            let mut rooms = shared.rooms(shard);
            let (whole, behind_a_hole) = rest.split_at(unbroken(rest));
            rooms.hand_out(whole, shared);
            rest = behind_a_hole;
        }
    }
}

/// How many follow each other without a hole.
fn unbroken(events: &[Incoming]) -> usize {
    let mut newest = None;
    let mut is_next = |event: &Incoming| {
        let Incoming::Event(Incomer { seq: Some(seq), .. }) = event else { return true };
        newest.replace(*seq).is_none_or(|newest| *seq <= newest + 1)
    };
    events.iter().position(|event| !is_next(event)).unwrap_or(events.len())
}

/// Ends what relied on rights that are no more.
fn check_rights(
    shared: &Shared,
    shard: usize,
    first: Option<Result<RoomId, broadcast::error::RecvError>>,
    rights: &mut broadcast::Receiver<RoomId>,
) {
    let may_stay = |who: &Identity, room| shared.may_stay(who, room);
    match first {
        Some(Ok(room)) => shared.rooms(shard).check(room, may_stay),
        Some(Err(broadcast::error::RecvError::Lagged(_))) => {
            shared.rooms(shard).check_all(may_stay);
        }
        Some(Err(broadcast::error::RecvError::Closed)) | None => {}
    }
    loop {
        match rights.try_recv() {
            Ok(room) => shared.rooms(shard).check(room, may_stay),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {
                shared.rooms(shard).check_all(may_stay);
            }
            Err(_) => return,
        }
    }
}

/// Fetches from the store what is missing before `message`. What cannot be had stays a hole that
/// the clients see by the number.
async fn heal(shared: &Shared, shard: usize, message: &Incoming) {
    let Incoming::Event(next) = message else { return };
    loop {
        let Some(hole) = shared.rooms(shard).hole_before(next.room, next.seq) else { return };
        tracing::info!(room = %next.room, from = hole, "a hole in the stream: asking the store");
        let events: Result<Vec<Event>, Refusal> =
            shared.bridge.replay(next.room, hole - 1, HEAL).await;
        let missing: Vec<Event> = match events {
            Ok(events) => events.into_iter().filter(|one| one.seq < next.seq).collect(),
            Err(refusal) => {
                tracing::warn!(%refusal, room = %next.room, "the hole stays");
                return;
            }
        };
        if missing.is_empty() {
            return;
        }
        for event in missing {
            if let Some(incoming) = Incoming::read(next.room, event.to_json()) {
                shared.rooms(shard).hand_out(&[incoming], shared);
            }
        }
    }
}
