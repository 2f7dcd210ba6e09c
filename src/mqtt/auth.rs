//! Who connects: from a session cookie, a device's name and token, a room's password, or nothing.

use std::net::IpAddr;

use super::{
    codec::Connect,
    door::Crowded,
    reason::{ReasonCode, Refusal},
};
use crate::{
    bridge::{self, Bridge},
    chat::Identity,
};

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The client's own address, also behind a trusted proxy.
    pub address: IpAddr,
    /// The browser that the signed cookie of the WebSocket upgrade names.
    pub browser: Option<Identity>,
    /// For the log: `tcp`, `tls` or `websocket`.
    pub transport: &'static str,
    /// There is no place for it: it is told so, and let go.
    pub(super) turned_away: Option<Crowded>,
}

impl Peer {
    pub fn tcp(address: IpAddr) -> Peer {
        Peer { address, browser: None, transport: "tcp", turned_away: None }
    }

    /// `browser`: whom the signed cookie of the upgrade names.
    pub fn websocket(address: IpAddr, browser: Option<Identity>) -> Peer {
        Peer { address, browser, transport: "websocket", turned_away: None }
    }

    pub fn is_local(&self) -> bool {
        self.address.is_loopback()
    }
}

/// The identity behind a CONNECT. `client_id` is the one that the client brought or was assigned.
/// Refusals are the same for an unknown name and a wrong secret; each counts against the address.
pub async fn identify(
    bridge: &Bridge,
    anonymous_allowed: bool,
    peer: &Peer,
    connect: &Connect,
    client_id: &str,
) -> Result<Identity, Refusal> {
    if let Some(crowded) = peer.turned_away {
        let code = match crowded {
            Crowded::Everywhere => ReasonCode::ServerBusy,
            Crowded::FromThere => ReasonCode::QuotaExceeded,
        };
        return Err(Refusal::new(code, crowded.to_string()));
    }
    let nobody = || match &peer.browser {
        Some(browser) => Ok(browser.clone()),
        None if anonymous_allowed => Ok(Identity::anonymous(client_id)),
        None => Err(Refusal::new(ReasonCode::NotAuthorized, "give a user name and password")),
    };
    let Some(user_name) = connect.user_name.as_deref().filter(|name| !name.is_empty()) else {
        return nobody();
    };
    bridge.may_try(peer.address).map_err(refused)?;
    let unknown = || {
        bridge.wrong_try(peer.address);
        wrong()
    };
    let password = connect.password.as_deref().unwrap_or_default();
    let password = std::str::from_utf8(password).map_err(|_| unknown())?;
    let Some(room) = user_name.strip_prefix("room:") else {
        return bridge.device(user_name, password, peer.address).await.map_err(refused);
    };
    let who = nobody()?;
    let room = room.parse().map_err(|_| unknown())?;
    let proof = match bridge.check_password(room, password, peer.address).await {
        Err(bridge::Refusal::NoSuchRoom) => return Err(unknown()),
        proof => proof.map_err(refused)?,
    };
    Ok(Identity { unlocked: Some(proof), ..who })
}

fn wrong() -> Refusal {
    Refusal::new(ReasonCode::BadUserNameOrPassword, "the user name or password is wrong")
}

fn refused(refusal: bridge::Refusal) -> Refusal {
    let text = refusal.to_string();
    match refusal {
        bridge::Refusal::TooOften(..) => Refusal::new(ReasonCode::ConnectionRateExceeded, text),
        bridge::Refusal::Unavailable => Refusal::new(ReasonCode::ServerUnavailable, text),
        _ => wrong(),
    }
}
