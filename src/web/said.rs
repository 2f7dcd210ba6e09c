//! What is said by POST: fields, or the text itself. `curl -d 'build failed'` calls any text a form.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde_json::{Map, Value};

use super::{error::Failure, fields::Fields, negotiate::essence};

const FORM: &str = "application/x-www-form-urlencoded";

/// The fields `chat` and `key`?, as in [`Fields`]. A form without a field `chat` is no form but a
/// text, taken whole and as it stands, whatever `=`, `&`, `%` and `+` are in it.
pub struct Said {
    pub fields: Fields,
    /// It came without fields: from a program, for no page sends such a thing.
    pub is_bare: bool,
}

impl<S: Send + Sync> FromRequest<S> for Said {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        if essence(kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default()) != FORM {
            let fields = Fields::from_request(request, state).await?;
            return Ok(Self { fields, is_bare: false });
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| Failure::Request(error.status()))?;
        if form_urlencoded::parse(&body).any(|(name, _)| name == "chat") {
            let fields = Fields::of(form_urlencoded::parse(&body).into_owned());
            return Ok(Self { fields, is_bare: false });
        }
        let text = String::from_utf8(body.into());
        let text = text.map_err(|_| Failure::Request(StatusCode::BAD_REQUEST))?;
        Ok(Self { fields: of_text(text), is_bare: true })
    }
}

/// As over MQTT: an object with a `chat` is fields, whatever it was sent as.
fn of_text(text: String) -> Fields {
    let object = text.trim_start().starts_with('{').then(|| serde_json::from_str(&text).ok());
    let object = object.flatten().filter(|fields: &Map<String, Value>| fields.contains_key("chat"));
    object.map_or_else(|| Fields::of([("chat".to_owned(), text)]), Fields)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde_json::json;

    use super::*;

    async fn read(body: impl Into<Body>) -> (Value, bool) {
        let request = Request::post("/").header(header::CONTENT_TYPE, FORM);
        let said = Said::from_request(request.body(body.into()).unwrap(), &()).await.unwrap();
        (Value::Object(said.fields.0), said.is_bare)
    }

    #[tokio::test]
    async fn a_form_without_a_chat_is_the_text_itself() {
        for text in [
            "build failed",
            "a=b&c=d",
            "key=value",
            "we chat=here",
            "100% + 1 = 한글 🎈",
            "%EC%9D%B8",
            "chats=1",
            "=",
            "&",
            "",
        ] {
            assert_eq!(read(text).await, (json!({"chat": text}), true), "{text}");
        }
        let sensor = r#"{"temp":21.5}"#;
        assert_eq!(read(sensor).await, (json!({"chat": sensor}), true));
        let draft = json!({"chat": "a=b", "key": "k"});
        assert_eq!(read(draft.to_string()).await, (draft, true));
        for (form, fields) in [
            ("chat=a+%26+b", json!({"chat": "a & b"})),
            ("key=k&chat=%ED%95%9C", json!({"chat": "한", "key": "k"})),
            ("chat=", json!({"chat": ""})),
            ("chat", json!({"chat": ""})),
        ] {
            assert_eq!(read(form).await, (fields, false), "{form}");
        }
    }
}
