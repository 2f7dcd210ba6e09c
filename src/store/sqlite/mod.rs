//! The embedded store: one SQLite file, written by one thread, read by a few others. This file says
//! which work goes where; the work itself is in the files beside it.

mod devices;
mod error;
mod messages;
mod readers;
mod rooms;
mod row;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;

use async_trait::async_trait;

pub use self::schema::{check, snapshot};
use self::{readers::Readers, writer::Writer};
use super::{Appended, Device, Page, Result, SavedRoom, Standing, Store};
use crate::chat::{Event, MessageId, Moment, Room, RoomChange, RoomId, Stamped, Uid};

/// A store in a file of its own. Another process may open the same file for a moment.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    /// Opens the file, makes it (mode 0600) if it is not there, and brings an older one up to date.
    /// Blocks on the disk.
    ///
    /// [`Unusable`](super::StoreError::Unusable) when it is damaged, another program's, or a newer
    /// Parlor's.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = schema::open(path)?;
        let readers = Readers::open(path)?;
        Ok(Self { writer: Writer::start(connection)?, readers })
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn rooms(&self) -> Result<Vec<SavedRoom>> {
        for room in self.readers.read(rooms::removing).await? {
            self.remove(room).await?;
        }
        self.readers.read(rooms::saved).await
    }

    async fn create(&self, room: &Room) -> Result<()> {
        let room = room.clone();
        self.writer.write(move |file| rooms::create(file, &room)).await
    }

    async fn change(&self, room: RoomId, change: &RoomChange) -> Result<()> {
        let change = change.clone();
        self.writer.write(move |file| rooms::change(file, room, &change)).await
    }

    async fn set_standing(&self, room: RoomId, who: Uid, standing: Standing) -> Result<()> {
        self.writer.write(move |file| rooms::set_standing(file, room, who, standing)).await
    }

    async fn remove(&self, room: RoomId) -> Result<()> {
        while !self.writer.write(move |file| rooms::remove_some(file, room)).await? {}
        Ok(())
    }

    async fn append(&self, batch: Vec<Stamped>) -> Result<Vec<Appended>> {
        if batch.is_empty() {
            return Ok(vec![]);
        }
        self.writer.write(|file| messages::append(file, batch)).await
    }

    async fn page(&self, room: RoomId, page: Page, limit: u32) -> Result<Vec<Event>> {
        self.readers.read(move |file| messages::page(file, room, page, limit)).await
    }

    async fn message(&self, room: RoomId, id: MessageId) -> Result<Option<Event>> {
        self.readers.read(move |file| messages::message(file, room, id)).await
    }

    async fn devices(&self) -> Result<Vec<Device>> {
        self.readers.read(devices::all).await
    }

    async fn device(&self, name: &str) -> Result<Option<Device>> {
        let name = name.to_owned();
        self.readers.read(move |file| devices::find(file, &name)).await
    }

    async fn add_device(&self, device: &Device) -> Result<()> {
        let device = device.clone();
        self.writer.write(move |file| devices::add(file, &device)).await
    }

    async fn remove_device(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.writer.write(move |file| devices::remove(file, &name)).await
    }

    async fn seen_device(&self, name: &str, at: Moment) -> Result<()> {
        let name = name.to_owned();
        self.writer.write(move |file| devices::seen(file, &name, at)).await
    }

    async fn ping(&self) -> Result<()> {
        let count = |file: &rusqlite::Connection| {
            file.prepare_cached("UPDATE pings SET count = count + 1")?.execute([])?;
            Ok(())
        };
        self.writer.write(count).await?;
        self.readers
            .read(|file| Ok(file.query_row("SELECT count FROM pings", [], |_| Ok(()))?))
            .await
    }

    async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }
}
