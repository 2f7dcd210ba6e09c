//! Images on their way in: looked at, named by the server, written down before they are said.

use bytes::Bytes;

use super::{Refusal, Shared, stamp};
use crate::chat::{ImageKind, ImageName, MessageId, RoomId, message::DraftFault};

impl Shared {
    /// Checks size, format and pixels, and keeps the bytes under a new name.
    pub(super) async fn keep_image(
        &self,
        room: RoomId,
        kind: ImageKind,
        bytes: Bytes,
    ) -> Result<ImageName, Refusal> {
        if bytes.len() > self.uploads.bytes {
            return Err(DraftFault::ImageTooLarge(self.uploads.bytes).into());
        }
        check_pixels(kind, &bytes, self.uploads.pixels)?;
        if self.files.used() + bytes.len() as u64 > self.uploads.total_bytes {
            return Err(Refusal::StorageFull);
        }
        let name = ImageName { room, id: MessageId::from_entropy(stamp::entropy()), kind };
        self.files.save(name, bytes).await?;
        Ok(name)
    }

    /// An image that nothing refers to.
    pub(super) async fn drop_image(&self, name: ImageName) {
        if let Err(error) = self.files.remove(name).await {
            tracing::warn!(%error, %name, "an unused image stays until its room goes");
        }
    }
}

/// The header must be whole, and what it promises must be drawable: 1 to `most` pixels.
pub fn check_pixels(kind: ImageKind, bytes: &[u8], most: u64) -> Result<(), DraftFault> {
    if ImageKind::sniff(bytes) != Some(kind) {
        return Err(DraftFault::BadImage);
    }
    let size = imagesize::blob_size(bytes).map_err(|_| DraftFault::BadImage)?;
    let pixels = size.width as u64 * size.height as u64;
    if (1..=most).contains(&pixels) { Ok(()) } else { Err(DraftFault::BadImage) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gif(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = b"GIF89a".to_vec();
        bytes.extend(width.to_le_bytes());
        bytes.extend(height.to_le_bytes());
        bytes.extend([0, 0, 0, b';']);
        bytes
    }

    #[test]
    fn an_image_must_be_readable_and_drawable() {
        let check = |bytes: &[u8]| check_pixels(ImageKind::Gif, bytes, 1_000_000);
        assert_eq!(check(&gif(1000, 1000)), Ok(()));
        assert_eq!(check(&gif(65_535, 65_535)), Err(DraftFault::BadImage));
        assert_eq!(check(&gif(0, 5)), Err(DraftFault::BadImage));
        assert_eq!(check(b"GIF89a"), Err(DraftFault::BadImage));
        assert_eq!(check(b"\x89PNG\r\n\x1a\n"), Err(DraftFault::BadImage));
    }
}
