//! Images on their way in and out: walked through and rid of what they tell beside the picture, named
//! by the server, kept before they are said. Those of off-the-record rooms stay in memory.

use bytes::Bytes;

use super::{Refusal, Shared, stamp};
use crate::{
    chat::{
        ImageName, MessageId, Picture, PictureLimits, Posted, RoomId, Uid, message::DraftFault,
    },
    config::Uploads,
    store::quota::{Exceeded, Quota},
};

/// An image to be shown.
pub enum Image {
    /// With its length in bytes.
    File(tokio::fs::File, u64),
    Memory(Bytes),
}

/// What images on the disk may take.
pub fn file_quota(uploads: &Uploads) -> Quota {
    Quota { total: uploads.total_bytes, identity: uploads.identity_bytes }
}

/// What images in memory may take.
pub(super) fn memory_quota(uploads: &Uploads) -> Quota {
    Quota { total: uploads.off_record_bytes, identity: uploads.off_record_identity_bytes }
}

impl Shared {
    /// Checks an image and keeps it under a new name.
    pub(super) async fn keep_image(
        &self,
        by: Uid,
        room: RoomId,
        bytes: Bytes,
    ) -> Result<Posted, Refusal> {
        if bytes.len() > self.uploads.bytes {
            return Err(DraftFault::ImageTooLarge(self.uploads.bytes).into());
        }
        let picture = self.read(bytes).await?;
        let id = MessageId::from_entropy(stamp::entropy());
        let name = ImageName { room, by: Some(by), id, kind: picture.kind };
        if self.state().live(room)?.room.off_record {
            let kept = self.off_record.keep_image(name, picture.bytes);
            kept.map_err(|exceeded| {
                let (total, identity) =
                    ("uploads.off_record_bytes", "uploads.off_record_identity_bytes");
                no_space(exceeded, total, identity)
            })?;
        } else {
            let place = self.files.reserve(name, picture.bytes.len() as u64);
            let place = place.map_err(|exceeded| {
                no_space(exceeded, "uploads.total_bytes", "uploads.identity_bytes")
            })?;
            place.write(picture.bytes).await?.keep();
        }
        let Picture { width, height, animated, .. } = picture;
        Ok(Posted { name, width, height, animated })
    }

    /// Beside the other tasks: megabytes take their time.
    async fn read(&self, bytes: Bytes) -> Result<Picture, Refusal> {
        let limits = PictureLimits { pixels: self.uploads.pixels, frames: self.uploads.frames };
        let reading = tokio::task::spawn_blocking(move || Picture::read(&bytes, limits));
        // Cut off only when the process ends.
        Ok(reading.await.map_err(|_| Refusal::Unavailable)??)
    }

    pub(super) async fn open_image(&self, name: ImageName) -> Result<Image, Refusal> {
        if let Some(bytes) = self.off_record.image(name) {
            return Ok(Image::Memory(bytes));
        }
        let (file, length) = self.files.open_image(name).await?;
        Ok(Image::File(file, length))
    }

    /// An image that nothing refers to.
    pub(super) async fn drop_image(&self, name: ImageName) {
        if self.off_record.drop_image(name) {
            return;
        }
        if let Err(error) = self.files.remove(name).await {
            tracing::warn!(%error, %name, "an unused image stays until its room goes");
        }
    }
}

/// Which setting an image would break: of the disk, or of the memory.
fn no_space(exceeded: Exceeded, total: &'static str, identity: &'static str) -> Refusal {
    match exceeded {
        Exceeded::Total(bytes) => Refusal::StorageFull(total, bytes),
        Exceeded::Identity(bytes) => Refusal::QuotaUsed(identity, bytes),
    }
}
