//! What an administrator may choose about NFS. Data only; the daemon fills it from its config.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::base::limits::{NFS_CONNECTIONS_MAX, NFS_IO_BYTES_MAX};
use crate::base::{Clock, InodeId, SystemClock};

/// The number of an export. It is part of every file handle, so it must stay the same for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExportId(u16);

impl ExportId {
    /// The export numbered `id`.
    #[must_use]
    pub const fn new(id: u16) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Whose rights a client's user gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Squash {
    /// Everybody is who they say. The default: a gateway serves its own host unless told
    /// otherwise, and there the kernel vouches for identities.
    #[default]
    None,
    /// User and group 0 become the anonymous ones.
    Root,
    /// Everybody becomes anonymous.
    All,
}

/// A directory of the volume offered to clients.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its number: unique among the exports, stable for ever.
    pub id: ExportId,
    /// The path that clients mount; starts with `/`, does not end with one unless it is `/`.
    pub name: String,
    /// The directory it shows.
    pub root: InodeId,
    /// Refuse every change with `NFS3ERR_ROFS`.
    pub read_only: bool,
    /// Whose rights users get.
    pub squash: Squash,
    /// User id of the anonymous. Default 65534.
    pub anon_uid: u32,
    /// Group id of the anonymous. Default 65534.
    pub anon_gid: u32,
}

impl Export {
    /// The whole volume as `/`, writable, nobody squashed, with export number 0.
    #[must_use]
    pub fn whole_volume() -> Self {
        Self {
            id: ExportId(0),
            name: "/".to_owned(),
            root: InodeId::ROOT,
            read_only: false,
            squash: Squash::default(),
            anon_uid: 65_534,
            anon_gid: 65_534,
        }
    }

    /// The `fsid` that attributes carry: one per export, never 0.
    #[must_use]
    pub fn fsid(&self) -> u64 {
        u64::from(self.id.0) + 1
    }
}

/// Everything that can be chosen about the NFS server.
#[derive(Clone)]
pub struct NfsOptions {
    /// Networks that may connect, beside the host itself, which always may. Default: none.
    pub allow: Vec<IpNet>,
    /// What is offered. Default: [`Export::whole_volume`].
    pub exports: Vec<Export>,
    /// Largest READ and WRITE in bytes, 4 KiB to [`NFS_IO_BYTES_MAX`], which is the default.
    /// Larger requests are answered in part.
    pub io_bytes_max: u32,
    /// Connections at once; more are closed as they come. Default [`NFS_CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// Bytes of requests and their replies that all connections together may have in memory,
    /// beside one request of each connection. At the limit the gateway reads no further
    /// requests. Default 256 MiB, at least 4 MiB.
    pub inflight_bytes_max: usize,
    /// How long a connection may be silent. Default 6 minutes, a minute more than it takes a
    /// Linux client to hang up by itself.
    pub idle_timeout: Duration,
    /// How long a client may take to send one record once it began. Default 60 s.
    pub record_timeout: Duration,
    /// How long a client may take no byte of a reply. Default 60 s.
    pub write_timeout: Duration,
    /// How long running requests may take to finish when the server stops. Default 30 s.
    pub drain_timeout: Duration,
    /// How long the reply of a request that must not run twice is kept. Default 5 minutes:
    /// clients repeat after 60 s, then 120 s.
    pub reply_cache_age: Duration,
    /// How many bytes of such replies are kept. Default 16 MiB.
    pub reply_cache_bytes_max: usize,
    /// Where waiting happens.
    pub clock: Arc<dyn Clock>,
}

impl Default for NfsOptions {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            exports: vec![Export::whole_volume()],
            io_bytes_max: NFS_IO_BYTES_MAX,
            connections_max: NFS_CONNECTIONS_MAX,
            inflight_bytes_max: 256 << 20,
            idle_timeout: Duration::from_secs(360),
            record_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            reply_cache_age: Duration::from_secs(300),
            reply_cache_bytes_max: 16 << 20,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl NfsOptions {
    /// Whether `peer` may connect: the host itself, or an address in one of the networks.
    /// An IPv4 address written as IPv6 counts as the IPv4 address it is.
    #[must_use]
    pub fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() || self.allow.iter().any(|net| net.contains(&peer))
    }

    /// The networks that may connect, as an EXPORT reply names them.
    #[must_use]
    pub fn allowed_networks(&self) -> Vec<String> {
        let host = [
            IpNet::from(Ipv4Net::from(Ipv4Addr::LOCALHOST)),
            IpNet::from(Ipv6Net::from(Ipv6Addr::LOCALHOST)),
        ];
        host.iter().chain(&self.allow).map(IpNet::to_string).collect()
    }

    /// The export with this number.
    #[must_use]
    pub fn export(&self, id: ExportId) -> Option<&Export> {
        self.exports.iter().find(|export| export.id == id)
    }

    /// What is wrong with the options, in words for the person who wrote them.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        let unique = |same: fn(&Export, &Export) -> bool| {
            self.exports.iter().enumerate().all(|(index, export)| {
                !self.exports.iter().take(index).any(|other| same(export, other))
            })
        };
        let well_formed =
            |name: &str| name == "/" || (name.starts_with('/') && !name.ends_with('/'));
        match () {
            () if !(4 << 10..=NFS_IO_BYTES_MAX).contains(&self.io_bytes_max) => {
                Err("the largest READ and WRITE must be 4 KiB to 1 MiB")
            }
            () if self.inflight_bytes_max < 4 << 20 => {
                Err("requests under way need at least 4 MiB of memory")
            }
            () if self.connections_max == 0 => Err("at least one connection must be allowed"),
            () if self.exports.is_empty() => Err("there is nothing to export"),
            () if !unique(|a, b| a.id == b.id) => Err("two exports have the same number"),
            () if !unique(|a, b| a.name == b.name) => Err("two exports have the same path"),
            () if !self.exports.iter().all(|export| well_formed(&export.name)) => {
                Err("the path of an export starts with a slash and does not end with one")
            }
            () => Ok(()),
        }
    }
}

impl fmt::Debug for NfsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NfsOptions")
            .field("allow", &self.allow)
            .field("exports", &self.exports.len())
            .field("connections_max", &self.connections_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_may_always_connect_and_others_only_from_an_allowed_network() {
        let mut options = NfsOptions::default();
        let allowed = |options: &NfsOptions, peer: &str| options.allows(peer.parse().unwrap());
        assert!(allowed(&options, "127.0.0.1"));
        assert!(allowed(&options, "::1"));
        assert!(allowed(&options, "::ffff:127.0.0.1"));
        assert!(!allowed(&options, "10.1.2.3"));
        options.allow = vec!["10.1.0.0/16".parse().unwrap()];
        assert!(allowed(&options, "10.1.2.3"));
        assert!(allowed(&options, "::ffff:10.1.2.3"), "a mapped address is the address it maps");
        assert!(!allowed(&options, "10.2.0.1"));
    }

    #[test]
    fn options_that_cannot_work_are_refused_in_words() {
        assert_eq!(NfsOptions::default().check(), Ok(()));
        let twice = vec![Export::whole_volume(), Export::whole_volume()];
        let options = NfsOptions { exports: twice, ..NfsOptions::default() };
        assert_eq!(options.check(), Err("two exports have the same number"));
        let options = NfsOptions { io_bytes_max: NFS_IO_BYTES_MAX + 1, ..NfsOptions::default() };
        assert!(options.check().is_err());
        let slash = Export { name: "/a/".to_owned(), ..Export::whole_volume() };
        let options = NfsOptions { exports: vec![slash], ..NfsOptions::default() };
        assert!(options.check().is_err());
    }
}
