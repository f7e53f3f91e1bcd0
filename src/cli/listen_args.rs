//! `--nfs`, `--webdav`, `--admin` and `--allow`: where a gateway listens and who may connect.

use clap::Args;
use ipnet::IpNet;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::daemon::config::{Config, NetworkText};
use crate::daemon::{
    AddressError, DaemonError, Listen, Listeners, Service, parse_network,
};

/// Where to listen.
#[derive(Debug, Default, Args)]
pub(crate) struct ListenArgs {
    /// Address for NFS: HOST:PORT, :PORT for loopback, or none [default: 127.0.0.1:2049]
    ///
    /// Port 0 picks a free one; the ready line names it. NFSv3 carries no proof of identity, so an
    /// address other than loopback is refused unless --allow names the networks that may connect.
    #[arg(long, value_name = "ADDR", env = "SEALGATE_NFS")]
    pub(crate) nfs: Option<String>,

    /// Address for WebDAV: HOST:PORT, :PORT for loopback, or none [default: 127.0.0.1:8049]
    ///
    /// Loopback only: this version has no WebDAV authentication.
    #[arg(long, value_name = "ADDR", env = "SEALGATE_WEBDAV")]
    pub(crate) webdav: Option<String>,

    /// Address for health, readiness and metrics, or none [default: 127.0.0.1:9049]
    #[arg(long, value_name = "ADDR", env = "SEALGATE_ADMIN")]
    pub(crate) admin: Option<String>,

    /// Networks that may connect over NFS and to the admin address, such as 10.0.0.0/24
    ///
    /// Repeat it or separate with commas. This host may always connect; anybody else is dropped.
    #[arg(
        long,
        value_name = "CIDR",
        env = "SEALGATE_ALLOW",
        value_delimiter = ',',
        value_parser = parse_network,
    )]
    pub(crate) allow: Vec<IpNet>,
}

impl ListenArgs {
    /// The addresses after the config file and the defaults had their say.
    ///
    /// # Errors
    /// Something is no address.
    pub(crate) fn resolve(&self, config: &Config) -> Result<Listeners, Failure> {
        let listen = |service, flag: &Option<String>, configured: &Option<String>| {
            if let Some(text) = flag {
                return text.parse::<Listen>().map_err(|error| DaemonError::from(error).into());
            }
            match configured {
                Some(text) => text.parse().map_err(|error| in_config(service, &error)),
                None => Ok(Listen::default_of(service)),
            }
        };
        let allow = |configured: &[NetworkText]| match self.allow.as_slice() {
            [] => configured.iter().map(|network| network.0).collect(),
            flags => flags.to_vec(),
        };
        Ok(Listeners {
            nfs: listen(Service::Nfs, &self.nfs, &config.nfs.listen)?,
            webdav: listen(Service::WebDav, &self.webdav, &config.webdav.listen)?,
            admin: listen(Service::Admin, &self.admin, &config.admin.listen)?,
            nfs_allow: allow(&config.nfs.allow),
            admin_allow: allow(&config.admin.allow),
        })
    }
}

fn in_config(service: Service, error: &AddressError) -> Failure {
    Failure::new(Exit::Config, format!("listen in [{service}] of the config file: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, std::path::Path::new("sealgate.toml")).unwrap()
    }

    #[test]
    fn a_flag_goes_before_the_config_file_and_that_before_the_default() {
        let config = config("[nfs]\nlisten = \":1\"\nallow = [\"10.0.0.0/8\"]\n[admin]\nlisten = \"none\"");
        let none = ListenArgs::default().resolve(&config).unwrap();
        assert_eq!(none.nfs.addr().unwrap().to_string(), "127.0.0.1:1");
        assert_eq!(none.webdav.addr().unwrap().to_string(), "127.0.0.1:8049");
        assert_eq!(none.admin, Listen::Off);
        assert_eq!(none.nfs_allow, ["10.0.0.0/8".parse::<IpNet>().unwrap()]);
        let args = ListenArgs {
            nfs: Some(":2".to_owned()),
            allow: vec![parse_network("192.168.7.7").unwrap()],
            ..ListenArgs::default()
        };
        let flags = args.resolve(&config).unwrap();
        assert_eq!(flags.nfs.addr().unwrap().port(), 2);
        assert_eq!(flags.nfs_allow, ["192.168.7.7/32".parse::<IpNet>().unwrap()]);
    }

    #[test]
    fn a_bad_address_is_a_usage_error_or_an_error_of_the_config_file() {
        let args = ListenArgs { nfs: Some("here".to_owned()), ..ListenArgs::default() };
        assert_eq!(args.resolve(&Config::default()).unwrap_err().exit, Exit::Usage);
        let config = config("[webdav]\nlisten = \"here\"");
        let failure = ListenArgs::default().resolve(&config).unwrap_err();
        assert_eq!(failure.exit, Exit::Config);
        assert!(failure.message.contains("[webdav]"), "{failure}");
    }
}
