//! How a change of rooms' settings and rights is made: one at a time, in the store and in memory
//! alike. What is changed is for those who call.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Refusal, Shared, writer::until_known};
use crate::{
    chat::{RoomId, Uid},
    store::Standing,
};

impl Shared {
    /// Until when somebody is kept waiting who asks now.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.wait
    }

    /// Runs a change of rooms' settings or rights, one at a time, and to its end also when whoever
    /// asked for it has gone: store and memory must not part. Who waits is told at the deadline
    /// that the store is down; a change that has begun may still come.
    pub(super) async fn administer<T: Send + 'static>(
        &self,
        deadline: Instant,
        change: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = Arc::clone(&self.administering).lock_owned();
        let Ok(turn) = tokio::time::timeout_at(deadline, turn).await else {
            return Err(Refusal::Unavailable);
        };
        let changing = tokio::spawn(async move {
            let _turn = turn;
            change.await
        });
        match tokio::time::timeout_at(deadline, changing).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                tracing::error!(%error, "a change of a room was cut off");
                Err(Refusal::Unavailable)
            }
            Err(_) => Err(Refusal::Unavailable),
        }
    }

    /// Lets `who` into the room from now on; the oldest grant makes room at need.
    pub(super) async fn let_in(&self, room: RoomId, who: Uid) -> Result<(), Refusal> {
        let (oldest, off_record) = {
            let mut state = self.state();
            let live = state.live_mut(room)?;
            if live.granted.contains(&who) {
                return Ok(());
            }
            let full = live.granted.len() >= self.rooms.grants.max(1);
            (if full { live.granted.pop_front() } else { None }, live.room.off_record)
        };
        if !off_record {
            if let Some(oldest) = oldest {
                until_known(|| self.store.set_standing(room, oldest, Standing::None)).await?;
            }
            until_known(|| self.store.set_standing(room, who, Standing::Granted)).await?;
        }
        self.state().live_mut(room)?.granted.push_back(who);
        Ok(())
    }
}
