//! Rooms: their making, changing, standings, rosters and removal.

use super::{Place, a_room, assert_contiguous, chat, log, moves, open_with, person, saved, uid};
use crate::{
    chat::{Colour, Kind, Room, RoomChange, room::PasswordHash},
    store::{Appended, Page, SavedRoom, Standing, StoreError},
};

fn locked(n: u64) -> Room {
    Room {
        password: Some(PasswordHash("$argon2id$v=19$m=1.2".into())),
        off_record: true,
        keep: true,
        max: 1000,
        ..a_room(n)
    }
}

pub async fn a_room_reads_back(place: &dyn Place) {
    let rooms = [a_room(1), locked(2)];
    let store = open_with(place, &[&rooms[0], &rooms[1]]).await;
    let expected = rooms.map(|room| SavedRoom {
        room,
        last_seq: 0,
        roster: vec![],
        granted: vec![],
        banned: vec![],
    });
    let sorted = |mut rooms: Vec<SavedRoom>| {
        rooms.sort_by_key(|saved| saved.room.id);
        rooms
    };
    assert_eq!(sorted(store.rooms().await.unwrap()), expected);
    drop(store);
    assert_eq!(sorted(place.open().await.rooms().await.unwrap()), expected);
}

pub async fn creating_the_same_room_again_is_harmless(place: &dyn Place) {
    let room = locked(1);
    let store = open_with(place, &[&room]).await;
    store.append(vec![chat(&room, 1)]).await.unwrap();
    store.create(&room).await.unwrap();
    assert_eq!(saved(&store, &room).await.last_seq, 1);
}

pub async fn a_different_room_of_the_same_id_exists(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let other = Room { title: "other".into(), ..room.clone() };
    assert!(matches!(store.create(&other).await, Err(StoreError::Exists)));
    assert_eq!(saved(&store, &room).await.room, room);
}

pub async fn a_change_changes_what_it_names(place: &dyn Place) {
    let mut room = a_room(1);
    let store = open_with(place, &[&room]).await;
    for change in [
        RoomChange::default(),
        RoomChange { title: Some("$new.title".into()), ..RoomChange::default() },
        RoomChange { max: Some(2), keep: Some(true), ..RoomChange::default() },
        RoomChange { password: Some(Some(PasswordHash("x".into()))), ..RoomChange::default() },
        RoomChange { password: Some(None), keep: Some(false), ..RoomChange::default() },
    ] {
        store.change(room.id, &change).await.unwrap();
        room.apply(&change);
        assert_eq!(saved(&store, &room).await.room, room);
    }
}

pub async fn who_owns_a_room_is_what_its_log_says_last(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let owned = |n| Room { owner: uid(n), owner_colour: Colour::from_hash(n), ..room.clone() };
    store.append(vec![chat(&room, 1), moves(&room, 2, Kind::Owner, 5)]).await.unwrap();
    assert_eq!(saved(&store, &room).await.room, owned(5));
    let batch = vec![
        moves(&room, 3, Kind::Owner, 6),
        moves(&room, 4, Kind::Owner, 7),
        moves(&room, 5, Kind::Join, 6),
        // Said before: it changes nothing any more.
        moves(&room, 2, Kind::Owner, 5),
    ];
    store.append(batch).await.unwrap();
    let change = RoomChange { max: Some(3), ..RoomChange::default() };
    store.change(room.id, &change).await.unwrap();
    let expected = Room { max: 3, ..owned(7) };
    assert_eq!(saved(&store, &room).await.room, expected);
    drop(store);
    assert_eq!(saved(&place.open().await, &room).await.room, expected);
}

pub async fn a_roster_begins_with_who_has_been_there_longest(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let batch = [4, 2, 3, 1].map(|who| moves(&room, who, Kind::Join, who)).into();
    store.append(batch).await.unwrap();
    store
        .append(vec![moves(&room, 5, Kind::Exit, 2), moves(&room, 6, Kind::Join, 2)])
        .await
        .unwrap();
    drop(store);
    let rooms = place.open().await.rooms().await.unwrap();
    assert_eq!(rooms[0].roster, [4, 3, 1, 2].map(person));
}

pub async fn a_change_of_a_missing_room_is_not_found(place: &dyn Place) {
    let store = place.open().await;
    for change in [RoomChange::default(), RoomChange { max: Some(3), ..RoomChange::default() }] {
        let changed = store.change(a_room(1).id, &change).await;
        assert!(matches!(changed, Err(StoreError::NotFound)), "{changed:?}");
    }
}

pub async fn a_new_password_forgets_grants_but_no_bans(place: &dyn Place) {
    let room = locked(1);
    let store = open_with(place, &[&room]).await;
    store.set_standing(room.id, uid(1), Standing::Granted).await.unwrap();
    store.set_standing(room.id, uid(2), Standing::Banned).await.unwrap();
    let title = RoomChange { title: Some("t".into()), ..RoomChange::default() };
    store.change(room.id, &title).await.unwrap();
    assert_eq!(saved(&store, &room).await.granted, [uid(1)]);
    let password = RoomChange { password: Some(None), ..RoomChange::default() };
    store.change(room.id, &password).await.unwrap();
    let saved = saved(&store, &room).await;
    assert_eq!((saved.granted, saved.banned), (vec![], vec![uid(2)]));
}

pub async fn a_standing_replaces_the_one_before(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let who = uid(7);
    store.set_standing(room.id, uid(8), Standing::Granted).await.unwrap();
    for (standing, granted, banned) in [
        (Standing::None, vec![uid(8)], vec![]),
        (Standing::Granted, vec![uid(7), uid(8)], vec![]),
        (Standing::Granted, vec![uid(7), uid(8)], vec![]),
        (Standing::Banned, vec![uid(8)], vec![who]),
        (Standing::Granted, vec![uid(7), uid(8)], vec![]),
        (Standing::Banned, vec![uid(8)], vec![who]),
        (Standing::None, vec![uid(8)], vec![]),
    ] {
        store.set_standing(room.id, who, standing).await.unwrap();
        let saved = saved(&store, &room).await;
        assert_eq!((saved.granted, saved.banned), (granted, banned), "{standing:?}");
    }
}

pub async fn a_standing_in_a_missing_room_is_not_found(place: &dyn Place) {
    let store = place.open().await;
    let set = store.set_standing(a_room(1).id, uid(1), Standing::Banned).await;
    assert!(matches!(set, Err(StoreError::NotFound)), "{set:?}");
}

pub async fn joins_and_exits_are_the_roster(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let joins = (1..=5).map(|n| moves(&room, n, Kind::Join, n)).collect();
    store.append(joins).await.unwrap();
    store.append(vec![chat(&room, 10)]).await.unwrap();
    let mut renamed = moves(&room, 14, Kind::Join, 5);
    let again = renamed.whom.as_mut().unwrap();
    again.name = Some("renamed".into());
    let again = again.clone();
    let batch = vec![
        moves(&room, 11, Kind::Exit, 1),
        moves(&room, 12, Kind::Kick, 2),
        moves(&room, 13, Kind::Exit, 3),
        moves(&room, 15, Kind::Join, 3),
        renamed,
        moves(&room, 16, Kind::Join, 6),
        moves(&room, 17, Kind::Exit, 6),
        moves(&room, 18, Kind::Owner, 1),
    ];
    store.append(batch).await.unwrap();
    assert_eq!(saved(&store, &room).await.roster, [person(3), person(4), again]);
}

pub async fn the_roster_is_there_after_a_reopening(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let mut batch: Vec<_> = (1..=3).map(|n| moves(&room, n, Kind::Join, n)).collect();
    batch.push(moves(&room, 4, Kind::Exit, 2));
    batch.push(chat(&room, 5));
    store.append(batch).await.unwrap();
    drop(store);
    let store = place.open().await;
    assert_eq!(saved(&store, &room).await.roster, [person(1), person(3)]);
    store.append(vec![moves(&room, 6, Kind::Exit, 1)]).await.unwrap();
    store.close().await;
    let saved = saved(&place.open().await, &room).await;
    assert_eq!((saved.roster, saved.last_seq), (vec![person(3)], 6));
}

pub async fn a_known_join_does_not_bring_anybody_back(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let join = moves(&room, 1, Kind::Join, 1);
    store.append(vec![join.clone(), moves(&room, 2, Kind::Exit, 1)]).await.unwrap();
    let again = store.append(vec![join]).await.unwrap();
    assert!(matches!(again[..], [Appended::Known(_)]));
    assert_eq!(saved(&store, &room).await.roster, []);
}

pub async fn a_removed_room_leaves_nothing(place: &dyn Place) {
    let (room, other) = (locked(1), a_room(2));
    let store = open_with(place, &[&room, &other]).await;
    store.append(vec![moves(&room, 1, Kind::Join, 1), chat(&room, 2)]).await.unwrap();
    store.append(vec![chat(&other, 3)]).await.unwrap();
    store.set_standing(room.id, uid(1), Standing::Granted).await.unwrap();
    store.remove(room.id).await.unwrap();
    let rooms = store.rooms().await.unwrap();
    assert_eq!(rooms.iter().map(|saved| saved.room.id).collect::<Vec<_>>(), [other.id]);
    assert_eq!(log(&store, &room).await, []);
    assert_eq!(store.message(room.id, chat(&room, 2).event.id).await.unwrap(), None);
    let late = store.append(vec![chat(&room, 4), chat(&other, 5)]).await.unwrap();
    assert_eq!(late, [Appended::NoRoom, Appended::New(chat(&other, 5).numbered(2))]);
    let change = RoomChange { max: Some(3), ..RoomChange::default() };
    assert!(matches!(store.change(room.id, &change).await, Err(StoreError::NotFound)));
}

pub async fn removing_again_is_harmless(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    for _ in 0..3 {
        store.remove(room.id).await.unwrap();
    }
    assert_eq!(store.rooms().await.unwrap(), []);
}

pub async fn a_room_may_be_made_anew_after_its_removal(place: &dyn Place) {
    let room = locked(1);
    let store = open_with(place, &[&room]).await;
    store.append(vec![moves(&room, 1, Kind::Join, 1), chat(&room, 2)]).await.unwrap();
    store.set_standing(room.id, uid(1), Standing::Banned).await.unwrap();
    store.remove(room.id).await.unwrap();
    let anew = Room { title: "anew".into(), ..room };
    store.create(&anew).await.unwrap();
    let empty = saved(&store, &anew).await;
    assert_eq!((empty.last_seq, empty.roster, empty.banned), (0, vec![], vec![]));
    let appended = store.append(vec![chat(&anew, 2)]).await.unwrap();
    assert_eq!(appended, [Appended::New(chat(&anew, 2).numbered(1))]);
}

pub async fn a_room_removed_during_appends_is_gone_for_good(place: &dyn Place) {
    let (room, other) = (a_room(1), a_room(2));
    let store = open_with(place, &[&room, &other]).await;
    let appending = {
        let (store, room, other) = (store.clone(), room.clone(), other.clone());
        tokio::spawn(async move {
            for n in 0.. {
                let batch = vec![chat(&room, 2 * n), chat(&other, 2 * n + 1)];
                if let [Appended::NoRoom, Appended::New(_)] =
                    &store.append(batch).await.unwrap()[..]
                {
                    return n + 1;
                }
            }
            0
        })
    };
    // The log has begun when the room is removed.
    while store.page(room.id, Page::Newest, 1).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    store.remove(room.id).await.unwrap();
    let batches = appending.await.unwrap();
    assert_eq!(log(&store, &room).await, []);
    let rest = log(&store, &other).await;
    assert_eq!(rest.len() as u64, batches);
    assert_contiguous(&rest);
    assert_eq!(store.rooms().await.unwrap().len(), 1);
}
