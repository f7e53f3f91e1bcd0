//! A volume whose metadata engine is in memory: it opens in microseconds, and a crash leaves
//! exactly what was flushed.

use std::sync::Arc;

use crate::base::limits::INLINE_BYTES_DEFAULT;
use crate::base::{InodeId, KeyEpoch, VolumeId};
use crate::crypto::{CipherSuite, KeyRing, KeyTree, Secret};
use crate::format::InodeRecord;
use crate::keyslot::{self, Engine, Header, NewVolume, SseMode};
use crate::meta::engines::MemoryEngine;
use crate::meta::{Durability, RecordKey, Records};
use crate::vfs::Vfs;
use crate::volume::{OpenOptions, Volume};

use super::World;

/// A volume without a header in its store; the keys stay with this value.
pub struct MemoryVolume {
    world: World,
    header: Header,
    keys: Arc<KeyRing>,
    engine: MemoryEngine,
}

impl std::fmt::Debug for MemoryVolume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryVolume").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl MemoryVolume {
    /// A new volume with the settings of `world`.
    ///
    /// # Panics
    /// If the settings are not those of a volume.
    pub async fn create(world: World) -> Self {
        let header = Header::create(NewVolume {
            volume_id: VolumeId::from_bytes(world.parts.random.bytes16()),
            name: "test".to_owned(),
            created: world.parts.clock.now(),
            encryption: world.encryption,
            compression: world.compression,
            extent_bytes: world.extent_bytes,
            inline_bytes_max: INLINE_BYTES_DEFAULT,
            engine: Engine::Slate,
            sse: keyslot::SseFacts { mode: SseMode::None, key_id: None },
        })
        .expect("the settings are those of a volume");
        let volume_key = match world.encryption {
            CipherSuite::Aes256Gcm => Secret::random(&*world.parts.random),
            CipherSuite::None => Secret::init(|_| ()),
        };
        let tree = KeyTree::new(world.encryption, header.volume_id(), KeyEpoch::FIRST, &volume_key);
        let keys = Arc::new(KeyRing::new(tree));
        let volume = Self { world, header, keys, engine: MemoryEngine::new() };
        volume.write_root().await;
        volume
    }

    async fn write_root(&self) {
        let parts = &self.world.parts;
        let root = InodeRecord::root(parts.clock.now(), parts.owner);
        let mut txn = self.records().begin().await.expect("a new engine takes transactions");
        txn.put(&RecordKey::inode(InodeId::ROOT), &root.encode());
        txn.commit(Durability::Durable).await.expect("a new engine takes commits");
    }

    /// The records, beside whoever serves them.
    #[must_use]
    pub fn records(&self) -> Records {
        let random = Arc::clone(&self.world.parts.random);
        Records::new(Arc::new(self.engine.clone()), Arc::clone(&self.keys), random)
    }

    /// The open volume, beside whoever serves it.
    #[must_use]
    pub fn volume(&self) -> Volume {
        let (parts, header) = (self.world.parts.clone(), self.header.clone());
        let keys = Arc::clone(&self.keys);
        Volume::assemble(parts, header, keys, self.records(), &OpenOptions::default())
    }

    /// Starts a vfs.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(&self) -> Arc<Vfs> {
        let options = self.world.options.clone();
        Vfs::start(Arc::new(self.volume()), options).await.expect("the vfs starts")
    }

    /// Loses the process: whoever serves the volume is fenced, and what was not flushed is gone.
    /// After a shutdown nothing is lost.
    pub fn restart(&mut self) {
        self.engine = self.engine.crash();
    }
}
