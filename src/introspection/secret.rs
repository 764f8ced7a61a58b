use crate::placeholder::is_placeholder;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes that a file with a secret may have: many times a secret, so that a wrong path does not read a log.
const MAX_FILE: usize = 4096;

/// A secret that this server shares with its authorization server, such as a client secret.
///
/// No `Debug` output, log or error shows it.
///
/// ```
/// use tower_bearer::introspection::Secret;
///
/// # let path = std::env::temp_dir().join(format!("tower-bearer-secret-{}", std::process::id()));
/// # std::fs::write(&path, "gX1fBat3bV\n")?;
/// let secret = Secret::from_file(&path)?;
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert_eq!(Secret::new("${CLIENT_SECRET}").unwrap_err().to_string(), "expected a secret, and found a placeholder that was not filled in");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// A secret that is this text, byte for byte.
    ///
    /// # Errors
    ///
    /// If it is blank, contains a control character such as a line break, or is a placeholder such as `${SECRET}`. Braces and other special
    /// characters within a text do not make it a placeholder, because random secrets contain them.
    pub fn new(secret: impl AsRef<str>) -> Result<Self, InvalidSecret> {
        let secret = secret.as_ref();
        if secret.trim().is_empty() {
            return Err(InvalidSecret::Blank);
        }
        // RFC 6749 appendix A.2 allows none in a client secret. One at the end is left by an editor or by `echo`.
        if secret.contains(char::is_control) {
            return Err(InvalidSecret::ControlCharacter);
        }
        if is_placeholder(secret) {
            return Err(InvalidSecret::Placeholder);
        }
        Ok(Self(secret.into()))
    }

    /// A secret that is the content of this file, such as a mounted Kubernetes secret.
    ///
    /// The file is read once, now. One line break at its end is dropped.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, has more than 4,096 bytes or is not UTF-8, or if its content is not acceptable to [`new`](Self::new).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, InvalidSecret> {
        let path = path.as_ref();
        let unreadable = |error: io::Error| InvalidSecret::File { path: path.to_owned(), kind: error.kind() };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > MAX_FILE {
            return Err(InvalidSecret::TooLong { path: path.to_owned() });
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| InvalidSecret::NotUtf8 { path: path.to_owned() })?;
        let without_line_break = text.strip_suffix('\n').unwrap_or(text);
        Self::new(without_line_break.strip_suffix('\r').unwrap_or(without_line_break))
    }

    /// The text, for a request to the authorization server.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a text or a file is not a [`Secret`]. It holds no byte of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSecret {
    /// It is empty or only white space.
    #[error("expected a secret, and found a blank text")]
    Blank,
    /// It contains a control character, such as a line break.
    #[error("expected a secret without control characters, and found one, such as a line break")]
    ControlCharacter,
    /// It is a placeholder that a template or a shell should have replaced: `${SECRET}`, `$SECRET`, `%SECRET%`, `{{ secret }}` or `<secret>`.
    #[error("expected a secret, and found a placeholder that was not filled in")]
    Placeholder,
    /// The file cannot be read.
    #[error("the file {path:?} with a secret cannot be read: {kind}")]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        kind: io::ErrorKind,
    },
    /// The file is longer than any secret.
    #[error("expected at most {MAX_FILE} bytes in the file {path:?} with a secret, and found more")]
    TooLong {
        /// The path of the file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("expected UTF-8 in the file {path:?} with a secret, and found other bytes")]
    NotUtf8 {
        /// The path of the file.
        path: PathBuf,
    },
}

#[cfg(feature = "serde")]
impl InvalidSecret {
    /// The sentence without the path, which may be a secret in the wrong place.
    pub(crate) fn without_path(&self) -> String {
        match self {
            Self::File { kind, .. } => format!("expected a file that can be read: {kind}"),
            Self::TooLong { .. } => format!("expected at most {MAX_FILE} bytes in the file, found more"),
            Self::NotUtf8 { .. } => "expected UTF-8 in the file, found other bytes".to_owned(),
            Self::Blank | Self::ControlCharacter | Self::Placeholder => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_no_secret() {
        for (text, expected) in [
            ("", InvalidSecret::Blank),
            (" \t", InvalidSecret::Blank),
            ("abc\n", InvalidSecret::ControlCharacter),
            ("a\0bc", InvalidSecret::ControlCharacter),
            ("${CLIENT_SECRET}", InvalidSecret::Placeholder),
            ("{{ .Values.secret }}", InvalidSecret::Placeholder),
        ] {
            assert_eq!(Secret::new(text).err(), Some(expected), "{text:?}");
        }
        for good in ["x", "a b", "p$ss{wo}rd<3>", "%&+£€", " a "] {
            assert_eq!(Secret::new(good).unwrap().expose(), good);
        }
    }

    #[test]
    fn a_file_has_one_secret_and_at_most_one_line_break() {
        let path = std::env::temp_dir().join(format!("tower-bearer-secret-file-{}", std::process::id()));
        let read = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            Secret::from_file(&path).map(|secret| secret.expose().to_owned())
        };
        for content in ["s3cret", "s3cret\n", "s3cret\r\n"] {
            assert_eq!(read(content.as_bytes()).as_deref(), Ok("s3cret"), "{content:?}");
        }
        assert_eq!(read(b"s3cret\n\n"), Err(InvalidSecret::ControlCharacter));
        assert_eq!(read(b"s3cret\nother\n"), Err(InvalidSecret::ControlCharacter));
        assert_eq!(read(b"\n"), Err(InvalidSecret::Blank));
        assert_eq!(read(b"$SECRET\n"), Err(InvalidSecret::Placeholder));
        assert_eq!(read(b"\xff"), Err(InvalidSecret::NotUtf8 { path: path.clone() }));
        assert!(read(&[b'a'; MAX_FILE]).is_ok());
        assert_eq!(read(&[b'a'; MAX_FILE + 1]), Err(InvalidSecret::TooLong { path: path.clone() }));
        fs::remove_file(&path).unwrap();
        let error = Secret::from_file(&path).unwrap_err();
        assert_eq!(error, InvalidSecret::File { path: path.clone(), kind: io::ErrorKind::NotFound });
        assert!(error.to_string().ends_with("cannot be read: entity not found"), "{error}");
    }

    #[test]
    fn no_form_shows_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("hunter2").unwrap()), "Secret(…)");
        for text in ["hunter2\n", "${hunter2}"] {
            let error = Secret::new(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
