//! Parlor under a path, as in `/chat`. No route and no handler knows of it: the path is taken off
//! requests and put before the addresses that answers lead to. Pages write it themselves.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{Next, from_fn},
};

/// `routes` under `base`, and at the root for a proxy that has taken `base` off already.
pub fn under(base: &str, routes: Router) -> Router {
    if base.is_empty() {
        return routes;
    }
    let before: Arc<str> = base.into();
    let routes = routes.layer(from_fn(move |request: Request, next: Next| {
        let base = Arc::clone(&before);
        async move {
            let mut response = next.run(request).await;
            if let Some(address) = response.headers_mut().get_mut(header::LOCATION) {
                put_before(&base, address);
            }
            response
        }
    }));
    Router::new().nest_service(base, routes.clone()).fallback_service(routes)
}

/// An address of ours begins with one slash.
fn put_before(base: &str, address: &mut HeaderValue) {
    let bytes = address.as_bytes();
    if bytes.starts_with(b"/") && !bytes.starts_with(b"//") {
        let whole = HeaderValue::from_bytes(&[base.as_bytes(), bytes].concat());
        *address = whole.unwrap_or_else(|_| address.clone());
    }
}
