//! The one error of the web layer: what did not work, as an HTTP status with problem JSON
//! (RFC 9457), or as a page that a person can read and that keeps what they typed.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    pages::{ErrorPage, Problem},
    texts::{Language, fill, size},
    visitor::Visitor,
};
use crate::{
    bridge::{Limit, Refusal, refusal::whole_seconds},
    chat::{message::DraftFault, room::RoomFault},
};

/// The media type of RFC 9457.
const PROBLEM: &str = "application/problem+json";

/// What did not work. Its text names nothing that the client may not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A message that was not taken; its author gets it back.
    #[error("{why}")]
    Unsaid { why: Refusal, typed: String },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faulty(Vec<Fault>),
    #[error("there is nothing at this address")]
    NoSuchPage,
    #[error("the request comes from a page of another site")]
    Foreign,
    #[error("the server is busy: try again")]
    Busy,
    /// The request itself: 400, 405, 408, 413, 415 and the like.
    #[error("{}", request_fault(*.0))]
    Request(StatusCode),
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct Fault {
    pub field: &'static str,
    /// What would be right.
    pub rule: String,
}

impl Fault {
    pub fn new(field: &'static str, rule: impl Into<String>) -> Self {
        Self { field, rule: rule.into() }
    }
}

impl From<RoomFault> for Fault {
    fn from(fault: RoomFault) -> Self {
        let field = match fault {
            RoomFault::Title => "title",
            RoomFault::Max => "max",
            RoomFault::Password => "password",
        };
        let sentence = fault.to_string();
        let rule = sentence.split_once(": ").map_or(sentence.as_str(), |(_, rule)| rule);
        Self::new(field, rule)
    }
}

fn request_fault(status: StatusCode) -> &'static str {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => "this address does not take that method",
        StatusCode::REQUEST_TIMEOUT => "the request took too long",
        StatusCode::PAYLOAD_TOO_LARGE => "the request is too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "a body of this type is not understood here",
        StatusCode::UPGRADE_REQUIRED => "this address speaks MQTT over WebSocket",
        _ => "the request is not understood",
    }
}

impl Failure {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(why) | Self::Unsaid { why, .. } => refusal_status(why),
            Self::Faulty(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::Foreign => StatusCode::FORBIDDEN,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Request(status) => *status,
        }
    }

    /// How the page calls it.
    fn problem(&self) -> Problem {
        match self {
            Self::Refused(why) | Self::Unsaid { why, .. } => match why {
                Refusal::NoSuchRoom => Problem::NoSuchRoom,
                Refusal::Full => Problem::Full,
                Refusal::Banned => Problem::Banned,
                Refusal::TooManyRooms => Problem::TooManyRooms,
                Refusal::TooOften(Limit::NewRooms, _) => Problem::RoomsTooOften,
                Refusal::Draft(DraftFault::Empty) => Problem::EmptyMessage,
                Refusal::Draft(DraftFault::TooLong(_)) => Problem::MessageTooLong,
                Refusal::Draft(DraftFault::ImageTooLarge(_)) => Problem::ImageTooLarge,
                Refusal::Draft(DraftFault::NotTextNorImage) => Problem::NotAnImage,
                Refusal::Draft(DraftFault::BadImage) => Problem::DamagedImage,
                Refusal::Draft(DraftFault::TooManyPixels(_) | DraftFault::TooManyFrames(_)) => {
                    Problem::ImageTooBig
                }
                Refusal::StorageFull(..) => Problem::StorageFull,
                Refusal::QuotaUsed(..) => Problem::QuotaUsed,
                why => by_status(refusal_status(why)),
            },
            failure => by_status(failure.status()),
        }
    }

    /// As problem JSON, whatever the request says that it wants to read.
    pub fn for_programs(self, language: Language) -> Response {
        let mut response = problem_json(self, language);
        response.extensions_mut().remove::<Self>();
        response
    }

    /// One word for programs.
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(why) | Self::Unsaid { why, .. } => refusal_code(why),
            Self::Faulty(_) => "faulty",
            Self::NoSuchPage => "no-such-page",
            Self::Foreign => "foreign-origin",
            Self::Busy => "busy",
            Self::Request(StatusCode::METHOD_NOT_ALLOWED) => "wrong-method",
            Self::Request(StatusCode::REQUEST_TIMEOUT) => "timeout",
            Self::Request(StatusCode::PAYLOAD_TOO_LARGE) => "too-large",
            Self::Request(StatusCode::UNSUPPORTED_MEDIA_TYPE) => "wrong-media-type",
            Self::Request(_) => "bad-request",
        }
    }

    /// What a person reads, with the limit that was met.
    pub fn sentence(&self, language: Language) -> String {
        let met: Box<dyn std::fmt::Display> = match self {
            Self::Refused(why) | Self::Unsaid { why, .. } => match why {
                Refusal::Draft(DraftFault::TooLong(chars)) => Box::new(*chars),
                Refusal::Draft(DraftFault::ImageTooLarge(bytes)) => Box::new(size(*bytes)),
                Refusal::TooOften(_, wait) => Box::new(whole_seconds(*wait)),
                _ => Box::new(""),
            },
            _ => Box::new(""),
        };
        fill(self.problem().text(language).1, &[("n", &met)])
    }

    fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Faulty(faults) => faults.clone(),
            Self::Refused(Refusal::Room(faults)) => faults.iter().map(|it| (*it).into()).collect(),
            _ => Vec::new(),
        }
    }

    /// The setting that was met.
    fn limit(&self) -> Option<&'static str> {
        let (Self::Refused(why) | Self::Unsaid { why, .. }) = self else { return None };
        match why {
            Refusal::TooOften(limit, _) => Some(limit.key()),
            Refusal::StorageFull(key, _) | Refusal::QuotaUsed(key, _) => Some(*key),
            Refusal::Draft(fault) => match fault {
                DraftFault::TooLong(_) => Some("limits.text_chars"),
                DraftFault::ImageTooLarge(_) => Some("uploads.bytes"),
                DraftFault::TooManyPixels(_) => Some("uploads.pixels"),
                DraftFault::TooManyFrames(_) => Some("uploads.frames"),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whole seconds after which it may work.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Refused(Refusal::TooOften(_, wait))
            | Self::Unsaid { why: Refusal::TooOften(_, wait), .. } => Some(whole_seconds(*wait)),
            failure => (failure.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        }
    }
}

fn refusal_status(why: &Refusal) -> StatusCode {
    match why {
        Refusal::NoSuchRoom | Refusal::NoSuchPerson | Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::Locked | Refusal::WrongPassword | Refusal::Banned | Refusal::NotOwner => {
            StatusCode::FORBIDDEN
        }
        Refusal::Full | Refusal::TooManyRooms | Refusal::TooManyBans => StatusCode::CONFLICT,
        Refusal::Draft(DraftFault::NotTextNorImage) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::Draft(DraftFault::ImageTooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Room(_) | Refusal::Draft(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::TooOften(..) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::StorageFull(..) | Refusal::QuotaUsed(..) => StatusCode::INSUFFICIENT_STORAGE,
        Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn refusal_code(why: &Refusal) -> &'static str {
    match why {
        Refusal::NoSuchRoom => "no-such-room",
        Refusal::Locked => "locked",
        Refusal::WrongPassword => "wrong-password",
        Refusal::Banned => "banned",
        Refusal::Full => "full",
        Refusal::NotOwner => "not-owner",
        Refusal::NoSuchPerson => "no-such-person",
        Refusal::NotFound => "not-found",
        Refusal::Room(_) => "faulty",
        Refusal::Draft(fault) => match fault {
            DraftFault::Empty => "empty",
            DraftFault::TooLong(_) => "too-long",
            DraftFault::NotText | DraftFault::Key => "faulty",
            DraftFault::NotTextNorImage => "not-an-image",
            DraftFault::BadImage => "damaged-image",
            DraftFault::ImageTooLarge(_) => "too-large",
            DraftFault::TooManyPixels(_) => "too-many-pixels",
            DraftFault::TooManyFrames(_) => "too-many-frames",
        },
        Refusal::TooManyRooms => "too-many-rooms",
        Refusal::TooManyBans => "too-many-bans",
        Refusal::TooOften(..) => "too-often",
        Refusal::StorageFull(..) => "storage-full",
        Refusal::QuotaUsed(..) => "quota-used",
        Refusal::Unavailable => "unavailable",
    }
}

fn by_status(status: StatusCode) -> Problem {
    match status.as_u16() {
        403 => Problem::Forbidden,
        404 => Problem::NoSuchPage,
        413 => Problem::TooLarge,
        429 => Problem::TooOften,
        503 | 507 => Problem::Unavailable,
        400..500 => Problem::BadRequest,
        _ => Problem::Internal,
    }
}

impl IntoResponse for Failure {
    /// Problem JSON, with the failure itself beside it for [`dress`].
    fn into_response(self) -> Response {
        problem_json(self, Language::En)
    }
}

/// `code`, `limit` (the setting that was met) and `faults` (a rule for each field) are for programs,
/// `detail` is for people.
fn problem_json(failure: Failure, language: Language) -> Response {
    let status = failure.status();
    let mut problem = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": match language {
            Language::En => failure.to_string(),
            Language::Ko => failure.sentence(language),
        },
        "code": failure.code(),
    });
    if let Some(limit) = failure.limit() {
        problem["limit"] = limit.into();
    }
    let faults = failure.faults();
    if !faults.is_empty() {
        let by_field = faults.into_iter().map(|it| (it.field.to_owned(), it.rule.into()));
        problem["faults"] = serde_json::Value::Object(by_field.collect());
    }
    let kind = [(header::CONTENT_TYPE, PROBLEM)];
    let mut response = (status, kind, problem.to_string()).into_response();
    if let Some(seconds) = failure.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(failure);
    response
}

/// A rendering that failed: nothing that a client can do makes it happen.
impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page cannot be drawn");
        Self::Request(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Gives an error the form that the visitor reads. Also those that the framework answers by itself.
pub fn dress(response: Response, visitor: &Visitor) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let failure = match response.extensions().get::<Failure>() {
        Some(failure) => failure.clone(),
        None if is_error && !is_ours(&response) => match status {
            StatusCode::NOT_FOUND => Failure::NoSuchPage,
            status => Failure::Request(status),
        },
        None => return response,
    };
    let mut dressed = match visitor.wants_page() {
        true => error_page(&failure, visitor),
        false => problem_json(failure, visitor.language),
    };
    // What the framework said besides, as in `Allow`.
    for (name, value) in response.headers() {
        if ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name) {
            dressed.headers_mut().insert(name, value.clone());
        }
    }
    dressed
}

/// What a handler has put into its form itself, such as a page's form with its faults.
fn is_ours(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"text/html") || kind == PROBLEM.as_bytes())
}

fn error_page(failure: &Failure, visitor: &Visitor) -> Response {
    let typed = match failure {
        Failure::Unsaid { typed, .. } => Some(typed.as_str()),
        _ => None,
    };
    let (problem, sentence) = (failure.problem(), failure.sentence(visitor.language));
    let page = ErrorPage { layout: visitor.layout(), problem, sentence, typed };
    super::page(failure.status(), &page).unwrap_or_else(IntoResponse::into_response)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_refusal_has_its_status() {
        for (refusal, status) in [
            (Refusal::NoSuchRoom, 404),
            (Refusal::Locked, 403),
            (Refusal::WrongPassword, 403),
            (Refusal::Full, 409),
            (Refusal::Room(vec![RoomFault::Max]), 422),
            (Refusal::Draft(DraftFault::Empty), 422),
            (Refusal::Draft(DraftFault::NotTextNorImage), 415),
            (Refusal::Draft(DraftFault::ImageTooLarge(1)), 413),
            (Refusal::TooOften(Limit::NewRooms, Duration::from_millis(1)), 429),
            (Refusal::Unavailable, 503),
        ] {
            assert_eq!(refusal_status(&refusal).as_u16(), status, "{refusal}");
        }
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds() {
        let response =
            Failure::from(Refusal::TooOften(Limit::Messages, Duration::from_millis(1200)));
        assert_eq!(response.into_response().headers()[header::RETRY_AFTER], "2");
        let response =
            Failure::from(Refusal::TooOften(Limit::Messages, Duration::ZERO)).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn a_fault_names_its_field_and_the_rule() {
        assert_eq!(Fault::from(RoomFault::Title), Fault::new("title", "give 1 to 100 characters"));
    }
}
