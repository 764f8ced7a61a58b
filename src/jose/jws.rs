use std::borrow::Cow;
use std::sync::Arc;

use serde::de::MapAccess;
use smallvec::SmallVec;

use super::algorithm::Algorithm;
use super::base64url;
use super::jwk::JwkSet;
use super::key::{KeyIdentity, VerifyingKey};
use super::known_headers::KnownHeaders;
use super::strict_json::{JsonError, Member, Members, read_object};
use crate::redact::Excerpt;

/// The most keys that are tried for one token beyond the first. Each costs a verification.
const MAX_FURTHER_KEYS: usize = 16;

/// Where a token is decoded: on the stack, unless it is a large one.
#[derive(Default)]
pub(crate) struct Scratch(SmallVec<[u8; 1536]>);

/// A JWS in compact form (RFC 7515 §7.1), decoded, its signature not yet verified: nothing in it may be believed.
pub(crate) struct Unverified<'t> {
    header: Header<'t>,
    known: &'t KnownHeaders,
    signing_input: &'t str,
    payload: &'t [u8],
    signature: &'t [u8],
}

impl<'t> Unverified<'t> {
    pub(crate) fn parse(token: &'t str, scratch: &'t mut Scratch, known: &'t KnownHeaders) -> Result<Self, JwsError> {
        let parts = || JwsError::Parts { found: token.split('.').count() };
        let (signing_input, signature) = token.rsplit_once('.').ok_or_else(parts)?;
        let (header, payload) = signing_input.split_once('.').ok_or_else(parts)?;
        // Another dot would be in the payload, where it is no character of base64url: it need not be looked for.
        let wrong = || if payload.contains('.') { parts() } else { JwsError::Encoding };

        let lengths = [header, payload, signature].map(|part| base64url::decoded_length(part.len()));
        scratch.0.resize(lengths.iter().sum(), 0);
        let (header_octets, rest) = scratch.0.split_at_mut(lengths[0]);
        let (payload_octets, signature_octets) = rest.split_at_mut(lengths[1]);
        let decode = |part: &str, octets: &'t mut [u8]| {
            let is_good = base64url::decode_into(part.as_bytes(), octets);
            is_good.then_some(&*octets).ok_or_else(wrong)
        };
        let payload = decode(payload, payload_octets)?;
        let signature = decode(signature, signature_octets)?;
        let header = match known.get(header) {
            Some(header) => header,
            None => Header::parse(decode(header, header_octets)?)?,
        };
        Ok(Self { header, known, signing_input, payload, signature })
    }

    pub(crate) fn header(&self) -> &Header<'t> {
        &self.header
    }

    /// The payload, which anybody may have written.
    pub(crate) fn unverified_payload(&self) -> &'t [u8] {
        self.payload
    }

    /// The payload, if a key of the set made the signature (RFC 7515 §5.2, appendix D): one that has the header's `kid`, or any if
    /// it has none, that serves its `alg`, and that `may_sign`.
    ///
    /// Of several keys the one of the identity `first` comes first. Further ones are tried as long as `try_another` agrees.
    pub(crate) fn verify<'k>(
        &self,
        keys: &'k JwkSet,
        may_sign: impl Fn(&VerifyingKey) -> bool,
        first: impl FnOnce() -> Option<KeyIdentity>,
        try_another: impl Fn() -> bool,
    ) -> Result<(Verified<'t>, &'k VerifyingKey), SignatureError> {
        let Self { header, known, signing_input, payload, signature } = self;
        let fitting = keys.candidates(header.kid.as_deref(), header.algorithm).filter(|key| may_sign(key));
        let mut fitting: SmallVec<[&Arc<VerifyingKey>; 8]> = fitting.collect();
        if fitting.len() > 1
            && let Some(first) = first()
            && let Some(at) = fitting.iter().position(|key| key.identity() == first)
        {
            fitting.swap(0, at);
        }
        for (tried, key) in fitting.iter().take(1 + MAX_FURTHER_KEYS).enumerate() {
            if tried > 0 && !try_another() {
                return Err(SignatureError::NoBudget);
            }
            if key.verify(header.algorithm, signing_input.as_bytes(), signature) {
                if let Some((text, _)) = signing_input.split_once('.') {
                    known.learn(text, header);
                }
                return Ok((Verified { payload }, key));
            }
        }
        Err(match (&header.kid, fitting.len()) {
            (None, fitting) => SignatureError::NoKid { tried: fitting.min(1 + MAX_FURTHER_KEYS), fitting },
            (Some(_), 0) => SignatureError::NoKey,
            (Some(_), _) => SignatureError::Mismatch,
        })
    }
}

/// A payload whose signature was verified. Only [`Unverified::verify`] makes one.
pub(crate) struct Verified<'t> {
    payload: &'t [u8],
}

impl<'t> Verified<'t> {
    pub(crate) fn payload(&self) -> &'t [u8] {
        self.payload
    }
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureError {
    /// No key of the token's `kid` is one for the algorithm.
    NoKey,
    /// No key of the token's `kid` made the signature.
    Mismatch,
    /// The token names no key, and of those that fit none that was tried made the signature.
    NoKid { tried: usize, fitting: usize },
    /// Further keys fit, and as many verifications were made as may be for now.
    NoBudget,
}

/// The members of a JOSE header that matter here. All others are ignored (RFC 7515 §4), those that would bring a key
/// along among them: `jku`, `jwk`, `x5u` and `x5c` select nothing (RFC 8725 §3.10).
pub(crate) struct Header<'t> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Cow<'t, str>>,
    pub(crate) typ: Option<Cow<'t, str>>,
}

impl<'t> Header<'t> {
    fn parse(header: &'t [u8]) -> Result<Self, JwsError> {
        let mut raw = RawHeader::default();
        read_object(header, &mut raw).map_err(JwsError::Header)?;
        refuse_extensions(&raw)?;
        refuse_nested_tokens(&raw)?;
        let name = raw.alg.ok_or(JwsError::NoAlgorithm)?;
        let algorithm = name.parse().map_err(|_| JwsError::Algorithm { found: name.into() })?;
        Ok(Self { algorithm, kid: raw.kid, typ: raw.typ })
    }
}

/// No extension is understood here, so a header that marks one as critical is refused, whatever it names (RFC 7515
/// §4.1.11). An unencoded payload is none for a JWT, marked or not (RFC 7797 §7).
fn refuse_extensions(header: &RawHeader<'_>) -> Result<(), JwsError> {
    if header.has_crit {
        return Err(JwsError::Critical);
    }
    if header.unencoded { Err(JwsError::UnencodedPayload) } else { Ok(()) }
}

/// A JWT within a JWT is not unwrapped (RFC 7519 §5.2), and `enc` marks a JWE (RFC 7516 §9).
fn refuse_nested_tokens(header: &RawHeader<'_>) -> Result<(), JwsError> {
    let nested = |cty: &str| cty.eq_ignore_ascii_case("jwt") || cty.eq_ignore_ascii_case("application/jwt");
    if header.cty.as_deref().is_some_and(nested) {
        return Err(JwsError::Nested);
    }
    if header.has_enc { Err(JwsError::Encrypted) } else { Ok(()) }
}

#[derive(Default)]
struct RawHeader<'t> {
    alg: Option<Cow<'t, str>>,
    kid: Option<Cow<'t, str>>,
    typ: Option<Cow<'t, str>>,
    cty: Option<Cow<'t, str>>,
    has_crit: bool,
    has_enc: bool,
    unencoded: bool,
}

impl<'de> Members<'de> for RawHeader<'de> {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, member: Member<'_, 'de, A>) -> Result<(), A::Error> {
        match name {
            "alg" => self.alg = Some(member.text()?),
            "kid" => self.kid = Some(member.text()?),
            "typ" => self.typ = Some(member.text()?),
            "cty" => self.cty = Some(member.text()?),
            "b64" => self.unencoded = !member.read::<bool>()?,
            "crit" => {
                self.has_crit = true;
                member.skip()?;
            }
            "enc" => {
                self.has_enc = true;
                member.skip()?;
            }
            _ => member.skip()?,
        }
        Ok(())
    }
}

/// Why a text is no JWS that could be verified here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// Not three parts (RFC 7515 §7.1). Five would be an encrypted token (RFC 7516 §7.1), for which there is no key here.
    #[error("{found} parts where a signed JWT has 3")]
    Parts {
        /// How many there are.
        found: usize,
    },
    /// A part that is not base64url: padding, white space, another alphabet, or bits to spare (RFC 7515 §2).
    #[error("a part is not base64url")]
    Encoding,
    /// The header is not an acceptable JSON object.
    #[error("the header: {0}")]
    Header(#[source] JsonError),
    /// The header has no `alg` (RFC 7515 §4.1.1).
    #[error("the header names no algorithm")]
    NoAlgorithm,
    /// An algorithm that does not exist here, `none` and the HMAC family among them (RFC 8725 §3.1).
    #[error("unknown algorithm {found:?}")]
    Algorithm {
        /// The `alg`.
        found: Excerpt,
    },
    /// The header marks extensions as critical; none is understood (RFC 7515 §4.1.11).
    #[error("critical extensions")]
    Critical,
    /// `b64` is false (RFC 7797 §7).
    #[error("an unencoded payload")]
    UnencodedPayload,
    /// The payload is another token (RFC 7519 §5.2).
    #[error("a nested token")]
    Nested,
    /// The header is that of an encrypted token (RFC 7516 §9).
    #[error("an encrypted token")]
    Encrypted,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<Header<'_>, JwsError> {
        Header::parse(header.as_bytes())
    }

    #[test]
    fn e1_three_parts() {
        for (text, found) in [("", 1), ("abc", 1), ("a.b", 2), ("a.b.c.d", 4), ("a.b.c.d.e", 5), ("a.b.c.d.e.f", 6)] {
            assert_eq!(
                Unverified::parse(text, &mut Scratch::default(), &KnownHeaders::default()).err(),
                Some(JwsError::Parts { found }),
                "{text}"
            );
        }
        for text in ["..", ".e30.AA", ". . "] {
            assert!(Unverified::parse(text, &mut Scratch::default(), &KnownHeaders::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn e6_alg_is_a_string_that_is_known() {
        assert_eq!(parse("{}").err(), Some(JwsError::NoAlgorithm));
        for wrong in ["null", "[]", "[\"ES256\"]", "1", "{}"] {
            assert!(matches!(parse(&format!(r#"{{"alg":{wrong}}}"#)), Err(JwsError::Header(_))), "{wrong}");
        }
        for unknown in ["none", "HS256", "rs256", "RS256 ", ""] {
            let error = parse(&format!(r#"{{"alg":"{unknown}"}}"#)).err();
            assert_eq!(error, Some(JwsError::Algorithm { found: unknown.into() }));
        }
        assert_eq!(parse(r#"{"\u0061lg":"ES256"}"#).map(|header| header.algorithm), Ok(Algorithm::ES256));
    }

    #[test]
    fn e7_e8_no_extension_is_understood() {
        for crit in [r#"["b64"]"#, r#"["exp"]"#, "[]", "null", "\"b64\"", r#"["alg"]"#] {
            let header = format!(r#"{{"alg":"ES256","b64":true,"crit":{crit}}}"#);
            assert_eq!(parse(&header).err(), Some(JwsError::Critical), "{crit}");
        }
        assert_eq!(parse(r#"{"alg":"ES256","b64":false}"#).err(), Some(JwsError::UnencodedPayload));
    }

    #[test]
    fn e12_unknown_members_are_ignored() {
        assert!(parse(r#"{"alg":"ES256","x5t":"abc","jku":"https://evil.example","new":{"a":[1]}}"#).is_ok());
    }

    #[test]
    fn e30_nested_and_encrypted_tokens_are_refused() {
        for cty in ["JWT", "jwt", "application/jwt"] {
            assert_eq!(parse(&format!(r#"{{"alg":"ES256","cty":"{cty}"}}"#)).err(), Some(JwsError::Nested));
        }
        assert_eq!(parse(r#"{"alg":"ES256","enc":"A256GCM"}"#).err(), Some(JwsError::Encrypted));
    }
}
