//! What the journeys are made with. Nothing here judges the server: that is for the tests.

pub mod database;
pub mod images;
pub mod load;
pub mod memory;
pub mod mongo;
pub mod mosquitto;
pub mod packet;
pub mod peer;
pub mod proxy;
pub mod seeded;
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

/// Sends a signal, as in `"STOP"`, to a process that the test has started.
pub async fn signal(process: &tokio::process::Child, name: &str) {
    let id = process.id().expect("it runs").to_string();
    let told = tokio::process::Command::new("kill").args([&format!("-{name}"), &id]).status().await;
    assert!(told.unwrap().success(), "SIG{name} to {id}");
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

/// Runs each of these journeys, `async fn name(store: Store)`, on both stores.
macro_rules! on_each_store {
    ($($journey:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $journey() {
                    super::$journey(crate::harness::Store::Sqlite).await;
                }
            )*
        }
        mod on_mongodb {
            $(
                #[tokio::test]
                async fn $journey() {
                    if !crate::harness::mongo::is_skipped() {
                        super::$journey(crate::harness::Store::Mongo).await;
                    }
                }
            )*
        }
    };
}
pub(crate) use on_each_store;
