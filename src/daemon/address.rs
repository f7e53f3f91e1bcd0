//! Addresses to listen on, and which of them are allowed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use ipnet::IpNet;

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `NFSv3` and MOUNT.
    Nfs,
    /// WebDAV.
    WebDav,
    /// Health, metrics, status.
    Admin,
}

impl Service {
    /// The word of the flag, the config table and the ready line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nfs => "nfs",
            Self::WebDav => "webdav",
            Self::Admin => "admin",
        }
    }

    /// The port when nobody chooses one.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Nfs => 2_049,
            Self::WebDav => 8_049,
            Self::Admin => 9_049,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a service listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// Here; port 0 picks a free one.
    At(SocketAddr),
}

impl Listen {
    /// The default of a service: loopback, its own port.
    #[must_use]
    pub fn default_of(service: Service) -> Self {
        Self::At(SocketAddr::from((Ipv4Addr::LOCALHOST, service.default_port())))
    }

    /// The address, if it listens at all.
    #[must_use]
    pub const fn addr(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(addr) => Some(addr),
        }
    }
}

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address.
    #[error(
        "`{0}` is no address to listen on; use HOST:PORT (such as 127.0.0.1:2049), :PORT for \
         loopback, or none"
    )]
    Syntax(String),
    /// The host name has no address.
    #[error("the host name in `{0}` cannot be resolved; use an IP address")]
    Unresolved(String),
    /// `NFSv3` to a network that nobody named.
    #[error(
        "refusing to serve NFS on {0}: NFSv3 carries no proof of identity, so anyone who reaches \
         this address could read and write the volume; listen on 127.0.0.1, or name the networks \
         that may connect with --allow CIDR"
    )]
    NfsOpen(SocketAddr),
    /// WebDAV beyond this host.
    #[error(
        "refusing to serve WebDAV on {0}: this version has no WebDAV authentication, so only \
         loopback addresses are allowed; listen on 127.0.0.1 and put an authenticating reverse \
         proxy or an SSH tunnel in front"
    )]
    WebDavOpen(SocketAddr),
    /// The admin service to a network that nobody named.
    #[error(
        "refusing to serve the admin service on {0}: it asks for no credentials; listen on \
         127.0.0.1, or name the networks that may connect with --allow CIDR"
    )]
    AdminOpen(SocketAddr),
    /// Two services on one address.
    #[error("{0} and {1} cannot both listen on {2}; give them different ports")]
    Twice(Service, Service, SocketAddr),
}

impl FromStr for Listen {
    type Err = AddressError;

    /// `none`, `HOST:PORT` or `:PORT`. A missing host is loopback, not every interface: the safe
    /// reading of the shorter text. Host names are resolved here and once.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let syntax = || AddressError::Syntax(text.to_owned());
        if text == "none" {
            return Ok(Self::Off);
        }
        if let Ok(addr) = text.parse::<SocketAddr>() {
            return Ok(Self::At(addr));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(syntax)?;
        let port: u16 = port.parse().map_err(|_| syntax())?;
        if host.is_empty() || host == "localhost" {
            return Ok(Self::At(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        }
        if host.contains([':', '/', '[', ']', ' ', '@']) {
            return Err(syntax());
        }
        let unresolved = || AddressError::Unresolved(text.to_owned());
        let mut found = (host, port).to_socket_addrs().map_err(|_| unresolved())?;
        found.next().map(Self::At).ok_or_else(unresolved)
    }
}

/// Where each service listens, and who may connect.
#[derive(Clone, Debug)]
pub struct Listeners {
    /// `NFSv3` and MOUNT.
    pub nfs: Listen,
    /// WebDAV.
    pub webdav: Listen,
    /// Health, metrics, status.
    pub admin: Listen,
    /// Networks that may speak NFS. Empty: this host.
    pub nfs_allow: Vec<IpNet>,
    /// Networks that may ask the admin service, besides this host.
    pub admin_allow: Vec<IpNet>,
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            nfs: Listen::default_of(Service::Nfs),
            webdav: Listen::default_of(Service::WebDav),
            admin: Listen::default_of(Service::Admin),
            nfs_allow: Vec::new(),
            admin_allow: Vec::new(),
        }
    }
}

impl Listeners {
    /// Refuses what would open the volume to strangers, before anything is bound.
    ///
    /// # Errors
    /// [`AddressError`] for the first address that is not allowed.
    pub fn check(&self) -> Result<(), AddressError> {
        if let Some(addr) = self.nfs.addr().filter(|addr| !is_loopback(addr.ip()))
            && self.nfs_allow.is_empty()
        {
            return Err(AddressError::NfsOpen(addr));
        }
        if let Some(addr) = self.webdav.addr().filter(|addr| !is_loopback(addr.ip())) {
            return Err(AddressError::WebDavOpen(addr));
        }
        if let Some(addr) = self.admin.addr().filter(|addr| !is_loopback(addr.ip()))
            && self.admin_allow.is_empty()
        {
            return Err(AddressError::AdminOpen(addr));
        }
        self.check_distinct()
    }

    fn check_distinct(&self) -> Result<(), AddressError> {
        let all = [
            (Service::Nfs, self.nfs),
            (Service::WebDav, self.webdav),
            (Service::Admin, self.admin),
        ];
        for (index, (first, at)) in all.iter().enumerate() {
            let Some(addr) = at.addr().filter(|addr| addr.port() != 0) else { continue };
            for (second, other) in all.iter().skip(index + 1) {
                if other.addr() == Some(addr) {
                    return Err(AddressError::Twice(*first, *second, addr));
                }
            }
        }
        Ok(())
    }
}

/// Reads a network, or one address as a network of its own.
///
/// # Errors
/// What to write instead.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(ip));
    }
    text.parse().map_err(|_| "use a network such as 10.0.0.0/24, or one address".to_owned())
}

/// Whether only this host can reach `ip`. An IPv4 address in IPv6 clothes counts as IPv4.
#[must_use]
pub fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Listen {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_read_and_a_missing_host_is_loopback() {
        assert_eq!(at("none"), Listen::Off);
        assert_eq!(at(":0").addr().unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(at("localhost:70").addr().unwrap().to_string(), "127.0.0.1:70");
        assert_eq!(at("[::1]:2049").addr().unwrap().to_string(), "[::1]:2049");
        assert_eq!(at("0.0.0.0:2049").addr().unwrap().to_string(), "0.0.0.0:2049");
        for text in ["", "2049", "127.0.0.1", "127.0.0.1:99999", "::1:2049", "http://x:80", "a b:1"]
        {
            assert!(matches!(text.parse::<Listen>(), Err(AddressError::Syntax(_))), "{text}");
        }
    }

    #[test]
    fn nfs_beyond_loopback_needs_an_allow_list() {
        let mut listeners = Listeners { nfs: at("0.0.0.0:2049"), ..Listeners::default() };
        assert!(matches!(listeners.check(), Err(AddressError::NfsOpen(_))));
        listeners.nfs_allow = vec!["10.0.0.0/8".parse().unwrap()];
        assert_eq!(listeners.check(), Ok(()));
        let mapped = Listeners { nfs: at("[::ffff:10.0.0.1]:2049"), ..Listeners::default() };
        assert!(matches!(mapped.check(), Err(AddressError::NfsOpen(_))));
        let loopback = Listeners { nfs: at("[::ffff:127.0.0.1]:2049"), ..Listeners::default() };
        assert_eq!(loopback.check(), Ok(()));
    }

    #[test]
    fn webdav_beyond_loopback_is_refused_whatever_is_allowed() {
        let listeners = Listeners {
            webdav: at("192.168.1.2:80"),
            nfs_allow: vec!["0.0.0.0/0".parse().unwrap()],
            ..Listeners::default()
        };
        assert!(matches!(listeners.check(), Err(AddressError::WebDavOpen(_))));
    }

    #[test]
    fn admin_beyond_loopback_needs_an_allow_list() {
        let mut listeners = Listeners { admin: at("0.0.0.0:9049"), ..Listeners::default() };
        assert!(matches!(listeners.check(), Err(AddressError::AdminOpen(_))));
        listeners.admin_allow = vec!["10.0.0.0/8".parse().unwrap()];
        assert_eq!(listeners.check(), Ok(()));
    }

    #[test]
    fn two_services_cannot_share_an_address() {
        let same = Listeners { nfs: at(":7000"), admin: at(":7000"), ..Listeners::default() };
        assert!(matches!(same.check(), Err(AddressError::Twice(Service::Nfs, Service::Admin, _))));
        let free = Listeners { nfs: at(":0"), webdav: at(":0"), admin: at(":0"), ..same };
        assert_eq!(free.check(), Ok(()));
    }
}
