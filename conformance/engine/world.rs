//! One engine with the place its data lives in, and the ways to lose it.

use sealgate::meta::engines::{MemoryEngine, SlateEngine, SlateOptions};
use sealgate::meta::{Durability, Isolation, MetaEngine, MetaError};
use sealgate::store::{Store, StoreOptions, StoreUrl};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    SlateOnDirectory,
    SlateOnMemory,
}

pub(crate) struct World {
    pub(crate) engine: Box<dyn MetaEngine>,
    memory: Option<MemoryEngine>,
    pub(crate) store: Store,
    _dir: tempfile::TempDir,
}

pub(crate) async fn slate(store: &Store) -> Result<SlateEngine, MetaError> {
    SlateEngine::open(store, &SlateOptions { create: true, ..SlateOptions::default() }).await
}

impl World {
    pub(crate) async fn new(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = StoreUrl::directory(dir.path()).unwrap();
        let store = match kind {
            Kind::SlateOnDirectory => Store::open(&StoreOptions::new(url)).unwrap(),
            Kind::Memory | Kind::SlateOnMemory => Store::memory(),
        };
        let memory = (kind == Kind::Memory).then(MemoryEngine::new);
        let engine: Box<dyn MetaEngine> = match &memory {
            Some(memory) => Box::new(memory.clone()),
            None => Box::new(slate(&store).await.unwrap()),
        };
        Self { engine, memory, store, _dir: dir }
    }

    /// Loses the process: nothing is closed, nothing is flushed, and the data is opened again.
    pub(crate) async fn crash(mut self) -> Self {
        match self.memory.take() {
            Some(memory) => {
                let memory = memory.crash();
                self.engine = Box::new(memory.clone());
                self.memory = Some(memory);
            }
            None => {
                drop(self.engine);
                self.engine = Box::new(slate(&self.store).await.unwrap());
            }
        }
        self
    }

    pub(crate) async fn put(&self, key: &str, value: &str) {
        let mut txn = self.engine.begin(Isolation::Serializable).await.unwrap();
        txn.put(key.to_owned().into(), value.to_owned().into());
        txn.commit(Durability::Visible).await.unwrap();
    }

    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let value = self.engine.get(key.as_bytes()).await.unwrap();
        value.map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    pub(crate) async fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<String> {
        let found = self.engine.scan(prefix.as_bytes(), after.map(str::as_bytes), limit).await;
        found.unwrap().into_iter().map(|(key, _)| text(&key)).collect()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
