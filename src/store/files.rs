//! Uploaded images: a folder per room, `<dir>/<room>/<uid>-<id>.<ending>`, readable by the owner only.
//! Names are the server's own; a file is complete or not there. What they take is counted by the
//! files alone, so that it is the same after any restart.

use std::{
    fs as blocking_fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tokio::{fs, task::spawn_blocking};

use super::{
    Result, StoreError,
    quota::{Exceeded, Ledger, Quota},
};
use crate::chat::{ImageName, RoomId};

/// What a file is called until it is complete.
const UNFINISHED: &str = ".part";

/// The uploads folder.
#[derive(Clone, Debug)]
pub struct Files {
    dir: Arc<Path>,
    /// Counted at start and kept up since.
    ledger: Arc<Ledger>,
}

/// An image's place, counted. Unless it is kept, it goes again, with the file if there is one: also
/// when whoever sent it has gone while it was written.
pub struct Unsaid {
    files: Files,
    name: ImageName,
    bytes: u64,
    is_kept: bool,
}

impl Unsaid {
    /// Writes the image durably: first under a temporary name, then under its own.
    pub async fn write(self, image: Bytes) -> Result<Self> {
        blocking(move || {
            let (folder, path) = (self.files.folder(self.name.room), self.files.path(self.name));
            let draft = folder.join(format!("{}{UNFINISHED}", self.name.id));
            blocking_fs::create_dir_all(&folder)?;
            let mut options = blocking_fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let written = options.open(&draft).and_then(|mut file| {
                file.write_all(&image)?;
                file.sync_all()?;
                blocking_fs::rename(&draft, &path)?;
                blocking_fs::File::open(&folder)?.sync_all()
            });
            if written.is_err() {
                forget(&draft);
            }
            written.map(|()| self)
        })
        .await
    }

    /// It is on its way into the log, and stays.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Unsaid {
    fn drop(&mut self) {
        if !self.is_kept {
            forget(&self.files.path(self.name));
            self.files.ledger.release(self.name, self.bytes);
        }
    }
}

/// What is left goes with its room at the latest.
fn forget(path: &Path) {
    match blocking_fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "an image that was not said could not be removed");
        }
        _ => {}
    }
}

impl Files {
    /// Makes the folder when it is not there, counts what is in it, and takes away what a crash left
    /// unfinished.
    pub async fn open(dir: &Path, quota: Quota) -> Result<Self> {
        fs::create_dir_all(dir).await.map_err(|error| unusable(dir, &error))?;
        let files = Self { dir: dir.into(), ledger: Arc::new(Ledger::new(quota)) };
        for room in files.rooms().await? {
            let (folder, ledger) = (files.folder(room), Arc::clone(&files.ledger));
            blocking(move || count(room, &folder, &ledger)).await?;
        }
        Ok(files)
    }

    /// Bytes of all images together.
    pub fn used(&self) -> u64 {
        self.ledger.total()
    }

    /// Makes sure that there is room for an image.
    pub fn reserve(&self, name: ImageName, bytes: u64) -> std::result::Result<Unsaid, Exceeded> {
        self.ledger.reserve(name, bytes)?;
        Ok(Unsaid { files: self.clone(), name, bytes, is_kept: false })
    }

    /// The file and its length. [`StoreError::NotFound`] when there is none of that name.
    pub async fn open_image(&self, name: ImageName) -> Result<(fs::File, u64)> {
        let file = fs::File::open(self.path(name)).await.map_err(|error| missing(&error))?;
        let length = file.metadata().await.map_err(|error| unavailable(&error))?.len();
        Ok((file, length))
    }

    /// Removes one image. [`StoreError::NotFound`] when there is none of that name.
    pub async fn remove(&self, name: ImageName) -> Result<()> {
        let path = self.path(name);
        let length = fs::metadata(&path).await.map_err(|error| missing(&error))?.len();
        fs::remove_file(&path).await.map_err(|error| missing(&error))?;
        self.ledger.release(name, length);
        Ok(())
    }

    /// Removes every image of a room. A room without images is fine.
    pub async fn remove_room(&self, room: RoomId) -> Result<()> {
        match fs::remove_dir_all(self.folder(room)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unavailable(&error)),
            _ => {
                self.ledger.release_room(room);
                Ok(())
            }
        }
    }

    /// The rooms that have images. Whatever is not named like a room is left alone.
    pub async fn rooms(&self) -> Result<Vec<RoomId>> {
        let dir = Arc::clone(&self.dir);
        let names = blocking(move || {
            let entries = std::fs::read_dir(&dir)?;
            entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()
        });
        let names = names.await?;
        Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
    }

    fn folder(&self, room: RoomId) -> PathBuf {
        self.dir.join(room.as_str())
    }

    fn path(&self, name: ImageName) -> PathBuf {
        let full = name.to_string();
        // The room's part of the name is the folder.
        let (_, own) = full.split_once('-').unwrap_or(("", &full));
        self.folder(name.room).join(own)
    }
}

fn count(room: RoomId, folder: &Path, ledger: &Ledger) -> io::Result<()> {
    for entry in blocking_fs::read_dir(folder)? {
        let entry = entry?;
        let own = entry.file_name().to_string_lossy().into_owned();
        if own.ends_with(UNFINISHED) {
            blocking_fs::remove_file(entry.path())?;
            continue;
        }
        let name = format!("{room}-{own}").parse::<ImageName>();
        ledger.count(room, name.ok().and_then(|name| name.by), entry.metadata()?.len());
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done =
        spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    done.map_err(|error| unavailable(&error))
}

fn unavailable(error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("uploads: {error}"))
}

fn unusable(dir: &Path, error: &io::Error) -> StoreError {
    StoreError::Unusable(format!("the uploads folder {}: {error}", dir.display()))
}

fn missing(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound => StoreError::NotFound,
        _ => unavailable(error),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::chat::{ImageKind, MessageId, Uid};

    const QUOTA: Quota = Quota { total: 1000, identity: 100 };

    fn name(room: u8, image: u8) -> ImageName {
        ImageName {
            room: RoomId::from_entropy([room; 12]),
            by: Some(Uid::from_entropy([9; 16])),
            id: MessageId::from_entropy([image; 20]),
            kind: ImageKind::Gif,
        }
    }

    async fn save(files: &Files, name: ImageName, image: &'static [u8]) {
        let place = files.reserve(name, image.len() as u64).unwrap();
        place.write(Bytes::from_static(image)).await.unwrap().keep();
    }

    #[tokio::test]
    async fn images_are_kept_counted_and_removed_with_their_room() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(".gitkeep"), "").unwrap();
        let files = Files::open(dir.path(), QUOTA).await.unwrap();
        save(&files, name(1, 1), b"GIF89a").await;
        save(&files, name(1, 2), b"GIF89a").await;
        save(&files, name(2, 1), b"GIF87a!").await;
        assert_eq!(files.used(), 19);

        let (mut file, length) = files.open_image(name(2, 1)).await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!((text.as_str(), length), ("GIF87a!", 7));

        std::fs::write(files.folder(name(1, 1).room).join("x.part"), "unfinished").unwrap();
        let again = Files::open(dir.path(), QUOTA).await.unwrap();
        assert_eq!(again.used(), 19, "counted at start");
        assert_eq!(again.rooms().await.unwrap().len(), 2);
        let full = again.reserve(name(3, 1), 82).err();
        assert_eq!(full, Some(Exceeded::Identity(100)), "and whose they are");

        files.remove(name(1, 1)).await.unwrap();
        files.remove_room(name(1, 1).room).await.unwrap();
        files.remove_room(name(1, 1).room).await.unwrap();
        assert_eq!(files.used(), 7);
        assert!(matches!(files.open_image(name(1, 2)).await, Err(StoreError::NotFound)));
        assert!(dir.path().join(".gitkeep").exists());
    }

    #[tokio::test]
    async fn what_is_not_kept_is_gone_and_free_again() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), QUOTA).await.unwrap();
        drop(files.reserve(name(1, 1), 50).unwrap());
        let written = files.reserve(name(1, 2), 6).unwrap().write(Bytes::from_static(b"GIF89a"));
        drop(written.await.unwrap());
        assert_eq!(files.used(), 0);
        assert_eq!(std::fs::read_dir(files.folder(name(1, 1).room)).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_on_the_machine_reads_an_image() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), QUOTA).await.unwrap();
        save(&files, name(1, 1), b"GIF89a").await;
        let mode = std::fs::metadata(files.path(name(1, 1))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
