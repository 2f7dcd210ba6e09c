//! What happens in a room as Server-Sent Events: for `curl -N`, and for browsers where WebSocket is
//! blocked. Following the stream is being in the room.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use serde::Deserialize;

use super::{Failure, Visitor, Web, room_id};
use crate::{
    bridge::Member,
    mqtt::listener::{Heard, Listener},
    store::Page,
};

/// A comment now and then keeps proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
pub struct Wanted {
    /// The last `seq` that is known: everything after it comes first.
    after: Option<u64>,
}

/// `GET /room/{id}/events?after=`, or with `Last-Event-ID`, which a browser sends when it comes
/// back. Each event's id is its `seq`, its data the JSON of MQTT; a whisper has no id.
pub async fn follow(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let member = web.bridge.member(&visitor.identity, room_id(&id)?)?;
    let listener = web.edge.listen(&visitor.identity, &member).await?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let follower = Follower {
        listener,
        member,
        page: web.config.limits.page,
        behind: VecDeque::new(),
        after: last.or(wanted.after),
        cursor: 0,
    };
    Ok(Sse::new(follower.stream())
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

struct Follower {
    listener: Listener,
    member: Member,
    page: u32,
    /// Of the log, fetched and not yet told.
    behind: VecDeque<Heard>,
    /// From where the log is still to be read; none once the stream is live.
    after: Option<u64>,
    /// The last number that was told.
    cursor: u64,
}

impl Follower {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut follower| {
            let heard = follower.next().await?;
            let data = String::from_utf8_lossy(&heard.payload).into_owned();
            let event = Event::default().data(data);
            let event = match heard.seq {
                Some(seq) => event.id(seq.to_string()),
                None => event,
            };
            Some((Ok(event), follower))
        })
    }

    /// First the log, page by page, then what comes live and was not in it.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            while self.behind.is_empty()
                && let Some(after) = self.after
            {
                self.read_on(after).await?;
            }
            let heard = match self.behind.pop_front() {
                Some(heard) => heard,
                None => self.listener.next().await?,
            };
            match heard.seq {
                Some(seq) if seq <= self.cursor => {}
                Some(seq) => {
                    self.cursor = seq;
                    return Some(heard);
                }
                None => return Some(heard),
            }
        }
    }

    /// Ends the stream when the log cannot be read: the browser comes back and asks again.
    async fn read_on(&mut self, after: u64) -> Option<()> {
        let events = self.member.page(Page::After(after), self.page).await.ok()?;
        let is_last = events.len() < self.page as usize;
        self.after = events.last().and_then(|event| event.seq).filter(|_| !is_last);
        let heard = events.iter().map(|event| Heard { seq: event.seq, payload: event.to_json() });
        self.behind.extend(heard);
        Some(())
    }
}
