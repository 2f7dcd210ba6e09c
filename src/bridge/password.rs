//! Passwords of rooms, by argon2id. Hashing is slow on purpose: it runs on blocking threads, a few
//! at a time, and of one address only one at a time, so that guesses can take neither the machine
//! nor the others' turn.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Refusal, refusal::Limit};
use crate::chat::room::PasswordHash;

pub(super) struct Passwords {
    hashing: Arc<Semaphore>,
    /// Those of one address that have its turn or wait for it.
    most_in_line: usize,
    lines: Mutex<HashMap<IpAddr, Line>>,
}

struct Line {
    turn: Arc<Semaphore>,
    people: usize,
}

/// The turn of an address: nobody else of it hashes until this is dropped and its work done.
pub(super) struct Turn(Arc<InLine>);

struct InLine {
    passwords: Arc<Passwords>,
    host: IpAddr,
    turn: Option<OwnedSemaphorePermit>,
}

impl Passwords {
    /// `at_once`: hashes at a time, each of 19 MiB. `most_in_line`: of one address, further ones
    /// are refused.
    pub fn new(at_once: usize, most_in_line: usize) -> Arc<Self> {
        let hashing = Arc::new(Semaphore::new(at_once));
        Arc::new(Self { hashing, most_in_line, lines: Mutex::default() })
    }

    /// Waits for the turn of the address.
    pub async fn turn(self: &Arc<Self>, host: IpAddr) -> Result<Turn, Refusal> {
        let turn = {
            let mut lines = self.lines();
            let fresh = || Line { turn: Arc::new(Semaphore::new(1)), people: 0 };
            let line = lines.entry(host).or_insert_with(fresh);
            if line.people >= self.most_in_line {
                return Err(Refusal::TooOften(Limit::Passwords, Duration::from_secs(1)));
            }
            line.people += 1;
            Arc::clone(&line.turn)
        };
        let mut place = InLine { passwords: Arc::clone(self), host, turn: None };
        // The semaphores are never closed.
        place.turn = Some(turn.acquire_owned().await.map_err(|_| Refusal::Unavailable)?);
        Ok(Turn(Arc::new(place)))
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<IpAddr, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        drop(self.turn.take());
        let mut lines = self.passwords.lines();
        if let Some(line) = lines.get_mut(&self.host) {
            line.people -= 1;
            if line.people == 0 {
                lines.remove(&self.host);
            }
        }
    }
}

impl Turn {
    pub async fn hash(&self, password: &str) -> Result<PasswordHash, Refusal> {
        let password = password.to_owned();
        self.work(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.map(|hash| PasswordHash(hash.to_string())).map_err(|error| error.to_string())
        })
        .await
    }

    pub async fn verify(&self, password: &str, hash: &PasswordHash) -> Result<bool, Refusal> {
        let (password, hash) = (password.to_owned(), hash.clone());
        self.work(move || {
            let parsed = argon2::password_hash::phc::PasswordHash::new(&hash.0);
            let parsed = parsed.map_err(|error| error.to_string())?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
        })
        .await
    }

    /// Turn and place are held until the work is done, also when nobody waits for it any more.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = Arc::clone(&self.0.passwords.hashing).acquire_owned().await;
        let place = place.map_err(|_| Refusal::Unavailable)?;
        let turn = Arc::clone(&self.0);
        let in_turn = move || {
            let done = work();
            drop((place, turn));
            done
        };
        match tokio::task::spawn_blocking(in_turn).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                tracing::error!(error, "a password could not be hashed or compared");
                Err(Refusal::Unavailable)
            }
            Err(error) => {
                tracing::error!(%error, "the hashing of a password was cut off");
                Err(Refusal::Unavailable)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[tokio::test]
    async fn only_the_password_itself_fits_its_hash() {
        let passwords = Passwords::new(2, 10);
        let turn = passwords.turn(host(1)).await.unwrap();
        let hash = turn.hash("a&b#c").await.unwrap();
        assert!(hash.0.starts_with("$argon2id$"));
        assert_eq!(turn.verify("a&b#c", &hash).await, Ok(true));
        assert_eq!(turn.verify("a&b#", &hash).await, Ok(false));
        assert_ne!(turn.hash("a&b#c").await.unwrap(), hash, "salted");
    }

    #[tokio::test]
    async fn an_address_has_one_turn_and_a_line_that_ends_somewhere() {
        let passwords = Passwords::new(2, 2);
        let first = passwords.turn(host(1)).await.unwrap();
        let second = passwords.turn(host(1));
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending(), "it waits");
        let third = passwords.turn(host(1)).await.err();
        assert!(matches!(third, Some(Refusal::TooOften(Limit::Passwords, _))), "{third:?}");
        drop(passwords.turn(host(2)).await.unwrap());
        drop(first);
        drop(second.await.unwrap());
        assert!(passwords.lines().is_empty(), "nothing is left of those who have gone");
    }
}
