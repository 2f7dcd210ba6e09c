//! What a client wants to read: a page or JSON, and in which language.

use axum::http::{HeaderMap, HeaderName, header};

use super::texts::Language;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Page,
    Json,
}

/// JSON when `Accept` prefers it to HTML (RFC 9110, 12.5.1), or when it prefers neither and the
/// body is JSON or plain text, which no page's form sends.
pub fn form(headers: &HeaderMap) -> Form {
    let accept = list(headers, header::ACCEPT);
    let accept = if accept.trim().is_empty() { "*/*" } else { &accept };
    let told = ["application/json", "application/problem+json"].map(|it| preference(accept, it));
    let (json, html) = (told.into_iter().max(), Some(preference(accept, "text/html")));
    let body = list(headers, header::CONTENT_TYPE);
    let is_data = ["application/json", "text/plain"].contains(&essence(&body).as_str());
    if json > html || (json == html && is_data) { Form::Json } else { Form::Page }
}

pub fn language(headers: &HeaderMap) -> Language {
    Language::accepted(&list(headers, header::ACCEPT_LANGUAGE))
}

/// A media type without its parameters, in lower case.
pub fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The weight, in thousandths, that an `Accept` list gives to a media type by its most precise
/// range, and how precise that is: to be named counts more than to fall under `*/*`.
fn preference(accept: &str, wanted: &str) -> (u16, u8) {
    let kind = wanted.split('/').next();
    let (mut weight, mut precision) = (0, 0);
    for range in accept.split(',') {
        let name = essence(range);
        let found = match name.as_str() {
            "*/*" => 1,
            name if name.strip_suffix("/*") == kind => 2,
            name if name == wanted => 3,
            _ => continue,
        };
        if found > precision {
            let given = range.split(';').skip(1).find_map(|part| part.trim().strip_prefix("q="));
            let given = given.map_or(1.0, |text| text.parse().unwrap_or(0.0_f32));
            (weight, precision) = ((given.clamp(0.0, 1.0) * 1000.0) as u16, found);
        }
    }
    if weight == 0 { (0, 0) } else { (weight, precision) }
}

/// All lines of a header as one list.
fn list(headers: &HeaderMap, name: HeaderName) -> String {
    let lines: Vec<&str> =
        headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    lines.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept: &str, body: &str) -> Form {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::ACCEPT, accept), (header::CONTENT_TYPE, body)] {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        form(&headers)
    }

    #[test]
    fn the_preferred_form_is_chosen() {
        const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, wanted) in [
            ("", Form::Page),
            ("*/*", Form::Page),
            (BROWSER, Form::Page),
            ("application/json", Form::Json),
            ("application/problem+json", Form::Json),
            ("application/*", Form::Json),
            ("application/json, text/plain, */*", Form::Json),
            ("application/json, text/html", Form::Page),
            ("application/json, */*;q=0.1", Form::Json),
            ("text/html;q=0.5, application/json;q=0.9", Form::Json),
            ("application/json;q=0, */*", Form::Page),
            ("image/*", Form::Page),
            (";;q=,,x", Form::Page),
        ] {
            assert_eq!(negotiated(accept, ""), wanted, "{accept}");
        }
    }

    #[test]
    fn without_a_preference_the_body_tells() {
        assert_eq!(negotiated("*/*", "application/json; charset=utf-8"), Form::Json);
        assert_eq!(negotiated("", "Text/Plain"), Form::Json);
        assert_eq!(negotiated("*/*", "application/x-www-form-urlencoded"), Form::Page);
        assert_eq!(negotiated("text/html, */*;q=0.8", "application/json"), Form::Page);
    }
}
