//! Devices: their names, tokens' hashes, and when they were last seen.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::row;
use crate::{
    chat::Moment,
    store::{Device, Result, StoreError},
};

const COLUMNS: &str = "name, uid, token_hash, monitor, created_at, last_seen";

pub fn all(connection: &Connection) -> Result<Vec<Device>> {
    let mut query = connection.prepare(&format!("SELECT {COLUMNS} FROM devices ORDER BY name"))?;
    let devices = query.query_map([], device)?;
    Ok(devices.collect::<rusqlite::Result<_>>()?)
}

pub fn find(connection: &Connection, name: &str) -> Result<Option<Device>> {
    let query = format!("SELECT {COLUMNS} FROM devices WHERE name = ?1");
    Ok(connection.prepare_cached(&query)?.query_row([name], device).optional()?)
}

pub fn add(connection: &Connection, device: &Device) -> Result<()> {
    let insert = format!(
        "INSERT INTO devices ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING"
    );
    let added = connection.execute(
        &insert,
        params![
            device.name,
            device.uid.as_str(),
            device.token_hash,
            device.monitor,
            device.created_at.as_millis(),
            device.last_seen.map(Moment::as_millis),
        ],
    )?;
    let same = |there: Device| there.token_hash == device.token_hash && there.uid == device.uid;
    if added == 1 || find(connection, &device.name)?.is_some_and(same) {
        return Ok(());
    }
    Err(StoreError::Exists)
}

pub fn remove(connection: &Connection, name: &str) -> Result<()> {
    match connection.execute("DELETE FROM devices WHERE name = ?1", [name])? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

pub fn seen(connection: &Connection, name: &str, at: Moment) -> Result<()> {
    connection
        .prepare_cached("UPDATE devices SET last_seen = ?2 WHERE name = ?1")?
        .execute(params![name, at.as_millis()])?;
    Ok(())
}

fn device(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        name: row.get(0)?,
        uid: row::word(row, 1)?,
        token_hash: row.get(2)?,
        monitor: row.get(3)?,
        created_at: row::moment(row, 4)?,
        last_seen: row.get::<_, Option<i64>>(5)?.map(Moment::from_millis),
    })
}
