//! From CONNECT to the answer: who it is, whether the will is allowed, which session it gets, and
//! what that session had open.

use std::{sync::Arc, time::Duration};

use super::{
    ending,
    reading::Start,
    subscribing::{self, Opened, Subscribing},
};
use crate::{
    bridge::stamp,
    chat::{Identity, MessageId},
    mqtt::{
        Edge, Peer,
        auth::identify,
        codec::{Connect, Will},
        policy::Writing,
        reason::{ReasonCode, Refusal},
        session::{Granted, Requested, Stored},
        sessions::{Kept, Place, SessionKey},
    },
};

/// How long an earlier connection may take to let its session go.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Admitted {
    pub(super) granted: Granted,
    pub(super) who: Arc<Identity>,
    pub(super) place: Place,
    pub(super) opened: Vec<Opened>,
}

pub(super) async fn admit(
    edge: Edge,
    peer: Arc<Peer>,
    connect: Box<Connect>,
) -> Result<Box<Admitted>, Refusal> {
    let assigned_client_id = match connect.client_id.is_empty() {
        true => format!("auto-{}", MessageId::from_entropy(stamp::entropy())),
        false => String::new(),
    };
    let client_id = format!("{}{assigned_client_id}", connect.client_id);
    let shared = &edge.0;
    let who = identify(&shared.bridge, shared.anonymous, &peer, &connect, &client_id).await?;
    let who = Arc::new(who);
    if let Some(will) = &connect.will {
        check_will(&edge, &who, will)?;
    }
    let key = SessionKey { uid: who.uid, client_id };
    let (mut place, over) = shared.sessions.enter(key, connect.clean_start, PATIENCE).await?;
    if let Some(over) = over {
        let own = edge.clone();
        shared.connections.spawn(async move { own.end(over).await });
    }
    let mut opened = Vec::new();
    let mut stored = None;
    if let Some(kept) = place.kept.take() {
        match resume(&edge, &peer, &who, &place, kept).await {
            Ok((kept, open)) => (stored, opened) = (Some(kept), open),
            Err((kept, refusal)) => {
                ending::give_back(&edge, place, Some(kept), &[]);
                return Err(refusal);
            }
        }
    }
    let granted = Granted { assigned_client_id, stored };
    Ok(Box::new(Admitted { granted, who, place, opened }))
}

/// Whether the author may publish there now; it is asked again when the will is given out.
fn check_will(edge: &Edge, who: &Arc<Identity>, will: &Will) -> Result<(), Refusal> {
    let room = match edge.0.policy.writing(&will.topic)? {
        Writing::Draft(room) | Writing::Whisper(room, _) => room,
        Writing::Open => return Ok(()),
    };
    match edge.0.bridge.member(who, room).map_err(Refusal::from) {
        // The room may come before the will does.
        Ok(_) => Ok(()),
        Err(refusal) if refusal.code == ReasonCode::TopicNameInvalid => Ok(()),
        Err(refusal) => Err(refusal),
    }
}

/// Opens again what was open. What is not allowed any more is forgotten; but when rooms cannot be
/// entered for the moment, the session stays as it is and the client comes later.
async fn resume(
    edge: &Edge,
    peer: &Peer,
    who: &Arc<Identity>,
    place: &Place,
    kept: Kept,
) -> Result<(Stored, Vec<Opened>), (Stored, Refusal)> {
    let Kept { mut stored, cursors } = kept;
    let opener = Subscribing {
        edge: edge.clone(),
        who: Arc::clone(who),
        session: place.id,
        mailbox: Arc::clone(&place.mailbox),
        is_local: peer.is_local(),
        rooms: Default::default(),
        resuming: true,
    };
    let held: Vec<_> = stored.subscriptions().cloned().collect();
    let mut opened = Vec::with_capacity(held.len());
    for one in held {
        let cursor = cursors
            .iter()
            .find(|(room, _)| one.filter.as_str().strip_prefix("chat/") == Some(room.as_str()));
        let start = cursor.map_or(Start::Live, |(_, seq)| Start::After(*seq));
        let filter = one.filter.clone();
        let (options, identifier) = (one.options, one.identifier);
        let requested = Requested { filter: one.filter, options, identifier, is_new: false };
        match opener.open(requested, start).await {
            Ok(open) => opened.push(open),
            Err(refusal) if refusal.code == ReasonCode::ServerUnavailable => {
                return Err((stored, refusal));
            }
            Err(refusal) => {
                tracing::debug!(%refusal, identity = %who.uid, "a subscription is not resumed");
                stored.revoke(&filter);
                subscribing::end(edge, place.id, &filter);
            }
        }
    }
    place.mailbox.forget_rooms(|room| edge.0.bridge.may_read(who, room));
    Ok((stored, opened))
}
