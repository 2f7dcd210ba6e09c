//! The public files, compiled in and served under a hash of them all: an address never changes its
//! content, so a browser may keep it for ever.

use std::sync::OnceLock;

use axum::{
    body::Body,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::error::Failure;

#[derive(RustEmbed)]
#[folder = "public/"]
// `min` has them for the pages.
#[exclude = "js/*"]
struct Public;

/// The path under which pages find the files: `/assets/<hash>`.
pub fn root() -> &'static str {
    static ROOT: OnceLock<String> = OnceLock::new();
    ROOT.get_or_init(|| {
        let mut names: Vec<_> = Public::iter().collect();
        names.sort_unstable();
        let mut hash = Sha256::new();
        for name in names {
            let content = Public::get(&name).map(|file| file.metadata.sha256_hash());
            hash.update(name.as_bytes());
            hash.update(content.unwrap_or_default());
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("/assets/{}", &digest[..16])
    })
}

/// `GET /assets/{hash}/{*name}`
pub async fn serve(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if root().strip_prefix("/assets/") != Some(&hash) {
        return Err(Failure::NoSuchPage);
    }
    file(&name, &headers, "public, max-age=31536000, immutable")
}

/// `GET /favicon.ico`, for who asks without reading the page.
pub async fn icon(headers: HeaderMap) -> Result<Response, Failure> {
    file("icon.svg", &headers, "public, max-age=86400")
}

fn file(name: &str, headers: &HeaderMap, keep: &'static str) -> Result<Response, Failure> {
    let kind = media_type(name).ok_or(Failure::NoSuchPage)?;
    let file = Public::get(name).ok_or(Failure::NoSuchPage)?;
    // Weak: it is the same file compressed or not.
    let tag = format!("W/\"{}\"", &root()["/assets/".len()..]);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let known = known.is_some_and(|tags| tags.split(',').any(|it| it.trim() == tag));
    let about = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CACHE_CONTROL, keep.to_owned()),
        (header::ETAG, tag),
        (header::VARY, "accept-encoding".to_owned()),
    ];
    Ok(if known {
        (StatusCode::NOT_MODIFIED, about).into_response()
    } else {
        (about, Body::from(file.data)).into_response()
    })
}

/// By the ending. Other files in the folder, such as its tests, are not public.
fn media_type(name: &str) -> Option<&'static str> {
    if name.contains(".test.") || name.starts_with("tests/") {
        return None;
    }
    match name.rsplit_once('.')?.1 {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "woff2" => Some("font/woff2"),
        "webmanifest" => Some("application/manifest+json"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_page_needs_is_public() {
        assert_eq!(media_type("min/room.js"), Some("text/javascript; charset=utf-8"));
        for name in
            ["min/log.test.js", "tests/log.js", "package.json", "README", "x.html", "a/.js/"]
        {
            assert_eq!(media_type(name), None, "{name}");
        }
    }

    #[test]
    fn the_address_is_a_hash() {
        let hash = root().strip_prefix("/assets/").unwrap();
        assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
