//! Pages drawn in both languages, with hostile and with ordinary content.

use super::*;

fn layout(language: Language) -> Layout<'static> {
    let me = Me { uid: "0123456789abcdef", user: "#336699" };
    Layout { language, assets: "/assets/3f2a9c", base: "", me }
}

fn error_page(language: Language, problem: Problem, typed: Option<&str>) -> ErrorPage<'_> {
    let sentence = problem.text(language).1.to_owned();
    ErrorPage { layout: layout(language), problem, sentence, typed }
}

fn card(title: &str) -> CardView {
    CardView {
        id: "0123456789ab".into(),
        title: title.into(),
        max: 10,
        owner: "#336699".into(),
        owner_id: "0123456789abcdef".into(),
        locked: true,
        off_record: false,
        keep: true,
        occupancy: 3,
        created_at: "2026-11-23T12:00:00.000Z".into(),
    }
}

fn event(seq: u64, chat: &str) -> EventView {
    EventView {
        kind: "chat".into(),
        room: "0123456789ab".into(),
        seq,
        id: format!("{seq:020}"),
        user: "#336699".into(),
        uid: "0123456789abcdef".into(),
        name: None,
        chat: Some(chat.into()),
        gif: None,
        width: None,
        height: None,
        animated: false,
        key: None,
        created_at: "2026-11-23T12:00:00.000Z".into(),
    }
}

fn room_page(language: Language, title: &str, chat: &str) -> RoomPage<'static> {
    RoomPage {
        layout: layout(language),
        room: card(title),
        events: vec![event(1, chat)],
        before: None,
        mqtt_port: Some(1883),
        limits: MessageLimits { text: 2000, upload_bytes: 5 << 20, pixels: 40_000_000 },
        room_limits: RoomLimits { title: 100, max: 1000, password: 128 },
    }
}

const HOSTILE: &str = "</script><!--<script>alert('x')</script>\"><img src=x>&amp;";

#[test]
fn hostile_text_stays_text() {
    let lobby = LobbyPage { layout: layout(Language::En), rooms: vec![card(HOSTILE)] };
    let room = room_page(Language::En, HOSTILE, HOSTILE);
    let enter = EnterPage { layout: layout(Language::En), room: card(HOSTILE), fault: None };
    for page in [lobby.render(), room.render(), enter.render()] {
        let page = page.unwrap();
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!page.contains("<img src=x>"), "{page}");
        assert!(!page.contains("<!--<script"), "{page}");
    }
}

#[test]
fn the_data_of_a_page_is_the_json_that_went_in() {
    let page = room_page(Language::Ko, "방", HOSTILE);
    let data = page.data().unwrap();
    assert!(!data.contains(['<', '>', '&']));
    let value: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(value["events"][0]["chat"], HOSTILE);
    assert_eq!(value["events"][0]["type"], "chat");
    assert_eq!(value["room"]["ownerId"], "0123456789abcdef");
}

#[test]
fn no_page_needs_inline_script_or_style() {
    let faults = RoomFaults { title: true, max: true, password: true };
    let limits = RoomLimits { title: 100, max: 1000, password: 128 };
    let form = RoomFormPage {
        layout: layout(Language::Ko),
        values: RoomValues::default(),
        faults,
        refusal: None,
        limits,
    };
    let pages = [
        LobbyPage { layout: layout(Language::Ko), rooms: vec![] }.render(),
        room_page(Language::Ko, "방", "안녕").render(),
        form.render(),
        error_page(Language::Ko, Problem::Full, None).render(),
    ];
    for page in pages {
        let page = page.unwrap();
        for forbidden in [" style=", "<style", " onclick=", " onload=", "javascript:"] {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
        assert!(page.contains("<html lang=\"ko\""), "{page}");
    }
}

#[test]
fn a_form_comes_again_with_what_was_typed() {
    let page = RoomFormPage {
        layout: layout(Language::En),
        values: RoomValues { title: "  ", max: "1", off_record: true, keep: false },
        faults: RoomFaults { title: true, max: true, password: false },
        refusal: None,
        limits: RoomLimits { title: 100, max: 1000, password: 128 },
    }
    .render()
    .unwrap();
    assert!(page.contains("Give the room a title of 1 to 100 characters."));
    assert!(page.contains("Capacity is a whole number from 2 to 1000."));
    assert!(!page.contains("A password has at most"));
    assert!(page.contains("value=\"  \""));
    assert!(page.contains("value=\"1\""));
    assert!(page.contains("name=\"offRecord\" value=\"true\" checked"));
}

#[test]
fn the_wrong_password_is_said_in_the_words_of_the_seed() {
    let page = EnterPage {
        layout: layout(Language::Ko),
        room: card("비밀"),
        fault: Some(EnterFault::WrongPassword),
    };
    assert!(page.render().unwrap().contains("비밀번호가 틀렸습니다."));
}

#[test]
fn a_message_that_was_not_taken_comes_back_as_text() {
    let page = error_page(Language::En, Problem::MessageTooLong, Some("</textarea><b>long"));
    let page = page.render().unwrap();
    assert!(page.contains("Your message") && page.contains("long</textarea>"), "{page}");
    assert!(!page.contains("</textarea><b>"), "{page}");
}
