//! Browser identities: a signed cookie holds the session's uid, and the colour follows from it.
//! Nothing is kept on the server.

use std::time::Duration;

use axum::http::HeaderMap;
use axum_extra::extract::cookie::{Cookie, Key, SameSite, SignedCookieJar};
use sha2::{Digest, Sha256, Sha512};

use crate::{
    bridge::stamp,
    chat::{Colour, Identity, Origin, Uid},
};

const COOKIE: &str = "parlor";

/// Owners come back to the rooms that they keep, also after the browser was closed.
const COOKIE_AGE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Gives sessions out and recognises them.
pub struct Sessions {
    key: Key,
    /// Where the cookie goes.
    path: String,
}

impl Sessions {
    /// `secret` is hashed to the length of a key; its strength is the caller's. Of this host, only
    /// what lies under `base` gets the cookie.
    pub fn new(secret: &str, base: &str) -> Self {
        let hash = Sha512::new().chain_update("parlor cookie ").chain_update(secret).finalize();
        let path = if base.is_empty() { "/" } else { base };
        Self { key: Key::from(&hash), path: path.to_owned() }
    }

    /// Who sent the request, by a cookie that we signed.
    pub fn known(&self, headers: &HeaderMap) -> Option<Identity> {
        let jar = SignedCookieJar::from_headers(headers, self.key.clone());
        jar.get(COOKIE)?.value().parse().ok().map(browser)
    }

    /// Somebody new.
    pub fn fresh(&self) -> Identity {
        browser(Uid::from_entropy(stamp::entropy()))
    }

    /// The cookie by which `who` is [`known`](Self::known) from now on. `secure` keeps it from ever
    /// travelling without TLS.
    pub fn cookie(&self, who: &Identity, secure: bool) -> SignedCookieJar {
        let cookie = Cookie::build((COOKIE, who.uid.to_string()))
            .path(self.path.clone())
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(secure)
            .max_age(COOKIE_AGE.try_into().unwrap_or_default())
            .build();
        SignedCookieJar::new(self.key.clone()).add(cookie)
    }
}

/// The identity of a session.
fn browser(uid: Uid) -> Identity {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(uid.as_str()));
    Identity {
        uid,
        colour: Colour::from_hash(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        name: None,
        origin: Origin::Browser,
        monitor: false,
        unlocked: None,
    }
}

#[cfg(test)]
mod tests {
    use axum::{http::header, response::IntoResponse};

    use super::*;

    /// The `Set-Cookie` line of a response.
    fn line(sessions: &Sessions, who: &Identity, secure: bool) -> String {
        let response = sessions.cookie(who, secure).into_response();
        response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
    }

    fn sent(line: &str) -> HeaderMap {
        let pair = line.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("other=1; {pair}").parse().unwrap())])
    }

    #[test]
    fn a_session_comes_back_as_itself() {
        let sessions = Sessions::new("secret", "");
        let who = sessions.fresh();
        let line = line(&sessions, &who, false);
        assert_eq!(sessions.known(&sent(&line)), Some(who));
        for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"] {
            assert!(line.contains(part), "{line}");
        }
        assert!(!line.contains("Secure"), "{line}");
    }

    #[test]
    fn a_cookie_over_tls_stays_there() {
        let sessions = Sessions::new("secret", "");
        let who = sessions.fresh();
        assert!(line(&sessions, &who, true).contains("Secure"));
    }

    #[test]
    fn nobody_signs_a_uid_but_us() {
        let (ours, others) = (Sessions::new("secret", ""), Sessions::new("guess", ""));
        let who = ours.fresh();
        assert_eq!(ours.known(&sent(&line(&others, &who, false))), None);
        assert_eq!(ours.known(&sent(&format!("{COOKIE}={}", who.uid))), None);
        assert_eq!(ours.known(&HeaderMap::new()), None);
    }

    #[test]
    fn the_colour_follows_from_the_uid() {
        let uid = Uid::from_entropy([9; 16]);
        assert_eq!(browser(uid), browser(uid));
        assert_ne!(browser(uid).colour, browser(Uid::from_entropy([8; 16])).colour);
    }
}
