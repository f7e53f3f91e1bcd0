//! Starting, in the order that never half-serves: addresses, store, volume, listeners, ready.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{AdminOptions, AdminServer, AdminState, ListenerStatus};
use crate::base::limits::EXTENT_BYTES_DEFAULT;
use crate::base::{Clock, InodeId, Random};
use crate::crypto::{CipherSuite, Passphrase};
use crate::daemon::address::{Listen, Listeners, Service};
use crate::daemon::error::DaemonError;
use crate::daemon::facts::{NOT_ENCRYPTED, VolumeFacts};
use crate::daemon::health::{Health, HealthFacts};
use crate::daemon::locate::{Found, StoreChoice, locate};
use crate::daemon::mounts::MountFacts;
use crate::daemon::secret::{SecretPurpose, SecretSupplier};
use crate::daemon::shutdown;
use crate::format::Compression;
use crate::keyslot::Header;
use crate::nfs::{NfsOptions, NfsServer};
use crate::store::Store;
use crate::telemetry::MetricsHandle;
use crate::vfs::{Identity, MetadataSync, SetAttr, Vfs, VfsOptions};
use crate::volume::{self, CreateOptions, OpenOptions, Volume, VolumeError, VolumeParts};
use crate::webdav::{WebDavOptions, WebDavServer};

/// What a new volume is made with.
#[derive(Clone, Debug)]
pub struct NewVolume {
    /// Its name, 1 to 64 letters, digits, dots, dashes and underscores.
    pub name: Option<String>,
    /// How it is sealed.
    pub encryption: CipherSuite,
    /// How frames are compressed.
    pub compression: Compression,
}

impl Default for NewVolume {
    /// Encrypted; compressed with lz4, which costs next to nothing and pays on most content.
    fn default() -> Self {
        Self {
            name: None,
            encryption: CipherSuite::Aes256Gcm,
            compression: Compression::Lz4,
        }
    }
}

/// Everything that decides how a gateway serves.
#[derive(Clone)]
pub struct GatewayOptions {
    /// Which store.
    pub store: StoreChoice,
    /// Where to listen.
    pub listeners: Listeners,
    /// Take a free port where the chosen one is in use, instead of refusing.
    pub fall_back_to_free_ports: bool,
    /// Make the volume if the store holds nothing.
    pub create: Option<NewVolume>,
    /// Refuse every change.
    pub read_only: bool,
    /// When metadata becomes durable.
    pub metadata_sync: MetadataSync,
    /// Longest wait of a change under [`MetadataSync::Interval`].
    pub flush_interval: Duration,
    /// Memory for content that waits for the store, in bytes.
    pub dirty_bytes_max: u64,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where random bytes come from.
    pub random: Arc<dyn Random>,
}

impl fmt::Debug for GatewayOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayOptions")
            .field("store", &self.store)
            .field("listeners", &self.listeners)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

/// Where a gateway listens, after port 0 became a number. `none` for what is switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoundAddresses {
    /// `NFSv3` and MOUNT.
    pub nfs: Option<SocketAddr>,
    /// WebDAV.
    pub webdav: Option<SocketAddr>,
    /// Health, metrics, status.
    pub admin: Option<SocketAddr>,
}

impl fmt::Display for BoundAddresses {
    /// The three parts of the ready line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |addr: Option<SocketAddr>| addr.map_or("none".to_owned(), |a| a.to_string());
        let (nfs, webdav, admin) = (text(self.nfs), text(self.webdav), text(self.admin));
        write!(f, "nfs={nfs} webdav={webdav} admin={admin}")
    }
}

/// Makes a volume in an empty store: probes it, writes the header, and sets `secret` if given.
///
/// # Errors
/// [`DaemonError`]: the store cannot keep a promise, or it already holds something.
pub async fn create(
    store: &Store,
    new: NewVolume,
    secret: Option<&Passphrase>,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> Result<Header, DaemonError> {
    // Before the probe, which writes: a store that holds something else is not to be touched.
    match volume::read_header(store).await {
        Err(VolumeError::NoVolume { .. }) => {}
        Ok(_) => return Err(VolumeError::Exists { store: store.label().to_owned() }.into()),
        Err(error) => return Err(error.into()),
    }
    if !store.is_empty().await? {
        return Err(VolumeError::NotEmpty { store: store.label().to_owned() }.into());
    }
    store.probe().await?;
    let options = CreateOptions {
        name: new.name,
        encryption: new.encryption,
        compression: new.compression,
        extent_bytes: EXTENT_BYTES_DEFAULT,
        sse: store.sse(),
    };
    Ok(volume::create(&parts(store, clock, random), options, secret).await?)
}

fn parts(store: &Store, clock: &Arc<dyn Clock>, random: &Arc<dyn Random>) -> VolumeParts {
    VolumeParts { store: store.clone(), clock: Arc::clone(clock), random: Arc::clone(random) }
}

/// Refuses addresses that somebody listens on, or (with `fall_back`) replaces their port by 0.
///
/// Done before the volume is opened, because opening takes the volume away from whoever serves it:
/// a second start by mistake must fail without doing that.
///
/// # Errors
/// [`DaemonError::AddressInUse`] or [`DaemonError::Bind`].
pub fn check_addresses_free(
    listeners: &mut Listeners,
    fall_back: bool,
) -> Result<(), DaemonError> {
    let all = [
        (Service::Nfs, &mut listeners.nfs),
        (Service::WebDav, &mut listeners.webdav),
        (Service::Admin, &mut listeners.admin),
    ];
    for (service, listen) in all {
        let Some(addr) = listen.addr() else { continue };
        match std::net::TcpListener::bind(addr) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && fall_back => {
                tracing::warn!(%service, %addr, "the address is in use; a free port is taken");
                *listen = Listen::At(SocketAddr::new(addr.ip(), 0));
            }
            Err(error) => return Err(bind_error(service, addr, error)),
        }
    }
    Ok(())
}

fn bind_error(service: Service, addr: SocketAddr, source: io::Error) -> DaemonError {
    if source.kind() == io::ErrorKind::AddrInUse {
        DaemonError::AddressInUse { service, addr }
    } else {
        DaemonError::Bind { service, addr, source }
    }
}

/// A gateway that is bound and ready to serve.
pub struct Gateway {
    facts: VolumeFacts,
    bound: BoundAddresses,
    nfs: Option<NfsServer>,
    webdav: Option<WebDavServer>,
    admin: Option<AdminServer>,
    vfs: Arc<Vfs>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("bound", &self.bound).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Checks addresses, probes the store, opens the volume (making it if asked to) and binds.
    ///
    /// When it returns, clients can connect; they are answered as soon as [`Gateway::run`] is
    /// polled. When it fails, nothing was served and the volume is closed.
    ///
    /// # Errors
    /// [`DaemonError`]: whatever keeps the gateway from serving.
    pub async fn start(
        mut options: GatewayOptions,
        secrets: &dyn SecretSupplier,
        metrics: MetricsHandle,
    ) -> Result<Self, DaemonError> {
        options.listeners.check()?;
        check_addresses_free(&mut options.listeners, options.fall_back_to_free_ports)?;
        let found = locate(&options.store).await?;
        if let Some(warning) = &found.warning {
            tracing::warn!("{warning}");
        }
        let opened = open(&options, found, secrets).await?;
        if !opened.facts.is_encrypted() {
            tracing::warn!("{NOT_ENCRYPTED}");
        }
        let vfs = match Vfs::start(Arc::clone(&opened.volume), vfs_options(&options)).await {
            Ok(vfs) => vfs,
            Err(error) => {
                // The reason why it does not start matters more than how closing went.
                let _ = opened.volume.close().await;
                return Err(error.into());
            }
        };
        match Self::prepare(&options, opened, Arc::clone(&vfs), metrics).await {
            Ok(gateway) => Ok(gateway),
            Err(error) => {
                let _ = vfs.shutdown().await;
                Err(error)
            }
        }
    }

    /// What is left to do when the file system runs: settle who owns it, and bind.
    async fn prepare(
        options: &GatewayOptions,
        opened: Opened,
        vfs: Arc<Vfs>,
        metrics: MetricsHandle,
    ) -> Result<Self, DaemonError> {
        if opened.is_new {
            give_root_to_creator(&vfs).await?;
        }
        Self::bind(options, &opened.store, opened.facts, vfs, metrics).await
    }

    async fn bind(
        options: &GatewayOptions,
        store: &Store,
        facts: VolumeFacts,
        vfs: Arc<Vfs>,
        metrics: MetricsHandle,
    ) -> Result<Self, DaemonError> {
        let listeners = &options.listeners;
        let nfs = match listeners.nfs {
            Listen::Off => None,
            Listen::At(addr) => Some(bind_nfs(addr, options, &vfs)?),
        };
        let webdav = match listeners.webdav {
            Listen::Off => None,
            Listen::At(addr) => Some(bind_webdav(addr, options, &vfs).await?),
        };
        // The admin service reports every address, its own too, so its socket comes first and
        // what it answers from second.
        let socket = match listeners.admin {
            Listen::Off => None,
            Listen::At(addr) => Some((addr, bind_admin(addr)?)),
        };
        let bound = BoundAddresses {
            nfs: nfs.as_ref().map(NfsServer::local_addr),
            webdav: webdav.as_ref().map(WebDavServer::local_addr),
            admin: socket.as_ref().map(|(_, (_, bound))| *bound),
        };
        let health = Arc::new(Health::new(
            health_facts(options, &facts, bound),
            store.clone(),
            Arc::clone(&vfs),
            Arc::clone(&options.clock),
            metrics,
        ));
        let admin = match socket {
            None => None,
            Some((addr, (listener, _))) => {
                let options = AdminOptions { allow: listeners.admin_allow.clone() };
                let source: Arc<Health> = Arc::clone(&health);
                let server = AdminServer::new(listener, AdminState::new(source), options)
                    .map_err(|error| bind_error(Service::Admin, addr, error))?;
                Some(server)
            }
        };
        Ok(Self {
            facts,
            bound,
            nfs,
            webdav,
            admin,
            vfs,
            health,
            clock: Arc::clone(&options.clock),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn bound(&self) -> BoundAddresses {
        self.bound
    }

    /// What it serves.
    #[must_use]
    pub const fn facts(&self) -> &VolumeFacts {
        &self.facts
    }

    /// What clients need to know to mount it.
    #[must_use]
    pub fn mount_facts(&self) -> MountFacts<'_> {
        MountFacts {
            name: self.facts.name.as_deref(),
            nfs: self.bound.nfs,
            webdav: self.bound.webdav,
        }
    }

    /// Serves until `stop` is cancelled, then drains, stores everything and closes the volume.
    ///
    /// The admin service stays until the end, so that a stop can be watched.
    ///
    /// # Errors
    /// [`DaemonError::FlushFailed`] if something could not be stored.
    pub async fn run(self, stop: CancellationToken) -> Result<(), DaemonError> {
        let servers = TaskTracker::new();
        let end = CancellationToken::new();
        if let Some(nfs) = self.nfs {
            servers.spawn(nfs.serve(stop.clone()));
        }
        if let Some(webdav) = self.webdav {
            servers.spawn(webdav.serve(stop.clone()));
        }
        let background = TaskTracker::new();
        if let Some(admin) = self.admin {
            background.spawn(admin.serve(Arc::clone(&self.clock), end.clone()));
        }
        let (health, end_of_watch) = (Arc::clone(&self.health), end.clone());
        background.spawn(async move { health.watch(end_of_watch).await });
        stop.cancelled().await;
        self.health.set_draining();
        shutdown::drain(&servers, &*self.clock).await;
        let flushed = shutdown::flush_and_close(&self.vfs, &self.clock).await;
        end.cancel();
        shutdown::drain(&background, &*self.clock).await;
        flushed
    }
}

/// A volume that was opened, and where.
struct Opened {
    store: Store,
    facts: VolumeFacts,
    volume: Arc<Volume>,
    /// It had no content before this start.
    is_new: bool,
}

/// Opens the volume that was found, or makes it if that was asked for.
async fn open(
    options: &GatewayOptions,
    found: Found,
    secrets: &dyn SecretSupplier,
) -> Result<Opened, DaemonError> {
    let Found { store, header, .. } = found;
    let (unlocked, is_new) = match (header, &options.create) {
        (Some(header), _) => {
            probe(&store, options.read_only).await?;
            let is_new = !VolumeFacts::of(&header, store.label()).has_metadata();
            (unlock(options, &store, header, secrets).await?, is_new)
        }
        (None, Some(new)) => (make(options, &store, new, secrets).await?, true),
        (None, None) => {
            return Err(VolumeError::NoVolume { store: store.label().to_owned() }.into());
        }
    };
    let (header, secret) = unlocked;
    let facts = VolumeFacts::of(&header, store.label());
    let parts = parts(&store, &options.clock, &options.random);
    let open = OpenOptions { read_only: options.read_only, ..OpenOptions::default() };
    let volume = Volume::open(parts, secret.as_ref(), open).await?;
    Ok(Opened { store, facts, volume, is_new })
}

async fn make(
    options: &GatewayOptions,
    store: &Store,
    new: &NewVolume,
    secrets: &dyn SecretSupplier,
) -> Result<(Header, Option<Passphrase>), DaemonError> {
    let secret = match new.encryption {
        CipherSuite::Aes256Gcm => Some(secrets.secret(SecretPurpose::First)?),
        CipherSuite::None => None,
    };
    let (clock, random) = (&options.clock, &options.random);
    let header = create(store, new.clone(), secret.as_ref(), clock, random).await?;
    tracing::info!(volume = %header.volume_id(), "volume created");
    Ok((header, secret))
}

/// The secret of a volume that exists: asked for, or chosen if it has none yet.
async fn unlock(
    options: &GatewayOptions,
    store: &Store,
    header: Header,
    secrets: &dyn SecretSupplier,
) -> Result<(Header, Option<Passphrase>), DaemonError> {
    let facts = VolumeFacts::of(&header, store.label());
    if !facts.is_encrypted() {
        if secrets.is_given() {
            return Err(DaemonError::NotEncrypted { store: store.label().to_owned() });
        }
        return Ok((header, None));
    }
    if facts.has_secret() {
        return Ok((header, Some(secrets.secret(SecretPurpose::Open)?)));
    }
    if options.read_only {
        return Err(DaemonError::ReadOnlyWithoutSecret);
    }
    let secret = secrets.secret(SecretPurpose::First)?;
    let parts = parts(store, &options.clock, &options.random);
    let header = volume::set_first_secret(&parts, header, &secret).await?;
    tracing::info!(volume = %header.volume_id(), "the volume has its first secret now");
    Ok((header, Some(secret)))
}

async fn probe(store: &Store, read_only: bool) -> Result<(), DaemonError> {
    let report =
        if read_only { store.probe_read_only().await? } else { store.probe().await? };
    tracing::debug!(?report, "the store keeps its promises");
    Ok(())
}

fn bind_nfs(
    addr: SocketAddr,
    options: &GatewayOptions,
    vfs: &Arc<Vfs>,
) -> Result<NfsServer, DaemonError> {
    let nfs = NfsOptions {
        allow: options.listeners.nfs_allow.clone(),
        clock: Arc::clone(&options.clock),
        drain_timeout: SERVER_DRAIN_MAX,
        ..NfsOptions::default()
    };
    NfsServer::bind(addr, Arc::clone(vfs), nfs).map_err(|e| bind_error(Service::Nfs, addr, e))
}

async fn bind_webdav(
    addr: SocketAddr,
    options: &GatewayOptions,
    vfs: &Arc<Vfs>,
) -> Result<WebDavServer, DaemonError> {
    // Requests carry no identity of their own. Whoever reaches the address speaks for the volume's
    // owner: the owner of its root directory.
    let root = vfs.getattr(InodeId::ROOT).await?;
    let owner = Identity { uid: root.uid, gid: root.gid, groups: Vec::new() };
    let webdav = WebDavOptions {
        clock: Arc::clone(&options.clock),
        random: Arc::clone(&options.random),
        drain_timeout: SERVER_DRAIN_MAX,
        ..WebDavOptions::new(owner)
    };
    WebDavServer::bind(addr, Arc::clone(vfs), webdav)
        .map_err(|e| bind_error(Service::WebDav, addr, e))
}

fn bind_admin(addr: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), DaemonError> {
    let failed = |error| bind_error(Service::Admin, addr, error);
    let listener = std::net::TcpListener::bind(addr).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Gives the root directory of a volume that was just made to whoever made it. Root owns it until
/// then, and a person without privilege could not write into a volume of their own.
async fn give_root_to_creator(vfs: &Vfs) -> Result<(), DaemonError> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    if uid.is_root() {
        return Ok(());
    }
    let owner = SetAttr { uid: Some(uid.as_raw()), gid: Some(gid.as_raw()), ..SetAttr::default() };
    vfs.setattr(&Identity::ROOT, InodeId::ROOT, owner, None).await?;
    Ok(())
}

fn vfs_options(options: &GatewayOptions) -> VfsOptions {
    VfsOptions {
        metadata_sync: options.metadata_sync,
        flush_interval: options.flush_interval,
        dirty_bytes_max: options.dirty_bytes_max,
        read_only: options.read_only,
        ..VfsOptions::default()
    }
}

fn health_facts(
    options: &GatewayOptions,
    volume: &VolumeFacts,
    bound: BoundAddresses,
) -> HealthFacts {
    let text = |addr: Option<SocketAddr>| addr.map(|addr| addr.to_string());
    HealthFacts {
        volume: volume.clone(),
        metadata_sync: match options.metadata_sync {
            MetadataSync::Always => "always",
            MetadataSync::Interval => "interval",
        },
        flush_interval: options.flush_interval,
        listeners: ListenerStatus {
            nfs: text(bound.nfs),
            webdav: text(bound.webdav),
            admin: text(bound.admin),
        },
    }
}

/// Below [`shutdown::DRAIN_MAX`], so that servers end by themselves first.
const SERVER_DRAIN_MAX: Duration = Duration::from_secs(25);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_what_is_switched_off() {
        let bound = BoundAddresses {
            nfs: Some("127.0.0.1:2049".parse().unwrap()),
            webdav: None,
            admin: Some("[::1]:9049".parse().unwrap()),
        };
        assert_eq!(bound.to_string(), "nfs=127.0.0.1:2049 webdav=none admin=[::1]:9049");
    }

    #[test]
    fn an_address_in_use_is_refused_or_replaced_by_a_free_port() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let mut listeners = Listeners {
            nfs: Listen::Off,
            webdav: Listen::Off,
            admin: Listen::At(addr),
            ..Listeners::default()
        };
        let error = check_addresses_free(&mut listeners, false).unwrap_err();
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
        assert!(matches!(error, DaemonError::AddressInUse { service: Service::Admin, .. }));
        check_addresses_free(&mut listeners, true).unwrap();
        assert_eq!(listeners.admin.addr().unwrap().port(), 0);
    }
}
