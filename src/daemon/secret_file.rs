//! The volume secret from a file: a plain secret file or a credentials file.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::{Zeroize, Zeroizing};

use crate::base::limits::SECRET_BYTES_MAX;
use crate::base::{OsRandom, Random};
use crate::daemon::config::{line_of, without_values};
use crate::daemon::private_file::{self, PrivateText};

/// Why a file with a secret is refused. No variant shows what the file holds.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("the {what} {} cannot be read: {source}", .file.display())]
    Unreadable {
        /// `secret file` or `credentials file`.
        what: &'static str,
        /// Which file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Somebody else may read it.
    #[error(
        "the {what} {0} is readable by others and is refused; run: chmod 600 {0}",
        .file.display()
    )]
    Exposed {
        /// `secret file` or `credentials file`.
        what: &'static str,
        /// Which file.
        file: PathBuf,
    },
    /// It holds something else than a secret.
    #[error("the {what} {}{line} is refused: {reason}", .file.display())]
    Invalid {
        /// `secret file` or `credentials file`.
        what: &'static str,
        /// Which file.
        file: PathBuf,
        /// ` line N`, or nothing.
        line: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// It exists and would be overwritten.
    #[error(
        "the credentials file {} exists and was left as it is; give --force to replace it (the \
         secret in it is lost then)",
        .file.display()
    )]
    Exists {
        /// Which file.
        file: PathBuf,
    },
    /// It cannot be written.
    #[error("the credentials file {} cannot be written: {source}", .file.display())]
    Unwritable {
        /// Which file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Reads a secret file: the secret is the whole content without one newline at its end.
///
/// # Errors
/// [`SecretFileError`]: unreadable, exposed, longer than a secret may be, several lines, not text.
pub fn read_secret_file(file: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let text = read_private(SECRET_FILE, file, SECRET_BYTES_MAX + 2)?;
    single_line(text).map_err(|reason| invalid(SECRET_FILE, file, String::new(), reason))
}

/// Reads a secret from standard input or another stream, as [`read_secret_file`] does.
///
/// # Errors
/// What is wrong with it, for people.
pub fn read_secret_stream(stream: impl Read) -> Result<Zeroizing<String>, String> {
    match private_file::read_from(stream, SECRET_BYTES_MAX + 2) {
        Ok(PrivateText::Text(text)) => single_line(text),
        Ok(PrivateText::TooLong | PrivateText::Exposed) => Err(TOO_LONG.to_owned()),
        Ok(PrivateText::NotText) => Err(NOT_TEXT.to_owned()),
        Err(error) => Err(format!("it cannot be read: {error}")),
    }
}

/// Reads a credentials file: TOML with the key `secret`.
///
/// # Errors
/// [`SecretFileError`]: unreadable, exposed, not TOML, a key that means nothing or nothing yet.
pub fn read_credentials(file: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    parse_credentials(&read_private(CREDENTIALS_FILE, file, CREDENTIALS_BYTES_MAX)?, file)
}

/// Parses the text of a credentials file; the name is for errors only.
///
/// # Errors
/// [`SecretFileError`]: not TOML, a key that means nothing or nothing yet. The text is not shown.
pub fn parse_credentials(text: &str, file: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let refuse = |reason| invalid(CREDENTIALS_FILE, file, String::new(), reason);
    let mut table = toml::from_str::<toml::Table>(text).map_err(|error| {
        let reason = without_values(error.message());
        invalid(CREDENTIALS_FILE, file, line_of(text, &error), reason)
    })?;
    let secret = table.remove("secret");
    let refusal = table.keys().next().map(|key| refuse_key(key));
    let secret = match secret {
        Some(toml::Value::String(secret)) => Ok(Zeroizing::new(secret)),
        Some(_) => Err("the key `secret` must be text in quotes".to_owned()),
        None => Err("the key `secret` is missing; write one with: sealgate creds init".to_owned()),
    };
    for (_, value) in &mut table {
        if let toml::Value::String(text) = value {
            text.zeroize();
        }
    }
    match refusal {
        Some(reason) => Err(refuse(reason)),
        None => secret.map_err(refuse),
    }
}

fn refuse_key(key: &str) -> String {
    match key {
        "adminAddr" | "token" => format!(
            "the key `{key}` belongs to the admin service, which this version does not have; \
             remove the line"
        ),
        _ => format!("unknown key `{key}`; the only key is `secret`"),
    }
}

/// Writes a credentials file with mode 0600, whole or not at all.
///
/// # Errors
/// [`SecretFileError::Exists`] unless `replace`; [`SecretFileError::Unwritable`].
pub fn write_credentials(file: &Path, secret: &str, replace: bool) -> Result<(), SecretFileError> {
    write_credentials_with(file, secret, replace, &OsRandom)
}

fn write_credentials_with(
    file: &Path,
    secret: &str,
    replace: bool,
    random: &dyn Random,
) -> Result<(), SecretFileError> {
    let mut quoted = toml::Value::String(secret.to_owned()).to_string();
    let text = Zeroizing::new(format!(
        "# Credentials of a Sealgate volume. Whoever reads this file reads the volume.\n\
         secret = {quoted}\n"
    ));
    quoted.zeroize();
    private_file::write(file, &text, replace, random).map_err(|source| {
        let file = file.to_owned();
        if source.kind() == io::ErrorKind::AlreadyExists {
            SecretFileError::Exists { file }
        } else {
            SecretFileError::Unwritable { file, source }
        }
    })
}

fn read_private(
    what: &'static str,
    file: &Path,
    bytes_max: usize,
) -> Result<Zeroizing<String>, SecretFileError> {
    let unreadable = |source| SecretFileError::Unreadable { what, file: file.to_owned(), source };
    let refuse = |reason: &str| invalid(what, file, String::new(), reason.to_owned());
    match private_file::read(file, bytes_max).map_err(unreadable)? {
        PrivateText::Text(text) => Ok(text),
        PrivateText::Exposed => Err(SecretFileError::Exposed { what, file: file.to_owned() }),
        PrivateText::TooLong => Err(refuse(TOO_LONG)),
        PrivateText::NotText => Err(refuse(NOT_TEXT)),
    }
}

fn invalid(what: &'static str, file: &Path, line: String, reason: String) -> SecretFileError {
    SecretFileError::Invalid { what, file: file.to_owned(), line, reason }
}

/// Cuts one newline off the end and refuses any other: a secret that somebody types at a prompt
/// cannot hold one, so a file with several lines is most likely not a secret file.
fn single_line(mut text: Zeroizing<String>) -> Result<Zeroizing<String>, String> {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.contains(['\n', '\r', '\0']) {
        return Err("it holds more than one line; write the secret alone into it".to_owned());
    }
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(text)
}

const SECRET_FILE: &str = "secret file";
const CREDENTIALS_FILE: &str = "credentials file";
const TOO_LONG: &str = "it is longer than any secret";
const NOT_TEXT: &str = "it is not UTF-8 text";
/// A secret with every character escaped, and comments.
const CREDENTIALS_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        private_file::write(&path, text, false, &OsRandom).unwrap();
        (dir, path)
    }

    fn refusal(text: &str) -> String {
        let (_dir, path) = file(text);
        read_credentials(&path).unwrap_err().to_string()
    }

    #[test]
    fn a_secret_file_is_its_content_without_the_last_newline() {
        for (text, secret) in [
            ("correct horse", "correct horse"),
            ("correct horse\n", "correct horse"),
            ("correct horse\r\n", "correct horse"),
            (" spaces stay \n", " spaces stay "),
        ] {
            let (_dir, path) = file(text);
            assert_eq!(*read_secret_file(&path).unwrap(), secret);
        }
    }

    #[test]
    fn a_secret_file_that_is_something_else_is_refused() {
        for text in ["one\ntwo\n", "", "\n", "one\n\n"] {
            let (_dir, path) = file(text);
            let error = read_secret_file(&path).unwrap_err();
            assert!(matches!(error, SecretFileError::Invalid { .. }), "{text:?}: {error}");
        }
        let (_dir, path) = file(&"x".repeat(SECRET_BYTES_MAX + 3));
        assert!(read_secret_file(&path).unwrap_err().to_string().contains("longer"));
    }

    #[test]
    fn any_secret_written_to_a_credentials_file_is_read_back() {
        for secret in ["correct horse", "qu\"ote\\back", "ümläut ☃ 'x' # no comment", "'''"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("creds.toml");
            write_credentials(&path, secret, false).unwrap();
            assert_eq!(*read_credentials(&path).unwrap(), secret);
            let again = write_credentials(&path, "other", false).unwrap_err();
            assert!(matches!(again, SecretFileError::Exists { .. }));
        }
    }

    #[test]
    fn keys_of_the_admin_service_and_unknown_keys_are_refused_by_name() {
        let error = refusal("secret = \"correct horse\"\nadminAddr = \"x:1\"\n");
        assert!(error.contains("`adminAddr`") && error.contains("admin service"), "{error}");
        assert!(refusal("token = \"t\"\nsecret = \"correct horse\"\n").contains("`token`"));
        assert!(refusal("secrets = \"correct horse\"\n").contains("unknown key `secrets`"));
        assert!(refusal("# nothing\n").contains("`secret` is missing"));
        assert!(refusal("secret = 12345678\n").contains("text in quotes"));
    }

    #[test]
    fn no_refusal_shows_the_secret() {
        for text in ["secret = \"hunter22hunter22\n", "secret = hunter22hunter22\n", "hunter22"] {
            let error = refusal(text);
            assert!(!error.contains("hunter22hunter22"), "{error}");
        }
    }
}
