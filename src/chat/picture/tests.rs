//! Each format whole, with much to tell, and broken in every way.

use proptest::prelude::*;

use super::*;

const LIMITS: PictureLimits = PictureLimits { pixels: 1_000_000, frames: 3 };
const SECRET: &[u8] = b"37.5665N 126.9780E";

fn read(bytes: &[u8]) -> Result<Picture, DraftFault> {
    Picture::read(bytes, LIMITS)
}

fn holds(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

/// EXIF of little-endian order: which way is up, and a place.
fn tiff(orientation: u8) -> Vec<u8> {
    let head = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
    [&head[..], &[orientation, 0, 0, 0, 0, 0, 0, 0], SECRET].concat()
}

mod gif {
    pub fn head(width: u16, height: u16) -> Vec<u8> {
        let (width, height) = (width.to_le_bytes(), height.to_le_bytes());
        [&b"GIF89a"[..], &width, &height, &[0x80, 0, 0, 0, 0, 0, 255, 255, 255]].concat()
    }

    pub fn frame(width: u8, height: u8) -> Vec<u8> {
        vec![0x2c, 0, 0, 0, 0, width, 0, height, 0, 0, 2, 2, 0x4c, 1, 0]
    }

    pub fn extension(label: u8, name: &[u8], data: &[u8]) -> Vec<u8> {
        let mut block = vec![0x21, label];
        for part in [name, data].into_iter().filter(|part| !part.is_empty()) {
            block.push(part.len() as u8);
            block.extend(part);
        }
        block.push(0);
        block
    }

    pub fn whole(between: &[Vec<u8>]) -> Vec<u8> {
        [head(4, 2), between.concat(), frame(4, 2), vec![b';']].concat()
    }
}

fn jpeg_segment(marker: u8, head: &[u8], body: &[u8]) -> Vec<u8> {
    let length = (head.len() + body.len() + 2) as u16;
    [&[0xff, marker], &length.to_be_bytes()[..], head, body].concat()
}

fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend(segments.concat());
    bytes.extend(jpeg_segment(0xdb, &[0], &[1; 64]));
    bytes.extend(jpeg_segment(0xc0, b"\x08\0\x08\0\x10\x01", b"\x01\x11\0"));
    for table in [0x00, 0x10] {
        bytes.extend(jpeg_segment(0xc4, &[table, 1], &[0; 16]));
    }
    bytes.extend(jpeg_segment(0xda, b"\x01", b"\x01\0\0\x3f\0"));
    bytes.extend([0x0f, 0xff, 0, 0xff, 0xd0, 0x0f, 0xff, 0xd9]);
    bytes
}

fn jfif(thumbnail: &[u8]) -> Vec<u8> {
    jpeg_segment(0xe0, b"JFIF\0\x01\x02\x01\0\x48\0\x48", thumbnail)
}

fn png_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [name, data].concat();
    let (length, sum) = ((data.len() as u32).to_be_bytes(), crc32fast::hash(&named).to_be_bytes());
    [&length[..], &named, &sum].concat()
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(png_chunk(b"IHDR", b"\0\0\0\x04\0\0\0\x02\x08\x02\0\0\0"));
    bytes.extend(chunks.concat());
    bytes.extend(png_chunk(b"IDAT", b"\x08\xd7"));
    bytes.extend(png_chunk(b"IDAT", b"not looked into"));
    bytes.extend(png_chunk(b"IEND", b""));
    bytes
}

fn frame_control(width: u8, height: u8) -> Vec<u8> {
    let mut data = vec![0; 26];
    (data[7], data[11]) = (width, height);
    png_chunk(b"fcTL", &data)
}

fn riff_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let fill: &[u8] = if data.len() % 2 == 1 { &[0] } else { &[] };
    [name, &(data.len() as u32).to_le_bytes()[..], data, fill].concat()
}

fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WEBP".to_vec(), chunks.concat()].concat();
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

/// Four by two pixels.
fn lossless() -> Vec<u8> {
    riff_chunk(b"VP8L", b"\x2f\x03\x40\0\0pixels")
}

fn lossy() -> Vec<u8> {
    riff_chunk(b"VP8 ", b"\x50\0\0\x9d\x01\x2a\x04\0\x02\0pixels")
}

fn canvas(flags: u8) -> Vec<u8> {
    riff_chunk(b"VP8X", &[flags, 0, 0, 0, 3, 0, 0, 1, 0, 0])
}

fn animation_frame(more: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 0, 0, 0, 3, 0, 0, 1, 0, 0, 9, 0, 0, 0];
    riff_chunk(b"ANMF", &[&head[..], more, &lossless()].concat())
}

/// What has nothing to strip, each with its size and whether it moves.
fn plain() -> Vec<(Vec<u8>, (u32, u32), bool)> {
    let control = gif::extension(0xf9, &[4, 10, 0, 0], b"");
    let looping = gif::extension(0xff, b"NETSCAPE2.0", &[1, 0, 0]);
    let adobe = jpeg_segment(0xee, b"Adobe", &[0, 100, 0, 0, 0, 0, 1]);
    let profile = jpeg_segment(0xe2, b"ICC_PROFILE\0\x01\x01", b"colours");
    let animation = riff_chunk(b"ANIM", &[0; 6]);
    vec![
        (gif::whole(&[]), (4, 2), false),
        (gif::whole(&[looping, control.clone(), gif::frame(4, 2), control]), (4, 2), true),
        (jpeg(&[jfif(&[0, 0])]), (16, 8), false),
        (jpeg(&[adobe, profile]), (16, 8), false),
        (png(&[png_chunk(b"iCCP", b"colours"), png_chunk(b"PLTE", &[0; 6])]), (4, 2), false),
        (
            png(&[png_chunk(b"acTL", &[0; 8]), frame_control(4, 2), frame_control(1, 1)]),
            (4, 2),
            true,
        ),
        (webp(&[lossless()]), (4, 2), false),
        (webp(&[lossy()]), (4, 2), false),
        (webp(&[canvas(0x20), riff_chunk(b"ICCP", b"colours"), lossy()]), (4, 2), false),
        (
            webp(&[canvas(0x02), animation, animation_frame(b""), animation_frame(b"")]),
            (4, 2),
            true,
        ),
    ]
}

/// The same pictures with places in them, as many as the formats have room for.
fn telling() -> Vec<(Vec<u8>, Vec<u8>)> {
    let exif = jpeg_segment(0xe1, b"Exif\0\0", &tiff(1));
    let xmp = jpeg_segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0", SECRET);
    let iptc = jpeg_segment(0xed, b"Photoshop 3.0\0", SECRET);
    let second = jpeg_segment(0xe2, b"MPF\0", SECRET);
    let comment = jpeg_segment(0xfe, b"", SECRET);
    let thumbnail = [&[6, 1][..], SECRET].concat();
    let texts = [b"tEXt", b"iTXt", b"zTXt", b"tIME", b"prVt"].map(|name| png_chunk(name, SECRET));
    vec![
        (
            gif::whole(&[
                gif::extension(0xfe, b"", SECRET),
                gif::extension(0xff, b"XMP DataXMP", SECRET),
                gif::extension(0x01, b"plain text..", SECRET),
            ]),
            gif::whole(&[]),
        ),
        (jpeg(&[exif, xmp, iptc, second, comment, jfif(&thumbnail)]), jpeg(&[jfif(&[0, 0])])),
        (png(&[texts.concat(), png_chunk(b"eXIf", &tiff(1))]), png(&[])),
        (
            webp(&[
                canvas(0x0c),
                lossless(),
                riff_chunk(b"EXIF", &tiff(1)),
                riff_chunk(b"XMP ", SECRET),
                riff_chunk(b"what", SECRET),
            ]),
            webp(&[canvas(0), lossless()]),
        ),
        (
            webp(&[
                canvas(0x02),
                riff_chunk(b"ANIM", &[0; 6]),
                animation_frame(&riff_chunk(b"what", SECRET)),
            ]),
            webp(&[canvas(0x02), riff_chunk(b"ANIM", &[0; 6]), animation_frame(b"")]),
        ),
    ]
}

#[test]
fn what_tells_nothing_stays_as_it_is() {
    for (bytes, size, animated) in plain() {
        let picture = read(&bytes).unwrap_or_else(|fault| panic!("{fault}: {bytes:?}"));
        assert_eq!(picture.bytes, bytes);
        assert_eq!(((picture.width, picture.height), picture.animated), (size, animated));
    }
}

#[test]
fn places_texts_and_whatever_else_is_told_goes_and_the_picture_stays() {
    for (bytes, expected) in telling() {
        let told = [bytes, SECRET.to_vec()].concat();
        let picture = read(&told).unwrap_or_else(|fault| panic!("{fault}: {told:?}"));
        assert!(!holds(&picture.bytes, SECRET), "{told:?}");
        assert_eq!(picture.bytes, expected);
    }
}

#[test]
fn the_right_way_up_is_kept_and_nothing_else_of_exif() {
    let jpeg = jpeg(&[jfif(&[0, 0]), jpeg_segment(0xe1, b"Exif\0\0", &tiff(6))]);
    let png = png(&[png_chunk(b"eXIf", &tiff(8))]);
    let webp = webp(&[canvas(0x08), lossless(), riff_chunk(b"EXIF", &tiff(5))]);
    for (bytes, size, way) in [(jpeg, (8, 16), 6), (png, (2, 4), 8), (webp, (2, 4), 5)] {
        let picture = read(&bytes).unwrap();
        assert_eq!((picture.width, picture.height), size);
        assert!(!holds(&picture.bytes, SECRET));
        assert!(holds(&picture.bytes, &exif::minimal(way)));
        assert_eq!(read(&picture.bytes).unwrap(), picture, "read again, it is the same");
        assert_eq!(exif::orientation(&exif::minimal(way)), way);
    }
    for strange in [&b""[..], b"II*\0\xff\xff\xff\xff", b"XX*\0", &tiff(0), &tiff(9)] {
        assert_eq!(exif::orientation(strange), exif::UPRIGHT);
    }
}

#[test]
fn what_is_cut_off_is_refused_wherever_it_is_cut() {
    for (bytes, ..) in plain() {
        for end in 0..bytes.len() {
            let cut = read(&bytes[..end]);
            assert!(cut.is_err(), "{end} of {} bytes: {cut:?}", bytes.len());
        }
    }
}

#[test]
fn what_follows_the_end_is_cut() {
    for (bytes, ..) in plain() {
        let longer = [&bytes[..], b"PK\x03\x04<script>"].concat();
        assert_eq!(read(&longer).unwrap().bytes, bytes);
    }
}

#[test]
fn sizes_and_frames_have_their_limits() {
    let many = gif::whole(&[gif::frame(4, 2), gif::frame(4, 2), gif::frame(4, 2)]);
    assert_eq!(read(&many), Err(DraftFault::TooManyFrames(3)));
    let large = [gif::head(1001, 1000), gif::frame(1, 1), vec![b';']].concat();
    assert_eq!(read(&large), Err(DraftFault::TooManyPixels(1_000_000)));
    let beyond = [gif::head(1, 1), gif::frame(200, 100), vec![b';']].concat();
    let beyond = read(&beyond).unwrap();
    assert_eq!((beyond.width, beyond.height), (200, 100));
}

#[test]
fn what_breaks_its_format_is_refused() {
    let mut checksum = png(&[]);
    checksum[20] ^= 1;
    let nothing = gif::head(4, 2);
    for bytes in [
        checksum,
        png(&[png_chunk(b"NEED", b"")]),
        png(&[png_chunk(b"fcTL", &[0xff; 26])]),
        png(&[png_chunk(b"IDAT", b""), png_chunk(b"tEXt", b"")]),
        [nothing, vec![b';']].concat(),
        jpeg(&[jpeg_segment(0xc0, b"\x08\0\0\0\x10\x01", b"\x01\x11\0")]),
        jpeg(&[jpeg_segment(0xc9, b"", b"")]),
        webp(&[canvas(0)]),
        webp(&[canvas(0), lossless(), lossless()]),
        webp(&[canvas(0x02), animation_frame(b""), lossless(), canvas(0)]),
        webp(&[riff_chunk(b"VP8L", b"\x2f\0\0\0\xe0")]),
    ] {
        assert_eq!(read(&bytes), Err(DraftFault::BadImage), "{bytes:?}");
    }
}

/// A picture with a few bytes changed, taken out or put in.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let pictures: Vec<Vec<u8>> =
        plain().into_iter().map(|it| it.0).chain(telling().into_iter().map(|it| it.0)).collect();
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    (prop::sample::select(pictures), prop::collection::vec(change, 1..6)).prop_map(
        |(mut bytes, changes)| {
            for (at, byte, way) in changes {
                let at = at.index(bytes.len());
                match way {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => drop(bytes.splice(at..(at + 3).min(bytes.len()), [])),
                }
            }
            bytes
        },
    )
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    let heads: [&[u8]; 5] = [
        b"GIF89a",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0",
        b"",
    ];
    (prop::sample::select(heads.to_vec()), prop::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(head, rest)| [head, &rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused_within_bounds(bytes in prop_oneof![broken(), anything()]) {
        if let Ok(picture) = read(&bytes) {
            prop_assert!(picture.bytes.len() <= bytes.len() + 64);
            prop_assert!(u64::from(picture.width) * u64::from(picture.height) <= LIMITS.pixels);
            prop_assert_eq!(read(&picture.bytes), Ok(picture.clone()), "clean is clean");
        }
    }
}
