//! Reading a log.

use super::{Place, a_room, chat, log, open_with};
use crate::{chat::Event, store::Page};

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().filter_map(|event| event.seq).collect()
}

pub async fn every_edge_gives_what_it_says(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    assert!(log(&store, &room).await.is_empty());
    store.append((1..=5).map(|n| chat(&room, n)).collect()).await.unwrap();
    for (page, expected) in [
        (Page::Newest, vec![1, 2, 3, 4, 5]),
        (Page::Before(0), vec![]),
        (Page::Before(1), vec![]),
        (Page::Before(3), vec![1, 2]),
        (Page::Before(6), vec![1, 2, 3, 4, 5]),
        (Page::Before(u64::MAX), vec![1, 2, 3, 4, 5]),
        (Page::After(0), vec![1, 2, 3, 4, 5]),
        (Page::After(3), vec![4, 5]),
        (Page::After(5), vec![]),
        (Page::After(u64::MAX), vec![]),
    ] {
        let events = store.page(room.id, page, 100).await.unwrap();
        assert_eq!(numbers(&events), expected, "{page:?}");
    }
}

pub async fn a_limit_counts_from_the_right_end(place: &dyn Place) {
    let (room, other) = (a_room(1), a_room(2));
    let store = open_with(place, &[&room, &other]).await;
    store.append((1..=5).map(|n| chat(&room, n)).collect()).await.unwrap();
    store.append((1..=5).map(|n| chat(&other, n)).collect()).await.unwrap();
    for (page, limit, expected) in [
        (Page::Newest, 2, vec![4, 5]),
        (Page::Before(4), 2, vec![2, 3]),
        (Page::After(1), 2, vec![2, 3]),
        (Page::After(1), 1, vec![2]),
        (Page::Newest, 0, vec![]),
        (Page::Before(4), 0, vec![]),
        (Page::After(0), 0, vec![]),
        (Page::After(0), u32::MAX, vec![1, 2, 3, 4, 5]),
    ] {
        let events = store.page(room.id, page, limit).await.unwrap();
        assert_eq!(numbers(&events), expected, "{page:?} {limit}");
        assert!(events.iter().all(|event| event.room == room.id));
    }
}

pub async fn an_unknown_room_has_no_messages(place: &dyn Place) {
    let store = place.open().await;
    for page in [Page::Newest, Page::Before(5), Page::After(0)] {
        assert_eq!(store.page(a_room(1).id, page, 10).await.unwrap(), []);
    }
}

pub async fn a_message_is_found_by_id_in_its_room_only(place: &dyn Place) {
    let (room, other) = (a_room(1), a_room(2));
    let store = open_with(place, &[&room, &other]).await;
    store.append(vec![chat(&room, 1)]).await.unwrap();
    let event = chat(&room, 1).numbered(1);
    assert_eq!(store.message(room.id, event.id).await.unwrap(), Some(event.clone()));
    assert_eq!(store.message(other.id, event.id).await.unwrap(), None);
    assert_eq!(store.message(room.id, chat(&room, 2).event.id).await.unwrap(), None);
}
