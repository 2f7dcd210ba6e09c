//! Connecting, the collections and their indexes, and the schema's version.

use std::time::Duration;

use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{Document, doc},
    options::{
        Acknowledgment, ClientOptions, IndexOptions, ReadPreference, SelectionCriteria,
        WriteConcern,
    },
};

use super::{
    document::{DeviceDocument, MessageDocument, RoomDocument},
    error::{at_opening, is_duplicate, is_there, within},
};
use crate::store::{Result, StoreError};

/// The database, when the URI's path names none.
const DEFAULT_DATABASE: &str = "parlor";
/// What this Parlor writes and understands.
const VERSION: i64 = 1;

/// How long to look for a server that can be written to, unless the URI says: a database that is
/// down is to be known in seconds.
const SERVER_SELECTION: Duration = Duration::from_secs(2);
/// How long a majority may take to have a write on disk.
const WRITE_CONCERN: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Collections {
    pub client: Client,
    pub rooms: Collection<RoomDocument>,
    pub messages: Collection<MessageDocument>,
    pub devices: Collection<DeviceDocument>,
    /// The schema's version, and what is written to find out whether writing works.
    pub meta: Collection<Document>,
}

pub async fn open(uri: &str) -> Result<Collections> {
    let connecting = async {
        let client = Client::with_options(options(uri).await?)?;
        let database =
            client.default_database().unwrap_or_else(|| client.database(DEFAULT_DATABASE));
        let version = version(&database).await?;
        mongodb::error::Result::Ok((client, database, version))
    };
    let (client, database, version) =
        within(connecting).await.map_err(|error| at_opening(error, uri))?;
    if version != VERSION {
        return Err(StoreError::Unusable(format!(
            "the database `{}` was written by another version of Parlor (schema {version}; this \
             one knows {VERSION}): start that version, or name another database in `[store] uri`",
            database.name()
        )));
    }
    let collections = Collections {
        client,
        rooms: database.collection("rooms"),
        messages: database.collection("messages"),
        devices: database.collection("devices"),
        meta: database.collection("meta"),
    };
    unique(&collections.messages, doc! { "room": 1, "seq": 1 }).await?;
    unique(&collections.messages, doc! { "room": 1, "dedup": 1 }).await?;
    Ok(collections)
}

async fn options(uri: &str) -> mongodb::error::Result<ClientOptions> {
    let mut options = ClientOptions::parse(uri).await?;
    options.app_name.get_or_insert_with(|| "parlor".into());
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
    options.connect_timeout.get_or_insert(SERVER_SELECTION);
    // Whatever the URI says: an acknowledged message is on disk, and is read back where it is.
    let durable = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(WRITE_CONCERN)
        .build();
    options.write_concern = Some(durable);
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    Ok(options)
}

/// The version of what is there; a new database gets this one's.
async fn version(database: &Database) -> mongodb::error::Result<i64> {
    let meta = database.collection::<Document>("meta");
    for first in [doc! { "_id": "schema", "version": VERSION }, doc! { "_id": "ping", "count": 0 }]
    {
        match meta.insert_one(first).await {
            // There already: from an earlier start, or by another node.
            Err(error) if !is_duplicate(&error) => return Err(error),
            _ => {}
        }
    }
    let schema = meta.find_one(doc! { "_id": "schema" }).await?;
    let version = schema.and_then(|schema| schema.get("version")?.as_i64());
    // A version that is no number is none of ours.
    Ok(version.unwrap_or_default())
}

async fn unique<T: Send + Sync>(collection: &Collection<T>, keys: Document) -> Result<()> {
    let options = IndexOptions::builder().unique(true).build();
    let index = IndexModel::builder().keys(keys).options(options).build();
    match within(collection.create_index(index)).await {
        Err(error) if !is_there(&error) => Err(error.into()),
        _ => Ok(()),
    }
}
