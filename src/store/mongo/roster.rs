//! Rosters and owners: kept in the room's document, a little behind the log, and brought up to it by
//! replaying what the log has since.

use std::collections::HashMap;

use mongodb::bson::{self, Document, doc};

use super::{
    document::{MessageDocument, Occupant, RoomDocument, signed},
    error::within,
    messages,
    schema::Collections,
};
use crate::{
    chat::{Kind, RoomId, Uid, people::Person},
    store::{Result, SavedRoom, roster::Step},
};

/// Makes sure of a room before it is written to, and answers with its newest number; None when there
/// is no such room.
///
/// Ends with a write to a majority's disks: all that was read before is then as safe as what this
/// process wrote itself.
pub async fn take_up(collections: &Collections, room: RoomId) -> Result<Option<u64>> {
    let filter = doc! { "_id": room.as_str(), "removing": false };
    let Some(found) = within(collections.rooms.find_one(filter)).await? else { return Ok(None) };
    let (last, steps) = since(collections, &found).await?;
    let there = apply(collections, room, &steps, last).await?;
    Ok(there.then_some(last))
}

/// Writes what the steps come to, and that they reach to `last`. False when there is no such room.
pub async fn apply(
    collections: &Collections,
    room: RoomId,
    steps: &[Step],
    last: u64,
) -> Result<bool> {
    let mut set = doc! { "rosterSeq": signed(last) };
    let mut unset = Document::new();
    let path = |uid: &Uid| format!("roster.{uid}");
    // Of several steps of one person the last one counts.
    let mut latest: HashMap<Uid, &Step> = HashMap::new();
    for step in steps {
        match step {
            Step::In(Person { uid, .. }, _) | Step::Out(uid) => {
                latest.insert(*uid, step);
            }
            Step::Owner(person) => {
                set.insert("owner", person.uid.as_str());
                set.insert("ownerColour", person.user.to_string());
            }
        }
    }
    for (uid, step) in latest {
        if let Step::In(person, since) = step {
            let occupant = Occupant::new(person.clone(), *since);
            let occupant =
                bson::serialize_to_bson(&occupant).map_err(mongodb::error::Error::from)?;
            set.insert(path(&uid), occupant);
        } else {
            unset.insert(path(&uid), "");
        }
    }
    // The count makes it a write even when nothing else changes.
    let mut update = doc! { "$set": set, "$inc": { "takenUp": 1 } };
    if !unset.is_empty() {
        update.insert("$unset", unset);
    }
    let filter = doc! { "_id": room.as_str(), "removing": false };
    let updated = within(collections.rooms.update_one(filter, update)).await?;
    Ok(updated.matched_count > 0)
}

/// The room with its roster and owner as the log has them.
pub async fn saved(collections: &Collections, mut room: RoomDocument) -> Result<SavedRoom> {
    let (last, steps) = since(collections, &room).await?;
    for step in steps {
        match step {
            Step::In(person, since) => {
                room.roster.insert(person.uid, Occupant::new(person, since));
            }
            Step::Out(uid) => {
                room.roster.remove(&uid);
            }
            Step::Owner(person) => (room.owner, room.owner_colour) = (person.uid, person.user),
        }
    }
    Ok(room.saved(last))
}

/// The log's newest number, and what it has of people since the roster was written.
async fn since(collections: &Collections, room: &RoomDocument) -> Result<(u64, Vec<Step>)> {
    let last = messages::newest(collections, room.id).await?;
    if signed(last) <= room.roster_seq {
        return Ok((last, vec![]));
    }
    let kinds = [Kind::Join, Kind::Exit, Kind::Kick, Kind::Owner].map(Kind::as_str);
    let filter = doc! {
        "room": room.id.as_str(),
        "seq": { "$gt": room.roster_seq, "$lte": signed(last) },
        "type": { "$in": kinds.to_vec() },
    };
    let moves = messages::find(collections, filter, doc! { "seq": 1 }, None).await?;
    let step = |message: MessageDocument| {
        let whom = message.whom.clone();
        Step::of(&message.event(), whom.as_ref())
    };
    Ok((last, moves.into_iter().filter_map(step).collect()))
}
