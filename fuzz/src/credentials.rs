//! What the sources that are compiled in name as `crate::credentials`.

pub(crate) use self::request_view::RequestView;

#[path = "../../src/credentials/request_view.rs"]
#[expect(dead_code, reason = "the crate uses all of it")]
mod request_view;
