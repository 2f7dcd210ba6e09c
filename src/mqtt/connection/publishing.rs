//! A publish on its way to where it belongs: a room, one occupant, an open topic.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    bridge::{self, Pending},
    chat::{Draft, Identity},
    mqtt::{
        Edge,
        codec::{Publish, Will},
        plain::Publication,
        policy::Writing,
        reason::Refusal,
        session::Message,
        sessions::{DelayedWill, SessionId},
    },
};

/// Where a publish has got to.
pub(super) enum Submitted {
    /// It is done.
    Done,
    /// It is in its place in the order, and waits for the commit.
    Pending(Box<Pending>),
}

/// Hands a publish over. Waits for the identity's publish rate, and for a place in the queue.
pub(super) async fn submit(
    edge: &Edge,
    who: &Arc<Identity>,
    from: Option<SessionId>,
    publish: Publish,
) -> Result<Submitted, Refusal> {
    while let Err(wait) = edge.0.bridge.pace(who.uid) {
        tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
    }
    match edge.0.policy.writing(&publish.topic)? {
        Writing::Draft(room) => {
            let member = edge.0.bridge.member(who, room)?;
            let pending = member.submit(draft(edge, &publish)?).await?;
            Ok(Submitted::Pending(Box::new(pending)))
        }
        Writing::Whisper(room, to) => {
            let member = edge.0.bridge.member(who, room)?;
            member.whisper(to, draft(edge, &publish)?).await?;
            Ok(Submitted::Done)
        }
        Writing::Open => {
            edge.0.open.publish(&publication(publish, from))?;
            Ok(Submitted::Done)
        }
    }
}

fn draft(edge: &Edge, publish: &Publish) -> Result<Draft, Refusal> {
    let draft = Draft::from_payload(&publish.payload, edge.0.text_chars);
    Ok(draft.map_err(bridge::Refusal::from)?)
}

/// The payload is copied: it must not keep the read buffer.
fn publication(publish: Publish, from: Option<SessionId>) -> Publication {
    let expiry = publish.properties.message_expiry_interval().copied();
    let lifetime = expiry.map(|seconds| Duration::from_secs(seconds.into()));
    let expires = lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime));
    let payload = Bytes::copy_from_slice(&publish.payload);
    let message = Message::new(publish.topic, payload, publish.properties, expires);
    let Publish { qos, retain, .. } = publish;
    Publication { message: Arc::new(message), qos, retain, from }
}

/// Gives a will out as an ordinary publish of its author; rights are those of this moment.
pub(in crate::mqtt) async fn publish_will(edge: &Edge, will: DelayedWill) {
    let DelayedWill { will: Will { qos, retain, topic, payload, properties }, who, .. } = will;
    let dup = false;
    let publish = Publish { dup, qos, retain, topic, packet_id: None, properties, payload };
    let outcome = match submit(edge, &who, None, publish).await {
        Ok(Submitted::Done) => Ok(()),
        Ok(Submitted::Pending(pending)) => {
            pending.stored().await.map(|_| ()).map_err(Refusal::from)
        }
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = outcome {
        tracing::info!(%refusal, identity = %who.uid, "a will was not given out");
    }
}
