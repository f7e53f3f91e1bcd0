//! `[nfs]`, `[webdav]` and `[admin]`: where the gateway listens and who may connect.

use serde::Deserialize;

use crate::daemon::config::text::NetworkText;

/// `[nfs]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NfsConfig {
    /// `HOST:PORT`, `:PORT` (loopback) or `none`. Default `127.0.0.1:2049`.
    #[serde(default)]
    pub listen: Option<String>,
    /// Networks that may connect. `NFSv3` carries no proof of identity, so an address other than
    /// loopback needs at least one.
    #[serde(default)]
    pub allow: Vec<NetworkText>,
}

/// `[webdav]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebDavConfig {
    /// `HOST:PORT`, `:PORT` (loopback) or `none`. Default `127.0.0.1:8049`. Loopback only: there
    /// is no authentication yet.
    #[serde(default)]
    pub listen: Option<String>,
}

/// `[admin]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// `HOST:PORT`, `:PORT` (loopback) or `none`. Default `127.0.0.1:9049`.
    #[serde(default)]
    pub listen: Option<String>,
    /// Networks that may connect; an address other than loopback needs at least one.
    #[serde(default)]
    pub allow: Vec<NetworkText>,
}
