//! The shapes of the documents, and the domain's values in them. Ids, colours and kinds are the
//! words of the wire; times are dates.

use std::collections::BTreeMap;

use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

use crate::{
    chat::{
        Colour, Event, Key, Kind, MessageId, Moment, Origin, Room, RoomId, Stamped, Uid,
        message::Author, people::Person, room::PasswordHash,
    },
    store::{Device, SavedRoom},
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomDocument {
    #[serde(rename = "_id")]
    pub id: RoomId,
    title: String,
    max: u32,
    pub owner: Uid,
    pub owner_colour: Colour,
    password: Option<PasswordHash>,
    off_record: bool,
    keep: bool,
    created_at: DateTime,
    /// A removal has begun: the room is gone for everybody.
    pub removing: bool,
    pub roster: BTreeMap<Uid, Occupant>,
    /// The newest message that `roster` and owner take into account.
    pub roster_seq: i64,
    granted: Vec<Uid>,
    banned: Vec<Uid>,
}

/// A [`Person`] under their uid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Occupant {
    pub user: Colour,
    pub name: Option<String>,
    pub kind: Origin,
    /// The number of the join.
    #[serde(default)]
    pub since: i64,
}

impl Occupant {
    pub fn new(person: Person, since: u64) -> Self {
        let Person { user, name, kind, .. } = person;
        Self { user, name, kind, since: signed(since) }
    }
}

impl RoomDocument {
    pub fn room(&self) -> Room {
        Room {
            id: self.id,
            title: self.title.clone(),
            max: self.max,
            owner: self.owner,
            owner_colour: self.owner_colour,
            password: self.password.clone(),
            off_record: self.off_record,
            keep: self.keep,
            created_at: moment(self.created_at),
        }
    }

    pub fn saved(self, last_seq: u64) -> SavedRoom {
        let room = self.room();
        let person = |(uid, Occupant { user, name, kind, .. })| Person { uid, user, name, kind };
        let mut roster: Vec<_> = self.roster.into_iter().collect();
        roster.sort_by_key(|(_, occupant)| occupant.since);
        SavedRoom {
            room,
            last_seq,
            roster: roster.into_iter().map(person).collect(),
            granted: self.granted,
            banned: self.banned,
        }
    }
}

impl From<&Room> for RoomDocument {
    fn from(room: &Room) -> Self {
        Self {
            id: room.id,
            title: room.title.clone(),
            max: room.max,
            owner: room.owner,
            owner_colour: room.owner_colour,
            password: room.password.clone(),
            off_record: room.off_record,
            keep: room.keep,
            created_at: date(room.created_at),
            removing: false,
            roster: BTreeMap::new(),
            roster_seq: 0,
            granted: vec![],
            banned: vec![],
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageDocument {
    /// Room and id: the message is unique in its room.
    #[serde(rename = "_id")]
    pub place: String,
    pub room: RoomId,
    pub seq: i64,
    /// Author and key; without a key the id. Always there, because a unique index takes two
    /// documents without the field for duplicates.
    pub dedup: String,
    id: MessageId,
    #[serde(rename = "type")]
    kind: Kind,
    user: Author,
    uid: Uid,
    name: Option<String>,
    chat: Option<String>,
    gif: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default)]
    animated: bool,
    to: Option<Uid>,
    key: Option<Key>,
    occupancy: Option<u32>,
    created_at: DateTime,
    /// Whom a join concerns, for the roster.
    pub whom: Option<Person>,
}

impl MessageDocument {
    pub fn new(Stamped { event, whom }: &Stamped, seq: u64) -> Self {
        Self {
            place: place(event.room, event.id),
            room: event.room,
            seq: signed(seq),
            dedup: dedup(event),
            id: event.id,
            kind: event.kind,
            user: event.user,
            uid: event.uid,
            name: event.name.clone(),
            chat: event.chat.clone(),
            gif: event.gif.clone(),
            width: event.width,
            height: event.height,
            animated: event.animated,
            to: event.to,
            key: event.key.clone(),
            occupancy: event.occupancy,
            created_at: date(event.created_at),
            whom: whom.clone(),
        }
    }

    pub fn event(self) -> Event {
        Event {
            kind: self.kind,
            room: self.room,
            seq: Some(self.seq.unsigned_abs()),
            id: self.id,
            user: self.user,
            uid: self.uid,
            name: self.name,
            chat: self.chat,
            gif: self.gif,
            width: self.width,
            height: self.height,
            animated: self.animated,
            to: self.to,
            key: self.key,
            occupancy: self.occupancy,
            created_at: moment(self.created_at),
        }
    }
}

pub fn place(room: RoomId, id: MessageId) -> String {
    format!("{room}/{id}")
}

/// No id begins like an identity and a slash.
pub fn dedup(event: &Event) -> String {
    match &event.key {
        Some(key) => format!("{}/{}", event.uid, key.as_str()),
        None => event.id.to_string(),
    }
}

/// The largest number that the database can keep stands for all beyond.
pub fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceDocument {
    #[serde(rename = "_id")]
    name: String,
    uid: Uid,
    token_hash: String,
    monitor: bool,
    created_at: DateTime,
    last_seen: Option<DateTime>,
}

impl From<&Device> for DeviceDocument {
    fn from(device: &Device) -> Self {
        Self {
            name: device.name.clone(),
            uid: device.uid,
            token_hash: device.token_hash.clone(),
            monitor: device.monitor,
            created_at: date(device.created_at),
            last_seen: device.last_seen.map(date),
        }
    }
}

impl From<DeviceDocument> for Device {
    fn from(device: DeviceDocument) -> Self {
        Self {
            name: device.name,
            uid: device.uid,
            token_hash: device.token_hash,
            monitor: device.monitor,
            created_at: moment(device.created_at),
            last_seen: device.last_seen.map(moment),
        }
    }
}

pub fn date(moment: Moment) -> DateTime {
    DateTime::from_millis(moment.as_millis())
}

fn moment(date: DateTime) -> Moment {
    Moment::from_millis(date.timestamp_millis())
}
