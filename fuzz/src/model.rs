//! The rules for a token once more, written down from the RFCs and the crate's documentation without a look at how it
//! follows them: slow, plain, and finding every flaw where the crate stops at the first.

use std::time::UNIX_EPOCH;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_bearer::jose::{Algorithm, JwsError};
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;

use crate::json::Json;
use crate::world::{AUDIENCE, ISSUER};

/// Why a token is refused, whatever its signature. This is also the list of reasons for which the crate may refuse what
/// another verifier accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// More than 16 KiB.
    Long,
    /// Not three parts, or one that is not base64url in its only spelling (RFC 7515 §7.1, RFC 4648 §3.5).
    Spelling,
    /// The header or the payload is no JSON object, is no UTF-8, has a name twice, or nests deeper than 32 levels
    /// (RFC 7515 §4, RFC 7519 §4, RFC 8259).
    Json,
    /// A member of the wrong type: a claim that is refused where others skip it (RFC 7519 §4.1).
    WrongType,
    /// `alg` is missing, or none of the algorithms (RFC 8725 §3.1).
    Algorithm,
    /// `crit` (RFC 7515 §4.1.11).
    Critical,
    /// `b64` is false (RFC 7797 §7).
    Unencoded,
    /// `cty` tells of a nested token, or `enc` of an encrypted one (RFC 7519 §5.2, RFC 7516 §9).
    Nested,
    /// `iss` is missing or another's (RFC 9068 §4).
    Issuer,
    /// `typ` is that of another kind of token (RFC 8725 §3.11).
    Type,
    /// A claim is one of another kind of token (RFC 8725 §3.12).
    OtherKind,
    /// `act` identifies no actor, or more than 8 within one another (RFC 8693 §4.1).
    Actor,
    /// `authorization_details` is no array of at most 64 objects that have a type (RFC 9396 §2).
    Details,
    /// `cnf`: it is bound to a key (RFC 7800 §3.1).
    Bound,
    /// `sub` is missing or empty (RFC 9068 §2.2).
    Subject,
    /// `aud` is missing or names others (RFC 9068 §4).
    Audience,
    /// `exp` is missing (RFC 9068 §2.2).
    NoEnd,
    /// Past `exp`, before `nbf`, or before `iat` (RFC 7519 §4.1.4 to §4.1.6).
    Time,
    /// No key of that `kid` serves that `alg` (RFC 7515 §4.1.4, RFC 8725 §3.1).
    Key,
}

/// What there is to say about a token without a look at its signature.
#[derive(Debug, Default)]
pub struct Opinion {
    /// All that is wrong with it.
    pub flaws: Vec<Flaw>,
    /// It holds a number so large that it may be none.
    pub is_huge: bool,
    /// Its header, as far as that could be read.
    pub header: Option<Json>,
    /// Its payload, likewise.
    pub payload: Option<Json>,
    /// The seconds by which it misses, or keeps, the tightest of its times.
    pub margin: f64,
}

/// The leeway, in seconds.
const LEEWAY: f64 = 30.0;

impl Opinion {
    /// `now` in seconds since 1970.
    #[must_use]
    pub fn on(token: &str, now: f64) -> Self {
        let mut opinion = Self { margin: f64::INFINITY, ..Self::default() };
        opinion.form(token, now);
        opinion
    }

    fn form(&mut self, token: &str, now: f64) {
        self.flaw_if(token.len() > 16 * 1024, Flaw::Long);
        let parts: Vec<Option<Vec<u8>>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect();
        let [Some(header), Some(payload), Some(_)] = &*parts else { return self.flaws.push(Flaw::Spelling) };
        self.header = Json::read(header);
        self.payload = Json::read(payload);
        for json in [self.header.clone(), self.payload.clone()] {
            let is_good = |json: &Json| matches!(json, Json::Object(_)) && !json.has_duplicates() && json.depth() <= 32;
            self.is_huge |= json.as_ref().is_some_and(Json::has_huge_numbers);
            self.flaw_if(!json.as_ref().is_some_and(is_good), Flaw::Json);
        }
        if let Some(header) = self.header.clone() {
            self.judge_header(&header);
        }
        if let Some(payload) = self.payload.clone() {
            self.judge_payload(&payload);
            self.judge_times(&payload, now);
        }
    }

    fn flaw_if(&mut self, is_there: bool, flaw: Flaw) {
        if is_there && !self.flaws.contains(&flaw) {
            self.flaws.push(flaw);
        }
    }

    /// The text of a member that is one or absent.
    fn text<'j>(&mut self, object: &'j Json, name: &str) -> Option<&'j str> {
        let member = object.member(name)?;
        self.flaw_if(member.text().is_none(), Flaw::WrongType);
        member.text()
    }

    fn judge_header(&mut self, header: &Json) {
        let any_case = |text: Option<&str>, known: &[&str]| {
            text.is_some_and(|text| known.iter().any(|known| known.eq_ignore_ascii_case(text)))
        };
        let algorithm = self.text(header, "alg").and_then(|name| name.parse::<Algorithm>().ok());
        self.flaw_if(algorithm.is_none(), Flaw::Algorithm);
        let kid = self.text(header, "kid");
        let serves = |kid: &str, algorithm: Algorithm| kid == key_name(algorithm);
        if let (Some(kid), Some(algorithm)) = (kid, algorithm) {
            self.flaw_if(!serves(kid, algorithm), Flaw::Key);
        }
        let typ = self.text(header, "typ");
        self.flaw_if(
            typ.is_some()
                && !any_case(
                    typ,
                    &["at+jwt", "application/at+jwt", "JWT", "application/jwt", "JOSE", "application/jose"],
                ),
            Flaw::Type,
        );
        let cty = self.text(header, "cty");
        self.flaw_if(any_case(cty, &["JWT", "application/jwt"]) || header.member("enc").is_some(), Flaw::Nested);
        self.flaw_if(header.member("crit").is_some(), Flaw::Critical);
        match header.member("b64") {
            None | Some(Json::Bool(true)) => {}
            Some(Json::Bool(false)) => self.flaw_if(true, Flaw::Unencoded),
            Some(_) => self.flaw_if(true, Flaw::WrongType),
        }
    }

    fn judge_payload(&mut self, payload: &Json) {
        let issuer = self.text(payload, "iss");
        self.flaw_if(issuer != Some(ISSUER), Flaw::Issuer);
        let subject = self.text(payload, "sub");
        self.flaw_if(subject.is_none_or(str::is_empty), Flaw::Subject);
        for name in ["jti", "client_id", "azp"] {
            self.text(payload, name);
        }
        let audience = payload.member("aud");
        self.flaw_if(audience.is_some_and(|audience| audience.texts().is_none()), Flaw::WrongType);
        let names_us = audience.and_then(Json::texts).is_some_and(|audience| audience.contains(&AUDIENCE));
        self.flaw_if(!names_us, Flaw::Audience);
        let act = payload.member("act");
        self.flaw_if(act.is_some_and(|act| !is_delegation(act, 8)), Flaw::Actor);
        let details = payload.member("authorization_details");
        self.flaw_if(details.is_some_and(|details| !are_details(details)), Flaw::Details);
        self.flaw_if(payload.member("cnf").is_some(), Flaw::Bound);

        let foreign = ["at_hash", "c_hash", "s_hash", "events", "htm", "htu"];
        self.flaw_if(foreign.iter().any(|name| payload.member(name).is_some()), Flaw::OtherKind);
        let usage = self.text(payload, "token_use");
        self.flaw_if(usage.is_some_and(|usage| usage != "access"), Flaw::OtherKind);
        let typ = self.text(payload, "typ").map(str::to_ascii_lowercase);
        self.flaw_if(typ.is_some_and(|typ| ["id", "refresh", "offline", "logout"].contains(&&*typ)), Flaw::OtherKind);
        // The first that is there counts, alone.
        let scope = ["scope", "scp", "scopes"].iter().find_map(|name| payload.member(name));
        self.flaw_if(scope.is_some_and(|scope| scope.texts().is_none()), Flaw::WrongType);
    }

    fn judge_times(&mut self, payload: &Json, now: f64) {
        let [exp, nbf, iat] = ["exp", "nbf", "iat"].map(|name| {
            let date = payload.member(name)?;
            let seconds = date.number().filter(|seconds| seconds.abs() <= 9_007_199_254_740_991.0);
            self.flaw_if(seconds.is_none(), Flaw::WrongType);
            seconds
        });
        self.flaw_if(exp.is_none(), Flaw::NoEnd);
        let until_end = exp.map_or(f64::INFINITY, |exp| exp + LEEWAY - now);
        let since_start = [nbf, iat].map(|start| start.map_or(f64::INFINITY, |start| now + LEEWAY - start));
        self.flaw_if(until_end <= 0.0 || since_start.iter().any(|since| *since < 0.0), Flaw::Time);
        let times = [until_end.abs(), since_start[0].abs(), since_start[1].abs()];
        self.margin = times.into_iter().fold(f64::INFINITY, f64::min);
    }

    /// Whether one of the flaws is what the crate's error is about.
    #[must_use]
    pub fn explains(&self, error: &VerifyError) -> bool {
        reasons(error).iter().any(|flaw| self.flaws.contains(flaw) || (*flaw == Flaw::Json && self.is_huge))
    }
}

fn is_non_empty_text(json: &Json) -> bool {
    json.text().is_some_and(|text| !text.is_empty())
}

/// Whether it is at most so many actors within one another.
fn is_delegation(act: &Json, most: usize) -> bool {
    let names = ["sub", "client_id", "iss"].map(|name| act.member(name));
    most > 0
        && (names[0].is_some() || names[1].is_some())
        && names.into_iter().flatten().all(is_non_empty_text)
        && act.member("act").is_none_or(|prior| is_delegation(prior, most - 1))
}

fn are_details(details: &Json) -> bool {
    let is_detail = |detail: &Json| detail.member("type").is_some_and(is_non_empty_text);
    matches!(details, Json::Array(details) if details.len() <= 64 && details.iter().all(is_detail))
}

/// The seconds since 1970.
#[must_use]
pub fn seconds(time: std::time::SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// How the issuer names its key for an algorithm.
fn key_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::ES256 => "p-256-1",
        Algorithm::ES384 => "p-384-1",
        Algorithm::ES512 => "p-521-1",
        Algorithm::EdDSA | Algorithm::Ed25519 => "ed25519-1",
        Algorithm::MlDsa44 => "ml-dsa-44-1",
        Algorithm::MlDsa65 => "ml-dsa-65-1",
        Algorithm::MlDsa87 => "ml-dsa-87-1",
        _ => "rsa-1",
    }
}

/// Which flaws an error may be about; none for a signature.
fn reasons(error: &VerifyError) -> &'static [Flaw] {
    let VerifyError::Token(error) = error else { return &[Flaw::Key] };
    match error {
        TokenError::TooLong { .. } => &[Flaw::Long],
        TokenError::Jws(error) => match error {
            JwsError::Parts { .. } | JwsError::Encoding => &[Flaw::Spelling],
            JwsError::Header(_) => &[Flaw::Json, Flaw::WrongType],
            JwsError::NoAlgorithm | JwsError::Algorithm { .. } => &[Flaw::Algorithm],
            JwsError::Critical => &[Flaw::Critical],
            JwsError::UnencodedPayload => &[Flaw::Unencoded],
            JwsError::Nested | JwsError::Encrypted => &[Flaw::Nested],
            _ => &[],
        },
        TokenError::Payload(_) => &[Flaw::Json, Flaw::WrongType],
        TokenError::Missing { claim: "iss" } | TokenError::Issuer { .. } => &[Flaw::Issuer],
        TokenError::Missing { claim: "sub" } => &[Flaw::Subject],
        TokenError::Missing { claim: "aud" } | TokenError::Audience { .. } => &[Flaw::Audience],
        TokenError::Missing { claim: "exp" } => &[Flaw::NoEnd],
        TokenError::Type { .. } => &[Flaw::Type],
        TokenError::NotAnAccessToken { .. } => &[Flaw::OtherKind],
        TokenError::MalformedClaim { claim: "act", .. } => &[Flaw::Actor],
        TokenError::MalformedClaim { claim: "authorization_details", .. } => &[Flaw::Details],
        TokenError::Bound => &[Flaw::Bound],
        TokenError::Expired { .. } | TokenError::NotYetValid { .. } | TokenError::IssuedInTheFuture { .. } => {
            &[Flaw::Time]
        }
        TokenError::UnknownKey { .. } | TokenError::KeyMismatch { .. } | TokenError::NoKid { tried: 0, .. } => {
            &[Flaw::Key]
        }
        _ => &[],
    }
}
