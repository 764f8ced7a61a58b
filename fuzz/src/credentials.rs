//! What the sources that are compiled in name as `crate::credentials`.

pub(crate) use self::request_view::RequestView;

#[path = "../../src/credentials/request_view.rs"]
mod request_view;
