//! What one commit carries: messages per commit and per second, from 1 to 10,000 senders that wait
//! for their acknowledgement, through the bridge onto a real disk.
//!
//! `cargo bench --bench group_commit`

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use parlor::{
    bridge::{self, Bridge},
    bus,
    chat::{
        Draft, Event, Identity, MessageId, Moment, Room, RoomChange, RoomId, Stamped, Uid,
        room::RoomDraft,
    },
    config::Config,
    store::{
        self, Appended, Device, Page, Result, SavedRoom, SharedStore, Standing, Store, files::Files,
    },
};
use tokio::task::JoinSet;

const SENDERS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Messages for each number of senders, at least.
const MESSAGES: usize = 2_000;

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    println!(
        "{:>8} {:>10} {:>8} {:>12} {:>10}",
        "senders", "messages", "commits", "per commit", "per second"
    );
    for senders in SENDERS {
        measure(senders).await?;
    }
    Ok(())
}

async fn measure(senders: usize) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut config = Config::default();
    config.store.wait_ms = 600_000;
    let store = store::open("sqlite:", folder.path()).await?;
    let counting = Arc::new(Counting { store, commits: AtomicUsize::new(0) });
    let store: SharedStore = Arc::clone(&counting) as SharedStore;
    let quota = bridge::file_quota(&config.uploads);
    let files = Files::open(&folder.path().join("uploads"), quota).await?;
    let (bridge, tasks) = Bridge::open(&config, store, files, bus::open(&config)).await?;
    let mut running: JoinSet<_> = tasks.into_iter().map(|(_, task)| task).collect();
    let who = Arc::new(Identity::anonymous("sender"));
    let draft =
        RoomDraft { title: "bench".into(), max: 10, password: None, off_record: false, keep: true };
    let room = bridge.create(&who, draft, Ipv4Addr::LOCALHOST.into()).await?.id;

    let each = MESSAGES.div_ceil(senders).max(2);
    let started = Instant::now();
    let mut speaking = JoinSet::new();
    for _ in 0..senders {
        let member = bridge.member(&who, room)?;
        speaking.spawn(async move {
            for _ in 0..each {
                member
                    .post(Draft::Text { chat: "a line of the usual length".into(), key: None })
                    .await?;
            }
            std::result::Result::<(), parlor::bridge::Refusal>::Ok(())
        });
    }
    while let Some(spoke) = speaking.join_next().await {
        spoke??;
    }
    let (took, messages) = (started.elapsed(), senders * each);
    let commits = counting.commits.load(Ordering::Relaxed);
    println!(
        "{senders:>8} {messages:>10} {commits:>8} {:>12.1} {:>10.0}",
        messages as f64 / commits as f64,
        messages as f64 / took.as_secs_f64(),
    );
    bridge.stop();
    while running.join_next().await.is_some() {}
    counting.close().await;
    Ok(())
}

/// The store, with its commits of messages counted.
struct Counting {
    store: SharedStore,
    commits: AtomicUsize,
}

#[async_trait]
impl Store for Counting {
    async fn rooms(&self) -> Result<Vec<SavedRoom>> {
        self.store.rooms().await
    }
    async fn create(&self, room: &Room) -> Result<()> {
        self.store.create(room).await
    }
    async fn change(&self, room: RoomId, change: &RoomChange) -> Result<()> {
        self.store.change(room, change).await
    }
    async fn set_standing(&self, room: RoomId, who: Uid, standing: Standing) -> Result<()> {
        self.store.set_standing(room, who, standing).await
    }
    async fn remove(&self, room: RoomId) -> Result<()> {
        self.store.remove(room).await
    }
    async fn append(&self, batch: Vec<Stamped>) -> Result<Vec<Appended>> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.store.append(batch).await
    }
    async fn page(&self, room: RoomId, page: Page, limit: u32) -> Result<Vec<Event>> {
        self.store.page(room, page, limit).await
    }
    async fn message(&self, room: RoomId, id: MessageId) -> Result<Option<Event>> {
        self.store.message(room, id).await
    }
    async fn devices(&self) -> Result<Vec<Device>> {
        self.store.devices().await
    }
    async fn device(&self, name: &str) -> Result<Option<Device>> {
        self.store.device(name).await
    }
    async fn add_device(&self, device: &Device) -> Result<()> {
        self.store.add_device(device).await
    }
    async fn remove_device(&self, name: &str) -> Result<()> {
        self.store.remove_device(name).await
    }
    async fn seen_device(&self, name: &str, at: Moment) -> Result<()> {
        self.store.seen_device(name, at).await
    }
    async fn ping(&self) -> Result<()> {
        self.store.ping().await
    }
    async fn close(&self) {
        self.store.close().await;
    }
}
