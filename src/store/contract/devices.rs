//! Devices, and the store's own life.

use super::{Place, a_room, chat, open_with, uid};
use crate::{
    chat::Moment,
    store::{Device, Page, StoreError},
};

fn device(name: &str, n: u64) -> Device {
    Device {
        name: name.into(),
        uid: uid(n),
        token_hash: format!("{n:064x}"),
        monitor: n.is_multiple_of(2),
        created_at: Moment::from_millis(n as i64),
        last_seen: None,
    }
}

pub async fn devices_read_back_by_name(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.devices().await.unwrap(), []);
    let (lamp, door) = (device("$lamp.1 🎈", 1), device("door", 2));
    store.add_device(&door).await.unwrap();
    store.add_device(&lamp).await.unwrap();
    assert_eq!(store.devices().await.unwrap(), [lamp.clone(), door.clone()]);
    assert_eq!(store.device("$lamp.1 🎈").await.unwrap(), Some(lamp));
    assert_eq!(store.device("Door").await.unwrap(), None);
    drop(store);
    assert_eq!(place.open().await.device("door").await.unwrap(), Some(door));
}

pub async fn a_name_is_taken_once(place: &dyn Place) {
    let store = place.open().await;
    store.add_device(&device("lamp", 1)).await.unwrap();
    // The same again, as after an answer that was lost.
    store.add_device(&device("lamp", 1)).await.unwrap();
    assert!(matches!(store.add_device(&device("lamp", 2)).await, Err(StoreError::Exists)));
    assert_eq!(store.device("lamp").await.unwrap(), Some(device("lamp", 1)));
}

pub async fn a_removed_device_is_gone(place: &dyn Place) {
    let store = place.open().await;
    store.add_device(&device("lamp", 1)).await.unwrap();
    store.remove_device("lamp").await.unwrap();
    assert_eq!(store.device("lamp").await.unwrap(), None);
    assert!(matches!(store.remove_device("lamp").await, Err(StoreError::NotFound)));
    store.add_device(&device("lamp", 2)).await.unwrap();
}

pub async fn being_seen_is_noted(place: &dyn Place) {
    let store = place.open().await;
    store.add_device(&device("lamp", 1)).await.unwrap();
    let at = Moment::from_millis(1_795_435_200_456);
    store.seen_device("lamp", at).await.unwrap();
    store.seen_device("nobody", at).await.unwrap();
    store.ping().await.unwrap();
    let lamp = store.device("lamp").await.unwrap().unwrap();
    assert_eq!(lamp, Device { last_seen: Some(at), ..device("lamp", 1) });
    assert_eq!(store.devices().await.unwrap().len(), 1);
}

pub async fn a_closed_store_is_unavailable(place: &dyn Place) {
    let room = a_room(1);
    let store = open_with(place, &[&room]).await;
    store.ping().await.unwrap();
    store.close().await;
    store.close().await;
    let append = store.append(vec![chat(&room, 1)]).await;
    assert!(matches!(append, Err(StoreError::Unavailable(_))), "{append:?}");
    let page = store.page(room.id, Page::Newest, 10).await;
    assert!(matches!(page, Err(StoreError::Unavailable(_))), "{page:?}");
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}
