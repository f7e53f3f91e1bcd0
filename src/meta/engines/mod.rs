//! The engines: one file each behind [`MetaEngine`](crate::meta::MetaEngine), all held to the
//! battery in `conformance/engine`.

mod memory;
mod overlay;
mod slate;
mod slate_cache;
mod slate_error;
mod slate_object_store;
mod slate_reader;

pub use memory::MemoryEngine;
pub use slate::{SlateEngine, SlateOptions};
pub use slate_reader::SlateReader;
