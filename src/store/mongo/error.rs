//! What the driver's errors mean to the caller. No other file tells them apart.

use std::{future::IntoFuture, time::Duration};

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::store::{Result, StoreError};

/// The server's code for a document that a unique index refuses.
const DUPLICATE: i32 = 11_000;
/// The server's codes for an index or collection that is there already, perhaps by another name.
const THERE: [i32; 3] = [48, 85, 86];

/// How long one operation may take, the driver's own waiting for a server included.
const DEADLINE: Duration = Duration::from_secs(10);

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.kind.as_ref() {
            ErrorKind::Bson(_)
            | ErrorKind::BsonDeserialization(_)
            | ErrorKind::BsonSerialization(_) => {
                Self::Unusable(format!("the database holds something unreadable: {}", error.kind))
            }
            _ => Self::Unavailable(error.kind.to_string()),
        }
    }
}

/// Gives the operation up when it takes too long: the driver itself would wait for ever for an
/// answer on a connection that has gone silent.
pub async fn within<T>(
    operation: impl IntoFuture<Output = mongodb::error::Result<T>>,
) -> mongodb::error::Result<T> {
    let finished = tokio::time::timeout(DEADLINE, operation.into_future()).await;
    finished.unwrap_or_else(|_| Err(Error::custom("the server does not answer".to_owned())))
}

pub fn is_duplicate(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE,
        _ => false,
    }
}

pub fn is_there(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(error) if THERE.contains(&error.code))
}

/// How many documents of an ordered insertion came before the one that is a duplicate. Every other
/// failure leaves the outcome unknown.
pub fn before_duplicate(error: Error) -> Result<usize> {
    if let ErrorKind::InsertMany(failure) = error.kind.as_ref()
        && failure.write_concern_error.is_none()
        && let Some([first]) = failure.write_errors.as_deref()
        && first.code == DUPLICATE
    {
        return Ok(first.index);
    }
    Err(error.into())
}

/// Opening: what will not get better by waiting is for the operator.
pub fn at_opening(error: Error, uri: &str) -> StoreError {
    let text = without_secrets(&error.kind.to_string(), uri);
    match error.kind.as_ref() {
        ErrorKind::InvalidArgument { .. }
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::IncompatibleServer { .. } => {
            StoreError::Unusable(format!("the `mongodb` URI in `[store] uri`: {text}"))
        }
        ErrorKind::Authentication { .. } => {
            StoreError::Unusable(format!("MongoDB refuses the user or password: {text}"))
        }
        _ => StoreError::Unavailable(text),
    }
}

/// Blots out the URI's user and password, should the text repeat them.
fn without_secrets(text: &str, uri: &str) -> String {
    let authority = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let Some((login, _)) = authority.rsplit_once('@') else { return text.to_owned() };
    let password = login.split_once(':').map_or("", |(_, password)| password);
    [login, password]
        .into_iter()
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_repeated() {
        for (uri, text) in [
            ("mongodb://me:s3cret@h/db", "bad uri mongodb://me:s3cret@h/db"),
            ("mongodb://me:s3cret@h/db", "bad password s3cret"),
            ("mongodb+srv://me:a@s3cret@h/db", "a@s3cret"),
            ("mongodb+srv://s3cret@h/db", "s3cret"),
        ] {
            let shown = without_secrets(text, uri);
            assert!(!shown.contains("s3cret") && shown.contains("***"), "{shown}");
        }
        assert_eq!(without_secrets("down", "mongodb://h/db"), "down");
    }
}
