//! What every backend promises, as one suite of tests over [`SharedStore`]. A backend gives a
//! [`Place`] and writes `contract!(its_place)`; the tests are in the files beside this one, by what
//! they are about.

pub mod append;
pub mod devices;
pub mod pages;
pub mod rooms;

use async_trait::async_trait;

use super::{Appended, Page, SavedRoom, SharedStore};
use crate::chat::{
    Colour, Event, Kind, MessageId, Moment, Origin, Room, RoomId, Stamped, Uid, message::Author,
    people::Person,
};

/// Where one test keeps its store: empty at first, and there again when it is opened again.
#[async_trait]
pub trait Place: Send + Sync {
    async fn open(&self) -> SharedStore;
}

macro_rules! contract {
    ($place:path) => {
        contract!($place, append {
            numbers_are_contiguous_per_room_in_the_order_of_the_batch,
            an_empty_batch_is_nothing,
            a_message_that_is_there_is_known,
            a_message_twice_in_one_batch_is_one,
            a_key_belongs_to_an_identity_and_a_room,
            a_repeated_key_in_one_batch_is_one,
            a_known_message_does_not_take_a_number,
            an_unknown_room_gets_nothing_and_the_others_do,
            sixteen_writers_make_one_contiguous_log,
            any_text_reads_back_as_it_was,
            every_field_reads_back,
            what_is_new_is_there_after_a_reopening,
            numbers_go_on_after_a_reopening,
            a_batch_of_a_thousand_fits,
        });
        contract!($place, rooms {
            a_room_reads_back,
            creating_the_same_room_again_is_harmless,
            a_different_room_of_the_same_id_exists,
            a_change_changes_what_it_names,
            who_owns_a_room_is_what_its_log_says_last,
            a_roster_begins_with_who_has_been_there_longest,
            a_change_of_a_missing_room_is_not_found,
            a_new_password_forgets_grants_but_no_bans,
            a_standing_replaces_the_one_before,
            a_standing_in_a_missing_room_is_not_found,
            joins_and_exits_are_the_roster,
            the_roster_is_there_after_a_reopening,
            a_known_join_does_not_bring_anybody_back,
            a_removed_room_leaves_nothing,
            removing_again_is_harmless,
            a_room_may_be_made_anew_after_its_removal,
            a_room_removed_during_appends_is_gone_for_good,
        });
        contract!($place, pages {
            every_edge_gives_what_it_says,
            a_limit_counts_from_the_right_end,
            an_unknown_room_has_no_messages,
            a_message_is_found_by_id_in_its_room_only,
        });
        contract!($place, devices {
            devices_read_back_by_name,
            a_name_is_taken_once,
            a_removed_device_is_gone,
            being_seen_is_noted,
            a_closed_store_is_unavailable,
        });
    };
    ($place:path, $group:ident { $($test:ident,)* }) => {
        mod $group {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let Some(place) = $place().await else { return };
                    crate::store::contract::$group::$test(&place).await;
                }
            )*
        }
    };
}
pub(super) use contract;

/// Spreads a number over an id's characters, so that different numbers are different ids.
fn spread<const N: usize>(number: u64) -> [u8; N] {
    let mut rest = number;
    std::array::from_fn(|_| {
        let low = (rest & 31) as u8;
        rest >>= 5;
        low
    })
}

pub fn room_id(n: u64) -> RoomId {
    RoomId::from_entropy(spread(n))
}

pub fn uid(n: u64) -> Uid {
    Uid::from_entropy(spread(n))
}

pub fn a_room(n: u64) -> Room {
    Room {
        id: room_id(n),
        title: format!("room $ {n}.x 🎈"),
        max: 10,
        owner: uid(1),
        owner_colour: Colour::from_hash(1),
        password: None,
        off_record: false,
        keep: false,
        created_at: Moment::from_millis(1_795_435_200_123),
    }
}

/// Message `n` of a room: what identity 1 says. `n` decides the id.
pub fn chat(room: &Room, n: u64) -> Stamped {
    let event = Event {
        kind: Kind::Chat,
        room: room.id,
        seq: None,
        id: MessageId::from_entropy(spread(n)),
        user: Author::Person(Colour::from_hash(1)),
        uid: uid(1),
        name: None,
        chat: Some(format!("message {n}")),
        gif: None,
        width: None,
        height: None,
        animated: false,
        to: None,
        key: None,
        occupancy: None,
        created_at: Moment::from_millis(1_795_435_200_000 + n as i64),
    };
    Stamped { event, whom: None }
}

pub fn keyed(room: &Room, n: u64, who: u64, key: &str) -> Stamped {
    let mut message = chat(room, n);
    message.event.uid = uid(who);
    message.event.key = Some(key.parse().expect("a key"));
    message
}

pub fn person(n: u64) -> Person {
    let name = n.is_multiple_of(2).then(|| format!("$device.{n}"));
    Person { uid: uid(n), user: Colour::from_hash(n), name, kind: Origin::Device }
}

/// Message `n` of a room: somebody joins, exits or is kicked.
pub fn moves(room: &Room, n: u64, kind: Kind, who: u64) -> Stamped {
    let mut message = chat(room, n);
    message.event.kind = kind;
    message.event.user = Author::System;
    message.event.uid = uid(who);
    message.event.occupancy = Some(1);
    Stamped { whom: Some(person(who)), ..message }
}

/// The event of a message that must be new.
pub fn new(appended: &Appended) -> &Event {
    match appended {
        Appended::New(event) => event,
        other => panic!("not new: {other:?}"),
    }
}

pub async fn open_with(place: &dyn Place, rooms: &[&Room]) -> SharedStore {
    let store = place.open().await;
    for room in rooms {
        store.create(room).await.expect("the room is created");
    }
    store
}

pub async fn log(store: &SharedStore, room: &Room) -> Vec<Event> {
    store.page(room.id, Page::Newest, 10_000).await.expect("a page")
}

pub async fn saved(store: &SharedStore, room: &Room) -> SavedRoom {
    let rooms = store.rooms().await.expect("the rooms");
    let mut saved = rooms.into_iter().find(|saved| saved.room.id == room.id).expect("the room");
    saved.roster.sort_by_key(|person| person.uid);
    saved.granted.sort();
    saved.banned.sort();
    saved
}

/// The log is numbered from 1 without a hole.
pub fn assert_contiguous(log: &[Event]) {
    let numbers: Vec<u64> = log.iter().filter_map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>());
}
