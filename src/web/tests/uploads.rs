//! Images sent and shown.

use super::*;

/// A GIF of one pixel, followed by so many bytes that are cut off.
fn gif(more: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;".to_vec();
    bytes.extend(vec![b' '; more]);
    bytes
}

fn part(name: &str, file: &str, content: &[u8]) -> Vec<u8> {
    let part = format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
    [part.as_bytes(), content, b"\r\n"].concat()
}

impl Guest<'_> {
    async fn upload(&self, room: &str, accept: (&str, &str), parts: &[Vec<u8>]) -> Answer {
        let kind = ("content-type", "multipart/form-data; boundary=x");
        let body = [parts.concat(), b"--x--\r\n".to_vec()].concat();
        self.ask(Method::POST, &format!("{room}/gif"), &[accept, kind], body).await
    }
}

#[tokio::test]
async fn an_image_is_posted_and_shown_to_the_room() {
    let lab = Lab::open().await;
    let (owner, other) = (lab.visitor().await, lab.visitor().await);
    let room = owner.room(json!({"title": "t", "password": "secret"})).await;
    let named = "; filename=\"../../evil.html\"\r\ncontent-type: text/html";
    let parts = [part("gif", named, &gif(10)), part("chat", "", "보기".as_bytes())];
    let answer = owner.upload(&room, JSON, &parts).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let event = answer.json();
    assert_eq!(event["chat"], "보기");
    assert_eq!((&event["width"], &event["height"]), (&json!(1), &json!(1)));
    let address = format!("/gif/{}", event["gif"].as_str().unwrap());
    assert!(address.ends_with(".gif") && !address.contains("evil"), "{address}");

    let image = owner.get(&address, HTML).await;
    assert_eq!((image.status, &image.body[..]), (200, &gif(0)[..]));
    assert_eq!(image.header("content-type"), "image/gif");
    assert_eq!(image.header("content-length"), gif(0).len().to_string());
    assert_eq!(image.header("x-content-type-options"), "nosniff");
    assert_eq!(image.header("content-security-policy"), "sandbox; default-src 'none'");
    assert!(image.header("cache-control").starts_with("private"));

    assert_eq!(other.get(&address, JSON).await.status, 403, "the room is locked to others");
    let missing = address.replace(".gif", ".png");
    assert_eq!(owner.get(&missing, JSON).await.status, 404);
    owner.tell(Method::DELETE, &room, json!({})).await;
    assert_eq!(owner.get(&address, JSON).await.status, 404, "it goes with its room");
    lab.close().await;
}

#[tokio::test]
async fn what_is_not_an_image_is_refused_by_its_bytes() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let room = visitor.room(json!({"title": "t"})).await;
    let named = "; filename=\"cat.gif\"\r\ncontent-type: image/gif";
    let mut endless = gif(0);
    endless[6..10].fill(0xff);
    for (content, status) in [
        (b"<html><script>".to_vec(), 415),
        (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), 415),
        (b"GIF89a".to_vec(), 422),
        (endless, 422),
        (Vec::new(), 422),
    ] {
        let answer = visitor.upload(&room, JSON, &[part("gif", named, &content)]).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let answer = visitor.upload(&room, JSON, &[part("other", "", b"x")]).await;
    assert_eq!(
        (answer.status, answer.json()["faults"]["gif"].clone()),
        (422, json!("give an image"))
    );
    assert_eq!(visitor.upload(&room, JSON, &[]).await.status, 422);
    assert_eq!(visitor.post(&format!("{room}/gif"), json!({})).await.status, 415);
    let chats = visitor.get(&format!("{room}/chats"), JSON).await.json();
    assert_eq!(chats["chats"], json!([]));
    lab.close().await;
}

#[tokio::test]
async fn too_large_is_told_in_words_and_the_largest_passes() {
    let lab = Lab::with(|config| config.uploads.bytes = 100_000).await;
    let visitor = lab.visitor().await;
    let room = visitor.room(json!({"title": "t"})).await;
    let most = 100_000 - gif(0).len();
    for (bytes, status) in [(most, 201), (most + 1, 413), (300_000, 413), (1_000_000, 413)] {
        let answer = visitor.upload(&room, JSON, &[part("gif", "", &gif(bytes))]).await;
        assert_eq!(answer.status, status, "{bytes}: {answer:?}");
    }
    let page = visitor.upload(&room, HTML, &[part("gif", "", &gif(200_000))]).await;
    assert!(page.status == 413 && page.text().contains("An image has at most"));
    lab.close().await;
}

#[tokio::test]
async fn uploads_together_are_bounded_and_give_their_memory_back() {
    let lab = Lab::with(|config| config.uploads.bytes = 100_000).await;
    let visitor = lab.visitor().await;
    let room = visitor.room(json!({"title": "t"})).await;
    for _ in 0..100 {
        for (bytes, status) in [(90_000, 201), (200_000, 413)] {
            let answer = visitor.upload(&room, JSON, &[part("gif", "", &gif(bytes))]).await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
    }
    lab.close().await;
}
