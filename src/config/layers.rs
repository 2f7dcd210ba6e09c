//! How the layers are laid over each other: compiled-in defaults, file, environment, flags.

use std::{ops::Range, path::Path};

use toml::{Table, Value, de::DeTable};

use super::Config;

/// `broker.toml` as it stood when the program was built.
pub const DEFAULTS: &str = include_str!("../../broker.toml");

/// Why there is no configuration. The sentence says where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(super) String);

fn fault<T>(sentence: String) -> Result<T, ConfigError> {
    Err(ConfigError(sentence))
}

/// Lays `file` (when there is one), `environment` and `flags` over the defaults.
///
/// `environment` holds every variable; those that start with `PARLOR_` count, and `PORT`,
/// `MONGODB_URI` and `COOKIE_SECRET` as in the seed. `flags` are `section.key=value`.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[String],
) -> Result<Config, ConfigError> {
    let mut table: Table = DEFAULTS.parse().map_err(|error| ConfigError(format!("{error}")))?;
    if let Some(path) = file {
        lay_file(&mut table, path)?;
    }
    let mut environment: Vec<_> = environment.into_iter().collect();
    // Seed's names first, so that Parlor's own win.
    environment.sort_by_key(|(name, _)| (name.starts_with("PARLOR_"), name.clone()));
    for (name, text) in &environment {
        lay_variable(&mut table, name, text)?;
    }
    for flag in flags {
        let Some((key, text)) = flag.split_once('=') else {
            return fault(format!("--set {flag}: write section.key=value"));
        };
        let path: Vec<&str> = key.split('.').collect();
        set(&mut table, &path, text, &format!("--set {key}"))?;
    }
    let config: Config = table.try_into().map_err(|error: toml::de::Error| {
        ConfigError(format!("the configuration is not valid: {}", error.message()))
    })?;
    config.validated().map_err(ConfigError)
}

fn lay_file(table: &mut Table, path: &Path) -> Result<(), ConfigError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("{shown} cannot be read: {error}")))?;
    let spanned =
        DeTable::parse(&text).map_err(|error| ConfigError(format!("{shown}: {error}")))?;
    let place = |span: Range<usize>| {
        let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
        format!("{shown}:{line}")
    };
    check(table, spanned.get_ref(), "", &place)?;
    // The types are checked with the file's own lines in the message.
    let own: Table =
        toml::from_str(&text).map_err(|error| ConfigError(format!("{shown}: {error}")))?;
    lay(table, own, "", &shown)
}

/// Whether every section and key of a file is known.
fn check(
    known: &Table,
    file: &DeTable,
    path: &str,
    place: &impl Fn(Range<usize>) -> String,
) -> Result<(), ConfigError> {
    for (name, value) in file {
        let (full, at) = (joined(path, name.get_ref()), place(name.span()));
        let near = || nearest(name.get_ref(), known.keys());
        match (known.get(name.get_ref().as_ref()), value.get_ref().as_table()) {
            (Some(Value::Table(inner)), Some(section)) => check(inner, section, &full, place)?,
            (Some(Value::Table(_)), None) => return fault(format!("{at}: [{full}] is a section")),
            (Some(_), _) => {}
            (None, _) if path.is_empty() => {
                return fault(format!("{at}: unknown section [{full}]{}", near()));
            }
            (None, _) => return fault(format!("{at}: unknown key {full}{}", near())),
        }
    }
    Ok(())
}

/// Lays what a file says over what is there; what is not known has been refused already.
fn lay(
    table: &mut Table,
    file: Table,
    path: &str,
    shown: &impl std::fmt::Display,
) -> Result<(), ConfigError> {
    for (name, value) in file {
        let full = joined(path, &name);
        match (table.get_mut(&name), value) {
            (Some(Value::Table(inner)), Value::Table(section)) => {
                lay(inner, section, &full, shown)?
            }
            (Some(default), value) if !default.same_type(&value) => {
                let wanted = default.type_str();
                return fault(format!("{shown}: {full} must be of type {wanted}"));
            }
            (Some(default), value) => *default = value,
            (None, _) => {}
        }
    }
    Ok(())
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn lay_variable(table: &mut Table, name: &str, text: &str) -> Result<(), ConfigError> {
    match name {
        "PORT" => {
            let listen = table.get("server").and_then(|server| server.get("listen"));
            let host = listen.and_then(Value::as_str).and_then(|listen| listen.rsplit_once(':'));
            let host = host.map_or("127.0.0.1", |(host, _)| host);
            set(table, &["server", "listen"], &format!("{host}:{text}"), name)
        }
        "MONGODB_URI" => set(table, &["store", "uri"], text, name),
        "COOKIE_SECRET" => set(table, &["server", "cookie_secret"], text, name),
        _ => match name.strip_prefix("PARLOR_") {
            // PARLOR_TEST_… and PARLOR_CONFIG are not settings.
            Some(rest) if rest.contains("__") => {
                let path = rest.to_lowercase();
                set(table, &path.split("__").collect::<Vec<_>>(), text, name)
            }
            _ => Ok(()),
        },
    }
}

/// Sets a key from a text, read as the type that the default has.
fn set(table: &mut Table, path: &[&str], text: &str, source: &str) -> Result<(), ConfigError> {
    let [first, rest @ ..] = path else { return Ok(()) };
    let [between @ .., key] = rest else {
        return fault(format!("{source}: a setting is named by section and key"));
    };
    let (mut known, mut section) = (table, String::new());
    for name in std::iter::once(first).chain(between) {
        let near = nearest(name, known.keys());
        section = joined(&section, name);
        let Some(Value::Table(inner)) = known.get_mut(*name) else {
            return fault(format!("{source}: unknown section [{section}]{near}"));
        };
        known = inner;
    }
    let Some(default) = known.get(*key) else {
        return fault(format!(
            "{source}: unknown key {section}.{key}{}",
            nearest(key, known.keys())
        ));
    };
    let value = match default {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(_) => Some(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(Value::from)
                .collect(),
        )),
        _ => None,
    };
    let wanted = default.type_str();
    let Some(value) = value else {
        return fault(format!("{source}: {section}.{key} must be of type {wanted}"));
    };
    known.insert((*key).to_owned(), value);
    Ok(())
}

/// ` (did you mean x?)`, when something near is known.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a String>) -> String {
    known
        .map(|other| (distance(word, other), other))
        .min()
        .filter(|(distance, other)| *distance <= other.len() / 2)
        .map_or_else(String::new, |(_, other)| format!(" (did you mean {other}?)"))
}

/// Levenshtein's edit distance.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn from_env(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        load(None, pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), &[])
    }

    fn from_file(text: &str) -> String {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        match load(Some(file.path()), [], &[]) {
            Ok(_) => "valid".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_environment_overrides_by_section_and_key() {
        let config = from_env(&[
            ("PARLOR_SERVER__LISTEN", "127.0.0.1:0"),
            ("PARLOR_PRESENCE__GRACE_MS", "50"),
            ("PARLOR_TOPICS__OPEN", "sensors/#, plant/+"),
            ("PARLOR_MQTT__ANONYMOUS", "false"),
        ])
        .unwrap();
        assert_eq!(config.server.listen.port(), 0);
        assert_eq!(config.presence.grace_ms, 50);
        assert_eq!(config.topics.open, ["sensors/#", "plant/+"]);
        assert!(!config.mqtt.anonymous);
    }

    #[test]
    fn the_seeds_variables_work_and_parlors_own_win() {
        let config = from_env(&[("PORT", "9000"), ("COOKIE_SECRET", "s3cret")]).unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:9000");
        assert!(!format!("{config:?}").contains("s3cret"));
        let both = [("PORT", "9000"), ("PARLOR_SERVER__LISTEN", "127.0.0.1:1")];
        assert_eq!(from_env(&both).unwrap().server.listen.port(), 1);
    }

    #[test]
    fn a_wrong_key_names_its_place_and_the_nearest() {
        let said = from_file("[server]\nlisten = \"127.0.0.1:1\"\ndata_dirr = \"x\"\n");
        assert!(
            said.contains(":3: unknown key server.data_dirr (did you mean data_dir?)"),
            "{said}"
        );
        let said = from_file("[sever]\nlisten = \"x\"\n");
        assert!(said.contains(":1: unknown section [sever] (did you mean server?)"), "{said}");
        let said = from_env(&[("PARLOR_SERVER__LISTE", "x")]).unwrap_err().to_string();
        assert_eq!(said, "PARLOR_SERVER__LISTE: unknown key server.liste (did you mean listen?)");
    }

    #[test]
    fn a_wrong_value_names_its_key() {
        let said = from_file("[presence]\ngrace_ms = \"soon\"\n");
        assert!(said.contains("presence.grace_ms must be of type integer"), "{said}");
        let said = from_env(&[("PARLOR_PRESENCE__GRACE_MS", "-1")]).unwrap_err().to_string();
        assert!(said.contains("invalid value"), "{said}");
        let said = from_env(&[("PARLOR_LOG__FORMAT", "xml")]).unwrap_err().to_string();
        assert!(said.contains("log.format"), "{said}");
    }

    #[test]
    fn flags_win_over_the_environment() {
        let environment = [("PARLOR_LIMITS__TEXT_CHARS".to_owned(), "5".to_owned())];
        let flags = ["limits.text_chars=7".to_owned()];
        assert_eq!(load(None, environment, &flags).unwrap().limits.text_chars, 7);
    }
}
