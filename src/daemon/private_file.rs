//! Files that hold secrets: read only if nobody else can, written so that nobody else ever could.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::base::{Random, to_u64};

/// Whether the group or others may read, write or run the file. Asked of the open file, not of
/// its path, so that it cannot be swapped in between. A pipe has no readers but its owner.
///
/// # Errors
/// What the operating system says.
#[cfg(unix)]
pub(crate) fn is_exposed(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let meta = file.metadata()?;
    Ok(meta.is_file() && meta.permissions().mode() & 0o077 != 0)
}

/// Elsewhere than on Unix the file's access list is the operating system's business.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub(crate) fn is_exposed(_: &File) -> io::Result<bool> {
    Ok(false)
}

/// What stands in a file that only its owner may read.
#[derive(Debug)]
pub(crate) enum PrivateText {
    /// The whole text, wiped when dropped.
    Text(Zeroizing<String>),
    /// Others may read it: not read at all.
    Exposed,
    /// More than the limit.
    TooLong,
    /// Not UTF-8.
    NotText,
}

/// Reads a private file of at most `bytes_max` bytes.
///
/// # Errors
/// What the operating system says.
pub(crate) fn read(path: &Path, bytes_max: usize) -> io::Result<PrivateText> {
    let file = File::open(path)?;
    if is_exposed(&file)? {
        return Ok(PrivateText::Exposed);
    }
    read_from(file, bytes_max)
}

/// Reads at most `bytes_max` bytes of secret text from anything.
///
/// # Errors
/// What the operating system says.
pub(crate) fn read_from(source: impl Read, bytes_max: usize) -> io::Result<PrivateText> {
    // The buffer has its final size at once: growing would leave copies behind in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max + 1));
    source.take(to_u64(bytes_max) + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Ok(PrivateText::TooLong);
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(PrivateText::Text(Zeroizing::new(text.to_owned()))),
        Err(_) => Ok(PrivateText::NotText),
    }
}

/// Writes a new private file (mode 0600) whole or not at all, durable on return.
///
/// The text goes to a file beside it which is then linked (or, to replace, renamed) into place: a
/// crash leaves the old file or the new one, and two writers cannot both create it.
///
/// # Errors
/// `AlreadyExists` if `path` exists and `replace` is not set, else what the operating system says.
pub(crate) fn write(path: &Path, text: &str, replace: bool, random: &dyn Random) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let suffix = u128::from_be_bytes(random.bytes16());
    let aside = directory.join(format!(".sealgate-{suffix:032x}.tmp"));
    let written = write_aside(&aside, text).and_then(|()| {
        if replace { std::fs::rename(&aside, path) } else { std::fs::hard_link(&aside, path) }
    });
    // After a rename it is gone already; after a failure there is nothing better to do.
    let _ = std::fs::remove_file(&aside);
    written?;
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

fn write_aside(aside: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::base::OsRandom;

    #[test]
    fn a_written_file_is_private_and_not_overwritten_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("creds.toml");
        write(&path, "one", false, &OsRandom).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = write(&path, "two", false, &OsRandom).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        write(&path, "two", true, &OsRandom).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn a_file_that_others_may_read_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write(&path, "correct horse", false, &OsRandom).unwrap();
        let text = match read(&path, 100).unwrap() {
            PrivateText::Text(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(*text, "correct horse");
        for mode in [0o640, 0o604, 0o660, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path, 100).unwrap(), PrivateText::Exposed), "{mode:o}");
        }
    }

    #[test]
    fn length_and_encoding_are_checked() {
        let kind = |bytes: &[u8]| read_from(bytes, 4).unwrap();
        assert!(matches!(kind(b"1234"), PrivateText::Text(_)));
        assert!(matches!(kind(b"12345"), PrivateText::TooLong));
        assert!(matches!(kind(b"\xff\xfe"), PrivateText::NotText));
    }
}
