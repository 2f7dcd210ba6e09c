//! Devices that connect by name and token. The token is shown once, when the device is added; only
//! its hash is kept.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Bridge, Refusal, stamp};
use crate::{
    chat::{Identity, Uid},
    store::{Device, Store, StoreError},
};

/// Characters of a device's name: what fits a user name, a table, and a sentence in a room.
pub const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=64;

/// Why a device was not added.
#[derive(Debug, thiserror::Error)]
pub enum DeviceFault {
    #[error("a device's name has 1 to 64 printable characters and does not begin with `room:`")]
    Name,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds a device and gives its token, 52 characters of 260 bits. The token cannot be had again.
pub async fn add(store: &dyn Store, name: &str, monitor: bool) -> Result<String, DeviceFault> {
    let fits = NAME_CHARS.contains(&name.chars().count());
    if !fits || name.chars().any(char::is_control) || name.starts_with("room:") {
        return Err(DeviceFault::Name);
    }
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let token: String = stamp::entropy::<52>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect();
    let device = Device {
        name: name.to_owned(),
        uid: Uid::from_entropy(stamp::entropy()),
        token_hash: hash(&token),
        monitor,
        created_at: stamp::now(),
        last_seen: None,
    };
    store.add_device(&device).await?;
    Ok(token)
}

fn hash(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Bridge {
    /// The identity of the device `name`, if `token` is its token. An unknown name and a wrong
    /// token are the same refusal, in the same time. Wrong ones count against `from`.
    pub async fn device(
        &self,
        name: &str,
        token: &str,
        from: std::net::IpAddr,
    ) -> Result<Identity, Refusal> {
        self.may_try(from)?;
        let device = tokio::time::timeout(self.0.wait, self.0.store.device(name)).await;
        let device = device.map_err(|_| Refusal::Unavailable)??;
        let given = hash(token);
        let known = device.as_ref().map_or("", |device| device.token_hash.as_str());
        let same = bool::from(given.as_bytes().ct_eq(known.as_bytes()));
        let Some(device) = device.filter(|_| same) else {
            self.wrong_try(from);
            return Err(Refusal::WrongPassword);
        };
        let noted = self.0.store.seen_device(name, stamp::now());
        match tokio::time::timeout(self.0.wait, noted).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a device's last appearance was not noted"),
            Err(_) => tracing::warn!("a device's last appearance was not noted in time"),
        }
        Ok(Identity::device(device.uid, &device.name, device.monitor))
    }
}
