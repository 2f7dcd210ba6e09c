//! Values that are well-formed and yet impossible.

use super::Config;

impl Config {
    /// The configuration itself, or a sentence that names the first impossible key.
    pub(super) fn validated(self) -> Result<Self, String> {
        let one_of = |key: &str, value: &str, known: &[&str]| {
            let fault = format!("{key} = \"{value}\": give one of {}", known.join(", "));
            if known.contains(&value) { Ok(()) } else { Err(fault) }
        };
        one_of("server.locale", &self.server.locale, &["en", "ko"])?;
        one_of("bus.engine", &self.bus.engine, &["embedded"])?;
        one_of("log.format", &self.log.format, &["auto", "text", "json"])?;
        if !is_mount(&self.server.base_path) {
            let given = &self.server.base_path;
            return Err(format!(
                "server.base_path = \"{given}\": give a path as in \"/chat\", or nothing"
            ));
        }
        let limits = &self.limits;
        let positive = [
            ("store.batch", self.store.batch),
            ("rooms.max", self.rooms.max),
            ("rooms.bans", self.rooms.bans),
            ("rooms.off_record_events", self.rooms.off_record_events),
            ("limits.connections", limits.connections),
            ("limits.turned_away", limits.turned_away),
            ("limits.packet_before_connect", limits.packet_before_connect),
            ("limits.packet", limits.packet),
            ("limits.packet_other", limits.packet_other),
            ("limits.inflight", limits.inflight.into()),
            ("limits.waiting_publishes", limits.waiting_publishes),
            ("limits.subscriptions", limits.subscriptions),
            ("limits.queued_messages", limits.queued_messages),
            ("limits.queued_bytes", limits.queued_bytes),
            ("limits.queued_total_bytes", limits.queued_total_bytes),
            ("limits.takeovers", limits.takeovers as usize),
            ("limits.password_addresses", limits.password_addresses),
            ("limits.password_hashes", limits.password_hashes),
            ("limits.password_line", limits.password_line),
            ("limits.filter_bytes", limits.filter_bytes),
            ("limits.filter_levels", limits.filter_levels),
            ("limits.client_id_bytes", limits.client_id_bytes),
            ("limits.text_chars", limits.text_chars),
            ("limits.page", limits.page as usize),
            ("limits.body", limits.body),
            ("uploads.bytes", self.uploads.bytes),
            ("router.max_segment_size", self.router.max_segment_size),
            ("router.max_segment_count", self.router.max_segment_count),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{key} must be at least 1"));
        }
        if limits.packet < limits.packet_before_connect {
            return Err("limits.packet must not be below limits.packet_before_connect".to_owned());
        }
        let tls = &self.mqtt.tls;
        let has_files =
            [&tls.certificate, &tls.key].iter().all(|file| !file.as_os_str().is_empty());
        if tls.listen.is_some() && !has_files {
            return Err("mqtt.tls.listen needs mqtt.tls.certificate and mqtt.tls.key".to_owned());
        }
        Ok(self)
    }
}

/// Nothing, or `/` and a name once or more: it is written into headers and pages as it is.
fn is_mount(path: &str) -> bool {
    let is_name = |name: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !["", ".", ".."].contains(&name) && name.bytes().all(known)
    };
    path.is_empty() || path.strip_prefix('/').is_some_and(|names| names.split('/').all(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_a_plain_path_without_a_slash_at_its_end() {
        for path in ["", "/chat", "/a/b-c/d.e_f~1"] {
            assert!(is_mount(path), "{path}");
        }
        for path in
            ["/", "chat", "/chat/", "//chat", "/a//b", "/..", "/a/.", "/a b", "/{id}", "/%2e"]
        {
            assert!(!is_mount(path), "{path}");
        }
    }

    #[test]
    fn zero_is_refused_where_it_would_stop_everything() {
        let mut config = Config::default();
        assert!(config.clone().validated().is_ok());
        config.limits.inflight = 0;
        assert_eq!(config.validated().unwrap_err(), "limits.inflight must be at least 1");
    }
}
