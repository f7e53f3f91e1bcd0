//! Bytes in locked memory: the one place of this crate that needs `unsafe`.
//!
//! memsec puts the bytes on pages of their own between guard pages, asks the operating system to
//! keep them out of swap (`mlock`) and out of core dumps (`MADV_DONTDUMP`), and wipes them when it
//! frees them. Where the system refuses the lock the bytes are kept all the same: a gateway that
//! will not start in a small container protects nothing.
#![expect(unsafe_code, reason = "the locked allocator hands out raw pointers")]

use std::ptr::NonNull;

/// A byte buffer of fixed length in locked memory, zeroed at the start and wiped at the end.
pub(super) struct LockedBytes {
    memory: NonNull<[u8]>,
}

// SAFETY: the buffer is owned by exactly one LockedBytes, is not thread-bound, and is only
// reached through `&self` for reading and `&mut self` for writing.
unsafe impl Send for LockedBytes {}
// SAFETY: as above; shared references only read.
unsafe impl Sync for LockedBytes {}

impl LockedBytes {
    /// Takes `len` zero bytes.
    ///
    /// # Panics
    /// If there is no memory left.
    pub(super) fn zeroed(len: usize) -> Self {
        // SAFETY: malloc_sized has no precondition; it returns None when there is no memory.
        let memory = unsafe { memsec::malloc_sized(len) };
        let mut locked = Self { memory: memory.expect("a page of memory for a secret") };
        locked.as_mut_slice().fill(0);
        locked
    }

    /// The bytes.
    pub(super) fn as_slice(&self) -> &[u8] {
        // SAFETY: malloc_sized returned a buffer of this length, initialised, and it lives as
        // long as self; nobody writes while the shared borrow lasts.
        unsafe { self.memory.as_ref() }
    }

    /// The bytes, to fill them.
    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in as_slice, and the exclusive borrow of self makes this the only access.
        unsafe { self.memory.as_mut() }
    }
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        // SAFETY: the pointer came from malloc_sized and is freed exactly once; memsec wipes the
        // bytes before it unlocks the pages.
        unsafe { memsec::free(self.memory) };
    }
}
