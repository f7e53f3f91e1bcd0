//! Every byte layout of records and segments: encode and decode only, versioned, bounded.
//!
//! Owns: the layouts of docs/format.md. Guarantees: a decoder refuses short, excess and
//! out-of-range bytes, and decode then encode is the identity. Leaves to others: sealing
//! (`crypto`), keys of records (`meta`), placing frames (`block`).

mod inode;

pub use inode::FileKind;
