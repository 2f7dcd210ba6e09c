//! What the pages say, in Korean and English. The sentences themselves are in `texts/ko.rs` and
//! `texts/en.rs`; here is the choice between them and the list of what must be there.
//! `{name}` in a sentence is a place to [`fill`].

mod en;
pub mod help;
mod ko;

use serde::Serialize;

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Ko,
    En,
}

impl Language {
    /// The language for an `Accept-Language` value (RFC 9110, 12.5.4): whichever of ours is
    /// preferred most; English when neither is mentioned.
    pub fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::En);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let quality = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
            let language = match tag.split('-').next().unwrap_or_default() {
                primary if primary.eq_ignore_ascii_case("ko") => Self::Ko,
                primary if primary.eq_ignore_ascii_case("en") => Self::En,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }

    /// The BCP 47 tag, for `<html lang>`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }

    pub const fn texts(self) -> &'static Texts {
        match self {
            Self::Ko => &ko::TEXTS,
            Self::En => &en::TEXTS,
        }
    }
}

/// `sentence` with every `{name}` replaced by its value.
pub fn fill(sentence: &str, values: &[(&str, &dyn std::fmt::Display)]) -> String {
    values.iter().fold(sentence.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), &value.to_string())
    })
}

/// Bytes, as people say them.
pub fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    match bytes {
        mib if mib >= KIB * KIB => format!("{} MiB", mib / (KIB * KIB)),
        kib if kib >= KIB => format!("{} KiB", kib / KIB),
        few => format!("{few} B"),
    }
}

/// What the server writes into a page.
pub struct Texts {
    pub skip: &'static str,
    pub tagline: &'static str,
    pub you: &'static str,
    pub rooms: &'static str,
    pub create_room: &'static str,
    pub create_lead: &'static str,
    pub create: &'static str,
    pub cancel: &'static str,
    pub lobby_empty: &'static str,
    pub lobby_empty_hint: &'static str,
    pub title: &'static str,
    pub title_hint: &'static str,
    pub title_rule: &'static str,
    pub title_fault: &'static str,
    pub max: &'static str,
    pub max_hint: &'static str,
    pub max_fault: &'static str,
    pub password: &'static str,
    pub password_hint: &'static str,
    pub password_fault: &'static str,
    pub optional: &'static str,
    pub show_password: &'static str,
    pub off_record: &'static str,
    pub off_record_hint: &'static str,
    pub keep: &'static str,
    pub keep_hint: &'static str,
    pub form_faulty: &'static str,
    pub enter: &'static str,
    pub enter_lead: &'static str,
    pub enter_wrong: &'static str,
    pub enter_too_often: &'static str,
    pub back_to_lobby: &'static str,
    pub leave: &'static str,
    pub participants: &'static str,
    pub close: &'static str,
    pub conversation: &'static str,
    pub message: &'static str,
    pub send: &'static str,
    pub attach: &'static str,
    pub image_rule: &'static str,
    pub emoji: &'static str,
    pub copy_link: &'static str,
    pub device: &'static str,
    pub device_lead: &'static str,
    pub device_listen: &'static str,
    pub device_say: &'static str,
    pub device_locked: &'static str,
    pub device_off: &'static str,
    pub copy: &'static str,
    pub no_script: &'static str,
    pub text_rule: &'static str,
    pub drop_here: &'static str,
    pub whisper_cancel: &'static str,
    pub settings: &'static str,
    pub lock_room: &'static str,
    pub lock_room_hint: &'static str,
    pub new_password: &'static str,
    pub lock_fault: &'static str,
    pub new_password_hint: &'static str,
    pub save: &'static str,
    pub close_room: &'static str,
    pub close_room_question: &'static str,
    pub close_room_lead: &'static str,
    pub hand_over: &'static str,
    pub kick: &'static str,
    pub ban: &'static str,
    pub manage_hint: &'static str,
    pub find: &'static str,
    pub order: &'static str,
    pub order_newest: &'static str,
    pub order_busiest: &'static str,
    pub order_title: &'static str,
    pub find_none: &'static str,
    pub find_all: &'static str,
    pub show_qr: &'static str,
    pub qr_lead: &'static str,
    pub share: &'static str,
    pub alerts: &'static str,
    pub alert_notify: &'static str,
    pub alert_sound: &'static str,
    pub bans: &'static str,

    pub help: &'static help::HelpTexts,
    pub problems: Problems,
    pub script: ScriptTexts,
}

/// Heading and sentence of the error pages.
pub struct Problems {
    pub no_such_page: (&'static str, &'static str),
    pub no_such_room: (&'static str, &'static str),
    pub full: (&'static str, &'static str),
    pub banned: (&'static str, &'static str),
    pub forbidden: (&'static str, &'static str),
    pub bad_request: (&'static str, &'static str),
    pub too_large: (&'static str, &'static str),
    pub too_often: (&'static str, &'static str),
    pub unavailable: (&'static str, &'static str),
    pub internal: (&'static str, &'static str),
    pub too_many_rooms: (&'static str, &'static str),
    pub rooms_too_often: (&'static str, &'static str),
    pub empty_message: (&'static str, &'static str),
    pub message_too_long: (&'static str, &'static str),
    pub image_too_large: (&'static str, &'static str),
    pub not_an_image: (&'static str, &'static str),
    pub damaged_image: (&'static str, &'static str),
    pub image_too_big: (&'static str, &'static str),
    pub storage_full: (&'static str, &'static str),
    pub quota_used: (&'static str, &'static str),
    /// Above a message that was not taken.
    pub typed: &'static str,
}

/// What the scripts of a page say; they read it as JSON from the page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScriptTexts {
    pub locked: &'static str,
    pub off_record: &'static str,
    pub full: &'static str,
    pub yours: &'static str,
    pub occupancy: &'static str,
    pub connecting: &'static str,
    pub reconnecting: &'static str,
    pub offline: &'static str,
    pub over_http: &'static str,
    pub list_over_http: &'static str,
    pub me: &'static str,
    pub whisper_to: &'static str,
    pub whisper_from: &'static str,
    pub whisper_not_now: &'static str,
    pub no_whispers: &'static str,
    pub no_image_whispers: &'static str,
    pub person_gone: &'static str,
    pub manage: &'static str,
    pub not_here: &'static str,
    pub not_done: &'static str,
    pub owner: &'static str,
    pub device: &'static str,
    pub anonymous: &'static str,
    pub connections: &'static str,
    pub today: &'static str,
    pub yesterday: &'static str,
    pub joined: &'static str,
    pub left: &'static str,
    pub joined_and_left: &'static str,
    pub beginning: &'static str,
    pub empty_log: &'static str,
    pub loading: &'static str,
    pub history_failed: &'static str,
    pub new_messages: &'static str,
    pub to_bottom: &'static str,
    pub sending: &'static str,
    pub sent: &'static str,
    pub not_sent: &'static str,
    pub retry: &'static str,
    pub discard: &'static str,
    pub cancel: &'static str,
    pub close: &'static str,
    pub not_taken: &'static str,
    pub too_often: &'static str,
    pub refused: &'static str,
    pub no_answer: &'static str,
    pub uploading: &'static str,
    pub upload_failed: &'static str,
    pub image: &'static str,
    pub image_by: &'static str,
    pub image_gone: &'static str,
    pub not_an_image: &'static str,
    pub image_too_large: &'static str,
    pub image_too_many_pixels: &'static str,
    pub too_many_images: &'static str,
    pub remove_image: &'static str,
    pub play: &'static str,
    pub image_too_large_why: &'static str,
    pub not_an_image_why: &'static str,
    pub copied: &'static str,
    pub copy_failed: &'static str,
    pub link_copied: &'static str,
    pub text_left: &'static str,
    pub text_over: &'static str,
    pub too_many: &'static str,
    pub try_again: &'static str,
    pub rooms: &'static str,
    pub enter_wrong: &'static str,
    pub enter_too_often: &'static str,
    pub try_again_in: &'static str,
    pub away: &'static str,
    pub lift_ban: &'static str,
    pub lift_ban_of: &'static str,
    pub no_bans: &'static str,
    pub unread: &'static str,
    pub new_message: &'static str,
    pub notify_refused: &'static str,
    pub place_free: [&'static str; 2],
    pub notice_join: &'static str,
    pub notice_exit: &'static str,
    pub notice_owner: &'static str,
    pub notice_kick: &'static str,
    pub end_removed: [&'static str; 2],
    pub end_full: [&'static str; 2],
    pub end_refused: [&'static str; 2],
    pub end_kicked: [&'static str; 2],
    pub end_banned: [&'static str; 2],
    pub end_locked: [&'static str; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_preferred_of_our_languages_wins() {
        for (header, language) in [
            ("", Language::En),
            ("ko", Language::Ko),
            ("ko-KR,ko;q=0.9,en-US;q=0.8", Language::Ko),
            ("en-US,en;q=0.9,ko;q=0.8", Language::En),
            ("fr, ko;q=0.4", Language::Ko),
            ("fr, de", Language::En),
            ("en;q=0.3, KO;q=0.5", Language::Ko),
            ("ko;q=nonsense", Language::En),
            (";;,,q=1", Language::En),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn the_three_sentences_of_the_seed_are_kept() {
        let texts = Language::Ko.texts();
        assert_eq!(texts.problems.no_such_room.1, "존재하지 않는 방입니다.");
        assert_eq!(texts.enter_wrong, "비밀번호가 틀렸습니다.");
        assert_eq!(texts.problems.full.1, "허용 인원이 초과하였습니다.");
    }

    /// The `{name}`s of a sentence, in order of the alphabet.
    fn places(sentence: &str) -> Vec<&str> {
        let mut places: Vec<_> = sentence
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
            .collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn both_languages_have_the_same_places_to_fill() {
        let as_map = |language: Language| {
            let value = serde_json::to_value(&language.texts().script).unwrap();
            value.as_object().unwrap().clone()
        };
        let (ko, en) = (as_map(Language::Ko), as_map(Language::En));
        for (name, sentence) in &en {
            let (en, ko) = (sentence.to_string(), ko[name].to_string());
            assert_eq!(places(&en), places(&ko), "{name}");
        }
    }

    #[test]
    fn a_sentence_is_filled() {
        assert_eq!(fill("{n} of {max}", &[("n", &3), ("max", &10)]), "3 of 10");
    }
}
