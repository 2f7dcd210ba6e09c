//! One process per data folder: two writers would number the same room twice. The lock goes with
//! the process, however it ends.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
};

/// Held for as long as the folder is used.
pub struct Lock {
    _file: File,
}

/// Locks the folder; makes it when it is not there.
pub fn lock(data_dir: &Path) -> io::Result<Lock> {
    fs::create_dir_all(data_dir)?;
    let path = data_dir.join("parlor.lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => {
            let what = format!("{} is in use by another parlor: stop it first", data_dir.display());
            Err(io::Error::new(io::ErrorKind::ResourceBusy, what))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        let second = lock(dir.path()).err().unwrap();
        assert!(second.to_string().contains("in use by another parlor"), "{second}");
        drop(first);
        assert!(lock(dir.path()).is_ok());
    }
}
