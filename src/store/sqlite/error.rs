//! What SQLite's errors mean to the caller. No other file tells them apart.

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        use ErrorCode::{
            ConstraintViolation, DatabaseCorrupt, NotADatabase, TypeMismatch, Unknown,
        };
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Unusable(format!(
                "the database file is damaged, or is no SQLite file ({error}): restore a backup, \
                 or move the file away to begin anew"
            )),
            // Tables, columns or rows are not as the schema made them.
            Some(ConstraintViolation | TypeMismatch | Unknown) => Self::Unusable(error.to_string()),
            // Full, busy, read-only, I/O and permission errors: a matter of the machine.
            Some(_) => Self::Unavailable(error.to_string()),
            // A row that cannot be read as what it should be.
            None => Self::Unusable(format!("the database holds something unreadable: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn meaning(code: i32) -> StoreError {
        Error::SqliteFailure(ffi::Error::new(code), None).into()
    }

    #[test]
    fn a_full_or_busy_disk_may_recover_and_a_damaged_file_not() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR, ffi::SQLITE_READONLY] {
            assert!(matches!(meaning(code), StoreError::Unavailable(_)), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_ERROR] {
            assert!(matches!(meaning(code), StoreError::Unusable(_)), "{code}");
        }
        assert!(matches!(Error::InvalidQuery.into(), StoreError::Unusable(_)));
    }
}
