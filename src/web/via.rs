//! How a request reached us, as far as it can be believed: the client's address, and the scheme
//! and host that the client used. Only trusted proxies may speak for somebody else.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Uri, header, uri::Authority};

/// The way of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// The client's, or that of the nearest hop that nobody vouches for.
    pub address: IpAddr,
    /// Whether the client spoke TLS, to us or to a trusted proxy.
    pub https: bool,
    /// Host and port as the client wrote them. `None` when they are missing or malformed.
    pub host: Option<Authority>,
}

impl Via {
    /// Reads `X-Forwarded-For`, `-Proto` and `-Host` when `peer` is in `trusted`, else the
    /// connection alone.
    pub fn of(peer: IpAddr, uri: &Uri, headers: &HeaderMap, trusted: &[IpAddr]) -> Self {
        let peer = peer.to_canonical();
        let own_host = || uri.authority().cloned().or_else(|| last(headers, "host")?.parse().ok());
        if !trusted.contains(&peer) {
            return Self { address: peer, https: false, host: own_host() };
        }
        let forwarded_host = last(headers, "x-forwarded-host").and_then(|host| host.parse().ok());
        Self {
            address: client(peer, headers, trusted),
            https: last(headers, "x-forwarded-proto").is_some_and(|it| it == "https"),
            host: forwarded_host.or_else(own_host),
        }
    }
}

/// Walks `X-Forwarded-For` from the right: each hop was written by the one before it, so the first
/// that is not a trusted proxy is as far as the word of a trusted proxy reaches.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let lists = headers.get_all("x-forwarded-for").iter();
    let hops: Vec<&str> =
        lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).collect();
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        let Some(address) = address(hop.trim()) else { break };
        nearest = address;
        if !trusted.contains(&address) {
            break;
        }
    }
    nearest
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok();
    let address = bare.or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// The last element of a header that proxies append to.
fn last<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    let name = header::HeaderName::from_static(name);
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn via(peer: &str, headers: &[(&'static str, &str)]) -> Via {
        let trusted = [PROXY.parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Via::of(peer.parse().unwrap(), &Uri::from_static("/"), &map, &trusted)
    }

    #[test]
    fn a_stranger_speaks_only_for_itself() {
        let claims = [
            ("host", "chat.example:8005"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
        ];
        let seen = via("9.9.9.9", &claims);
        assert_eq!(seen.address.to_string(), "9.9.9.9");
        assert!(!seen.https);
        assert_eq!(seen.host.unwrap().as_str(), "chat.example:8005");
    }

    #[test]
    fn the_nearest_hop_without_a_voucher_is_the_client() {
        for (forwarded, address) in [
            ("7.7.7.7", "7.7.7.7"),
            ("1.1.1.1, 7.7.7.7", "7.7.7.7"),
            ("1.1.1.1, 7.7.7.7, 10.0.0.2", "7.7.7.7"),
            ("7.7.7.7:4000", "7.7.7.7"),
            ("[2001:db8::1]:4000", "2001:db8::1"),
            ("::ffff:7.7.7.7", "7.7.7.7"),
            ("7.7.7.7, unknown", PROXY),
            ("7.7.7.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("", PROXY),
            (",,,", PROXY),
        ] {
            let seen = via(PROXY, &[("x-forwarded-for", forwarded)]);
            assert_eq!(seen.address.to_string(), address, "{forwarded}");
        }
    }

    #[test]
    fn several_header_lines_are_one_list() {
        let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "7.7.7.7")];
        assert_eq!(via(PROXY, &lines).address.to_string(), "7.7.7.7");
    }

    #[test]
    fn a_trusted_proxy_tells_scheme_and_host() {
        let seen = via(
            "::ffff:10.0.0.1",
            &[
                ("host", "127.0.0.1:8005"),
                ("x-forwarded-proto", "http, https"),
                ("x-forwarded-host", "chat.example"),
            ],
        );
        assert!(seen.https);
        assert_eq!(seen.host.unwrap().as_str(), "chat.example");
    }

    #[test]
    fn a_malformed_host_is_none() {
        assert_eq!(via("9.9.9.9", &[("host", "a b")]).host, None);
        assert_eq!(via("9.9.9.9", &[]).host, None);
    }
}
