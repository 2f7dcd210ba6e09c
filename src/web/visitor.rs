//! Who asks, from where, and what they want to read: settled before any handler, for every request
//! to a page or room. Refuses what other sites' pages send, and gives failures their form.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use super::{
    Web,
    error::{self, Failure},
    negotiate::{self, Form},
    origin::{self, Source},
    pages::{Layout, Me},
    site::{Public, Site},
    texts::Language,
    via::Via,
};
use crate::{
    bridge::{Limit, Refusal, address::host},
    chat::{Identity, Uid},
};

/// The one who sent the request.
#[derive(Clone)]
pub struct Visitor {
    pub identity: Arc<Identity>,
    /// Whether the identity came with the request, rather than being new.
    pub known: bool,
    pub address: IpAddr,
    pub language: Language,
    pub form: Form,
    /// How the visitor reaches us.
    pub public: Public,
    pub site: Arc<Site>,
    uid: String,
    colour: String,
}

impl Visitor {
    fn new(web: &Web, identity: Identity, known: bool, via: &Via, headers: &HeaderMap) -> Self {
        Self {
            known,
            public: Public::of(via, web.config.server.listen),
            site: Arc::clone(&web.site),
            address: via.address,
            language: negotiate::language(headers),
            form: negotiate::form(headers),
            uid: identity.uid.to_string(),
            colour: identity.colour.to_string(),
            identity: Arc::new(identity),
        }
    }

    pub fn wants_page(&self) -> bool {
        self.form == Form::Page
    }

    /// Takes a turn of the visitor's pace. Who comes without a cookie would be somebody new each
    /// time: they share the pace of their address.
    pub fn pace(&self, web: &Web) -> Result<(), Refusal> {
        let who = if self.known { self.identity.uid } else { pseudonym(self.address) };
        web.bridge.pace(who).map_err(|wait| Refusal::TooOften(Limit::Messages, wait))
    }

    /// What every page has around its content.
    pub fn layout(&self) -> Layout<'_> {
        Layout {
            language: self.language,
            assets: &self.site.assets,
            base: &self.site.base,
            me: Me { uid: &self.uid, user: &self.colour },
        }
    }
}

/// Stands for the host of an address.
fn pseudonym(address: IpAddr) -> Uid {
    let network = match host(address) {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let hash: [u8; 32] =
        Sha256::new().chain_update("address ").chain_update(network).finalize().into();
    Uid::from_entropy(std::array::from_fn(|i| hash[i]))
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Failure;

    /// Fails only on a route that [`attend`] does not stand before.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let visitor = parts.extensions.get::<Self>().cloned();
        visitor.ok_or(Failure::Request(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// Stands before every handler that knows people.
pub async fn attend(State(web): State<Arc<Web>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
    let server = &web.config.server;
    let via = Via::of(peer, request.uri(), request.headers(), &server.trusted_proxies);
    let known = web.sessions.known(request.headers());
    let is_known = known.is_some();
    let identity = known.unwrap_or_else(|| web.sessions.fresh());
    let visitor = Visitor::new(&web, identity, is_known, &via, request.headers());

    let source = origin::source(request.headers(), &via, &server.origins);
    if acts(&request) && source == Source::Foreign {
        // Without a cookie: a foreign form must not replace the one that our own pages rely on.
        return error::dress(Failure::Foreign.into_response(), &visitor);
    }
    request.extensions_mut().insert(visitor.clone());
    let response = error::dress(next.run(request).await, &visitor);
    if is_known || response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    (web.sessions.cookie(&visitor.identity, via.https), response).into_response()
}

/// Whether the request changes something, or opens a connection that can.
fn acts(request: &Request) -> bool {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    !reads || request.headers().contains_key(header::UPGRADE)
}
