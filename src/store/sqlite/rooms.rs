//! Rooms, their standings, and their removal.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::row;
use crate::{
    chat::{Room, RoomChange, RoomId, Uid, people::Person, room::PasswordHash},
    store::{Result, SavedRoom, Standing, StoreError},
};

const COLUMNS: &str = "id, title, max, owner, owner_colour, password, off_record, keep, created_at";

/// Messages that one transaction removes at most, so that a long log does not hold up the others.
const REMOVED_AT_ONCE: i64 = 2_000;

/// Every room that is not being removed, as of one moment.
pub fn saved(connection: &Connection) -> Result<Vec<SavedRoom>> {
    // Dropped without a commit: it only holds one view of the file for the three queries.
    let view = connection.unchecked_transaction()?;
    let mut rooms: BTreeMap<RoomId, SavedRoom> = BTreeMap::new();
    let query = format!("SELECT {COLUMNS}, last_seq FROM rooms WHERE NOT removing");
    for found in view.prepare(&query)?.query_map([], saved_room)? {
        let found = found?;
        rooms.insert(found.room.id, found);
    }
    let roster = "SELECT room, uid, colour, name, origin FROM roster ORDER BY since";
    for found in
        view.prepare(roster)?.query_map([], |row| Ok((row::word(row, 0)?, person(row)?)))?
    {
        let (room, person) = found?;
        if let Some(saved) = rooms.get_mut(&room) {
            saved.roster.push(person);
        }
    }
    let standings = "SELECT room, uid, banned FROM standings";
    for found in view.prepare(standings)?.query_map([], standing)? {
        let (room, who, banned) = found?;
        let Some(saved) = rooms.get_mut(&room) else { continue };
        if banned { saved.banned.push(who) } else { saved.granted.push(who) }
    }
    Ok(rooms.into_values().collect())
}

/// Rooms whose removal was interrupted.
pub fn removing(connection: &Connection) -> Result<Vec<RoomId>> {
    let mut query = connection.prepare("SELECT id FROM rooms WHERE removing")?;
    let rooms = query.query_map([], |row| row::word(row, 0))?;
    Ok(rooms.collect::<rusqlite::Result<_>>()?)
}

pub fn create(connection: &Connection, room: &Room) -> Result<()> {
    let made = connection
        .prepare_cached(&format!(
            "INSERT INTO rooms ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT DO NOTHING"
        ))?
        .execute(params![
            room.id.as_str(),
            room.title,
            room.max,
            room.owner.as_str(),
            room.owner_colour.to_string(),
            room.password.as_ref().map(|hash| hash.0.as_str()),
            room.off_record,
            room.keep,
            room.created_at.as_millis(),
        ])?;
    if made == 1 || there(connection, room.id)?.as_ref() == Some(room) {
        return Ok(());
    }
    Err(StoreError::Exists)
}

fn there(connection: &Connection, id: RoomId) -> Result<Option<Room>> {
    let query = format!("SELECT {COLUMNS} FROM rooms WHERE id = ?1 AND NOT removing");
    Ok(connection.prepare_cached(&query)?.query_row([id.as_str()], room).optional()?)
}

pub fn change(connection: &Connection, id: RoomId, change: &RoomChange) -> Result<()> {
    let mut room = there(connection, id)?.ok_or(StoreError::NotFound)?;
    room.apply(change);
    connection
        .prepare_cached(
            "UPDATE rooms SET title = ?2, max = ?3, password = ?4, keep = ?5 WHERE id = ?1",
        )?
        .execute(params![
            id.as_str(),
            room.title,
            room.max,
            room.password.as_ref().map(|hash| hash.0.as_str()),
            room.keep,
        ])?;
    if change.password.is_some() {
        connection
            .prepare_cached("DELETE FROM standings WHERE room = ?1 AND NOT banned")?
            .execute([id.as_str()])?;
    }
    Ok(())
}

pub fn set_standing(
    connection: &Connection,
    room: RoomId,
    who: Uid,
    standing: Standing,
) -> Result<()> {
    if there(connection, room)?.is_none() {
        return Err(StoreError::NotFound);
    }
    let banned = match standing {
        Standing::Granted => false,
        Standing::Banned => true,
        Standing::None => {
            connection
                .prepare_cached("DELETE FROM standings WHERE room = ?1 AND uid = ?2")?
                .execute([room.as_str(), who.as_str()])?;
            return Ok(());
        }
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO standings VALUES (?1, ?2, ?3)")?
        .execute(params![room.as_str(), who.as_str(), banned])?;
    Ok(())
}

/// Takes the room away from everybody, and a part of its log from the file. True when nothing is
/// left; until then it wants to be called again.
pub fn remove_some(connection: &Connection, room: RoomId) -> Result<bool> {
    let execute = |query: &str| connection.prepare_cached(query)?.execute([room.as_str()]);
    execute("UPDATE rooms SET removing = 1 WHERE id = ?1")?;
    execute("DELETE FROM roster WHERE room = ?1")?;
    execute("DELETE FROM standings WHERE room = ?1")?;
    let removed = connection
        .prepare_cached(
            "DELETE FROM messages WHERE room = ?1 AND seq < ?2 + \
             (SELECT min(seq) FROM messages WHERE room = ?1)",
        )?
        .execute(params![room.as_str(), REMOVED_AT_ONCE])?;
    if removed > 0 {
        let left = "SELECT EXISTS (SELECT 1 FROM messages WHERE room = ?1)";
        if connection.prepare_cached(left)?.query_row([room.as_str()], |row| row.get(0))? {
            return Ok(false);
        }
    }
    execute("DELETE FROM rooms WHERE id = ?1")?;
    Ok(true)
}

/// Reads a row of [`COLUMNS`].
fn room(row: &Row<'_>) -> rusqlite::Result<Room> {
    Ok(Room {
        id: row::word(row, 0)?,
        title: row.get(1)?,
        max: row.get(2)?,
        owner: row::word(row, 3)?,
        owner_colour: row::word(row, 4)?,
        password: row.get::<_, Option<String>>(5)?.map(PasswordHash),
        off_record: row.get(6)?,
        keep: row.get(7)?,
        created_at: row::moment(row, 8)?,
    })
}

fn saved_room(row: &Row<'_>) -> rusqlite::Result<SavedRoom> {
    let (room, last_seq) = (room(row)?, row::seq(row, 9)?);
    Ok(SavedRoom { room, last_seq, roster: vec![], granted: vec![], banned: vec![] })
}

fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    let (uid, user) = (row::word(row, 1)?, row::word(row, 2)?);
    Ok(Person { uid, user, name: row.get(3)?, kind: row::word(row, 4)? })
}

fn standing(row: &Row<'_>) -> rusqlite::Result<(RoomId, Uid, bool)> {
    Ok((row::word(row, 0)?, row::word(row, 1)?, row.get(2)?))
}
