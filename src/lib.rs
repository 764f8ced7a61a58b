//! x
pub mod clock;
pub mod jose;
pub mod keys;
pub mod token;

pub use token::access_token::AccessToken;
pub use token::claims::Claims;
pub use token::scope::Scope;
