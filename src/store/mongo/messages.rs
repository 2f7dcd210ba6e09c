//! Reading the rooms' logs: paging, and finding one message.

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};

use super::{
    document::{MessageDocument, place, signed},
    error::within,
    schema::Collections,
};
use crate::{
    chat::{Event, MessageId, RoomId},
    store::{Page, Result},
};

/// A part of a log, oldest first.
pub async fn page(
    collections: &Collections,
    room: RoomId,
    page: Page,
    limit: u32,
) -> Result<Vec<Event>> {
    // The driver takes 0 for no limit.
    if limit == 0 {
        return Ok(vec![]);
    }
    let mut filter = doc! { "room": room.as_str() };
    let order = match page {
        Page::Newest => -1,
        Page::Before(edge) => {
            filter.insert("seq", doc! { "$lt": signed(edge) });
            -1
        }
        Page::After(edge) => {
            filter.insert("seq", doc! { "$gt": signed(edge) });
            1
        }
    };
    let found = find(collections, filter, doc! { "seq": order }, Some(limit)).await?;
    let mut events: Vec<Event> = found.into_iter().map(MessageDocument::event).collect();
    if order < 0 {
        events.reverse();
    }
    Ok(events)
}

pub async fn message(
    collections: &Collections,
    room: RoomId,
    id: MessageId,
) -> Result<Option<Event>> {
    let found = one(collections, doc! { "_id": place(room, id) }).await?;
    Ok(found.map(MessageDocument::event))
}

/// The number of a room's newest message; 0 when there is none.
pub async fn newest(collections: &Collections, room: RoomId) -> Result<u64> {
    let filter = doc! { "room": room.as_str() };
    let newest = find(collections, filter, doc! { "seq": -1 }, Some(1)).await?;
    Ok(newest.first().map_or(0, |newest| newest.seq.unsigned_abs()))
}

pub async fn one(collections: &Collections, filter: Document) -> Result<Option<MessageDocument>> {
    Ok(within(collections.messages.find_one(filter)).await?)
}

/// All that the filter finds; an empty order is any order.
pub async fn find(
    collections: &Collections,
    filter: Document,
    order: Document,
    limit: Option<u32>,
) -> Result<Vec<MessageDocument>> {
    let finding = async {
        let mut query = collections.messages.find(filter).sort(order);
        if let Some(limit) = limit {
            query = query.limit(i64::from(limit));
        }
        query.await?.try_collect().await
    };
    Ok(within(finding).await?)
}
