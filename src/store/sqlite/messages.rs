//! The rooms' logs: appending, with numbers and roster; paging; finding one message.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, params};

use super::row;
use crate::{
    chat::{Event, MessageId, RoomId, Stamped},
    store::{Appended, Page, Result, StoreError, roster::Step, words},
};

const COLUMNS: &str = "room, seq, id, kind, author, uid, name, chat, gif, recipient, key, \
                       occupancy, created_at, width, height, animated";

/// Numbers the batch and writes it. Runs in one transaction: all of it is kept, or nothing.
pub fn append(connection: &Connection, batch: Vec<Stamped>) -> Result<Vec<Appended>> {
    let mut log = Log::open(connection)?;
    let appended = batch.into_iter().map(|message| log.append(message)).collect::<Result<_>>()?;
    // Only now: after an error SQLite may have left the transaction, and this would stand alone.
    log.finish()?;
    Ok(appended)
}

/// The logs that a batch goes to.
struct Log<'a> {
    connection: &'a Connection,
    insert: CachedStatement<'a>,
    /// The newest number of each room that the batch names; `None` for a room that is not there.
    last: HashMap<RoomId, Option<u64>>,
}

impl<'a> Log<'a> {
    fn open(connection: &'a Connection) -> Result<Self> {
        let insert = connection.prepare_cached(
            "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
             ?14, ?15, ?16) \
             ON CONFLICT DO NOTHING",
        )?;
        Ok(Self { connection, insert, last: HashMap::new() })
    }

    fn append(&mut self, message: Stamped) -> Result<Appended> {
        let Some(last) = self.last(message.event.room)? else { return Ok(Appended::NoRoom) };
        let whom = message.whom.clone();
        let event = message.numbered(last + 1);
        if !self.insert(&event)? {
            return known(self.connection, &event).map(Appended::Known);
        }
        self.last.insert(event.room, event.seq);
        if let Some(step) = Step::of(&event, whom.as_ref()) {
            change_roster(self.connection, event.room, step)?;
        }
        Ok(Appended::New(event))
    }

    fn last(&mut self, room: RoomId) -> Result<Option<u64>> {
        if let Some(last) = self.last.get(&room) {
            return Ok(*last);
        }
        let last = self
            .connection
            .prepare_cached("SELECT last_seq FROM rooms WHERE id = ?1 AND NOT removing")?
            .query_row([room.as_str()], |found| row::seq(found, 0))
            .optional()?;
        self.last.insert(room, last);
        Ok(last)
    }

    /// False when its id or key is there already.
    fn insert(&mut self, event: &Event) -> Result<bool> {
        let rows = self.insert.execute(params![
            event.room.as_str(),
            row::signed(event.seq.unwrap_or_default()),
            event.id.as_str(),
            event.kind.as_str(),
            event.user.to_string(),
            event.uid.as_str(),
            event.name,
            event.chat,
            event.gif,
            event.to.as_ref().map(|to| to.as_str()),
            event.key.as_ref().map(|key| key.as_str()),
            event.occupancy,
            event.created_at.as_millis(),
            event.width,
            event.height,
            event.animated,
        ])?;
        Ok(rows == 1)
    }

    /// Keeps the rooms' newest numbers in step with their logs.
    fn finish(self) -> Result<()> {
        let mut update = self
            .connection
            .prepare_cached("UPDATE rooms SET last_seq = ?2 WHERE id = ?1 AND last_seq <> ?2")?;
        for (room, last) in self.last {
            if let Some(last) = last {
                update.execute(params![room.as_str(), row::signed(last)])?;
            }
        }
        Ok(())
    }
}

/// The message that stands in the way of this one.
fn known(connection: &Connection, event: &Event) -> Result<Event> {
    if let Some(same) = message(connection, event.room, event.id)? {
        return Ok(same);
    }
    let key = event.key.as_ref().map(|key| key.as_str());
    let query = format!("SELECT {COLUMNS} FROM messages WHERE room = ?1 AND uid = ?2 AND key = ?3");
    let by_key = (event.room.as_str(), event.uid.as_str(), key);
    one(connection, &query, by_key)?.ok_or_else(|| {
        // Neither id nor key: the number is taken, so `last_seq` is not the log's.
        StoreError::Unusable(format!("the log of room {} is out of step", event.room))
    })
}

fn change_roster(connection: &Connection, room: RoomId, step: Step) -> Result<()> {
    match step {
        Step::In(person, since) => connection
            .prepare_cached("INSERT OR REPLACE INTO roster VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                room.as_str(),
                person.uid.as_str(),
                person.user.to_string(),
                person.name,
                words::origin(person.kind),
                row::signed(since),
            ])?,
        Step::Out(uid) => connection
            .prepare_cached("DELETE FROM roster WHERE room = ?1 AND uid = ?2")?
            .execute([room.as_str(), uid.as_str()])?,
        Step::Owner(person) => connection
            .prepare_cached("UPDATE rooms SET owner = ?2, owner_colour = ?3 WHERE id = ?1")?
            .execute([room.as_str(), person.uid.as_str(), &person.user.to_string()])?,
    };
    Ok(())
}

/// A part of a log, oldest first.
pub fn page(connection: &Connection, room: RoomId, page: Page, limit: u32) -> Result<Vec<Event>> {
    let (condition, order, edge) = match page {
        Page::Newest => ("seq <= ?2", "DESC", u64::MAX),
        Page::Before(edge) => ("seq < ?2", "DESC", edge),
        Page::After(edge) => ("seq > ?2", "ASC", edge),
    };
    let query = format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND {condition} \
         ORDER BY seq {order} LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let rows = statement.query_map(params![room.as_str(), row::signed(edge), limit], event)?;
    let mut events = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    if order == "DESC" {
        events.reverse();
    }
    Ok(events)
}

pub fn message(connection: &Connection, room: RoomId, id: MessageId) -> Result<Option<Event>> {
    let query = format!("SELECT {COLUMNS} FROM messages WHERE room = ?1 AND id = ?2");
    one(connection, &query, [room.as_str(), id.as_str()])
}

fn one(connection: &Connection, query: &str, by: impl Params) -> Result<Option<Event>> {
    Ok(connection.prepare_cached(query)?.query_row(by, event).optional()?)
}

/// Reads a row of [`COLUMNS`].
fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        room: row::word(row, 0)?,
        seq: Some(row::seq(row, 1)?),
        id: row::word(row, 2)?,
        kind: row::word(row, 3)?,
        user: row::word(row, 4)?,
        uid: row::word(row, 5)?,
        name: row.get(6)?,
        chat: row.get(7)?,
        gif: row.get(8)?,
        to: row::optional_word(row, 9)?,
        key: row::optional_word(row, 10)?,
        occupancy: row.get(11)?,
        created_at: row::moment(row, 12)?,
        width: row.get(13)?,
        height: row.get(14)?,
        animated: row.get(15)?,
    })
}
