//! Which server a request means: the `Host` header, and the authority of a `Destination`.

use std::net::IpAddr;
use std::net::SocketAddr;

use super::options::WebDavOptions;

/// Whether `authority` (`host` or `host:port`) names this server: a loopback name or address, the
/// bound address, or a name the operator configured. The port may be another, because tunnels
/// change it. A page of some other site that points its own name at this address (DNS rebinding)
/// does not pass.
pub(super) fn is_ours(authority: &str, bound: SocketAddr, options: &WebDavOptions) -> bool {
    let Some((host, _)) = split(authority) else { return false };
    if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        let ip = ip.to_canonical();
        return ip.is_loopback() || ip == bound.ip().to_canonical();
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || options.host_names.iter().any(|name| name.eq_ignore_ascii_case(&host))
}

/// Whether two authorities that are both ours mean the same port, or are the same text.
pub(super) fn same_server(one: &str, other: &str) -> bool {
    let port = |authority| split(authority).map(|(_, port)| port.unwrap_or(80));
    one.eq_ignore_ascii_case(other) || (port(one).is_some() && port(one) == port(other))
}

/// Host and port of an authority; user information is not accepted (RFC 9110 §4.2.4).
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    if authority.is_empty() || authority.contains(['@', '/', '?', '#', ' ']) {
        return None;
    }
    let colon =
        authority.rfind(':').filter(|&at| authority.rfind(']').is_none_or(|bracket| bracket < at));
    match colon {
        None => Some((authority, None)),
        Some(at) => {
            let (host, port) = authority.split_at(at);
            Some((host, Some(port.strip_prefix(':')?.parse().ok()?)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::Identity;

    fn ours(authority: &str) -> bool {
        let mut options = WebDavOptions::new(Identity::ROOT);
        options.host_names = vec!["files.example".into()];
        is_ours(authority, "192.0.2.7:8049".parse().unwrap(), &options)
    }

    #[test]
    fn loopback_names_and_the_bound_address_are_ours() {
        for authority in [
            "localhost",
            "LOCALHOST:8049",
            "x.localhost:1",
            "127.0.0.1:8049",
            "[::1]:8049",
            "[::1]",
            "192.0.2.7",
            "files.example:443",
        ] {
            assert!(ours(authority), "{authority}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for authority in [
            "",
            "evil.example",
            "localhost.evil.example",
            "192.0.2.8",
            "127.0.0.1.evil.example",
            "user@localhost",
            "localhost:x",
            "localhost:99999",
        ] {
            assert!(!ours(authority), "{authority}");
        }
    }

    #[test]
    fn the_same_server_is_reached_under_several_names_on_one_port() {
        assert!(same_server("localhost:8049", "127.0.0.1:8049"));
        assert!(same_server("localhost", "LOCALHOST"));
        assert!(!same_server("localhost:8049", "localhost:8050"));
    }
}
