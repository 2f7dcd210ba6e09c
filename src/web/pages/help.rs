//! The page of lines to be copied, and of limits.

use askama::Template;

use super::{CardView, Layout};

/// `GET /help` and `GET /room/{id}/help`.
#[derive(Template)]
#[template(path = "help.html")]
pub struct HelpPage<'a> {
    pub layout: Layout<'a>,
    /// Whose help it is; none for the server's.
    pub room: Option<CardView>,
    pub sections: Vec<HelpSection>,
    /// Sentences.
    pub limits: Vec<String>,
}

pub struct HelpSection {
    pub heading: &'static str,
    pub lead: &'static str,
    pub lines: Vec<HelpLine>,
}

/// A command, of one line or several.
pub struct HelpLine {
    /// Its place on the page.
    pub id: &'static str,
    pub heading: &'static str,
    pub command: String,
}

impl HelpLine {
    pub fn new(id: &'static str, heading: &'static str, command: String) -> Self {
        Self { id, heading, command }
    }
}

/// `GET /api`: where the descriptions for programs are.
#[derive(Template)]
#[template(path = "api.html")]
pub struct ApiPage<'a> {
    pub layout: Layout<'a>,
}
