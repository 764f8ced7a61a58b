//! Each peer as its own documentation sets it up, with the issuer and the audience checked.

pub mod axum_jwt_auth;
pub mod huskarl;
pub mod jwt_authorizer;
pub mod oauth_resource_server;
pub mod ours;
pub mod references;
pub mod tower_oauth2;
