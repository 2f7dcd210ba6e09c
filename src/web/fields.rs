//! The fields of a request's body, whether they came as a form, as JSON or as plain text.

use axum::{
    Form, Json,
    body::Bytes,
    extract::{FromRequest, Multipart, Request},
    http::{StatusCode, header},
};
use serde_json::{Map, Value};

use super::{error::Failure, negotiate::essence};

/// A body of type `application/x-www-form-urlencoded` or `multipart/form-data` (all fields are
/// strings), `application/json` (an object), `text/plain` (the field `chat`), or no body.
pub struct Fields(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = essence(kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default());
        match kind.as_str() {
            "application/json" => {
                let body = Json::<Map<String, Value>>::from_request(request, state).await;
                let Json(fields) = body.map_err(|error| unread(error.status()))?;
                Ok(Self(fields))
            }
            "application/x-www-form-urlencoded" => {
                let body = Form::<Vec<(String, String)>>::from_request(request, state).await;
                let Form(pairs) = body.map_err(|error| unread(error.status()))?;
                Ok(Self::of(pairs))
            }
            "multipart/form-data" => {
                let body = Multipart::from_request(request, state).await;
                let body = body.map_err(|error| unread(error.status()))?;
                parts(body).await.map_err(|error| unread(error.status()))
            }
            "text/plain" => {
                let body = String::from_request(request, state).await;
                let text = body.map_err(|error| unread(error.status()))?;
                Ok(Self::of([("chat".to_owned(), text)]))
            }
            _ => {
                let body = Bytes::from_request(request, state).await;
                let body = body.map_err(|error| unread(error.status()))?;
                let is_none = kind.is_empty() && body.is_empty();
                let fields = is_none.then(|| Self(Map::new()));
                fields.ok_or(Failure::Request(StatusCode::UNSUPPORTED_MEDIA_TYPE))
            }
        }
    }
}

async fn parts(mut body: Multipart) -> Result<Fields, axum::extract::multipart::MultipartError> {
    let mut pairs = Vec::new();
    while let Some(field) = body.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        pairs.push((name, field.text().await?));
    }
    Ok(Fields::of(pairs))
}

/// JSON of the wrong shape is as little understood as no JSON at all.
fn unread(status: StatusCode) -> Failure {
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => Failure::Request(StatusCode::BAD_REQUEST),
        status => Failure::Request(status),
    }
}

impl Fields {
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().map(|(name, text)| (name, Value::String(text))).collect())
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// A string. `None` also for a value of another type.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// What was given, as a form shows it again.
    pub fn shown(&self, name: &str) -> String {
        match self.value(name) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        }
    }

    /// A whole number from 0 on, as a number or in digits.
    pub fn whole(&self, name: &str) -> Option<u32> {
        match self.value(name)? {
            Value::String(digits) => digits.trim().parse().ok(),
            value => value.as_u64()?.try_into().ok(),
        }
    }

    /// A choice: a boolean, or what a ticked box sends. Absent is no; something else is `None`.
    pub fn choice(&self, name: &str) -> Option<bool> {
        match self.value(name) {
            None => Some(false),
            Some(Value::Bool(choice)) => Some(*choice),
            Some(Value::String(word)) => match word.as_str() {
                "true" | "on" | "1" => Some(true),
                "" | "false" | "off" | "0" => Some(false),
                _ => None,
            },
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn read(kind: &str, body: &str) -> Result<Value, u16> {
        let request = Request::post("/").header(header::CONTENT_TYPE, kind);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let fields = Fields::from_request(request, &()).await;
        fields.map(|fields| Value::Object(fields.0)).map_err(|error| error.status().as_u16())
    }

    #[tokio::test]
    async fn every_kind_of_body_gives_fields() {
        let wanted = serde_json::json!({"chat": "a & b"});
        let multipart =
            "--x\r\nContent-Disposition: form-data; name=\"chat\"\r\n\r\na & b\r\n--x--\r\n";
        for (kind, body) in [
            ("application/json", r#"{"chat":"a & b"}"#),
            ("Application/JSON; charset=utf-8", r#"{"chat":"a & b"}"#),
            ("application/x-www-form-urlencoded", "chat=a+%26+b"),
            ("text/plain", "a & b"),
            ("multipart/form-data; boundary=x", multipart),
        ] {
            assert_eq!(read(kind, body).await, Ok(wanted.clone()), "{kind}");
        }
    }

    #[tokio::test]
    async fn a_strange_body_is_refused() {
        let deep = format!("{}{}", r#"{"a":"#.repeat(5000), "1");
        for (kind, body, status) in [
            ("application/json", "{", 400),
            ("application/json", "[]", 400),
            ("application/json", "\"text\"", 400),
            ("application/json", r#"{"chat":"\ud800"}"#, 400),
            ("application/json", r#"{"max":1e999}"#, 400),
            ("application/json", deep.as_str(), 400),
            ("multipart/form-data", "x", 400),
            ("multipart/form-data; boundary=x", "nonsense", 400),
            ("application/xml", "<a/>", 415),
            ("", "text", 415),
        ] {
            assert_eq!(read(kind, body).await, Err(status), "{kind} {body:.20}");
        }
        assert_eq!(read("", "").await, Ok(serde_json::json!({})));
    }

    #[test]
    fn numbers_and_choices_are_read_from_digits_and_words() {
        let fields = serde_json::json!({
            "a": 7, "b": " 7 ", "c": 2.5, "d": 1e308, "e": -1, "f": "abc", "g": "2.5",
            "h": 5_000_000_000_u64, "on": "on", "no": false, "odd": 3, "nothing": null,
        });
        let Value::Object(fields) = fields else { panic!() };
        let fields = Fields(fields);
        assert_eq!(fields.whole("a"), Some(7));
        assert_eq!(fields.whole("b"), Some(7));
        for name in ["c", "d", "e", "f", "g", "h", "nothing", "missing"] {
            assert_eq!(fields.whole(name), None, "{name}");
        }
        assert_eq!(fields.choice("on"), Some(true));
        assert_eq!(fields.choice("no"), Some(false));
        assert_eq!(fields.choice("missing"), Some(false));
        assert_eq!(fields.choice("odd"), None);
        assert!(!fields.has("nothing"));
        assert_eq!(fields.shown("c"), "2.5");
    }
}
