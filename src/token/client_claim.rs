/// The claim that holds the client's identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ClientClaim {
    /// `client_id` (RFC 9068 §2.2), or else `azp`.
    #[default]
    Standard,
    /// `appid`.
    AppId,
    /// `cid`.
    Cid,
    /// `client_id`, and nothing else.
    ClientId,
    /// `azp`, and nothing else.
    Azp,
    /// `common_name`.
    CommonName,
}

impl ClientClaim {
    /// The name to show in an error.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Standard | Self::Azp => "azp",
            Self::AppId => "appid",
            Self::Cid => "cid",
            Self::ClientId => "client_id",
            Self::CommonName => "common_name",
        }
    }
}
