use std::borrow::Cow;

/// A string of a payload, as its position in the payload, which is kept anyway. A string with escapes, which is rare, is stored
/// separately.
#[derive(Clone)]
pub(super) enum Text {
    Within { start: u32, length: u32 },
    Apart(Box<str>),
}

impl Text {
    /// The string `text`, which was read from `payload` or has been unescaped.
    pub(super) fn new(text: Cow<'_, str>, payload: &[u8]) -> Self {
        match text {
            Cow::Borrowed(text) => Self::find(text, payload).unwrap_or_else(|| Self::Apart(text.into())),
            Cow::Owned(text) => Self::Apart(text.into()),
        }
    }

    fn find(text: &str, payload: &[u8]) -> Option<Self> {
        let start = text.as_ptr().addr().checked_sub(payload.as_ptr().addr())?;
        // If `text` is not from `payload`, it is not found here.
        let is_there = payload.get(start..)?.starts_with(text.as_bytes());
        let (start, length) = (u32::try_from(start).ok()?, u32::try_from(text.len()).ok()?);
        is_there.then_some(Self::Within { start, length })
    }

    /// The string, from the same payload or a copy of it.
    pub(super) fn get<'a>(&'a self, payload: &'a [u8]) -> &'a str {
        match self {
            Self::Apart(text) => text,
            Self::Within { start, length } => {
                let (start, length) = (*start as usize, *length as usize);
                let bytes = payload.get(start..start + length).unwrap_or_default();
                std::str::from_utf8(bytes).unwrap_or_default()
            }
        }
    }

    /// The number of bytes that are allocated for it besides the payload.
    pub(super) fn apart(&self) -> usize {
        match self {
            Self::Within { .. } => 0,
            Self::Apart(text) => text.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_found_again_in_a_copy_of_its_payload() {
        let payload = "{\"sub\":\"user-é\"}".to_owned();
        let copy = payload.clone().into_bytes();
        for text in ["user-é", "sub", "", "}"] {
            let start = payload.find(text).unwrap();
            let kept = Text::new(Cow::Borrowed(&payload[start..start + text.len()]), payload.as_bytes());
            assert!(matches!(kept, Text::Within { .. }), "{text}");
            assert_eq!((kept.get(&copy), kept.apart()), (text, 0));
        }
    }

    #[test]
    fn a_text_from_elsewhere_is_stored_separately() {
        let payload = b"{\"sub\":\"user\"}";
        for text in [Cow::Borrowed("user"), Cow::Borrowed("other"), Cow::Owned("user".to_owned())] {
            let kept = Text::new(text.clone(), payload);
            assert_eq!(kept.get(payload), text);
            assert_eq!(kept.apart(), text.len());
        }
    }
}
