//! The MongoDB store: single-document atomic operations and unique indexes only, so that it runs on
//! a standalone, a replica set, a sharded cluster and on databases that speak MongoDB's protocol.
//! This file says which work goes where; the work itself is in the files beside it.

mod append;
mod devices;
mod document;
mod error;
mod messages;
mod rooms;
mod roster;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use async_trait::async_trait;
use mongodb::bson::doc;

use self::{append::Log, error::within, schema::Collections, writer::Writer};
use super::{Appended, Device, Page, Result, SavedRoom, Standing, Store};
use crate::chat::{Event, MessageId, Moment, Room, RoomChange, RoomId, Stamped, Uid};

/// A store in a database of its own. One process writes to it.
pub struct Mongo {
    collections: Collections,
    writer: Writer,
}

impl Mongo {
    /// Connects, and makes what is missing. The database is the one in the URI's path, else
    /// `parlor`.
    ///
    /// [`Unavailable`](super::StoreError::Unavailable) within seconds when no server can be written
    /// to; [`Unusable`](super::StoreError::Unusable) when the URI cannot be read, the password is
    /// refused, or another version of Parlor wrote the database. No error repeats the password.
    pub async fn open(uri: &str) -> Result<Self> {
        let collections = schema::open(uri).await?;
        let writer = Writer::start(Log::new(collections.clone()));
        Ok(Self { collections, writer })
    }
}

#[async_trait]
impl Store for Mongo {
    async fn rooms(&self) -> Result<Vec<SavedRoom>> {
        for room in rooms::removing(&self.collections).await? {
            rooms::delete(&self.collections, room).await?;
        }
        rooms::saved(&self.collections).await
    }

    async fn create(&self, room: &Room) -> Result<()> {
        rooms::create(&self.collections, room).await
    }

    async fn change(&self, room: RoomId, change: &RoomChange) -> Result<()> {
        rooms::change(&self.collections, room, change).await
    }

    async fn set_standing(&self, room: RoomId, who: Uid, standing: Standing) -> Result<()> {
        rooms::set_standing(&self.collections, room, who, standing).await
    }

    async fn remove(&self, room: RoomId) -> Result<()> {
        self.writer.hide(room).await?;
        rooms::delete(&self.collections, room).await
    }

    async fn append(&self, batch: Vec<Stamped>) -> Result<Vec<Appended>> {
        if batch.is_empty() {
            return Ok(vec![]);
        }
        self.writer.append(batch).await
    }

    async fn page(&self, room: RoomId, page: Page, limit: u32) -> Result<Vec<Event>> {
        messages::page(&self.collections, room, page, limit).await
    }

    async fn message(&self, room: RoomId, id: MessageId) -> Result<Option<Event>> {
        messages::message(&self.collections, room, id).await
    }

    async fn devices(&self) -> Result<Vec<Device>> {
        devices::all(&self.collections).await
    }

    async fn device(&self, name: &str) -> Result<Option<Device>> {
        devices::find(&self.collections, name).await
    }

    async fn add_device(&self, device: &Device) -> Result<()> {
        devices::add(&self.collections, device).await
    }

    async fn remove_device(&self, name: &str) -> Result<()> {
        devices::remove(&self.collections, name).await
    }

    async fn seen_device(&self, name: &str, at: Moment) -> Result<()> {
        devices::seen(&self.collections, name, at).await
    }

    async fn ping(&self) -> Result<()> {
        let (ping, count) = (doc! { "_id": "ping" }, doc! { "$inc": { "count": 1 } });
        within(self.collections.meta.update_one(ping, count)).await?;
        Ok(())
    }

    async fn close(&self) {
        self.writer.close().await;
        self.collections.client.clone().shutdown().await;
    }
}
