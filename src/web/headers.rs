//! The headers that every answer has: what a browser may do with it, and who may keep it.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// Nothing but our own files; `blob:` shows an image before it is sent. `'self'` covers `/mqtt`
/// (CSP 3, 6.7.2.8).
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// What an uploaded file may do: be looked at.
pub const UPLOAD_POLICY: &str = "sandbox; default-src 'none'";

/// What is said of an answer that says nothing itself. Pages and JSON differ by cookie and
/// `Accept`, and show what only some may read: nobody keeps them.
const DEFAULTS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::VARY, "accept, accept-language, cookie"),
];

/// Adds the headers that the answer does not have yet.
pub async fn add(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in DEFAULTS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
