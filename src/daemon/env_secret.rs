//! The volume secret from the environment, taken out of it before anything else runs.
#![expect(unsafe_code, reason = "overwriting the environment's own memory has no safe interface")]

use std::ffi::{CStr, c_char};

use zeroize::{Zeroize, Zeroizing};

/// Name of the variable that holds the volume secret.
pub const SECRET_VARIABLE: &str = "SEALGATE_SECRET";

unsafe extern "C" {
    /// `getenv` of the C library.
    fn getenv(name: *const c_char) -> *mut c_char;
}

/// Takes [`SECRET_VARIABLE`] out of the environment of this process; `None` if it is not set.
///
/// Removing the variable alone would leave its bytes where `/proc/PID/environ` shows them for as
/// long as the process lives, so they are overwritten as well. A value that is not UTF-8 gives
/// [`NotText`].
///
/// Call it once, at process start, before any other thread exists.
#[must_use]
pub fn take_env_secret() -> Option<Result<Zeroizing<String>, NotText>> {
    let name = c"SEALGATE_SECRET";
    // SAFETY: no other thread exists yet (see above), so nobody changes the environment while the
    // pointer is used. `getenv` returns null or a string that ends in NUL and belongs to the
    // environment of this process, whose memory is writable.
    let (secret, value) = unsafe {
        let value = getenv(name.as_ptr());
        if value.is_null() {
            return None;
        }
        let length = CStr::from_ptr(value).to_bytes().len();
        (CStr::from_ptr(value).to_str().map(|text| Zeroizing::new(text.to_owned())), (value, length))
    };
    // SAFETY: as above; exactly the bytes before the NUL are overwritten, nothing else refers to
    // them, and the variable is removed before anybody could read it as an empty secret.
    unsafe {
        std::slice::from_raw_parts_mut(value.0.cast::<u8>(), value.1).zeroize();
        std::env::remove_var(SECRET_VARIABLE);
    }
    Some(secret.map_err(|_| NotText))
}

/// The variable's value is not UTF-8 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret in {SECRET_VARIABLE} is not UTF-8 text")]
pub struct NotText;
