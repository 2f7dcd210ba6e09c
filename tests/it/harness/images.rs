//! Files to upload, made here: small, whole, and of one colour.

/// A GIF of one pixel.
pub fn gif() -> Vec<u8> {
    sized_gif(1, 1)
}

/// A GIF that says it has so many pixels.
pub fn sized_gif(width: u16, height: u16) -> Vec<u8> {
    [gif_head(width, height), gif_frame(width, height), vec![b';']].concat()
}

/// A GIF of so many frames, each of one pixel.
pub fn animation(frames: usize) -> Vec<u8> {
    [gif_head(1, 1), gif_frame(1, 1).repeat(frames), vec![b';']].concat()
}

/// A GIF of about so many bytes.
pub fn large_gif(bytes: usize) -> Vec<u8> {
    let mut image = gif_head(1, 1);
    while image.len() < bytes {
        image.extend(gif_frame(1, 1));
    }
    image.push(b';');
    image
}

/// A GIF with a comment of these words.
pub fn commented_gif(words: &[u8]) -> Vec<u8> {
    let comment = [&[0x21, 0xfe, words.len() as u8], words, &[0]].concat();
    [gif_head(1, 1), comment, gif_frame(1, 1), vec![b';']].concat()
}

fn gif_head(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([0x80, 0, 0, 0, 0, 0, 255, 255, 255]); // two colours
    bytes
}

fn gif_frame(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![0x2C, 0, 0, 0, 0];
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([0, 2, 2, 0x4C, 1, 0]);
    bytes
}

/// A PNG of one pixel.
pub fn png() -> Vec<u8> {
    png_with(b"")
}

/// The same with chunks in it, each with its checksum.
pub fn png_with(chunks: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(b"\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde");
    bytes.extend(chunks);
    bytes.extend(b"\0\0\0\x0cIDAT\x08\xd7c\xf8\xff\xff?\0\x05\xfe\x02\xfe\xdc\xccY\xe7");
    bytes.extend(b"\0\0\0\0IEND\xaeB`\x82");
    bytes
}

/// A WebP of one pixel, lossless.
pub fn webp() -> Vec<u8> {
    let mut bytes = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0".to_vec();
    bytes.extend(b"\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0");
    bytes
}

/// A grey JPEG of 16 by 8 pixels.
pub fn jpeg() -> Vec<u8> {
    jpeg_with(b"")
}

/// The same with segments behind its start.
pub fn jpeg_with(segments: &[u8]) -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    bytes.extend(segments);
    bytes.extend(b"\xff\xdb\0\x43\0");
    bytes.extend([1; 64]);
    bytes.extend(b"\xff\xc0\0\x0b\x08\0\x08\0\x10\x01\x01\x11\0");
    for table in [0x00, 0x10] {
        // One code, of one bit: no difference, and end of block.
        bytes.extend([0xff, 0xc4, 0, 20, table, 1]);
        bytes.extend([0; 16]);
    }
    bytes.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\x0f\xff\xd9");
    bytes
}

/// A JPEG as phones write it: lying on its side, and telling where it was taken.
pub fn phone_photo(place: &[u8]) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend(b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"); // orientation: turn right
    tiff.extend(b"\x25\x88\x04\0\x01\0\0\0\x26\0\0\0\0\0\0\0"); // where GPS is
    tiff.extend(place);
    jpeg_with(&[segment(0xe1, b"Exif\0\0", &tiff), segment(0xfe, b"", place)].concat())
}

/// A segment of a JPEG.
pub fn segment(marker: u8, head: &[u8], body: &[u8]) -> Vec<u8> {
    let length = (head.len() + body.len() + 2) as u16;
    [&[0xff, marker], &length.to_be_bytes()[..], head, body].concat()
}
