//! What the journeys are made with. Nothing here judges the server: that is for the tests.

pub mod images;
pub mod mosquitto;
pub mod packet;
pub mod peer;
pub mod server;
pub mod visitor;
pub mod websocket;

use std::{future::Future, time::Duration};

pub use peer::{Login, Peer};
pub use server::{Server, Store};
pub use visitor::Visitor;

/// How long anything that is waited for may take, on a machine that has much else to do.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What comes, when it comes before the deadline.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing within {DEADLINE:?}"),
    }
}

/// Asks again and again until the answer is yes, for what nobody announces.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let asked = async {
        while !is_so().await {
            tick.tick().await;
        }
    };
    within(what, asked).await;
}

/// Writes each journey as two tests, `on_sqlite` and `on_mongodb`.
macro_rules! on_each_store {
    ($(async fn $name:ident($store:ident: Store) $body:block)*) => {
        $(
            mod $name {
                #[allow(unused_imports)]
                use super::*;

                async fn journey($store: Store) $body

                #[tokio::test]
                async fn on_sqlite() {
                    journey(Store::Sqlite).await;
                }

                #[tokio::test]
                async fn on_mongodb() {
                    journey(Store::Mongo).await;
                }
            }
        )*
    };
}
pub(crate) use on_each_store;
