//! Appending: numbers, idempotence, durability.

use super::{
    Place, a_room, assert_contiguous, chat, keyed, log, moves, new, open_with, person, saved, uid,
};
use crate::{
    chat::{Kind, Stamped},
    store::Appended,
};

pub async fn numbers_are_contiguous_per_room_in_the_order_of_the_batch(place: &dyn Place) {
    let (tea, cake) = (a_room(1), a_room(2));
    let store = open_with(place, &[&tea, &cake]).await;
    let batch = vec![chat(&tea, 1), chat(&cake, 2), chat(&tea, 3), chat(&cake, 4), chat(&tea, 5)];
    let expected: Vec<_> = batch
        .iter()
        .zip([1, 1, 2, 2, 3])
        .map(|(message, seq)| Appended::New(message.clone().numbered(seq)))
        .collect();
    assert_eq!(store.append(batch).await.unwrap(), expected);
    let more = store.append(vec![chat(&cake, 6), chat(&tea, 7)]).await.unwrap();
    assert_eq!((new(&more[0]).seq, new(&more[1]).seq), (Some(3), Some(4)));
    assert_eq!(log(&store, &cake).await.len(), 3);
    assert_contiguous(&log(&store, &tea).await);
    assert_eq!((saved(&store, &tea).await.last_seq, saved(&store, &cake).await.last_seq), (4, 3));
}

pub async fn an_empty_batch_is_nothing(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.append(vec![]).await.unwrap(), []);
}

pub async fn a_message_that_is_there_is_known(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let batch = vec![chat(&room, 1), chat(&room, 2)];
    let first = store.append(batch.clone()).await.unwrap();
    let again = store.append(batch).await.unwrap();
    let known: Vec<_> = first.iter().map(|was| Appended::Known(new(was).clone())).collect();
    assert_eq!(again, known);
    assert_eq!(log(&store, &room).await.len(), 2);
}

pub async fn a_message_twice_in_one_batch_is_one(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let batch = vec![chat(&room, 1), chat(&room, 1), chat(&room, 2), chat(&room, 1)];
    let first = chat(&room, 1).numbered(1);
    let expected = vec![
        Appended::New(first.clone()),
        Appended::Known(first.clone()),
        Appended::New(chat(&room, 2).numbered(2)),
        Appended::Known(first),
    ];
    assert_eq!(store.append(batch).await.unwrap(), expected);
    assert_contiguous(&log(&store, &room).await);
}

pub async fn a_key_belongs_to_an_identity_and_a_room(place: &dyn Place) {
    let (tea, cake) = (a_room(1), a_room(2));
    let store = open_with(place, &[&tea, &cake]).await;
    let first = store.append(vec![keyed(&tea, 1, 1, "k")]).await.unwrap();
    let batch = vec![
        keyed(&tea, 2, 1, "k"),
        keyed(&tea, 3, 2, "k"),
        keyed(&tea, 4, 1, "K"),
        keyed(&cake, 5, 1, "k"),
        chat(&tea, 6),
    ];
    let then = store.append(batch).await.unwrap();
    assert_eq!(then[0], Appended::Known(new(&first[0]).clone()));
    let numbers: Vec<_> = then[1..].iter().map(|appended| new(appended).seq).collect();
    assert_eq!(numbers, [Some(2), Some(3), Some(1), Some(4)]);
}

pub async fn a_repeated_key_in_one_batch_is_one(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let batch = vec![
        keyed(&room, 1, 1, "$a.b"),
        keyed(&room, 2, 1, "$a.b"),
        // The id is there, the key is not: still the same message.
        keyed(&room, 1, 1, "other"),
        chat(&room, 3),
    ];
    let first = keyed(&room, 1, 1, "$a.b").numbered(1);
    let expected = vec![
        Appended::New(first.clone()),
        Appended::Known(first.clone()),
        Appended::Known(first),
        Appended::New(chat(&room, 3).numbered(2)),
    ];
    assert_eq!(store.append(batch).await.unwrap(), expected);
    assert_contiguous(&log(&store, &room).await);
}

pub async fn a_known_message_does_not_take_a_number(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    store.append(vec![chat(&room, 1), keyed(&room, 2, 1, "k")]).await.unwrap();
    let batch = vec![
        chat(&room, 3),
        chat(&room, 1),
        chat(&room, 4),
        keyed(&room, 5, 1, "k"),
        keyed(&room, 6, 1, "k2"),
    ];
    let appended = store.append(batch).await.unwrap();
    let is_new: Vec<_> = appended.iter().map(|one| matches!(one, Appended::New(_))).collect();
    assert_eq!(is_new, [true, false, true, false, true]);
    assert_eq!(new(&appended[4]).seq, Some(5));
    assert_contiguous(&log(&store, &room).await);
}

pub async fn an_unknown_room_gets_nothing_and_the_others_do(place: &dyn Place) {
    let (there, missing) = (a_room(1), a_room(2));
    let store = open_with(place, &[&there]).await;
    let batch = vec![chat(&missing, 1), chat(&there, 2), chat(&missing, 3), chat(&there, 4)];
    let appended = store.append(batch.clone()).await.unwrap();
    assert_eq!((&appended[0], &appended[2]), (&Appended::NoRoom, &Appended::NoRoom));
    assert_eq!((new(&appended[1]).seq, new(&appended[3]).seq), (Some(1), Some(2)));
    assert!(log(&store, &missing).await.is_empty());
    // Once it is created, it begins at 1.
    store.create(&missing).await.unwrap();
    let appended = store.append(batch).await.unwrap();
    assert_eq!((new(&appended[0]).seq, new(&appended[2]).seq), (Some(1), Some(2)));
}

pub async fn sixteen_writers_make_one_contiguous_log(place: &dyn Place) {
    const BATCHES: u64 = 5;
    const SIZE: u64 = 5;
    let (tea, cake) = (a_room(1), a_room(2));
    let store = open_with(place, &[&tea, &cake]).await;
    let writers = (0..16_u64).map(|writer| {
        let (store, tea, cake) = (store.clone(), tea.clone(), cake.clone());
        tokio::spawn(async move {
            let mut events = vec![];
            for batch in 0..BATCHES {
                let first = (writer * BATCHES + batch) * SIZE;
                let room = |n| if n % 5 == 0 { &cake } else { &tea };
                let batch = (first..first + SIZE).map(|n| chat(room(n), n)).collect();
                let appended = store.append(batch).await.unwrap();
                events.extend(appended.iter().map(|one| new(one).clone()));
            }
            events
        })
    });
    let mut told = vec![];
    for writer in writers.collect::<Vec<_>>() {
        let events = writer.await.unwrap();
        let in_tea: Vec<_> = events.iter().filter(|e| e.room == tea.id).map(|e| e.seq).collect();
        assert!(in_tea.is_sorted(), "a writer's own order is kept: {in_tea:?}");
        told.extend(events);
    }
    for room in [&tea, &cake] {
        let log = log(&store, room).await;
        assert_contiguous(&log);
        let mut told: Vec<_> = told.iter().filter(|e| e.room == room.id).cloned().collect();
        told.sort_by_key(|event| event.seq);
        assert_eq!(log, told);
    }
    assert_eq!(told.len() as u64, 16 * BATCHES * SIZE);
}

pub async fn any_text_reads_back_as_it_was(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let texts = [
        "nul \0 inside\0".to_owned(),
        "🎈".repeat(2000),
        "가".repeat(2000),
        "$set.$where {\"$gt\": 1} ' \" \\ %".to_owned(),
        "\u{feff}\u{202e}e\u{301} \r\n\t".to_owned(),
        String::new(),
    ];
    let message = |(n, text): (usize, &String)| {
        let mut message = keyed(&room, n as u64, 1, &format!("$key.{n}🎈"));
        message.event.chat = Some(text.clone());
        message.event.name = Some(format!("$name.{text}"));
        message
    };
    let batch: Vec<Stamped> = texts.iter().enumerate().map(message).collect();
    store.append(batch.clone()).await.unwrap();
    let expected: Vec<_> = batch.into_iter().zip(1..).map(|(m, seq)| m.numbered(seq)).collect();
    assert_eq!(log(&store, &room).await, expected);
}

pub async fn every_field_reads_back(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    let mut full = keyed(&room, 1, 1, "k");
    full.event.name = Some("lamp".into());
    full.event.gif = Some("x.gif".into());
    full.event.to = Some(uid(9));
    full.event.occupancy = Some(1000);
    let mut picture = chat(&room, 2);
    picture.event.chat = None;
    picture.event.gif = Some("y.gif".into());
    (picture.event.width, picture.event.height) = (Some(u32::MAX), Some(1));
    picture.event.animated = true;
    let mut batch = vec![full, picture];
    batch.extend(Kind::ALL.into_iter().zip(3..).map(|(kind, n)| moves(&room, n, kind, n)));
    store.append(batch.clone()).await.unwrap();
    let expected: Vec<_> = batch.into_iter().zip(1..).map(|(m, seq)| m.numbered(seq)).collect();
    assert_eq!(log(&store, &room).await, expected);
    for event in expected {
        assert_eq!(store.message(room.id, event.id).await.unwrap(), Some(event));
    }
}

pub async fn what_is_new_is_there_after_a_reopening(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    store.append(vec![chat(&room, 1), keyed(&room, 2, 1, "k")]).await.unwrap();
    let before = log(&store, &room).await;
    // Dropped without being closed, as in a crash.
    drop(store);
    let store = place.open().await;
    assert_eq!(log(&store, &room).await, before);
    store.close().await;
    let store = place.open().await;
    assert_eq!(log(&store, &room).await, before);
    let again = store.append(vec![keyed(&room, 3, 1, "k")]).await.unwrap();
    assert_eq!(again, [Appended::Known(before[1].clone())]);
}

pub async fn numbers_go_on_after_a_reopening(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    store.append((0..3).map(|n| chat(&room, n)).collect()).await.unwrap();
    store.close().await;
    let store = place.open().await;
    // One that is there from before the reopening, between new ones.
    let batch = vec![chat(&room, 3), chat(&room, 1), moves(&room, 4, Kind::Join, 2)];
    let appended = store.append(batch).await.unwrap();
    assert_eq!((new(&appended[0]).seq, new(&appended[2]).seq), (Some(4), Some(5)));
    let saved = saved(&store, &room).await;
    assert_eq!((saved.last_seq, saved.roster), (5, vec![person(2)]));
}

pub async fn a_batch_of_a_thousand_fits(place: &dyn Place) {
    let rooms: Vec<_> = (0..4).map(a_room).collect();
    let store = open_with(place, &rooms.iter().collect::<Vec<_>>()).await;
    let batch = (0..1000_u64).map(|n| chat(&rooms[(n % 4) as usize], n)).collect();
    let appended = store.append(batch).await.unwrap();
    assert!(appended.iter().all(|one| matches!(one, Appended::New(_))));
    for room in &rooms {
        let log = log(&store, room).await;
        assert_eq!(log.len(), 250);
        assert_contiguous(&log);
    }
}
