//! What the owner of a room can do: change it, close it, take somebody out, hand it over.

use std::{sync::Arc, time::Instant};

use tokio::sync::oneshot;

use super::{Refusal, Shared};
use crate::{
    chat::{
        Card, Kind, RoomChange, RoomId, Uid,
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

impl Owner {
    pub(super) fn new(shared: Arc<Shared>, room: RoomId) -> Self {
        Self { shared, room }
    }

    /// Changes the room. A new password ends every grant, and with it every subscription that
    /// relied on one. A smaller `max` puts nobody out.
    pub async fn change(&self, wish: Wish) -> Result<Card, Refusal> {
        let mut change = checked(&wish)?;
        if let Some(password) = &wish.password {
            change.password = Some(match password.as_str() {
                "" => None,
                password => Some(self.shared.passwords.hash(password).await?),
            });
        }
        self.apply(change).await
    }

    /// Makes somebody in the room its owner.
    pub async fn hand_over(&self, to: Uid) -> Result<Card, Refusal> {
        let person = {
            let state = self.shared.state();
            let mut people = state.live(self.room)?.presence.people();
            people.find(|(person, _)| person.uid == to).map(|(person, _)| person.clone())
        };
        let person = person.ok_or(Refusal::NoSuchPerson)?;
        let owner = Some((person.uid, person.user));
        let card = self.apply(RoomChange { owner, ..RoomChange::default() }).await?;
        self.shared.state().tell(self.room, Kind::Owner, &person);
        self.shared.state_changed();
        Ok(card)
    }

    /// Takes somebody out. Their grant ends; banned, they cannot come back, in it or not.
    pub async fn kick(&self, who: Uid, ban: bool) -> Result<(), Refusal> {
        let _one_at_a_time = self.shared.administering.lock().await;
        let (present, off_record) = {
            let state = self.shared.state();
            let live = state.live(self.room)?;
            if live.room.owner == who {
                return Err(Refusal::NoSuchPerson);
            }
            (live.presence.has(who), live.room.off_record)
        };
        if !present && !ban {
            return Err(Refusal::NoSuchPerson);
        }
        let standing = if ban { Standing::Banned } else { Standing::None };
        if !off_record {
            self.shared.store.set_standing(self.room, who, standing).await?;
        }
        {
            let mut state = self.shared.state();
            let live = state.live_mut(self.room)?;
            live.granted.retain(|granted| *granted != who);
            if ban {
                live.banned.insert(who);
            }
            if present {
                state.kick(who, self.room)?;
            }
        }
        self.shared.state_changed();
        self.shared.rights_changed(self.room);
        Ok(())
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

    async fn apply(&self, change: RoomChange) -> Result<Card, Refusal> {
        let _one_at_a_time = self.shared.administering.lock().await;
        let off_record = self.shared.state().live(self.room)?.room.off_record;
        if !off_record {
            self.shared.store.change(self.room, &change).await?;
        }
        let card = {
            let mut state = self.shared.state();
            let live = state.live_mut(self.room)?;
            live.room.apply(&change);
            if change.password.is_some() {
                live.granted.clear();
                live.epoch += 1;
            }
            let card = live.card();
            state.touched(self.room, Instant::now());
            card
        };
        self.shared.state_changed();
        if change.password.is_some() {
            self.shared.rights_changed(self.room);
        }
        Ok(card)
    }
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
