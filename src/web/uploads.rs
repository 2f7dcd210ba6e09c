//! Images: received within bounds and handed to the bridge, shown to those who may see the room.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{
        Multipart, Path, State,
        multipart::{Field, MultipartError},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::io::ReaderStream;

use super::{
    Visitor, Web,
    error::{Failure, Fault},
    headers, room_address, room_id, see_other,
};
use crate::{
    bridge::{Image, Refusal},
    chat::{Draft, ImageKind, ImageName, Key, message::DraftFault},
};

/// An upload may take so many times as long as another request.
pub const PATIENCE: u32 = 4;

/// Images of the largest size that may be on their way to the bridge together.
const IMAGES_IN_MEMORY: usize = 32;

/// What memory is counted in.
const UNIT: usize = 64 * 1024;

/// The largest body: that of an image too large is read to its end, so that its sender reads the
/// answer instead of a broken connection. What is far too large is cut off.
pub fn body_limit(image_bytes: usize) -> usize {
    image_bytes * 4 + UNIT
}

/// Bounds what all uploads hold together, by what has arrived of each.
pub struct Memory {
    units: Arc<Semaphore>,
}

impl Memory {
    pub fn for_images_of(bytes: usize) -> Self {
        let units = bytes.div_ceil(UNIT) * IMAGES_IN_MEMORY;
        Self { units: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))) }
    }

    fn unit(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.units).try_acquire_owned().map_err(|_| Failure::Busy)
    }
}

/// What came of an upload's form.
#[derive(Default)]
struct Upload {
    image: Option<Bytes>,
    caption: Option<String>,
    key: Option<String>,
    /// Given back when the bridge is done with the image.
    held: Vec<OwnedSemaphorePermit>,
}

/// `POST /room/{id}/gif`: multipart with `gif`, and `chat`? (a caption), `key`?
///
/// A page leads back to the room; JSON is 201 with the event. 413 too large, 415 not an image, 422
/// without one.
pub async fn receive(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(id): Path<String>,
    body: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Response, Failure> {
    let admitted = room_id(&id).and_then(|room| {
        let member = web.bridge.member(&visitor.identity, room)?;
        visitor.pace(&web)?;
        Ok((room, member))
    });
    let (room, member) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => {
            read_over(body.ok()).await;
            return Err(refusal);
        }
    };
    let body = body.map_err(|_| Failure::Request(StatusCode::UNSUPPORTED_MEDIA_TYPE))?;
    let upload = read(&web, body).await?;
    let event = member.post(draft(&web, &upload)?).await?;
    drop(upload);
    if visitor.wants_page() {
        return Ok(see_other(&room_address(room)));
    }
    Ok((StatusCode::CREATED, axum::Json(event)).into_response())
}

/// `GET /gif/{name}`: the image, to whoever may read its room.
pub async fn show(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let name: ImageName = name.parse().map_err(|_| Refusal::NotFound)?;
    let member = web.bridge.member(&visitor.identity, name.room)?;
    let (body, length) = match member.image(name).await? {
        Image::File(file, length) => (Body::from_stream(ReaderStream::new(file)), length),
        Image::Memory(bytes) => {
            let length = bytes.len() as u64;
            (Body::from(bytes), length)
        }
    };
    let about = [
        (header::CONTENT_TYPE, name.kind.media_type().to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_SECURITY_POLICY, headers::UPLOAD_POLICY.to_owned()),
        (header::CACHE_CONTROL, "private, max-age=86400, immutable".to_owned()),
        (header::VARY, "cookie".to_owned()),
    ];
    Ok((about, body).into_response())
}

/// Reads a body that nobody wants to its end, for the reason that [`body_limit`] gives.
async fn read_over(body: Option<Multipart>) {
    let Some(mut body) = body else { return };
    while let Ok(Some(_)) = body.next_field().await {}
}

async fn read(web: &Web, mut body: Multipart) -> Result<Upload, Failure> {
    let mut upload = Upload::default();
    while let Some(field) = body.next_field().await.map_err(broken)? {
        match field.name() {
            Some("gif") => upload.image = Some(image(web, field, &mut upload.held).await?),
            Some("chat") => upload.caption = Some(text(web, field).await?),
            Some("key") => upload.key = Some(text(web, field).await?),
            // Read over; the whole body is bounded.
            _ => {}
        }
    }
    Ok(upload)
}

async fn image(
    web: &Web,
    mut field: Field<'_>,
    held: &mut Vec<OwnedSemaphorePermit>,
) -> Result<Bytes, Failure> {
    let most = web.config.uploads.bytes;
    let mut bytes = BytesMut::new();
    let mut is_too_large = false;
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        is_too_large = is_too_large || bytes.len() + chunk.len() > most;
        if is_too_large {
            bytes = BytesMut::new();
            held.clear();
            continue;
        }
        bytes.extend_from_slice(&chunk);
        while held.len() * UNIT < bytes.len() {
            held.push(web.memory.unit()?);
        }
    }
    if is_too_large {
        return Err(Refusal::from(DraftFault::ImageTooLarge(most)).into());
    }
    Ok(bytes.freeze())
}

/// A short field; a longer one than any text is refused.
async fn text(web: &Web, mut field: Field<'_>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > web.config.limits.body {
            return Err(Failure::Request(StatusCode::PAYLOAD_TOO_LARGE));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| Failure::Request(StatusCode::BAD_REQUEST))
}

fn broken(error: MultipartError) -> Failure {
    Failure::Request(error.status())
}

fn draft(web: &Web, upload: &Upload) -> Result<Draft, Failure> {
    let bytes = upload.image.clone().filter(|image| !image.is_empty());
    let bytes = bytes.ok_or_else(|| Failure::Faulty(vec![Fault::new("gif", "give an image")]))?;
    let kind = ImageKind::sniff(&bytes);
    let kind = kind.ok_or(Refusal::from(DraftFault::NotTextNorImage))?;
    let key = upload.key.as_deref().filter(|key| !key.is_empty());
    let key: Option<Key> = key.map(str::parse).transpose().map_err(Refusal::from)?;
    let caption = upload.caption.as_deref().filter(|caption| !caption.trim().is_empty());
    let caption = caption.map(|caption| Draft::text(caption, None, web.config.limits.text_chars));
    let caption = match caption.transpose().map_err(Refusal::from)? {
        Some(Draft::Text { chat, .. }) => Some(chat),
        _ => None,
    };
    Ok(Draft::Image { kind, bytes, caption, key })
}
