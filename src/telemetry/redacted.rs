//! Values that travel through code that formats its arguments, and must not be shown.

use std::fmt;

/// Holds a value that no log line, error or Debug output may show.
///
/// It keeps file names, credentials and the like out of derived `Debug` implementations. It is
/// not a container for key material: that lives in `crypto::Secret`, which also wipes itself.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Takes a value that must not be shown.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one place that uses it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Gives the value back.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redacted_value_is_shown_by_no_formatter() {
        let name = Redacted::new("quarterly-results.ods");
        assert_eq!(format!("{name} {name:?} {name:#?}"), "<redacted> <redacted> <redacted>");
        assert_eq!(*name.expose(), "quarterly-results.ods");
        assert_eq!(name.into_inner(), "quarterly-results.ods");
    }
}
