//! A few connections that only read, so that history never waits for the writer. They work on
//! threads that may block.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task};

use super::schema;
use crate::store::{Result, StoreError};

/// Reads at the same time. More wait in the order they came; every read is of bounded size, so
/// that the wait ends.
const READERS: usize = 4;

pub struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    /// As many as there are idle connections; closed with the store.
    free: Arc<Semaphore>,
}

impl Readers {
    pub fn open(path: &Path) -> Result<Self> {
        let idle = (0..READERS).map(|_| schema::open_reader(path)).collect::<Result<Vec<_>>>()?;
        let idle = Arc::new(Mutex::new(idle));
        Ok(Self { idle, free: Arc::new(Semaphore::new(READERS)) })
    }

    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let closed = || StoreError::Unavailable("it is closed".into());
        let free = Arc::clone(&self.free).acquire_owned().await.map_err(|_| closed())?;
        let idle = Arc::clone(&self.idle);
        let closing = Arc::clone(&self.free);
        let run = move || {
            let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = lock().pop().ok_or_else(closed)?;
            let outcome = work(&connection);
            if !closing.is_closed() {
                lock().push(connection);
            }
            drop(free);
            outcome
        };
        task::spawn_blocking(run)
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    pub fn close(&self) {
        self.free.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
