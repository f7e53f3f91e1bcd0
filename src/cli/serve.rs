//! `sealgate serve`.

use std::io::IsTerminal;
use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::base::{OsRandom, SystemClock};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::listen_args::ListenArgs;
use crate::cli::run::{block_on, print_line};
use crate::cli::secret_args::{CliSecrets, EnvSecret, SecretArgs};
use crate::cli::store_args::StoreArgs;
use crate::daemon::config::{Config, MetadataSyncChoice};
use crate::daemon::{
    DaemonError, Gateway, GatewayOptions, NewVolume, SecretSupplier, StopSignals, StoreChoice,
};
use crate::daemon::Listeners;
use crate::telemetry::{LogOptions, init_logs, install_recorder};
use crate::vfs::MetadataSync;

/// Open a volume and serve it over NFSv3 and WebDAV
///
/// Checks the addresses, probes the store, opens the volume, binds every address, and only then
/// prints one line on standard output:
///
///   ready nfs=HOST:PORT webdav=HOST:PORT admin=HOST:PORT
///
/// `none` stands for what is switched off. On a terminal the commands that mount the volume on
/// Linux, macOS and Windows follow. The log goes to standard error: lines for people on a terminal,
/// JSON otherwise; SEALGATE_LOG sets what is logged.
///
/// SIGTERM and SIGINT stop cleanly: requests under way are finished, everything is stored, exit
/// code 0. A second signal ends the process at once.
///
/// One gateway at a time writes a volume. Starting a second one takes the volume away from the
/// first, which then refuses writes and says so on /readyz.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  Serve to this host, asking for the secret:
      sealgate serve 's3://bucket/photos?region=eu-central-1'

  Without a person, on free ports, NFS only:
      sealgate serve ./photos.sealgate --creds-file creds.toml --nfs :0 --webdav none

  To a network (NFSv3 does not prove who is asking: name who may):
      sealgate serve photos --nfs 0.0.0.0:2049 --allow 10.0.0.0/24

  Look, without changing anything:
      sealgate serve photos --ro

Environment: SEALGATE_SECRET, SEALGATE_SECRET_FILE, SEALGATE_CREDS_FILE, SEALGATE_CONFIG,
SEALGATE_SSE, SEALGATE_SSE_CUSTOMER_KEY, SEALGATE_NFS, SEALGATE_WEBDAV, SEALGATE_ADMIN,
SEALGATE_ALLOW, SEALGATE_LOG, SEALGATE_LOG_FORMAT."
)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    listen: ListenArgs,

    #[command(flatten)]
    secret: SecretArgs,

    /// Refuse every change, and take nothing away from a gateway that writes
    #[arg(long = "ro")]
    read_only: bool,

    /// Make the volume first if the place is empty: encrypted, with the secret that is given
    #[arg(long, conflicts_with = "read_only")]
    create: bool,
}

/// What to serve, and how.
pub(crate) struct Serve {
    pub(crate) gateway: GatewayOptions,
    pub(crate) log: LogOptions,
    pub(crate) secrets: CliSecrets,
}

/// The parts of [`GatewayOptions`] that differ between `serve` and `demo`.
pub(crate) struct Choice {
    pub(crate) store: StoreChoice,
    pub(crate) listeners: Listeners,
    pub(crate) fall_back_to_free_ports: bool,
    pub(crate) create: Option<NewVolume>,
    pub(crate) read_only: bool,
}

impl ServeArgs {
    fn resolve(&self, environment: EnvSecret) -> Result<Serve, Failure> {
        let config = self.store.config.read()?;
        let resolved = self.store.resolve(&config)?;
        let listeners = self.listen.resolve(&config)?;
        listeners.check().map_err(DaemonError::from)?;
        let name = resolved.configured_name;
        let choice = Choice {
            store: resolved.choice,
            listeners,
            fall_back_to_free_ports: false,
            create: self.create.then(|| NewVolume { name, ..NewVolume::default() }),
            read_only: self.read_only,
        };
        let given = self.secret.given(environment, resolved.secret_file.as_deref())?;
        Ok(Serve {
            gateway: gateway_options(choice, &config)?,
            log: log_options(&config)?,
            secrets: CliSecrets::new(given),
        })
    }
}

/// Fills in what the config file and the defaults decide.
///
/// # Errors
/// A value of the config file is out of range.
pub(crate) fn gateway_options(choice: Choice, config: &Config) -> Result<GatewayOptions, Failure> {
    let refuse = |reason| Failure::new(Exit::Config, reason);
    Ok(GatewayOptions {
        store: choice.store,
        listeners: choice.listeners,
        fall_back_to_free_ports: choice.fall_back_to_free_ports,
        create: choice.create,
        read_only: choice.read_only,
        metadata_sync: match config.durability.metadata_sync {
            MetadataSyncChoice::Always => MetadataSync::Always,
            MetadataSyncChoice::Interval => MetadataSync::Interval,
        },
        flush_interval: config.durability.flush_interval().map_err(refuse)?,
        dirty_bytes_max: config.memory.budget_bytes().map_err(refuse)?,
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(OsRandom),
    })
}

/// What to log: the environment, then the config file, then the defaults.
///
/// # Errors
/// The format is none.
pub(crate) fn log_options(config: &Config) -> Result<LogOptions, Failure> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut options = LogOptions::default();
    if let Some(text) = variable("SEALGATE_LOG_FORMAT") {
        options.format = text.parse()?;
    } else if let Some(text) = &config.log.format {
        let refuse = |e| Failure::new(Exit::Config, format!("format in [log]: {e}"));
        options.format = text.parse().map_err(refuse)?;
    }
    if let Some(filter) = variable("SEALGATE_LOG").or_else(|| config.log.level.clone()) {
        options.filter = filter;
    }
    Ok(options)
}

/// Runs the command.
///
/// # Errors
/// Whatever keeps the gateway from serving, or from storing everything at its end.
pub(crate) fn run(args: &ServeArgs, environment: EnvSecret) -> Result<(), Failure> {
    let serve = args.resolve(environment)?;
    serve_until_stopped(serve, |gateway| {
        if std::io::stdout().is_terminal() {
            print_line(gateway.mount_facts().text().trim_end());
        }
    })
}

/// Serves until a signal stops it. `when_ready` runs once, after the ready line.
///
/// # Errors
/// As [`run`].
pub(crate) fn serve_until_stopped(
    serve: Serve,
    when_ready: impl FnOnce(&Gateway),
) -> Result<(), Failure> {
    let Serve { gateway, log, secrets } = serve;
    init_logs(&log)?;
    let metrics = install_recorder().map_err(DaemonError::from)?;
    block_on(async move {
        let stop = CancellationToken::new();
        let signals = StopSignals::install().map_err(DaemonError::Signals)?;
        tokio::spawn(signals.watch(stop.clone()));
        let secrets: &dyn SecretSupplier = &secrets;
        let gateway = tokio::select! {
            started = Gateway::start(gateway, secrets, metrics) => started?,
            // Nothing is served yet, so there is nothing to drain or store.
            () = stop.cancelled() => return Ok(()),
        };
        print_line(&format!("ready {}", gateway.bound()));
        when_ready(&gateway);
        gateway.run(stop).await?;
        tracing::info!("stopped; everything is stored");
        Ok(())
    })
}
