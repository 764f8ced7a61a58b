//! How a message has to be encoded so that all readers read the same: as UTF-8, without a `Content-Encoding`.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::message_error::MessageError;

/// Refuses a body that the service behind may decode before it reads it. JSON is UTF-8 (RFC 8259 §8.1), but there are services that
/// decode it as the `charset` of `Content-Type` says. In UTF-7, for example, what is a text here can end there and be followed by
/// another method.
pub(crate) fn check_representation(headers: &HeaderMap) -> Result<(), MessageError> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter().map(http::HeaderValue::as_bytes);
    if let Some(coding) = codings.find(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(MessageError::Encoded(String::from_utf8_lossy(coding).into()));
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter().map(http::HeaderValue::as_bytes);
    if let Some(media_type) = types.find(|media_type| !is_utf8(media_type)) {
        return Err(MessageError::Charset(String::from_utf8_lossy(media_type).into()));
    }
    Ok(())
}

/// Whether each charset in a media type is UTF-8. Each occurrence of the word counts, because services differ in where a parameter ends.
fn is_utf8(media_type: &[u8]) -> bool {
    const CHARSET: &[u8] = b"charset";
    let text = media_type.to_ascii_lowercase();
    let rests = (0..text.len()).filter_map(|at| text[at..].strip_prefix(CHARSET));
    let values = rests.map(|rest| {
        let value = rest.trim_ascii_start().strip_prefix(b"=")?;
        value.split(|byte| *byte == b';').next().map(<[u8]>::trim_ascii)
    });
    let allowed: [&[u8]; 4] = [b"utf-8", b"utf8", b"\"utf-8\"", b"\"utf8\""];
    values.into_iter().all(|value| value.is_some_and(|value| allowed.contains(&value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_charset_of_a_media_type_has_to_be_utf_8() {
        for good in [
            "",
            "application/json",
            "application/json;charset=utf-8",
            "application/json; Charset=UTF-8",
            "application/json; charset=\"utf-8\"; x=y",
            "application/json; charset = utf8",
            "application/json; x=\"utf-7\"",
        ] {
            assert!(is_utf8(good.as_bytes()), "{good}");
        }
        for bad in [
            "application/json; charset=utf-7",
            "application/json; charset=\"utf-7\"",
            "application/json; charset=us-ascii",
            "application/json; charset=iso-8859-1",
            "application/json; charset=",
            "application/json; charset",
            "application/json; charset=utf-8, application/json; charset=utf-7",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json; charset=utf-7; charset=utf-8",
            "application/json; charset*=utf-8''utf-7",
            "application/json; charset*0=utf-7",
            "application/json; x=\"; charset=utf-7",
            "application/json; charset=utf-8,utf-7",
            "application/json;\tCHARSET=UTF-16",
        ] {
            assert!(!is_utf8(bad.as_bytes()), "{bad}");
        }
    }
}
