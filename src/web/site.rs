//! Where this Parlor is on the web, as far as a request can tell: for addresses that are to be
//! copied elsewhere.

use std::net::SocketAddr;

use super::{assets, via::Via};

/// What is the same for every request.
pub struct Site {
    /// The path that it is mounted under, without a slash at the end; normally empty.
    pub base: String,
    /// The path of the public files.
    pub assets: String,
}

impl Site {
    pub fn under(base: &str) -> Self {
        Self { base: base.to_owned(), assets: format!("{base}{}", assets::root()) }
    }
}

/// Scheme, host and port as the client wrote them: `https://chat.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    pub https: bool,
    /// With the port when one was given.
    pub authority: String,
}

impl Public {
    /// The client's word, where it is a plain name or address: it will stand in lines for a shell.
    /// Else where we listen.
    pub fn of(via: &Via, listen: SocketAddr) -> Self {
        let given = via.host.as_ref().map(|host| host.as_str()).filter(|host| is_plain(host));
        let authority = given.map_or_else(|| listen.to_string(), str::to_owned);
        Self { https: via.https, authority }
    }

    /// `http` or `https`, or what else is spelled so: `ws`, `wss`.
    pub fn origin(&self, scheme: &str) -> String {
        let secure = if self.https { "s" } else { "" };
        format!("{scheme}{secure}://{}", self.authority)
    }

    /// Without the port, and without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let authority = self.authority.as_str();
        match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => authority.split(':').next().unwrap_or(authority),
        }
    }
}

fn is_plain(host: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !host.is_empty() && !host.starts_with('-') && host.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(host: &str, https: bool) -> Public {
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        let via = Via { address, https, host: host.parse().ok() };
        Public::of(&via, "127.0.0.1:8005".parse().unwrap())
    }

    #[test]
    fn an_address_is_told_as_the_client_wrote_it() {
        let here = public("chat.example:8005", false);
        assert_eq!(here.origin("http"), "http://chat.example:8005");
        assert_eq!(here.host(), "chat.example");
        assert_eq!(public("chat.example", true).origin("ws"), "wss://chat.example");
        assert_eq!(public("[::1]:8005", false).host(), "::1");
    }

    #[test]
    fn nothing_that_a_shell_would_run_is_taken_for_a_host() {
        for host in ["a$(id)", "a;id", "-oProxy", "user@host", "a'b", "", "a&b"] {
            assert_eq!(public(host, false).authority, "127.0.0.1:8005", "{host}");
        }
    }
}
