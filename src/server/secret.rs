//! The secret that signs the session cookies, when the configuration gives none: made once, kept in
//! the data folder, readable by its owner only.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::{bridge::stamp, config::Secret};

/// Bytes of randomness.
const LENGTH: usize = 48;

/// Reads `cookie.secret` in the folder, or makes it.
pub fn kept_in(data_dir: &Path) -> io::Result<Secret> {
    let path = data_dir.join("cookie.secret");
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= LENGTH => return Ok(Secret::new(text.trim())),
        Ok(_) => {
            let what = format!("{} is cut short: remove it, a new one is made", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    fs::create_dir_all(data_dir)?;
    let secret: String =
        stamp::entropy::<LENGTH>().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    Ok(Secret::new(secret))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let made = kept_in(dir.path()).unwrap();
        assert_eq!(kept_in(dir.path()).unwrap(), made);
        let mode = fs::metadata(dir.path().join("cookie.secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(dir.path().join("cookie.secret"), "short").unwrap();
        assert!(kept_in(dir.path()).is_err());
    }
}
