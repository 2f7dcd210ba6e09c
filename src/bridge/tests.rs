//! The bridge on a real store and a real bus: what a member does is what the bus tells.

use std::{collections::VecDeque, net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use super::*;
use crate::{
    bus::{self, Message},
    chat::{Draft, ImageKind, Kind, message::DraftFault, room::RoomFault, topic},
    store,
};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Lab {
    bridge: Bridge,
    bus: mpsc::Receiver<Vec<Message>>,
    batch: VecDeque<Message>,
    tasks: JoinSet<Result<(), Fault>>,
    store: SharedStore,
}

impl Lab {
    async fn open(dir: &Path, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.presence.grace_ms = 50;
        config.presence.restart_ms = 50;
        set(&mut config);
        let bus = bus::open(&config);
        let messages = bus.subscribe().await.unwrap();
        let store = store::open("sqlite:", dir).await.unwrap();
        let files =
            Files::open(&dir.join("uploads"), images::file_quota(&config.uploads)).await.unwrap();
        let opened = Bridge::open(&config, Arc::clone(&store), files, bus).await.unwrap();
        let (bridge, tasks) = opened;
        let tasks = tasks.into_iter().map(|(_, task)| task).collect();
        Self { bridge, bus: messages, batch: VecDeque::new(), tasks, store }
    }

    async fn close(mut self) {
        self.bridge.stop();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap().unwrap();
        }
        self.store.close().await;
    }

    async fn room(&self, owner: &Identity, set: impl FnOnce(&mut RoomDraft)) -> RoomId {
        let mut draft = draft("tea");
        set(&mut draft);
        self.bridge.create(owner, draft, HOME).await.unwrap().id
    }

    fn member(&self, who: &Arc<Identity>, room: RoomId) -> Member {
        self.bridge.member(who, room).unwrap()
    }

    /// The next message on `topic`, whatever comes between.
    async fn next(&mut self, topic: &str) -> Message {
        loop {
            let message = self.any().await;
            if message.topic == topic {
                return message;
            }
        }
    }

    async fn any(&mut self) -> Message {
        while self.batch.is_empty() {
            let received = timeout(Duration::from_secs(10), self.bus.recv()).await;
            let batch = received.expect("a message within the deadline");
            self.batch = batch.expect("the bus goes on").into();
        }
        self.batch.pop_front().unwrap()
    }

    async fn event(&mut self, room: RoomId) -> Event {
        serde_json::from_slice(&self.next(&topic::chat(room)).await.payload).unwrap()
    }

    async fn occupancy(&mut self, room: RoomId, expected: u32) {
        loop {
            let payload = self.next(&topic::card(room)).await.payload;
            let card: Card = serde_json::from_slice(&payload).unwrap();
            if card.occupancy == expected {
                return;
            }
        }
    }
}

fn person(n: u8) -> Arc<Identity> {
    Arc::new(Identity::browser(Uid::from_entropy([n; 16])))
}

fn draft(title: &str) -> RoomDraft {
    RoomDraft { title: title.into(), max: 10, password: None, off_record: false, keep: false }
}

fn text(chat: &str) -> Draft {
    Draft::text(chat, None, 2000).unwrap()
}

fn keyed(chat: &str, key: &str) -> Draft {
    Draft::text(chat, Some(key.parse().unwrap()), 2000).unwrap()
}

fn pixel() -> Bytes {
    gif(*b"\x01\0\x01\0")
}

/// A GIF that says it has this size.
fn gif(size: [u8; 4]) -> Bytes {
    [b"GIF89a", &size[..], b"\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;"].concat().into()
}

fn image() -> Draft {
    Draft::Image { kind: ImageKind::Gif, bytes: pixel(), caption: None, key: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_numbered_stored_and_announced() {
    let dir = TempDir::new().unwrap();
    let mut lab = Lab::open(dir.path(), |_| {}).await;
    let (one, other) = (person(1), person(2));
    let room = lab.room(&one, |_| {}).await;
    let seat = lab.member(&one, room).join().await.unwrap();
    lab.occupancy(room, 1).await;
    let _other_seat = lab.member(&other, room).join().await.unwrap();
    let said = lab.member(&other, room).post(text("hello")).await.unwrap();
    assert_eq!((said.seq, said.uid), (Some(3), other.uid));
    seat.leave();

    let mut told = Vec::new();
    while told.len() < 5 {
        told.push(lab.event(room).await);
    }
    let kinds: Vec<_> = told.iter().map(|event| (event.seq, event.kind, event.uid)).collect();
    assert_eq!(
        kinds,
        [
            (Some(1), Kind::Join, one.uid),
            (Some(2), Kind::Join, other.uid),
            (Some(3), Kind::Chat, other.uid),
            (Some(4), Kind::Exit, one.uid),
            (Some(5), Kind::Owner, other.uid),
        ]
    );
    assert_eq!(told[3].occupancy, Some(1));
    let log = lab.member(&other, room).page(Page::Newest, 50).await.unwrap();
    assert_eq!(log, told, "history is what was announced");
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_one_who_leaves_takes_the_room_along() {
    let dir = TempDir::new().unwrap();
    let mut lab = Lab::open(dir.path(), |_| {}).await;
    let one = person(1);
    let room = lab.room(&one, |_| {}).await;
    let seat = lab.member(&one, room).join().await.unwrap();
    let said = lab.member(&one, room).post(image()).await.unwrap();
    let name: crate::chat::ImageName = said.gif.unwrap().parse().unwrap();
    assert!(lab.member(&one, room).image(name).await.is_ok());
    seat.leave();
    assert_eq!(lab.bridge.member(&one, room).err(), Some(Refusal::NoSuchRoom));
    // The bus keeps no order between topics: the card and the farewell come one way or the other.
    let (mut cleared, mut farewell) = (false, None);
    while !cleared || farewell.is_none() {
        let message = lab.any().await;
        if message.topic == topic::card(room) {
            cleared = message.payload.is_empty();
        } else if message.topic == topic::chat(room) {
            let event: Event = serde_json::from_slice(&message.payload).unwrap();
            farewell = Some(event.seq).filter(|_| event.kind == Kind::RemoveRoom);
        }
    }
    assert_eq!(farewell, Some(Some(4)));
    assert!(lab.store.rooms().await.unwrap().is_empty());
    assert!(lab.store.page(room, Page::Newest, 50).await.unwrap().is_empty());
    let shared = Arc::clone(&lab.bridge.0);
    lab.close().await;
    assert_eq!(shared.files.used(), 0, "the image went too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_leaves_after_the_grace_only() {
    let dir = TempDir::new().unwrap();
    let mut lab = Lab::open(dir.path(), |config| config.presence.grace_ms = 600_000).await;
    let (one, other) = (person(1), person(2));
    let room = lab.room(&one, |_| {}).await;
    let _stays = lab.member(&other, room).join().await.unwrap();
    drop(lab.member(&one, room).join().await.unwrap());
    drop(lab.member(&one, room).join().await.unwrap());
    let again = lab.member(&one, room).join().await.unwrap();
    lab.member(&one, room).post(text("still here")).await.unwrap();
    let kinds: Vec<_> = lab.store.page(room, Page::Newest, 50).await.unwrap();
    let kinds: Vec<_> = kinds.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [Kind::Join, Kind::Join, Kind::Chat], "one join, no exit");
    drop(again);
    // "They will not come back": then the grace is over.
    lab.member(&one, room).leave();
    while lab.event(room).await.kind != Kind::Exit {}
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_back_and_the_grace_ends() {
    let dir = TempDir::new().unwrap();
    let mut lab = Lab::open(dir.path(), |_| {}).await;
    let one = person(1);
    let room = lab.room(&one, |_| {}).await;
    drop(lab.member(&one, room).join().await.unwrap());
    let mut kinds = Vec::new();
    while kinds.last() != Some(&Kind::RemoveRoom) {
        kinds.push(lab.event(room).await.kind);
    }
    assert_eq!(kinds, [Kind::Join, Kind::Exit, Kind::RemoveRoom]);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_nobody_enters_goes() {
    let dir = TempDir::new().unwrap();
    let mut lab = Lab::open(dir.path(), |config| config.presence.unentered_ms = 1).await;
    let room = lab.room(&person(1), |_| {}).await;
    assert_eq!(lab.event(room).await.kind, Kind::RemoveRoom);
    let kept = lab.room(&person(1), |draft| draft.keep = true).await;
    let gone = lab.room(&person(1), |_| {}).await;
    assert_eq!(lab.event(gone).await.kind, Kind::RemoveRoom);
    assert!(lab.bridge.card(kept).is_some());
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_the_last_places_is_exact() {
    let dir = TempDir::new().unwrap();
    let mut lab = Lab::open(dir.path(), |_| {}).await;
    let room = lab.room(&person(0), |draft| draft.max = 5).await;
    let mut racers = JoinSet::new();
    for n in 0..64 {
        let racer = Arc::new(Identity::anonymous(&format!("racer {n}")));
        let member = lab.member(&racer, room);
        racers.spawn(async move { member.join().await });
    }
    let mut seats = Vec::new();
    while let Some(raced) = racers.join_next().await {
        match raced.unwrap() {
            Ok(seat) => seats.push(seat),
            Err(refusal) => assert_eq!(refusal, Refusal::Full),
        }
    }
    assert_eq!(seats.len(), 5);
    assert_eq!(lab.bridge.card(room).unwrap().occupancy, 5);
    lab.occupancy(room, 5).await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_remembers_who_was_there() {
    let dir = TempDir::new().unwrap();
    let (one, other) = (person(1), person(2));
    let lab = Lab::open(dir.path(), |_| {}).await;
    let room = lab.room(&one, |_| {}).await;
    let _one = lab.member(&one, room).join().await.unwrap();
    let _other = lab.member(&other, room).join().await.unwrap();
    lab.close().await;

    let mut lab = Lab::open(dir.path(), |config| config.presence.restart_ms = 600_000).await;
    assert_eq!(lab.bridge.card(room).unwrap().occupancy, 2);
    let _back = lab.member(&one, room).join().await.unwrap();
    lab.member(&other, room).leave();
    let exit = lab.event(room).await;
    assert_eq!((exit.kind, exit.uid, exit.seq), (Kind::Exit, other.uid, Some(3)));
    assert_eq!(lab.bridge.card(room).unwrap().occupancy, 1);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_says_it_once_per_identity() {
    let dir = TempDir::new().unwrap();
    let lab = Lab::open(dir.path(), |_| {}).await;
    let (one, other) = (person(1), person(2));
    let room = lab.room(&one, |_| {}).await;
    let first = lab.member(&one, room).post(keyed("a", "k")).await.unwrap();
    let again = lab.member(&one, room).post(keyed("b", "k")).await.unwrap();
    assert_eq!(first, again);
    let others = lab.member(&other, room).post(keyed("c", "k")).await.unwrap();
    assert_eq!((others.seq, others.chat.as_deref()), (Some(2), Some("c")));
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_room_opens_for_its_password_and_closes_with_a_new_one() {
    let dir = TempDir::new().unwrap();
    let lab = Lab::open(dir.path(), |_| {}).await;
    let (owner, guest) = (person(1), person(2));
    let room = lab.room(&owner, |draft| draft.password = Some("a&b#".into())).await;
    assert_eq!(lab.bridge.member(&guest, room).err(), Some(Refusal::Locked));
    let wrong = lab.bridge.unlock(&guest, room, "a&b", HOME).await;
    assert_eq!(wrong, Err(Refusal::WrongPassword));
    lab.bridge.unlock(&guest, room, "a&b#", HOME).await.unwrap();
    assert!(lab.bridge.may_read(&guest, room));
    let proof = lab.bridge.check_password(room, "a&b#", HOME).await.unwrap();
    let by_proof = Arc::new(Identity { unlocked: Some(proof), ..(*person(3)).clone() });
    assert!(lab.bridge.may_read(&by_proof, room));

    let mut changes = lab.bridge.rights_changes();
    let wish = Wish { password: Some("new".into()), ..Wish::default() };
    lab.bridge.owner(&owner, room).unwrap().change(wish, HOME).await.unwrap();
    assert_eq!(changes.recv().await.unwrap(), room);
    for who in [&guest, &by_proof] {
        assert_eq!(lab.bridge.member(who, room).err(), Some(Refusal::Locked));
    }
    assert!(lab.bridge.may_read(&owner, room));
    assert!(!format!("{:?}", lab.store.rooms().await.unwrap()).contains("argon2"));
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_slowed_down_per_address() {
    let dir = TempDir::new().unwrap();
    let lab = Lab::open(dir.path(), |config| config.limits.password_tries = 3).await;
    let room = lab.room(&person(1), |draft| draft.password = Some("secret".into())).await;
    let guest = person(2);
    for _ in 0..3 {
        let guess = lab.bridge.unlock(&guest, room, "guess", HOME).await;
        assert_eq!(guess, Err(Refusal::WrongPassword));
    }
    let slowed = lab.bridge.unlock(&guest, room, "secret", HOME).await;
    assert!(matches!(slowed, Err(Refusal::TooOften(Limit::Passwords, _))), "{slowed:?}");
    let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    lab.bridge.unlock(&guest, room, "secret", elsewhere).await.unwrap();
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_kicks_bans_hands_over_and_closes() {
    let dir = TempDir::new().unwrap();
    let mut lab = Lab::open(dir.path(), |_| {}).await;
    let (owner, guest) = (person(1), person(2));
    let room = lab.room(&owner, |_| {}).await;
    let _own = lab.member(&owner, room).join().await.unwrap();
    let seat = lab.member(&guest, room).join().await.unwrap();
    assert_eq!(lab.bridge.owner(&guest, room).err(), Some(Refusal::NotOwner));
    let rights = lab.bridge.owner(&owner, room).unwrap();
    rights.kick(guest.uid, false).await.unwrap();
    let again = lab.member(&guest, room).join().await.unwrap();
    drop(seat);
    assert_eq!(lab.bridge.card(room).unwrap().occupancy, 2, "the old seat counts no more");
    rights.hand_over(guest.uid).await.unwrap();
    assert_eq!(lab.bridge.owner(&owner, room).err(), Some(Refusal::NotOwner));
    let rights = lab.bridge.owner(&guest, room).unwrap();
    rights.kick(owner.uid, true).await.unwrap();
    assert_eq!(lab.bridge.member(&owner, room).err(), Some(Refusal::Banned));
    rights.close().await.unwrap();
    assert_eq!(lab.bridge.owner(&guest, room).err(), Some(Refusal::NoSuchRoom));
    drop(again);
    let mut kinds = Vec::new();
    while kinds.last() != Some(&Kind::RemoveRoom) {
        kinds.push(lab.event(room).await.kind);
    }
    use Kind::*;
    assert_eq!(kinds, [Join, Join, Kick, Join, Owner, Kick, RemoveRoom]);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn off_the_record_is_never_written() {
    let dir = TempDir::new().unwrap();
    let mut lab = Lab::open(dir.path(), |_| {}).await;
    let one = person(1);
    let room = lab.room(&one, |draft| draft.off_record = true).await;
    let _seat = lab.member(&one, room).join().await.unwrap();
    let said = lab.member(&one, room).post(text("between us")).await.unwrap();
    assert_eq!(said.seq, Some(2));
    assert_eq!(lab.event(room).await.seq, Some(1));
    assert_eq!(lab.event(room).await.seq, Some(2));
    assert_eq!(lab.member(&one, room).page(Page::Newest, 50).await.unwrap().len(), 2);
    assert!(lab.store.rooms().await.unwrap().is_empty());
    assert!(lab.store.page(room, Page::Newest, 50).await.unwrap().is_empty());
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rooms_and_images_are_refused_and_nothing_is_left() {
    let dir = TempDir::new().unwrap();
    let lab = Lab::open(dir.path(), |config| config.rooms.per_identity = 1).await;
    let one = person(1);
    let bad = lab.bridge.create(&one, draft("  "), HOME).await;
    assert_eq!(bad, Err(Refusal::Room(vec![RoomFault::Title])));
    let room = lab.room(&one, |_| {}).await;
    assert_eq!(lab.bridge.create(&one, draft("b"), HOME).await, Err(Refusal::TooManyRooms));
    let bytes = gif([0xff; 4]);
    let bomb = Draft::Image { kind: ImageKind::Gif, bytes, caption: None, key: None };
    let refused = lab.member(&one, room).post(bomb).await;
    assert_eq!(refused, Err(Refusal::Draft(DraftFault::TooManyPixels(40_000_000))));
    let whisper = lab.member(&one, room).whisper(person(9).uid, text("psst")).await;
    assert_eq!(whisper, Err(Refusal::NoSuchPerson));
    assert_eq!(lab.bridge.0.files.used(), 0);
    assert!(lab.store.page(room, Page::Newest, 50).await.unwrap().is_empty());
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_counts_for_whoever_owns_it_and_for_nobody_when_it_is_gone() {
    let dir = TempDir::new().unwrap();
    let lab = Lab::open(dir.path(), |config| config.rooms.per_identity = 1).await;
    let (one, other) = (person(1), person(2));
    let room = lab.room(&one, |_| {}).await;
    let seat = lab.member(&other, room).join().await.unwrap();
    assert_eq!(lab.bridge.create(&one, draft("b"), HOME).await, Err(Refusal::TooManyRooms));
    lab.bridge.owner(&one, room).unwrap().hand_over(other.uid).await.unwrap();
    assert_eq!(lab.bridge.create(&other, draft("b"), HOME).await, Err(Refusal::TooManyRooms));
    lab.room(&one, |_| {}).await;
    seat.leave();
    lab.room(&other, |_| {}).await;
    lab.close().await;
}
