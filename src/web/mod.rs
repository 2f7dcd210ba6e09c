//! Pages, JSON, uploads: what a browser sees over HTTP.

pub mod pages;
pub mod texts;
