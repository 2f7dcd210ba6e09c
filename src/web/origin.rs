//! Which page a request comes from. Requests that change something, and WebSocket upgrades, are
//! refused when they come from somebody else's.

use axum::http::{HeaderMap, HeaderName, Uri, header};

use super::via::Via;

/// Where the page that sent a request was loaded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From here, or from an origin that the configuration allows.
    Own,
    /// From another site.
    Foreign,
    /// Nothing says so: no page sent it. Every browser that keeps `SameSite` cookies sends `Origin`
    /// or `Sec-Fetch-Site` with what it posts to another site.
    Unsaid,
}

/// Judges by `Origin`, else by `Sec-Fetch-Site`, else by `Referer`.
///
/// `allowed` are origins as in `https://chat.example.org`.
pub fn source(headers: &HeaderMap, via: &Via, allowed: &[String]) -> Source {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let from = |url: &str| if is_own(url, via, allowed) { Source::Own } else { Source::Foreign };
    match (text(header::ORIGIN), site) {
        // A page that may not tell its origin: only the browser's own word counts.
        (Some("null"), site) => {
            if site == Some("same-origin") {
                Source::Own
            } else {
                Source::Foreign
            }
        }
        (Some(origin), _) => from(origin),
        (None, Some("same-origin" | "none")) => Source::Own,
        (None, Some(_)) => Source::Foreign,
        (None, None) => text(header::REFERER).map_or(Source::Unsaid, from),
    }
}

/// Whether a URL is of our own origin or of an allowed one.
fn is_own(url: &str, via: &Via, allowed: &[String]) -> bool {
    let Some(origin) = Origin::of(url) else { return false };
    if allowed.iter().filter_map(|url| Origin::of(url)).any(|known| known == origin) {
        return true;
    }
    // Behind a proxy that is not in `server.trusted_proxies` we cannot know that the page came by
    // https, so the scheme counts only when a trusted one says it.
    let scheme = if via.https { "https" } else { origin.scheme.as_str() };
    via.host
        .as_ref()
        .is_some_and(|host| Origin::of(&format!("{scheme}://{host}")) == Some(origin.clone()))
}

/// Scheme, host and port in their normal form (RFC 6454, 4).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// `None` for what is not an http or https URL.
    fn of(url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let scheme = url.scheme_str()?.to_ascii_lowercase();
        let usual = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let host = url.host()?.to_ascii_lowercase();
        Some(Self { scheme, host, port: url.port_u16().unwrap_or(usual) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(https: bool, headers: &[(&'static str, &str)]) -> Source {
        let via = Via {
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            https,
            host: "chat.example:8005".parse().ok(),
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        source(&map, &via, &["https://friend.example".to_owned()])
    }

    #[test]
    fn the_origin_decides() {
        use Source::*;
        for (origin, wanted) in [
            ("http://chat.example:8005", Own),
            ("http://CHAT.example:8005", Own),
            ("https://chat.example:8005", Own),
            ("https://friend.example", Own),
            ("https://friend.example:443", Own),
            ("http://friend.example", Foreign),
            ("http://chat.example", Foreign),
            ("http://chat.example:8006", Foreign),
            ("http://chat.example:8005.evil.example", Foreign),
            ("http://evil.example/http://chat.example:8005", Foreign),
            ("file://", Foreign),
            ("null", Foreign),
            ("", Foreign),
            ("nonsense", Foreign),
        ] {
            assert_eq!(judged(false, &[("origin", origin)]), wanted, "{origin}");
        }
    }

    #[test]
    fn a_page_without_tls_cannot_post_to_one_with_it() {
        assert_eq!(judged(true, &[("origin", "http://chat.example:8005")]), Source::Foreign);
        assert_eq!(judged(true, &[("origin", "https://chat.example:8005")]), Source::Own);
    }

    #[test]
    fn the_browsers_word_counts_where_there_is_no_origin() {
        use Source::*;
        for (site, wanted) in
            [("same-origin", Own), ("none", Own), ("same-site", Foreign), ("cross-site", Foreign)]
        {
            assert_eq!(judged(false, &[("sec-fetch-site", site)]), wanted, "{site}");
        }
        let hidden = [("origin", "null"), ("sec-fetch-site", "same-origin")];
        assert_eq!(judged(false, &hidden), Own);
        let lie = [("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")];
        assert_eq!(judged(false, &lie), Foreign);
    }

    #[test]
    fn the_referer_is_the_last_to_be_asked() {
        assert_eq!(judged(false, &[("referer", "http://chat.example:8005/room/x")]), Source::Own);
        assert_eq!(judged(false, &[("referer", "http://evil.example/")]), Source::Foreign);
        assert_eq!(judged(false, &[]), Source::Unsaid);
    }
}
