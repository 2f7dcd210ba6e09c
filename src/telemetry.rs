//! Logging: text for people on a terminal, JSON for machines. Never a password, token, cookie or
//! message text: those who log hold to it, and secrets print as `***`.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::Log;

/// `log.level` is not a filter.
#[derive(Debug, thiserror::Error)]
#[error("log.level = \"{level}\": {source}")]
pub struct BadLevel {
    level: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Starts logging to standard error, for the whole process. A second start changes nothing.
pub fn start(config: &Log) -> Result<(), BadLevel> {
    let filter = EnvFilter::builder()
        .parse(&config.level)
        .map_err(|source| BadLevel { level: config.level.clone(), source })?
        // rumqttd and the drivers speak up only when something is wrong.
        .add_directive(quiet("rumqttd=error"))
        .add_directive(quiet("mongodb=warn"));
    let terminal = stderr().is_terminal();
    let json = config.format == "json" || (config.format == "auto" && !terminal);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let started = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(terminal).with_target(false).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}

#[allow(clippy::expect_used)] // constants
fn quiet(directive: &str) -> tracing_subscriber::filter::Directive {
    directive.parse().expect("a valid directive")
}
