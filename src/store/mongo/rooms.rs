//! Rooms, their standings, and their removal.

use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::{Bson, Document, doc};

use super::{
    document::RoomDocument,
    error::{is_duplicate, within},
    roster,
    schema::Collections,
};
use crate::{
    chat::{Room, RoomChange, RoomId, Uid},
    store::{Result, SavedRoom, Standing, StoreError},
};

/// Rooms that are read at the same time.
const AT_ONCE: usize = 8;

/// Every room that is not being removed.
pub async fn saved(collections: &Collections) -> Result<Vec<SavedRoom>> {
    let rooms = find(collections, doc! { "removing": false }).await?;
    let rooms = rooms.into_iter().map(|room| roster::saved(collections, room));
    stream::iter(rooms).buffered(AT_ONCE).try_collect().await
}

/// Rooms whose removal was interrupted.
pub async fn removing(collections: &Collections) -> Result<Vec<RoomId>> {
    let rooms = find(collections, doc! { "removing": true }).await?;
    Ok(rooms.into_iter().map(|room| room.id).collect())
}

async fn find(collections: &Collections, filter: Document) -> Result<Vec<RoomDocument>> {
    let finding = async { collections.rooms.find(filter).await?.try_collect().await };
    Ok(within(finding).await?)
}

pub async fn create(collections: &Collections, room: &Room) -> Result<()> {
    match within(collections.rooms.insert_one(RoomDocument::from(room))).await {
        Ok(_) => Ok(()),
        Err(error) if is_duplicate(&error) => {
            let filter = doc! { "_id": room.id.as_str(), "removing": false };
            let there = within(collections.rooms.find_one(filter)).await?;
            match there.is_some_and(|there| there.room() == *room) {
                true => Ok(()),
                false => Err(StoreError::Exists),
            }
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn change(collections: &Collections, room: RoomId, change: &RoomChange) -> Result<()> {
    let mut set = Document::new();
    if let Some(title) = &change.title {
        set.insert("title", title);
    }
    if let Some(max) = change.max {
        set.insert("max", max);
    }
    if let Some(keep) = change.keep {
        set.insert("keep", keep);
    }
    if let Some(password) = &change.password {
        set.insert("password", password.as_ref().map_or(Bson::Null, |hash| hash.0.as_str().into()));
        set.insert("granted", Bson::Array(vec![]));
    }
    // No update may be empty.
    set.insert("removing", false);
    update(collections, room, doc! { "$set": set }).await
}

pub async fn set_standing(
    collections: &Collections,
    room: RoomId,
    who: Uid,
    standing: Standing,
) -> Result<()> {
    let who = who.as_str();
    let change = match standing {
        Standing::Granted => doc! { "$addToSet": { "granted": who }, "$pull": { "banned": who } },
        Standing::Banned => doc! { "$addToSet": { "banned": who }, "$pull": { "granted": who } },
        Standing::None => doc! { "$pull": { "granted": who, "banned": who } },
    };
    update(collections, room, change).await
}

async fn update(collections: &Collections, room: RoomId, change: Document) -> Result<()> {
    let filter = doc! { "_id": room.as_str(), "removing": false };
    match within(collections.rooms.update_one(filter, change)).await?.matched_count {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// Deletes what is left of a hidden room. The room goes last: until then the removal is found again.
pub async fn delete(collections: &Collections, room: RoomId) -> Result<()> {
    within(collections.messages.delete_many(doc! { "room": room.as_str() })).await?;
    within(collections.rooms.delete_one(doc! { "_id": room.as_str() })).await?;
    Ok(())
}
