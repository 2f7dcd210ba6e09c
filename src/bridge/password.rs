//! Passwords of rooms, by argon2id. Hashing is slow on purpose: it runs on blocking threads, a few
//! at a time, so that guesses cannot take the machine.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use tokio::sync::Semaphore;

use super::Refusal;
use crate::chat::room::PasswordHash;

/// Hashes at a time; each takes 19 MiB.
const AT_ONCE: usize = 2;

pub(super) struct Passwords {
    turns: Semaphore,
}

impl Passwords {
    pub fn new() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }

    pub async fn hash(&self, password: &str) -> Result<PasswordHash, Refusal> {
        let password = password.to_owned();
        self.in_turn(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.map(|hash| PasswordHash(hash.to_string())).map_err(|error| error.to_string())
        })
        .await
    }

    pub async fn verify(&self, password: &str, hash: &PasswordHash) -> Result<bool, Refusal> {
        let (password, hash) = (password.to_owned(), hash.clone());
        self.in_turn(move || {
            let parsed = argon2::password_hash::phc::PasswordHash::new(&hash.0);
            let parsed = parsed.map_err(|error| error.to_string())?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, Refusal> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await.map_err(|_| Refusal::Unavailable)?;
        match tokio::task::spawn_blocking(work).await {
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

    #[tokio::test]
    async fn only_the_password_itself_fits_its_hash() {
        let passwords = Passwords::new();
        let hash = passwords.hash("a&b#c").await.unwrap();
        assert!(hash.0.starts_with("$argon2id$"));
        assert_eq!(passwords.verify("a&b#c", &hash).await, Ok(true));
        assert_eq!(passwords.verify("a&b#", &hash).await, Ok(false));
        assert_ne!(passwords.hash("a&b#c").await.unwrap(), hash, "salted");
    }
}
