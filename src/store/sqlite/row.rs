//! Columns as values of the domain. What is not one is damage, and says so.

use std::error::Error;

use rusqlite::{Row, types::Type};
use serde::Deserialize;

use crate::{chat::Moment, store::words};

/// A word, such as an id or a colour.
pub fn word<T: for<'word> Deserialize<'word>>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    words::read(row.get_ref(at)?.as_str()?).map_err(|error| damaged(at, error))
}

pub fn optional_word<T: for<'word> Deserialize<'word>>(
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(at)?.as_str_or_null()? else { return Ok(None) };
    words::read(text).map(Some).map_err(|error| damaged(at, error))
}

/// A message's number: kept signed, never negative.
pub fn seq(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(at)?).map_err(|error| damaged(at, error))
}

pub fn moment(row: &Row<'_>, at: usize) -> rusqlite::Result<Moment> {
    row.get(at).map(Moment::from_millis)
}

/// The largest number that the database can keep stands for all beyond.
pub fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn damaged(at: usize, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error))
}
