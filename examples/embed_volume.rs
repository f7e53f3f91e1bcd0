//! A volume inside another program: made, written, closed, opened again and read.
//!
//! ```sh
//! cargo run --example embed_volume -- memory://
//! cargo run --example embed_volume -- /tmp/a-new-directory
//! ```

use std::sync::Arc;

use bytes::Bytes;
use sealgate::base::limits::EXTENT_BYTES_DEFAULT;
use sealgate::base::{FileName, InodeId, OsRandom, SystemClock};
use sealgate::crypto::{CipherSuite, Passphrase};
use sealgate::format::Compression;
use sealgate::store::{SseFacts, Store, StoreOptions, StoreUrl};
use sealgate::vfs::{CreateMode, Identity, SetAttr, Stability, Vfs, VfsOptions};
use sealgate::volume::{self, CreateOptions, OpenOptions, Volume, VolumeParts};

/// Opens the volume and starts its file system; this program becomes the volume's only writer.
async fn open(parts: &VolumeParts, secret: &Passphrase) -> anyhow::Result<Arc<Vfs>> {
    let volume = Volume::open(parts.clone(), Some(secret), OpenOptions::default()).await?;
    Ok(Vfs::start(volume, VfsOptions::default()).await?)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let place = std::env::args().nth(1).unwrap_or_else(|| "memory://".to_owned());
    let store = Store::open(&StoreOptions::new(StoreUrl::parse(&place)?))?;
    let clock = Arc::new(SystemClock::new());
    let parts = VolumeParts { store, clock, random: Arc::new(OsRandom), owner: (0, 0) };
    let secret = Passphrase::new("correct horse battery staple".to_owned())?;
    let options = CreateOptions {
        name: Some("embedded".to_owned()),
        encryption: CipherSuite::Aes256Gcm,
        compression: Compression::Lz4,
        extent_bytes: EXTENT_BYTES_DEFAULT,
        sse: SseFacts::None,
    };
    volume::create(&parts, options, Some(&secret)).await?;

    // Everything a user could do over NFS: here as the privileged user.
    let vfs = open(&parts, &secret).await?;
    let name = FileName::new(b"hello.txt".to_vec())?;
    let mode = CreateMode::Guarded(SetAttr { mode: Some(0o644), ..SetAttr::default() });
    let made = vfs.create(&Identity::ROOT, InodeId::ROOT, &name, mode).await?;
    let text = Bytes::from_static(b"sealed before it leaves this process\n");
    vfs.write(&Identity::ROOT, made.attr.inode, 0, text, Stability::Unstable).await?;
    // After this the store has it.
    vfs.commit(made.attr.inode, 0, 0).await?;
    vfs.shutdown().await?;

    // Another process would do the same: a store and a secret are the whole volume.
    let vfs = open(&parts, &secret).await?;
    let found = vfs.lookup(&Identity::ROOT, InodeId::ROOT, &name).await?;
    let read = vfs.read(&Identity::ROOT, found.inode, 0, 4_096).await?;
    print!("{}", String::from_utf8_lossy(&read.slices.concat()));
    vfs.shutdown().await?;
    Ok(())
}
