//! Which store a URI means, and opening it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Result, SharedStore, StoreError, sqlite::Sqlite};

/// The file in the data folder, when the URI names none.
const DEFAULT_FILE: &str = "parlor.db";

/// Opens the store that the URI names: `sqlite:` (`parlor.db` in the data folder), `sqlite:PATH`,
/// `mongodb://…` or `mongodb+srv://…`. [`StoreError::Unusable`] for anything else.
pub async fn open(uri: &str, data_dir: &Path) -> Result<SharedStore> {
    match Location::read(uri, data_dir)? {
        Location::File(path) => {
            let opening = tokio::task::spawn_blocking(move || Sqlite::open(&path));
            let opened = opening.await.map_err(|error| StoreError::Unavailable(error.to_string()));
            Ok(Arc::new(opened??))
        }
        Location::Mongo => mongo(uri).await,
    }
}

/// The file of an embedded store, without opening it; none when the URI names a server.
pub fn file(uri: &str, data_dir: &Path) -> Result<Option<PathBuf>> {
    Ok(match Location::read(uri, data_dir)? {
        Location::File(path) => Some(path),
        Location::Mongo => None,
    })
}

/// Whether the file is a whole store of this version. Brings an older one up to date. Blocks.
pub fn check(path: &Path) -> Result<()> {
    super::sqlite::check(path)
}

/// Writes what the embedded store at `path` holds now into the new file `into`, also while a server
/// uses it. Blocks.
pub fn snapshot(path: &Path, into: &Path) -> Result<()> {
    super::sqlite::snapshot(path, into)
}

#[cfg(feature = "mongo")]
async fn mongo(uri: &str) -> Result<SharedStore> {
    Ok(Arc::new(super::mongo::Mongo::open(uri).await?))
}

#[cfg(not(feature = "mongo"))]
async fn mongo(_: &str) -> Result<SharedStore> {
    Err(StoreError::Unusable(
        "this Parlor was built without MongoDB (cargo feature `mongo`): use `sqlite:`".into(),
    ))
}

#[derive(Debug, PartialEq, Eq)]
enum Location {
    File(PathBuf),
    Mongo,
}

impl Location {
    fn read(uri: &str, data_dir: &Path) -> Result<Self> {
        if uri.starts_with("mongodb://") || uri.starts_with("mongodb+srv://") {
            return Ok(Self::Mongo);
        }
        match uri.strip_prefix("sqlite:") {
            Some("") => Ok(Self::File(data_dir.join(DEFAULT_FILE))),
            Some(path) => Ok(Self::File(path.strip_prefix("//").unwrap_or(path).into())),
            // The text is not repeated: it may hold a password.
            None => Err(StoreError::Unusable(
                "`[store] uri` must be `sqlite:`, `sqlite:PATH`, `mongodb://HOST/DATABASE` or \
                 `mongodb+srv://HOST/DATABASE`"
                    .into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(uri: &str) -> Result<Location> {
        Location::read(uri, Path::new("data"))
    }

    #[test]
    fn a_uri_names_a_file_or_a_server() {
        for (uri, path) in [
            ("sqlite:", "data/parlor.db"),
            ("sqlite:x.db", "x.db"),
            ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
            ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
        ] {
            assert_eq!(location(uri).unwrap(), Location::File(path.into()), "{uri}");
        }
        for uri in ["mongodb://h/db", "mongodb+srv://u:p@h/db?x=y"] {
            assert_eq!(location(uri).unwrap(), Location::Mongo, "{uri}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_accepted_forms_and_not_repeated() {
        for uri in ["", "sqlite", "postgres://me:secret@h/db", "x.db", "mongodb:secret"] {
            let why = location(uri).unwrap_err().to_string();
            assert!(why.contains("sqlite:PATH") && why.contains("mongodb://"), "{why}");
            assert!(!why.contains("secret"), "{why}");
        }
    }

    #[tokio::test]
    async fn the_default_is_a_file_in_the_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = open("sqlite:", folder.path()).await.unwrap();
        store.ping().await.unwrap();
        assert!(folder.path().join("parlor.db").is_file());
    }
}
