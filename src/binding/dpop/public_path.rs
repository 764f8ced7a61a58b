//! Maps the path that a service sees to the path that its clients use.

use std::borrow::Cow;

use super::target_uri_error::TargetUriError;
use super::uri_path::normalise;

/// The path where clients find a service: `/`, or segments with or without a slash at the end.
///
/// What is below it keeps its own path. The root of the service is the path as it was written, because a proxy or a
/// router that strips `/shop` from `/shop` and from `/shop/` passes on `/` for both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BasePath(Box<str>);

impl BasePath {
    /// # Errors
    ///
    /// If the text is not a path that begins with a slash.
    pub(super) fn parse(text: &str) -> Result<Self, TargetUriError> {
        if !text.starts_with('/') {
            return Err(TargetUriError::NoPath { found: text.into() });
        }
        normalise(text).map(|path| Self(path.into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The public path of what the service calls `rest`, which is empty or begins with a slash.
    pub(super) fn join(&self, rest: &Rest<'_>) -> Cow<'_, str> {
        match (rest, self.without_slash()) {
            (Rest::Root, _) | (Rest::Path(""), "") => Cow::Borrowed(&self.0),
            (Rest::Path(path), base) => [base, path].concat().into(),
        }
    }

    fn without_slash(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }
}

/// The path where a service that is behind a gateway has its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount(BasePath);

/// The part of a path below the root of the service.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest<'p> {
    /// The root of a service that has no mount: its path `/` does not tell whether the client's path ends in a slash.
    Root,
    /// Empty, or with a slash at its start.
    Path(&'p str),
}

impl Mount {
    pub(super) fn root() -> Self {
        Self(BasePath("/".into()))
    }

    pub(super) fn parse(text: &str) -> Result<Self, TargetUriError> {
        BasePath::parse(text).map(Self)
    }

    /// What follows the mount in a path that is normalised. `/apis` is not below `/api`.
    pub(super) fn rest<'p>(&self, path: &'p str) -> Result<Rest<'p>, TargetUriError> {
        let mount = self.0.without_slash();
        match path.strip_prefix(mount) {
            Some("/") if mount.is_empty() => Ok(Rest::Root),
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Ok(Rest::Path(rest)),
            _ => Err(TargetUriError::OutsideOfMount { found: path.into(), expected: mount.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(base: &str, mount: &str, path: &str) -> Option<String> {
        let mount = Mount::parse(mount).unwrap();
        let rest = mount.rest(path).ok()?;
        Some(BasePath::parse(base).unwrap().join(&rest).into_owned())
    }

    #[test]
    fn a_path_below_the_mount_is_moved_below_the_base() {
        for (base, mount, path, expected) in [
            // Nothing is stripped or added.
            ("/", "/", "/", Some("/")),
            ("/", "/", "/me", Some("/me")),
            ("/", "/", "/me/", Some("/me/")),
            ("/", "/", "//me", Some("//me")),
            // A gateway strips the base.
            ("/shop", "/", "/", Some("/shop")),
            ("/shop/", "/", "/", Some("/shop/")),
            ("/shop", "/", "/me", Some("/shop/me")),
            ("/shop/", "/", "/me", Some("/shop/me")),
            ("/shop", "/", "/shop", Some("/shop/shop")),
            ("/shop", "/", "//", Some("/shop//")),
            // A gateway adds the mount.
            ("/", "/api", "/api", Some("/")),
            ("/", "/api", "/api/", Some("/")),
            ("/", "/api", "/api/me", Some("/me")),
            ("/", "/api/", "/api/me", Some("/me")),
            ("/", "/api", "/api//me", Some("//me")),
            ("/", "/api", "/api/api", Some("/api")),
            ("/", "/api", "/apis", None),
            ("/", "/api", "/apis/me", None),
            ("/", "/api", "/me", None),
            ("/", "/api", "/", None),
            ("/", "/api", "/API/me", None),
            ("/", "/api", "/api%2Fme", None),
            ("/", "/a/b", "/a/b/me", Some("/me")),
            ("/", "/a/b", "/a/me", None),
            // A gateway replaces one by the other.
            ("/shop", "/api", "/api", Some("/shop")),
            ("/shop", "/api", "/api/", Some("/shop/")),
            ("/shop/", "/api/", "/api", Some("/shop")),
            ("/shop/", "/api/", "/api/", Some("/shop/")),
            ("/shop", "/api", "/api/me", Some("/shop/me")),
            ("/shop", "/api", "/shop/me", None),
        ] {
            assert_eq!(public(base, mount, path).as_deref(), expected, "{path} below {mount}, public {base}");
        }
    }

    #[test]
    fn a_base_and_a_mount_are_paths_in_their_normal_form() {
        assert_eq!(BasePath::parse("/%7eshop/").unwrap().as_str(), "/~shop/");
        assert_eq!(Mount::parse("/%7eapi").unwrap().rest("/~api/me"), Ok(Rest::Path("/me")));
        for text in ["", "api", "*", "https://a/"] {
            assert_eq!(Mount::parse(text), Err(TargetUriError::NoPath { found: text.into() }));
        }
        for text in ["/a?b", "/a#b", "/a b", "/a\\b", "/../a", "/%2e", "/%"] {
            assert!(Mount::parse(text).is_err(), "{text}");
        }
    }
}
