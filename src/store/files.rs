//! Uploaded images: a folder per room, `<dir>/<room>/<id>.<ending>`, readable by the owner only.
//! Names are the server's own; a file is complete or not there.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::{fs, io::AsyncWriteExt, task::spawn_blocking};

use super::{Result, StoreError};
use crate::chat::{ImageName, RoomId};

/// The uploads folder.
#[derive(Clone, Debug)]
pub struct Files {
    dir: Arc<Path>,
    /// Bytes of all images, counted at start and kept up since.
    used: Arc<AtomicU64>,
}

impl Files {
    /// Makes the folder when it is not there, and counts what is in it.
    pub async fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).await.map_err(|error| unusable(dir, &error))?;
        let files = Self { dir: dir.into(), used: Arc::default() };
        for room in files.rooms().await? {
            let bytes = files.room_bytes(room).await?;
            files.used.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(files)
    }

    /// Bytes of all images together.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Writes an image durably: first under a temporary name, then under its own.
    pub async fn save(&self, name: ImageName, bytes: Bytes) -> Result<()> {
        let folder = self.folder(name.room);
        let (path, draft) = (self.path(name), folder.join(format!("{}.part", name.id)));
        let length = bytes.len() as u64;
        let written = async {
            fs::create_dir_all(&folder).await?;
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(&draft).await?;
            file.write_all(&bytes).await?;
            file.sync_all().await?;
            fs::rename(&draft, &path).await?;
            fs::File::open(&folder).await?.sync_all().await
        };
        match written.await {
            Ok(()) => {
                self.used.fetch_add(length, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                // What is left of it goes with the room at the latest.
                if let Err(second) = fs::remove_file(&draft).await {
                    tracing::debug!(%second, "an unfinished image could not be removed");
                }
                Err(unavailable(&error))
            }
        }
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
        self.used.fetch_sub(length, Ordering::Relaxed);
        Ok(())
    }

    /// Removes every image of a room. A room without images is fine.
    pub async fn remove_room(&self, room: RoomId) -> Result<()> {
        let bytes = self.room_bytes(room).await?;
        match fs::remove_dir_all(self.folder(room)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unavailable(&error)),
            _ => {
                self.used.fetch_sub(bytes, Ordering::Relaxed);
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

    async fn room_bytes(&self, room: RoomId) -> Result<u64> {
        let folder = self.folder(room);
        blocking(move || {
            let entries = match std::fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                entries => entries?,
            };
            entries.map(|entry| Ok(entry?.metadata()?.len())).sum()
        })
        .await
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
    use crate::chat::{ImageKind, MessageId};

    fn name(room: u8, image: u8) -> ImageName {
        ImageName {
            room: RoomId::from_entropy([room; 12]),
            id: MessageId::from_entropy([image; 20]),
            kind: ImageKind::Gif,
        }
    }

    #[tokio::test]
    async fn images_are_kept_counted_and_removed_with_their_room() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(".gitkeep"), "").unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        files.save(name(1, 1), Bytes::from_static(b"GIF89a")).await.unwrap();
        files.save(name(1, 2), Bytes::from_static(b"GIF89a")).await.unwrap();
        files.save(name(2, 1), Bytes::from_static(b"GIF87a!")).await.unwrap();
        assert_eq!(files.used(), 19);

        let (mut file, length) = files.open_image(name(2, 1)).await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!((text.as_str(), length), ("GIF87a!", 7));

        let again = Files::open(dir.path()).await.unwrap();
        assert_eq!(again.used(), 19, "counted at start");
        assert_eq!(again.rooms().await.unwrap().len(), 2);

        files.remove(name(1, 1)).await.unwrap();
        files.remove_room(name(1, 1).room).await.unwrap();
        files.remove_room(name(1, 1).room).await.unwrap();
        assert_eq!(files.used(), 7);
        assert!(matches!(files.open_image(name(1, 2)).await, Err(StoreError::NotFound)));
        assert!(dir.path().join(".gitkeep").exists());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_on_the_machine_reads_an_image() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        files.save(name(1, 1), Bytes::from_static(b"GIF89a")).await.unwrap();
        let mode = std::fs::metadata(files.path(name(1, 1))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
