//! What the owner of a room can do: change it, close it, take somebody out, hand it over.

use std::{net::IpAddr, sync::Arc, time::Instant};

use serde::Serialize;
use tokio::sync::oneshot;

use super::{Refusal, Shared, address::host, writer::until_known};
use crate::{
    chat::{
        Card, Colour, RoomChange, RoomId, Uid,
        people::colour_of,
        room::{RoomFault, checked_max, checked_password, checked_title},
    },
    store::Standing,
};

/// The right to change one room. Made by [`Bridge::owner`](super::Bridge::owner).
pub struct Owner {
    shared: Arc<Shared>,
    room: RoomId,
}

/// What the owner wants changed; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub title: Option<String>,
    pub max: Option<u32>,
    /// An empty one unlocks the room.
    pub password: Option<String>,
    pub keep: Option<bool>,
}

/// Somebody who may not come back. Who they are is known by the id alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Banned {
    pub uid: Uid,
    /// The colour, `#rrggbb`.
    pub user: Colour,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Owner {
    pub(super) fn new(shared: Arc<Shared>, room: RoomId) -> Self {
        Self { shared, room }
    }

    /// Changes the room. A new password ends every grant, and with it every subscription that
    /// relied on one. A smaller `max` puts nobody out. `from`: whose turn a new password is hashed in.
    pub async fn change(&self, wish: Wish, from: IpAddr) -> Result<Card, Refusal> {
        let mut change = checked(&wish)?;
        if let Some(password) = &wish.password {
            change.password = Some(match password.as_str() {
                "" => None,
                password => {
                    let turn = self.shared.passwords.turn(host(from)).await?;
                    Some(turn.hash(password).await?)
                }
            });
        }
        let (shared, room) = (Arc::clone(&self.shared), self.room);
        let apply = async move { apply(&shared, room, change).await };
        self.shared.administer(self.shared.deadline(), apply).await
    }

    /// Makes somebody in the room its owner. Who was it may stay, also in a locked room.
    pub async fn hand_over(&self, to: Uid) -> Result<Card, Refusal> {
        let (shared, room) = (Arc::clone(&self.shared), self.room);
        let hand_over = async move {
            let (person, before) = {
                let state = shared.state();
                let live = state.live(room)?;
                let mut people = live.presence.people();
                let person = people.find(|(person, _)| person.uid == to);
                (person.map(|(person, _)| person.clone()), live.room.owner)
            };
            let person = person.ok_or(Refusal::NoSuchPerson)?;
            if shared.state().live(room)?.room.password.is_some() {
                shared.let_in(room, before).await?;
            }
            let (reply, stored) = oneshot::channel();
            {
                let mut state = shared.state();
                // They may have left meanwhile.
                if !state.live(room)?.presence.has(to) {
                    return Err(Refusal::NoSuchPerson);
                }
                state.hand_over(room, &person, Some(reply));
            }
            shared.state_changed();
            stored.await.map_err(|_| Refusal::Unavailable)??;
            Ok(shared.state().live(room)?.card())
        };
        self.shared.administer(self.shared.deadline(), hand_over).await
    }

    /// Takes somebody out. Their grant ends; banned, they cannot come back, in it or not.
    pub async fn kick(&self, who: Uid, ban: bool) -> Result<(), Refusal> {
        let kick = kick(Arc::clone(&self.shared), self.room, who, ban);
        self.shared.administer(self.shared.deadline(), kick).await
    }

    /// Who is banned, by id. A device has its name, as long as it is known.
    pub async fn bans(&self) -> Result<Vec<Banned>, Refusal> {
        let mut banned: Vec<Uid> =
            self.shared.state().live(self.room)?.banned.iter().copied().collect();
        banned.sort();
        let devices = tokio::time::timeout(self.shared.wait, self.shared.store.devices()).await;
        let devices = devices.map_err(|_| Refusal::Unavailable)??;
        let name = |uid| devices.iter().find(|it| it.uid == uid).map(|it| it.name.clone());
        Ok(banned
            .into_iter()
            .map(|uid| Banned { uid, user: colour_of(uid), name: name(uid) })
            .collect())
    }

    /// Lets somebody in again, as any stranger: to a locked room with its password. Who is not
    /// banned stays as they are.
    pub async fn lift_ban(&self, who: Uid) -> Result<(), Refusal> {
        let lift = lift_ban(Arc::clone(&self.shared), self.room, who);
        self.shared.administer(self.shared.deadline(), lift).await
    }

    /// Removes the room with its log and images. Returns when that is done.
    pub async fn close(&self) -> Result<(), Refusal> {
        let (done, closed) = oneshot::channel();
        self.shared.state().live(self.room)?;
        self.shared.state().close(self.room, Some(done));
        self.shared.state_changed();
        let closed = tokio::time::timeout(self.shared.wait, closed).await;
        closed.map_err(|_| Refusal::Unavailable)?.map_err(|_| Refusal::Unavailable)
    }
}

async fn kick(shared: Arc<Shared>, room: RoomId, who: Uid, ban: bool) -> Result<(), Refusal> {
    let (present, is_at_limit, off_record) = {
        let state = shared.state();
        let live = state.live(room)?;
        if live.room.owner == who {
            return Err(Refusal::NoSuchPerson);
        }
        let is_at_limit = live.banned.len() >= shared.rooms.bans && !live.banned.contains(&who);
        (live.presence.has(who), is_at_limit, live.room.off_record)
    };
    if !present && !ban {
        return Err(Refusal::NoSuchPerson);
    }
    if ban && is_at_limit {
        return Err(Refusal::TooManyBans);
    }
    let standing = if ban { Standing::Banned } else { Standing::None };
    if !off_record {
        until_known(|| shared.store.set_standing(room, who, standing)).await?;
    }
    {
        let mut state = shared.state();
        let live = state.live_mut(room)?;
        live.granted.retain(|granted| *granted != who);
        if ban {
            live.banned.insert(who);
        }
        // They may have left meanwhile. Who is there is put out by the event itself, so that they
        // hear it.
        if live.presence.has(who) {
            state.kick(who, room)?;
        } else {
            shared.rights_changed(room);
        }
    }
    shared.state_changed();
    Ok(())
}

async fn lift_ban(shared: Arc<Shared>, room: RoomId, who: Uid) -> Result<(), Refusal> {
    let off_record = {
        let state = shared.state();
        let live = state.live(room)?;
        if !live.banned.contains(&who) {
            return Ok(());
        }
        live.room.off_record
    };
    if !off_record {
        until_known(|| shared.store.set_standing(room, who, Standing::None)).await?;
    }
    shared.state().live_mut(room)?.banned.remove(&who);
    shared.rights_changed(room);
    Ok(())
}

async fn apply(shared: &Shared, room: RoomId, change: RoomChange) -> Result<Card, Refusal> {
    let off_record = shared.state().live(room)?.room.off_record;
    if !off_record {
        until_known(|| shared.store.change(room, &change)).await?;
    }
    let card = {
        let mut state = shared.state();
        let live = state.live_mut(room)?;
        live.room.apply(&change);
        if change.password.is_some() {
            live.granted.clear();
            live.epoch += 1;
        }
        let card = live.card();
        state.touched(room, Instant::now());
        card
    };
    shared.state_changed();
    if change.password.is_some() {
        shared.rights_changed(room);
    }
    Ok(card)
}

fn checked(wish: &Wish) -> Result<RoomChange, Refusal> {
    let mut faults: Vec<RoomFault> = Vec::new();
    let title = wish.title.as_deref().map(checked_title).transpose();
    let max = wish.max.map(checked_max).transpose();
    let password = wish.password.as_deref().filter(|word| !word.is_empty());
    faults.extend(title.as_ref().err());
    faults.extend(max.err());
    faults.extend(password.and_then(|word| checked_password(word).err()));
    match (title, max) {
        (Ok(title), Ok(max)) if faults.is_empty() => {
            Ok(RoomChange { title, max, keep: wish.keep, ..RoomChange::default() })
        }
        _ => Err(Refusal::Room(faults)),
    }
}
