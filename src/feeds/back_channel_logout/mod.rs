//! Logout tokens of an OpenID provider (OpenID Connect Back-Channel Logout 1.0).

#[expect(clippy::module_inception, reason = "a file is named for its main type")]
mod back_channel_logout;
mod logout;
mod receiver;

pub use back_channel_logout::BackChannelLogout;
pub use receiver::LogoutReceiver;
