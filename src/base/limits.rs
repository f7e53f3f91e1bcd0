//! Every maximum of the gateway, each with its reason.

/// Longest name of a directory entry: what POSIX clients call `NAME_MAX`.
pub const NAME_BYTES_MAX: usize = 255;
/// Longest target of a symbolic link, as `PATH_MAX` of Linux.
pub const SYMLINK_BYTES_MAX: usize = 4_096;
/// Most hard links to one inode, as NFSv3 `linkmax` reports it.
pub const LINKS_MAX: u32 = 65_000;
/// Supplementary groups of an identity: `AUTH_SYS` carries at most 16.
pub const GROUPS_MAX: usize = 16;
/// Largest file: an extent map index has 32 bits and covers 64 extents of at least 16 KiB, so any
/// volume can hold a file of this size.
pub const FILE_BYTES_MAX: u64 = 1 << 51;

/// Smallest extent a volume may choose.
pub const EXTENT_BYTES_MIN: u32 = 16 << 10;
/// Largest extent a volume may choose.
pub const EXTENT_BYTES_MAX: u32 = 1 << 20;
/// Extent size of a volume that does not choose.
pub const EXTENT_BYTES_DEFAULT: u32 = 64 << 10;
/// Largest file that may live inside its extent map record.
pub const INLINE_BYTES_MAX: u32 = 32 << 10;
/// Inline limit of a volume that does not choose.
pub const INLINE_BYTES_DEFAULT: u32 = 8 << 10;
/// Extents per extent map record.
pub const EXTENTS_PER_MAP: u64 = 64;

/// A segment closes when its frames reach this size.
pub const SEGMENT_BYTES_TARGET: u64 = 16 << 20;
/// A reader refuses a segment that claims more: target, one frame, directory and footer.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Frames in one segment: the segment target divided by the smallest stored frame is far below.
pub const SEGMENT_FRAMES_MAX: u32 = 1 << 20;

/// Largest plaintext of one metadata record; inline content is the largest part of any.
pub const RECORD_BYTES_MAX: usize = 96 << 10;
/// Largest volume header in the store.
pub const HEADER_BYTES_MAX: usize = 256 << 10;
/// Key slots in one header.
pub const SLOTS_MAX: usize = 32;
/// Key epochs of one volume that may be alive at once; with the slots it bounds the header.
pub const KEY_EPOCHS_MAX: usize = 32;
/// Characters in the name of a volume and in the label of a key slot.
pub const LABEL_CHARS_MAX: usize = 64;
/// Characters in the id of a key management service's key: the longest that AWS takes.
pub const SSE_KEY_ID_CHARS_MAX: usize = 2_048;

/// Shortest secret a person may choose, in characters.
pub const SECRET_CHARS_MIN: usize = 8;
/// Longest secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 1_024;
/// Argon2id memory that a header may ask for: a hostile header must not exhaust the host.
pub const KDF_MEMORY_KIB_MAX: u32 = 4 << 20;
/// Argon2id passes that a header may ask for.
pub const KDF_PASSES_MAX: u32 = 64;
/// Argon2id lanes that a header may ask for.
pub const KDF_LANES_MAX: u32 = 64;

/// Largest READ and WRITE payload over NFS.
pub const NFS_IO_BYTES_MAX: u32 = 1 << 20;
/// Largest RPC record: a WRITE of [`NFS_IO_BYTES_MAX`] with its header and credentials.
pub const NFS_RECORD_BYTES_MAX: usize = (1 << 20) + 4_096;
/// Fragments of one RPC record.
pub const NFS_FRAGMENTS_MAX: usize = 128;
/// Requests of one connection that may be under way at once.
pub const NFS_REQUESTS_PER_CONNECTION_MAX: usize = 128;
/// NFS connections at once.
pub const NFS_CONNECTIONS_MAX: usize = 256;
/// HTTP connections at once, for WebDAV and for the admin address each.
pub const HTTP_CONNECTIONS_MAX: usize = 256;

/// Entries that share one name hash in one directory: the low four bits of a cookie.
pub const BUCKET_ENTRIES_MAX: usize = 16;
